#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The smoke trainings in PyTorch, shaped as SuperBench has them: torch.nn.LSTM with a linear layer on its last step, and
Hugging Face's GPT-2 without its head and with a linear layer, of whose outputs the last token's counts; random samples
and classes, cross-entropy, SGD with Nesterov's momentum or AdamW. No dropout, as ours has none. In fp32 products are
fp32 throughout, in tf32 they may be rounded. Prints one line; with --json it appends one object to a file."""
import argparse
import json
import statistics
import time

import torch


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", choices=["lstm", "gpt2-smoke"], default="lstm")
    p.add_argument("--precision", choices=["bf16", "tf32", "fp32"], default="fp32")
    p.add_argument("--optimizer", choices=["sgd", "adamw"], help="[SuperBench's: sgd of the LSTM, adamw of GPT-2]")
    p.add_argument("--mode", choices=["eager", "compile"], default="eager")
    p.add_argument("--seconds", type=float, default=20, help="measured, at least")
    p.add_argument("--warmup", type=int, default=10, metavar="N", help="steps before them")
    p.add_argument("--batch", type=int, metavar="N", help="[1024, 32]")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    p.add_argument("--json", metavar="FILE", help="append one line")
    a = p.parse_args()
    lstm = a.model == "lstm"
    a.optimizer = a.optimizer or ("sgd" if lstm else "adamw")
    a.batch = a.batch or (1024 if lstm else 32)
    return a


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(224, 1000, 8, batch_first=True)
        self.linear = torch.nn.Linear(1000, 100)

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


class Gpt2(torch.nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import GPT2Config, GPT2Model
        self.gpt2 = GPT2Model(GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False,
                                         attn_implementation="sdpa"))
        self.linear = torch.nn.Linear(768, 100)

    def forward(self, x):
        return self.linear(self.gpt2(x)[0])[:, -1]


def samples(a, dtype):
    if a.model == "lstm":
        return torch.randn(a.batch, 32, 224, dtype=dtype, device=a.device)
    return torch.randint(0, 50257, (a.batch, 224), device=a.device)


def optimizer_of(a, model):
    if a.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9, nesterov=True, fused=a.device == "cuda")
    return torch.optim.AdamW(model.parameters(), lr=1e-5, fused=a.device == "cuda")


def wait(a):
    if a.device == "cuda":
        torch.cuda.synchronize()


def run(a):
    tf32 = a.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    dtype = torch.bfloat16 if a.precision == "bf16" else torch.float32
    torch.manual_seed(1)
    model = (Lstm() if a.model == "lstm" else Gpt2()).to(a.device, dtype)
    if a.mode == "compile":
        model = torch.compile(model)
    optimizer = optimizer_of(a, model)
    labels = torch.randint(0, 100, (a.batch,), device=a.device)
    x, times, measured = samples(a, dtype), [], 0.0
    while len(times) < a.warmup + 5 or measured < a.seconds:
        wait(a)
        begin = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        wait(a)
        times.append(time.perf_counter() - begin)
        measured = sum(times[a.warmup:])
    return times[a.warmup:]


def main():
    a = arguments()
    times = run(a)
    result = {"model": a.model, "precision": a.precision, "optimizer": a.optimizer, "mode": a.mode,
              "samples_s": a.batch * len(times) / sum(times), "step_ms": 1e3 * statistics.median(times),
              "steps": len(times), "torch": torch.__version__,
              "device": torch.cuda.get_device_name() if a.device == "cuda" else "cpu",
              "gib": torch.cuda.max_memory_allocated() / 2**30 if a.device == "cuda" else 0}
    print("{model} {precision} {optimizer} {mode}: {samples_s:.1f} samples/s, {step_ms:.2f} ms a step, "
          "{gib:.2f} GiB, torch {torch} on {device}".format(**result))
    if a.json:
        with open(a.json, "a", encoding="utf-8") as file:
            print(json.dumps(result), file=file)


if __name__ == "__main__":
    main()
