#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write models/NAME/ beside this file: a small random Llama 2 (fp16, the old config.json), Llama 3.1 (bf16, three
shards, tied) and GPT-2 (fp32) as transformers saves them, and models/NAME.golden: a packed batch and transformers' sum
of its losses in fp32, for tests/unit/train/test_load.c.

    pip install torch transformers && python3 tests/golden/make_models.py

Made with transformers 5.24 and torch 2.15 on a CPU.
"""
import json
import pathlib

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

import golden

VOCAB, HIDDEN, LAYERS, SEQ, SEQUENCES = 320, 32, 2, 64, 2
TOP = pathlib.Path(__file__).parent / "models"
LENGTHS = [[13, 40], [1, 22, 37]]  # of the documents of each sequence
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def llama(**config):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=512, rms_norm_eps=1e-5, attn_implementation="eager",
        bos_token_id=1, eos_token_id=2, **config))


def gpt2():
    return GPT2LMHeadModel(GPT2Config(
        vocab_size=VOCAB, n_embd=HIDDEN, n_layer=LAYERS, n_head=4, n_positions=512, bos_token_id=1, eos_token_id=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attn_implementation="eager"))


def spread(model):
    """Larger than at the beginning of a training, so that a wrong place shows in the loss; and no bias zero."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = "norm" in name or "ln_" in name
            parameter.copy_(torch.randn_like(parameter) * 0.15 + (1 if norm and "bias" not in name else 0))
    return model


def batch(rng):
    rows = SEQUENCES * SEQ
    made = {"tokens": np.zeros(rows, int), "targets": np.full(rows, -1), "positions": np.zeros(rows, int),
            "documents": []}
    for sequence, lengths in enumerate(LENGTHS):
        start = sequence * SEQ
        for length in lengths:
            tokens = rng.integers(0, VOCAB, length)
            made["tokens"][start:start + length] = tokens
            made["targets"][start:start + length - 1] = tokens[1:]
            made["positions"][start:start + length] = np.arange(length)
            made["documents"].append((start, length))
            start += length
    return made | {"documents": np.array(made["documents"])}


def old_config(folder):
    """As transformers 4 wrote it, and Llama 2's own still is."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config |= {"rope_theta": rope["rope_theta"], "rope_scaling": None, "torch_dtype": config.pop("dtype")}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write(name, model, dtype, shard):
    folder = TOP / name
    spread(model).to(dtype).save_pretrained(folder, max_shard_size=shard)
    model = model.float().eval()
    made = batch(np.random.default_rng(7))
    with torch.no_grad():
        loss, trained = golden.loss_sum(model, made, SEQUENCES)
    print(f"{name}: {loss.item() / trained:.4f} a token")
    tensors = {"batch.0." + key: value for key, value in made.items()}
    golden.write(TOP / f"{name}.golden", tensors | {"sequences": [SEQUENCES], "loss_sum": [loss.item()],
                                                    "trained": [trained]})


def main():
    torch.manual_seed(11)
    write("llama2", llama(tie_word_embeddings=False,
                          rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), torch.float16, "5GB")
    old_config(TOP / "llama2")
    write("llama31", llama(num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=LLAMA3), torch.bfloat16,
          "24KB")
    write("gpt2", gpt2(), torch.float32, "5GB")


if __name__ == "__main__":
    main()
