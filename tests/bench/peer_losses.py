#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains Hugging Face's Llama from what tests/gpu/train_losses wrote, and holds our losses to its.

bf16 weights in the forward and backward pass, fp32 master weights under torch.optim.AdamW, attention
inside each document. Prints our losses and the peer's, and how far apart they are at most."""
import argparse
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from peer import SHAPES


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folder", help="what train_losses wrote")
    p.add_argument("--model", choices=SHAPES, default="llama-1b")
    p.add_argument("--vocab", type=int, help="rows of the embedding, where it grew")
    p.add_argument("--seq", type=int, required=True)
    p.add_argument("--micro", type=int, required=True, help="sequences of a micro-batch")
    p.add_argument("--accumulation", type=int, required=True)
    p.add_argument("--decay", type=float, default=0.1, help="weight decay of matrices")
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--bound", type=float, default=0.01, help="of the relative difference of a loss")
    p.add_argument("--precision", choices=["bf16", "fp32"], default="bf16",
                   help="of the peer's weights and products (fp32: TF32 products)")
    p.add_argument("--states", choices=["fp32", "bf16"], default="fp32",
                   help="which of our losses are held to the peer's")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    return p.parse_args()


def build(a):
    vocab, hidden, layers, heads, kv_heads, ffn = SHAPES[a.model]
    config = LlamaConfig(
        vocab_size=a.vocab or vocab, hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, intermediate_size=ffn,
        max_position_embeddings=a.seq, rms_norm_eps=1e-5, tie_word_embeddings=False, use_cache=False)
    config._attn_implementation = "sdpa"
    torch.set_default_dtype(torch.bfloat16 if a.precision == "bf16" else torch.float32)
    with torch.device(a.device):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    return model.train()


def load(model, path):
    """Our order: embed; each layer's norm, qkv, o, norm, gate_up, down; norm; head."""
    data = np.memmap(path, dtype="<f4", mode="r")
    at = 0

    def fill(*parameters):
        nonlocal at
        for p in parameters:
            p.data.copy_(torch.from_numpy(np.array(data[at:at + p.numel()])).view(p.shape))
            at += p.numel()

    fill(model.model.embed_tokens.weight)
    for layer in model.model.layers:
        s, m = layer.self_attn, layer.mlp
        fill(layer.input_layernorm.weight, s.q_proj.weight, s.k_proj.weight, s.v_proj.weight,
             s.o_proj.weight, layer.post_attention_layernorm.weight, m.gate_proj.weight,
             m.up_proj.weight, m.down_proj.weight)
    fill(model.model.norm.weight, model.lm_head.weight)
    if at != data.size:
        sys.exit(f"peer_losses: {path} holds {data.size} numbers, the model {at}: wrong --model or --vocab?")


def micro_batches(a, path):
    rows = a.micro * a.seq
    data = np.memmap(path, dtype="<i4", mode="r")
    if data.size % (3 * rows) != 0:
        sys.exit(f"peer_losses: {path} is no whole number of micro-batches of {rows} rows")
    for part in data.reshape(-1, 3, a.micro, a.seq):
        yield [torch.from_numpy(np.array(x)).long().to(a.device) for x in part]


def mask_of(targets, positions):
    """[micro, 1, seq, seq]: the same document, and not later."""
    document = (positions == 0).cumsum(1)
    same = document[:, :, None] == document[:, None, :]
    return (same & torch.ones_like(same[0]).tril())[:, None]


def losses_of(model, tokens, targets, positions):
    hidden = model.model(input_ids=tokens, position_ids=positions,
                         attention_mask=mask_of(targets, positions))[0]
    total = 0
    for h, t in zip(hidden.flatten(0, 1).split(4096), targets.flatten().split(4096)):
        total = total + F.cross_entropy(model.lm_head(h).float(), t, ignore_index=-1, reduction="sum")
    return total


def train(a, model, rates):
    parameters = list(model.parameters())
    masters = [p.detach().float().clone().requires_grad_() for p in parameters]
    groups = [{"params": [m for m in masters if m.dim() > 1], "weight_decay": a.decay},
              {"params": [m for m in masters if m.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8, fused=a.device == "cuda")
    batches = micro_batches(a, os.path.join(a.folder, "batches.bin"))
    for rate in rates:
        step = [next(batches) for _ in range(a.accumulation)]
        trained = sum(int((targets >= 0).sum()) for _, targets, _ in step)
        total = 0.0
        for tokens, targets, positions in step:
            loss = losses_of(model, tokens, targets, positions)
            (loss / trained).backward()
            total += loss.item()
        for m, p in zip(masters, parameters):
            m.grad = p.grad.float()
            p.grad = None
        torch.nn.utils.clip_grad_norm_(masters, a.clip)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        for m, p in zip(masters, parameters):
            p.data.copy_(m.data)
        yield total / trained


def main():
    a = arguments()
    with open(os.path.join(a.folder, "rates.txt"), encoding="ascii") as file:
        rates = [float(line) for line in file]
    torch.set_float32_matmul_precision("high")
    path = os.path.join(a.folder, f"losses-{a.states}.txt")
    with open(path, encoding="ascii") as file:
        ours = [float(line.split()[1]) for line in file]
    model = build(a)
    load(model, os.path.join(a.folder, "weights.bin"))
    peer = list(train(a, model, rates))
    for i in range(0, len(peer), max(1, len(peer) // 10)):
        print(f"step {i + 1:4d}  peer {peer[i]:.4f}  ours {ours[i]:.4f}")
    worst = max(abs(o - p) / p for o, p in zip(ours, peer))
    good = worst < a.bound and len(ours) == len(peer)
    print(f"{a.model}, {a.states} states against the peer in {a.precision}: {len(peer)} steps, loss "
          f"{ours[0]:.4f} -> {ours[-1]:.4f} (peer {peer[0]:.4f} -> {peer[-1]:.4f}), at most "
          f"{100 * worst:.3f}% apart: {'ok' if good else 'TOO FAR'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
