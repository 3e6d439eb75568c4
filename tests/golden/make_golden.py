#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write Hugging Face's numbers for a tiny Llama: tests/golden/{untied,tied}.txt.

    pip install torch==2.5.1 transformers==4.46.3 && python3 tests/golden/make_golden.py

One text file a model; each line is a name, a count and that many numbers (integers, or floats as
%.9g, which fp32 reads back exactly). Shape, weights in sft-bench's layout (qkv is q, k and v stacked,
gate_up is gate and up stacked), packed batches, and for the first batch the loss (sum over trained
tokens) and the gradient of the mean loss of every tensor; then the mean losses of 20 AdamW steps over
the batches in turn. Attention: a block-diagonal causal mask, so no document sees another."""
import math
import os

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SHAPE = dict(vocab=48, hidden=24, layers=2, heads=4, kv_heads=2, head_dim=6, ffn=40)
SEQ, SEQUENCES, BATCHES, STEPS = 24, 2, 3, 20
LR, LR_WARMUP, WEIGHT_DECAY, CLIP = 3e-2, 4, 0.1, 1.0


def make_model(tied):
    config = LlamaConfig(
        vocab_size=SHAPE["vocab"], hidden_size=SHAPE["hidden"], intermediate_size=SHAPE["ffn"],
        num_hidden_layers=SHAPE["layers"], num_attention_heads=SHAPE["heads"],
        num_key_value_heads=SHAPE["kv_heads"], rms_norm_eps=1e-5, rope_theta=10000.0,
        tie_word_embeddings=tied, attn_implementation="eager", initializer_range=0.2)
    torch.manual_seed(7 if tied else 11)
    model = LlamaForCausalLM(config).float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name:
                p.add_(0.2 * torch.randn_like(p))
    return model


def named(model, pick, tied):
    """Tensors in sft-bench's names and layout; pick takes the weight or its gradient."""
    m = model.model
    out = {"embed": pick(m.embed_tokens.weight)}
    for i, layer in enumerate(m.layers):
        a, f = layer.self_attn, layer.mlp
        out[f"layers.{i}.attention_norm"] = pick(layer.input_layernorm.weight)
        out[f"layers.{i}.qkv"] = torch.cat([pick(x.weight) for x in (a.q_proj, a.k_proj, a.v_proj)])
        out[f"layers.{i}.o"] = pick(a.o_proj.weight)
        out[f"layers.{i}.ffn_norm"] = pick(layer.post_attention_layernorm.weight)
        out[f"layers.{i}.gate_up"] = torch.cat([pick(f.gate_proj.weight), pick(f.up_proj.weight)])
        out[f"layers.{i}.down"] = pick(f.down_proj.weight)
    out["norm"] = pick(m.norm.weight)
    if not tied:
        out["head"] = pick(model.lm_head.weight)
    return out


def make_batch(generator):
    """Documents of odd lengths in two sequences, padding behind the last of each."""
    rows = SEQ * SEQUENCES
    batch = dict(tokens=torch.zeros(rows, dtype=torch.long), targets=torch.full((rows,), -1),
                 positions=torch.zeros(rows, dtype=torch.long), start=[], length=[])
    for sequence in range(SEQUENCES):
        row, end = sequence * SEQ, sequence * SEQ + SEQ
        while row < end:
            length = int(torch.randint(1, 12, (1,), generator=generator))
            if row + length > end:
                break
            tokens = torch.randint(0, SHAPE["vocab"], (length,), generator=generator)
            batch["tokens"][row:row + length] = tokens
            batch["positions"][row:row + length] = torch.arange(length)
            prompt = length // 3
            for i in range(prompt, length - 1):
                batch["targets"][row + i] = tokens[i + 1]
            batch["start"].append(row)
            batch["length"].append(length)
            row += length
    return batch


def loss_sum(model, batch):
    total = 0.0
    for sequence in range(SEQUENCES):
        rows = slice(sequence * SEQ, (sequence + 1) * SEQ)
        mask = torch.full((SEQ, SEQ), torch.finfo(torch.float32).min)
        for start, length in zip(batch["start"], batch["length"]):
            if rows.start <= start < rows.stop:
                first = start - rows.start
                block = torch.full((length, length), torch.finfo(torch.float32).min).triu(1)
                mask[first:first + length, first:first + length] = block
        logits = model(input_ids=batch["tokens"][rows][None],
                       position_ids=batch["positions"][rows][None],
                       attention_mask=mask[None, None]).logits[0]
        total = total + torch.nn.functional.cross_entropy(
            logits.float(), batch["targets"][rows], ignore_index=-1, reduction="sum")
    return total


def rate(step):
    if step < LR_WARMUP:
        return LR * (step + 1) / LR_WARMUP
    return LR * (1 + math.cos(math.pi * (step - LR_WARMUP) / (STEPS - LR_WARMUP))) / 2


def train(model, batches):
    norms = [p for n, p in model.named_parameters() if "norm" in n]
    others = [p for n, p in model.named_parameters() if "norm" not in n]
    optimizer = torch.optim.AdamW([{"params": others, "weight_decay": WEIGHT_DECAY},
                                   {"params": norms, "weight_decay": 0.0}],
                                  lr=LR, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step in range(STEPS):
        batch = batches[step % len(batches)]
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.zero_grad()
        loss = loss_sum(model, batch) / (batch["targets"] >= 0).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return losses


def write(path, tied):
    model = make_model(tied)
    generator = torch.Generator().manual_seed(3)
    batches = [make_batch(generator) for _ in range(BATCHES)]
    lines = []

    def put(name, values):
        values = values.detach().reshape(-1).tolist() if torch.is_tensor(values) else list(values)
        text = (str(v) if isinstance(v, int) else f"{v:.9g}" for v in values)
        lines.append(f"{name} {len(values)} " + " ".join(text))

    put("shape", [SHAPE[k] for k in ("vocab", "hidden", "layers", "heads", "kv_heads", "head_dim",
                                     "ffn")] + [int(tied)])
    for name, tensor in named(model, lambda w: w, tied).items():
        put("weight." + name, tensor)
    for i, batch in enumerate(batches):
        for key, values in batch.items():
            put(f"batch{i}.{key}", values)
    total = loss_sum(model, batches[0])
    put("loss_sum", [total.item()])
    (total / (batches[0]["targets"] >= 0).sum()).backward()
    for name, tensor in named(model, lambda w: w.grad, tied).items():
        put("gradient." + name, tensor)
    put("training", [LR, float(LR_WARMUP), float(STEPS), WEIGHT_DECAY, CLIP])
    put("curve", train(model, batches))
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    torch.use_deterministic_algorithms(True)
    write(os.path.join(here, "untied.txt"), False)
    write(os.path.join(here, "tied.txt"), True)
