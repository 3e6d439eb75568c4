#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_training.py DUMP: do train_dump's training again with Hugging Face's Llama and torch's
AdamW, from the same weights and with the same batches; exit 1 when the losses fall by amounts that
differ by more than 2%, or any step's loss by more than 0.1%: both are fp32, so a larger difference
is another formula. A fall is the mean of the first ten losses less that of the last ten.

    make tests/golden/train_dump
    tests/golden/train_dump examples/instructions.json 200 >dump.txt
    python3 tests/golden/compare_training.py dump.txt     # torch 2.5.1, transformers 4.46.3
"""
import math
import sys

import numpy
import torch
from transformers import LlamaConfig, LlamaForCausalLM

ALLOWED, ALLOWED_STEP = 0.02, 1e-3


def read(path):
    """What stands in front of the first step, and a dictionary a step."""
    setup, steps = {}, []
    with open(path) as file:
        for line in file:
            name, count, *numbers = line.split()
            values = numpy.array(numbers, dtype=numpy.float64)
            if len(values) != int(count):
                raise SystemExit(f"{path}: {name} is cut off")
            if name == "tokens":
                steps.append({})
            (steps[-1] if steps else setup)[name] = values
    return setup, steps


def build(shape, constants):
    vocab, hidden, layers, heads, kv_heads, head_dim, ffn, tied = (int(x) for x in shape)
    assert hidden == heads * head_dim
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, intermediate_size=ffn, rope_theta=float(constants[0]),
        rms_norm_eps=float(constants[1]), tie_word_embeddings=bool(tied), use_cache=False,
        attn_implementation="eager")).float()


def parameters(model):
    """In the order of job/model.h's flat array; its stacked matrices are neighbours here."""
    named = dict(model.named_parameters())
    order = ["model.embed_tokens.weight"]
    for layer in range(model.config.num_hidden_layers):
        order += [f"model.layers.{layer}.{name}.weight" for name in (
            "input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
            "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj",
            "mlp.down_proj")]
    order += ["model.norm.weight"]
    if not model.config.tie_word_embeddings:
        order += ["lm_head.weight"]
    assert set(order) == set(named), "a parameter is missing"
    return [named[name] for name in order]


def load(model, weights):
    at = 0
    with torch.no_grad():
        for parameter in parameters(model):
            values = weights[at:at + parameter.numel()].reshape(parameter.shape)
            parameter.copy_(torch.from_numpy(values).float())
            at += parameter.numel()
    assert at == len(weights), "the dump has another number of weights"


def mean_loss(model, batch, seq):
    """Attention is causal in each document; a padding row sees itself and has no target."""
    tokens, targets, positions = (torch.from_numpy(batch[name]).long().reshape(-1, seq)
                                  for name in ("tokens", "targets", "positions"))
    seen = torch.eye(seq, dtype=torch.bool).repeat(len(tokens), 1, 1)
    for start, length in zip(batch["start"].astype(int), batch["length"].astype(int)):
        sequence, row = divmod(start, seq)
        seen[sequence, row:row + length, row:row + length] = torch.ones(length, length).tril().bool()
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]
    logits = model(input_ids=tokens, attention_mask=mask, position_ids=positions).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(),
                                             ignore_index=-1)


def rate(optimizer, step):
    lr, warmup, total = optimizer[:3]
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def train(model, optimizer, steps, seq):
    beta1, beta2, eps, weight_decay, clip = optimizer[3:]
    matrices = [p for p in parameters(model) if p.dim() > 1]
    norms = [p for p in parameters(model) if p.dim() == 1]
    adamw = torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                               {"params": norms, "weight_decay": 0.0}],
                              betas=(beta1, beta2), eps=eps)
    losses = []
    for number, batch in enumerate(steps):
        for group in adamw.param_groups:
            group["lr"] = rate(optimizer, number)
        adamw.zero_grad()
        loss = mean_loss(model, batch, seq)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        adamw.step()
        losses.append(loss.item())
    return numpy.array(losses)


def fall(losses):
    return losses[:10].mean() - losses[-10:].mean()


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    setup, steps = read(sys.argv[1])
    model = build(setup["shape"], setup["constants"])
    load(model, setup["weights"])
    ours = numpy.array([step["loss"][0] for step in steps])
    theirs = train(model, setup["optimizer"], steps, int(setup["seq"][0]))
    for number in sorted({*range(0, len(ours), 20), len(ours) - 1}):
        print(f"step {number + 1:4d}   sft-bench {ours[number]:.5f}   "
              f"Hugging Face {theirs[number]:.5f}")
    apart = abs(fall(ours) / fall(theirs) - 1)
    worst = abs(ours / theirs - 1).max()
    print(f"largest difference of a step {100 * worst:.2g}%, {100 * ALLOWED_STEP:g}% allowed")
    print(f"the loss falls by {fall(ours):.5f}, Hugging Face's by {fall(theirs):.5f}: "
          f"{100 * apart:.3g}% apart, {100 * ALLOWED:g}% allowed")
    return 0 if fall(theirs) > 0.1 and apart <= ALLOWED and worst <= ALLOWED_STEP else 1


if __name__ == "__main__":
    sys.exit(main())
