#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_training.py DIR [--write FILE]: repeat the training of DIR/training.golden (by train_dump)
with Hugging Face's Llama and torch's AdamW, print both loss drops and fail when they differ by more
than 2%, or the losses of any step by more than 0.1%: both are fp32, so that would be another formula.
--write puts Hugging Face's losses, and each step's count of trained tokens, into FILE; so
tests/golden/training.golden was made, for tests/unit/model/test_training.c:

    make tests/golden/train_dump
    mkdir dump && tests/golden/train_dump examples/instructions.json dump 256 2
    python3 tests/golden/compare_training.py dump --write tests/golden/training.golden
"""
import argparse
import pathlib
import sys

import numpy as np

import golden

END = 10  # losses at each end whose mean makes the drop
ALLOWED = 0.02
ALLOWED_STEP = 1e-3


def drop(losses):
    return float(np.mean(losses[:END]) - np.mean(losses[-END:]))


def batches(tensors, steps):
    for step in range(steps):
        batch = {k: tensors[f"batch.{step}.{k}"].ravel() for k in ("tokens", "targets", "positions")}
        yield batch | {"documents": tensors[f"batch.{step}.documents"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path)
    args = parser.parse_args()
    tensors = golden.read(args.folder / "training.golden")
    ours = tensors["losses"].ravel()
    model = golden.make_model(golden.numbers(golden.SHAPE, tensors["shape"]))
    golden.set_weights(model, {name.removeprefix("weight."): tensor
                               for name, tensor in tensors.items() if name.startswith("weight.")})
    optimizer = golden.numbers(golden.OPTIMIZER, tensors["optimizer"])
    theirs = np.array(golden.train(model, optimizer, batches(tensors, len(ours)),
                                   int(tensors["sequences"].item())))
    for i in sorted({*range(0, len(ours), 20), len(ours) - 1}):
        print(f"step {i:3d}: ours {ours[i]:.5f}, Hugging Face {theirs[i]:.5f}")
    difference = abs(drop(ours) / drop(theirs) - 1)
    worst = np.max(np.abs(ours / theirs - 1))
    print(f"largest relative difference of a step: {worst:.2e}, {ALLOWED_STEP:.0e} allowed")
    print(f"loss drop: ours {drop(ours):.5f}, Hugging Face {drop(theirs):.5f}: "
          f"{100 * difference:.4f}% apart, {100 * ALLOWED:.0f}% allowed")
    if args.write:
        trained = [np.sum(tensors[f"batch.{i}.targets"] >= 0) for i in range(len(ours))]
        seq = tensors["batch.0.tokens"].size / tensors["sequences"].item()
        golden.write(args.write, {"seq": seq, "sequences": tensors["sequences"],
                                  "losses": theirs, "trained": trained})
    return 0 if worst <= ALLOWED_STEP and difference <= ALLOWED and drop(theirs) > 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
