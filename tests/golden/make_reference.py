#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write untied.golden, tied.golden and gpt2.golden beside this file, or those named: losses,
gradients and a short training of Hugging Face's Llama and GPT-2 on packed batches, for tests/unit/model/test_reference.c.

Needs torch and transformers; made with torch 2.5.1 and transformers 4.46.3 on a CPU.
"""
import pathlib
import sys

import numpy as np
import torch

import golden

SEQUENCES, SEQ = 2, 40
# Lengths of the documents of each sequence; what is left of a sequence is padding.
PACKS = [[[13, 27], [1, 9, 22]], [[40], [7, 5, 21, 7]], [[2, 3, 31], [18, 6]]]

SHAPES = {
    "untied": (64, 32, 2, 4, 2, 8, 48, 10000, 1e-5, 0),
    "tied": (96, 32, 1, 4, 1, 8, 40, 500, 1e-3, 1),
    "gpt2": (96, 32, 2, 4, 4, 8, 128, 0, 1e-5, 1, 1, 40),
}
# lr, lr_warmup, total_steps, beta1, beta2, eps, weight_decay, clip
OPTIMIZER = (3e-3, 4, 20, 0.9, 0.95, 1e-8, 0.1, 1.0)


def make_batch(rng, vocab, pack):
    """Every document: a prompt of a third, whose tokens are no targets, then the response."""
    rows = SEQUENCES * SEQ
    end = vocab - 1
    batch = {"tokens": np.full(rows, end), "targets": np.full(rows, -1),
             "positions": np.zeros(rows, int), "documents": []}
    for sequence, lengths in enumerate(pack):
        start = sequence * SEQ
        for length in lengths:
            tokens = rng.integers(0, vocab, length)
            stop = start + length
            batch["tokens"][start:stop] = tokens
            batch["targets"][start + length // 3:stop - 1] = tokens[length // 3 + 1:]
            batch["positions"][start:stop] = np.arange(length)
            batch["documents"].append((start, length))
            start = stop
    batch["documents"] = np.array(batch["documents"])
    return batch


def set_random(model, rng):
    """Larger than a fresh model's weights, so that attention is not flat and norms matter."""
    golden.set_weights(model, {
        name: (1 if "norm" in name and "bias" not in name else 0) + 0.2 * rng.standard_normal(w.shape).astype("f4")
        for name, w in golden.get_weights(model).items()})


def make(name, row, seed):
    rng = np.random.default_rng(seed)
    shape = dict(zip(golden.SHAPE, row, strict=False))
    model = golden.make_model(shape)
    set_random(model, rng)
    batches = [make_batch(rng, shape["vocab"], pack) for pack in PACKS]
    out = {"shape": row, "optimizer": OPTIMIZER, "sequences": SEQUENCES}
    out |= {f"weight.{k}": w for k, w in golden.get_weights(model).items()}
    for i, batch in enumerate(batches):
        out |= {f"batch.{i}.{k}": v for k, v in batch.items()}
    total, trained = golden.loss_sum(model, batches[0], SEQUENCES)
    (total / trained).backward()
    out |= {"loss_sum": total.item(), "trained": trained}
    out |= {f"gradient.{k}": g for k, g in golden.get_gradients(model).items()}
    model.zero_grad()
    o = dict(zip(golden.OPTIMIZER, OPTIMIZER, strict=True))
    steps = [batches[s % len(batches)] for s in range(o["total_steps"])]
    out["losses"] = golden.train(model, o, steps, SEQUENCES)
    golden.write(pathlib.Path(__file__).with_name(f"{name}.golden"), out)
    print(f"{name}: {total.item() / trained:.6f} a token of {trained}; training "
          f"{out['losses'][0]:.4f} to {out['losses'][-1]:.4f}")


if __name__ == "__main__":
    torch.manual_seed(1)
    for number, (name, row) in enumerate(SHAPES.items()):
        if name in sys.argv[1:] or not sys.argv[1:]:
            make(name, row, 20 + number)
