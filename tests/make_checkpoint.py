#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_checkpoint.py FOLDER [KEY=VALUE...]: a Llama of random weights as Hugging Face's files have it, for tests and
benchmarks; needs nothing but Python. Keys: hidden, layers, heads, kv_heads, ffn, vocab, dtype (BF16, F16 or F32), shard (bytes
of a file), seed. Weights are of one magnitude, 0.008 to 0.03, with a random sign and mantissa; norms are 1.
"""
import json
import pathlib
import random
import struct
import sys

SIZES = {"BF16": 2, "F16": 2, "F32": 4}
NAMES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
# of an element as a number: its random bits, its fixed ones, and 1
BITS = {"BF16": (0x80FF, 0x3C00, 0x3F80), "F16": (0x83FF, 0x2000, 0x3C00), "F32": (0x807FFFFF, 0x3C000000, 0x3F800000)}
PIECE = 1 << 22  # elements made at once


def tensors(k):
    head = k["hidden"] // k["heads"]
    yield "model.embed_tokens.weight", [k["vocab"], k["hidden"]]
    for layer in range(k["layers"]):
        at = f"model.layers.{layer}."
        yield at + "input_layernorm.weight", [k["hidden"]]
        for name, heads in (("q", k["heads"]), ("k", k["kv_heads"]), ("v", k["kv_heads"])):
            yield f"{at}self_attn.{name}_proj.weight", [heads * head, k["hidden"]]
        yield at + "self_attn.o_proj.weight", [k["hidden"], k["heads"] * head]
        yield at + "post_attention_layernorm.weight", [k["hidden"]]
        yield at + "mlp.gate_proj.weight", [k["ffn"], k["hidden"]]
        yield at + "mlp.up_proj.weight", [k["ffn"], k["hidden"]]
        yield at + "mlp.down_proj.weight", [k["hidden"], k["ffn"]]
    yield "model.norm.weight", [k["hidden"]]
    yield "lm_head.weight", [k["vocab"], k["hidden"]]


def elements(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def values(rng, dtype, shape, out):
    size, count = SIZES[dtype], elements(shape)
    free, fixed, one = BITS[dtype]
    if len(shape) == 1:
        out.write(one.to_bytes(size, "little") * count)
        return
    while count > 0:
        now = min(count, PIECE)
        mask, add = (int.from_bytes(x.to_bytes(size, "little") * now, "little") for x in (free, fixed))
        out.write((int.from_bytes(rng.randbytes(now * size), "little") & mask | add).to_bytes(now * size, "little"))
        count -= now


def file_write(path, rng, dtype, part):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in part:
        size = elements(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, shape in part:
            values(rng, dtype, shape, out)
    return at


def main():
    folder = pathlib.Path(sys.argv[1])
    k = {"hidden": 64, "layers": 2, "heads": 4, "kv_heads": 2, "ffn": 176, "vocab": 320, "dtype": "BF16", "shard": 5 * 10**9,
         "seed": 1}
    for pair in sys.argv[2:]:
        key, value = pair.split("=")
        k[key] = type(k[key])(value)
    folder.mkdir(parents=True, exist_ok=True)
    files, used = [[]], 0
    for name, shape in tensors(k):
        size = elements(shape) * SIZES[k["dtype"]]
        if used > 0 and used + size > k["shard"]:
            files.append([])
            used = 0
        files[-1].append((name, shape))
        used += size
    rng, total, where = random.Random(k["seed"]), 0, {}
    for i, part in enumerate(files):
        name = "model.safetensors" if len(files) == 1 else f"model-{i + 1:05d}-of-{len(files):05d}.safetensors"
        total += file_write(folder / name, rng, k["dtype"], part)
        where |= {tensor: name for tensor, _ in part}
    if len(files) > 1:
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {"total_size": total}, "weight_map": where}, indent=1))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": k["hidden"],
        "num_hidden_layers": k["layers"], "num_attention_heads": k["heads"], "num_key_value_heads": k["kv_heads"],
        "intermediate_size": k["ffn"], "vocab_size": k["vocab"], "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "rope_scaling": None, "hidden_act": "silu", "tie_word_embeddings": False,
        "torch_dtype": NAMES[k["dtype"]]}, indent=1) + "\n")
    print(f"{folder}: {total / 1e9:.4g} GB")


if __name__ == "__main__":
    main()
