#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write lora.golden and lora_gpt2.golden beside this file: losses, the gradients of all adapters and
50 steps of AdamW of PEFT's LoRA over Hugging Face's Llama and GPT-2, for tests/unit/model/test_lora.c.

Needs torch, transformers and peft; made with torch 2.15.0, transformers 5.24.0 and peft 0.21.2 on a CPU.
"""
import pathlib

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

import golden
from make_reference import PACKS, SEQUENCES, SHAPES, make_batch, set_random

STEPS = 50
# lr, lr_warmup, total_steps, beta1, beta2, eps, weight_decay, clip
OPTIMIZER = (1e-2, 4, STEPS, 0.9, 0.95, 1e-8, 0.1, 1.0)
LLAMA = {"qkv": ("q_proj", "k_proj", "v_proj"), "o": ("o_proj",), "gate_up": ("gate_proj", "up_proj"),
         "down": ("down_proj",)}
GPT2 = {"qkv": ("attn.c_attn",), "o": ("attn.c_proj",), "up": ("mlp.c_fc",), "down": ("mlp.c_proj",)}
ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# rank, alpha, rslora, targets; the C test has the same in its own words
CASES = {
    "lora": [(4, 8.0, False, ALL), (3, 5.0, True, ALL[:4]), (2, 2.0, False, ("q_proj", "v_proj")),
             (5, 16.0, False, ("k_proj", "up_proj")), (1, 1.0, False, ("down_proj",))],
    "lora_gpt2": [(4, 8.0, False, ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")),
                  (2, 6.0, True, ("c_proj",))],
}


def layers_of(model):
    return model.model.layers if hasattr(model, "model") else model.transformer.h


def adapters(model, gpt2):
    """Our name -> the parameters that, stacked on each other, make it."""
    out = {}
    for i, layer in enumerate(layers_of(model)):
        modules = dict(layer.named_modules())
        for ours, names in (GPT2 if gpt2 else LLAMA).items():
            for kind in ("lora_A", "lora_B"):
                parts = [getattr(module, kind)["default"].weight for name in names
                         for path, module in modules.items()
                         if path.endswith(name) and hasattr(module, kind)]
                if parts:
                    out[f"layers.{i}.{ours}.{kind}"] = parts
    return out


def check_first_values(model):
    """PEFT's own: A uniform to 1/sqrt(in), B zero."""
    for parts in adapters(model, False).values():
        for p in parts:
            bound = 1 / np.sqrt(p.shape[1])
            a = p.detach().numpy()
            assert not a.any() or (abs(a).max() <= bound and abs(a).max() > 0.9 * bound), (a, bound)


def make_case(shape, weights, batches, case, rng, gpt2):
    rank, alpha, stabilized, targets = case
    model = golden.make_model(shape)
    golden.set_weights(model, weights)
    get_peft_model(model, LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=0.0, use_rslora=stabilized, bias="none",
        target_modules=list(targets), fan_in_fan_out=gpt2, init_lora_weights=True))
    if not gpt2:
        check_first_values(model)
    own, out = adapters(model, gpt2), {"setting": (rank, alpha, stabilized)}
    with torch.no_grad():
        for parts in own.values():
            for p in parts:  # B's zeros would leave A without a gradient
                p.copy_(torch.tensor(0.2 * rng.standard_normal(p.shape).astype("f4")))
    out |= {f"weight.{k}": torch.cat(v).detach().clone().numpy() for k, v in own.items()}
    model.zero_grad()
    total, trained = golden.loss_sum(model, batches[0], SEQUENCES)
    (total / trained).backward()
    out["loss_sum"] = total.item()
    out |= {f"gradient.{k}": torch.cat([p.grad for p in v]).clone().numpy() for k, v in own.items()}
    o = dict(zip(golden.OPTIMIZER, OPTIMIZER, strict=True))
    steps = [batches[s % len(batches)] for s in range(STEPS)]
    out["losses"] = golden.train(model, o, steps, SEQUENCES)
    for name, w in golden.get_weights(golden.make_model(shape)).items():
        assert w.shape == weights[name].shape
    print(f"rank {rank}, {'+'.join(targets)}: {total.item() / trained:.6f}; training "
          f"{out['losses'][0]:.4f} to {out['losses'][-1]:.4f}")
    return out


def make(name, row, seed):
    rng = np.random.default_rng(seed)
    shape = dict(zip(golden.SHAPE, row, strict=False))
    gpt2 = bool(shape.get("gpt2"))
    model = golden.make_model(shape)
    set_random(model, rng)
    weights = golden.get_weights(model)
    batches = [make_batch(rng, shape["vocab"], pack) for pack in PACKS]
    out = {"shape": row, "optimizer": OPTIMIZER, "sequences": SEQUENCES, "cases": len(CASES[name])}
    out |= {f"weight.{k}": w for k, w in weights.items()}
    for i, batch in enumerate(batches):
        out |= {f"batch.{i}.{k}": v for k, v in batch.items()}
    for i, case in enumerate(CASES[name]):
        out |= {f"{i}.{k}": v for k, v in make_case(shape, weights, batches, case, rng, gpt2).items()}
    golden.write(pathlib.Path(__file__).with_name(f"{name}.golden"), out)


if __name__ == "__main__":
    torch.manual_seed(1)
    make("lora", SHAPES["untied"], 31)
    make("lora_gpt2", SHAPES["gpt2"], 32)
