#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write rope.inc beside this file: the rotation's frequencies of transformers with rope_type llama3, for
tests/unit/tensor/test_ops_cpu.c. Llama 3.1 8B's and Llama 3.2 1B's, and one with other numbers.

    pip install transformers torch && python3 tests/golden/make_rope_golden.py
"""
import pathlib

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

# head_dim, theta, factor, low, high, positions
CASES = [(128, 500000.0, 8.0, 1.0, 4.0, 8192), (64, 500000.0, 32.0, 1.0, 4.0, 8192),
         (32, 10000.0, 4.0, 2.0, 3.0, 512)]


def frequencies(dim, theta, factor, low, high, positions):
    rope = {"rope_type": "llama3", "rope_theta": theta, "factor": factor, "low_freq_factor": low,
            "high_freq_factor": high, "original_max_position_embeddings": positions}
    config = LlamaConfig(hidden_size=4 * dim, num_attention_heads=4, head_dim=dim, rope_parameters=rope,
                         max_position_embeddings=131072)
    return LlamaRotaryEmbedding(config).inv_freq.tolist()


def main():
    with open(pathlib.Path(__file__).parent / "rope.inc", "w", encoding="ascii") as file:
        print("/* Made by tests/golden/make_rope_golden.py; see there. */", file=file)
        for case in CASES:
            dim, theta, *scaling = case
            print(f"{{{dim}, {theta}, {{{', '.join(map(str, scaling))}}}, {{", file=file)
            for number in frequencies(*case):
                print(f"    {number:.9g},", file=file)
            print("}},", file=file)


if __name__ == "__main__":
    main()
