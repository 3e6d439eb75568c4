#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""QLoRA by bitsandbytes and PEFT from the same weights, adapters and batches as ours: how far the losses are apart.

  peer_qlora.py adapters WEIGHTS FOLDER             new adapters of PEFT, for our adapter=FOLDER
  peer_qlora.py train WEIGHTS FOLDER LOSSES RESULT  trains them on LOSSES/batches.bin at LOSSES/rates.txt (of
                                                    tests/gpu/train_losses), and holds RESULT's losses to them

NF4 with double quantization, bf16 products, adapters in fp32, AdamW without weight decay, clipped at 1."""
import argparse
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import BitsAndBytesConfig, LlamaForCausalLM

from peer import PROJECTIONS
from peer_losses import losses_of, micro_batches


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("what", choices=["adapters", "train"])
    p.add_argument("weights")
    p.add_argument("folder", help="of the adapters")
    p.add_argument("losses", nargs="?", help="what train_losses wrote")
    p.add_argument("result", nargs="?", help="result.json of ours")
    p.add_argument("--seq", type=int, default=1024)
    p.add_argument("--micro", type=int, default=2, help="sequences of a micro-batch; a step is one")
    p.add_argument("--after", type=int, default=50, help="steps that are not judged")
    p.add_argument("--bound", type=float, default=0.01, help="of the relative difference of a loss")
    return p.parse_args()


def base_of(a):
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=["lm_head"])
    return LlamaForCausalLM.from_pretrained(a.weights, dtype=torch.bfloat16, quantization_config=config,
                                            device_map={"": 0}, attn_implementation="sdpa")


class Bare:
    """What losses_of wants: the layers, and the head."""

    def __init__(self, model):
        inner = model.base_model.model
        self.model, self.lm_head = inner.model, inner.lm_head


def train(a):
    a.device = "cuda"
    model = PeftModel.from_pretrained(base_of(a), a.folder, is_trainable=True)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
    with open(os.path.join(a.losses, "rates.txt"), encoding="ascii") as file:
        rates = [float(line) for line in file]
    bare = Bare(model)
    for rate, (tokens, targets, positions) in zip(rates, micro_batches(a, os.path.join(a.losses, "batches.bin"))):
        trained = int((targets >= 0).sum())
        with torch.autocast("cuda", torch.bfloat16):
            loss = losses_of(bare, tokens, targets, positions)
        (loss / trained).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield loss.item() / trained


def main():
    a = arguments()
    if a.what == "adapters":
        model = LlamaForCausalLM.from_pretrained(a.weights, dtype=torch.bfloat16)
        get_peft_model(model, LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM",
                                         target_modules=list(PROJECTIONS))).save_pretrained(a.folder)
        return 0
    peer = list(train(a))
    with open(a.result, encoding="utf-8") as file:
        ours = json.load(file)["losses"]
    if len(peer) != len(ours):
        sys.exit(f"peer_qlora: {len(peer)} steps of the peer's, {len(ours)} of ours")
    for i in range(0, len(peer), max(1, len(peer) // 10)):
        print(f"step {i + 1:4d}  peer {peer[i]:.4f}  ours {ours[i]:.4f}")
    apart = [abs(o - p) / p for o, p in zip(ours, peer)]
    worst, mean = max(apart[a.after:]), sum(apart[a.after:]) / len(apart[a.after:])
    print(f"{len(peer)} steps, {peer[0]:.4f} -> {peer[-1]:.4f} and {ours[0]:.4f} -> {ours[-1]:.4f}; after step {a.after} "
          f"at most {100 * worst:.3f}% apart, {100 * mean:.3f}% in the mean: {'ok' if worst < a.bound else 'TOO FAR'}")
    return worst >= a.bound


if __name__ == "__main__":
    sys.exit(main())
