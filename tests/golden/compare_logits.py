#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare_logits.py PROGRAM BATCH.golden LOGITS.golden FOLDER [ADAPTER]: hold each logit that PROGRAM
(tests/golden/model_loss) computes of the batch against those in LOGITS.golden, which make_adapters.py wrote of PEFT's
model: both are fp32. Needs nothing but Python; compare_adapter.py and compare_model.py ask PEFT itself.
"""
import array
import subprocess
import sys

# Of the largest logit: fp32 rounds sums of 32 to 50 products in another order, through two layers. Largest seen: 7e-7.
ALLOWED = 3e-6


def read(path):
    """golden.read without numpy: {name: (columns, elements)}."""
    with open(path, "rb") as file:
        shapes, tensors = [], {}
        while line := file.readline().split():
            shapes.append((line[0].decode(), int(line[1]), int(line[2])))
        for name, rows, columns in shapes:
            elements = array.array("f")
            elements.frombytes(file.read(4 * rows * columns))
            if sys.byteorder == "big":
                elements.byteswap()
            tensors[name] = columns, elements
    return tensors


def ours(program, folder, batch, *adapter):
    said = subprocess.run([program, "--logits", folder, batch, *adapter], check=True, capture_output=True, text=True)
    return [[float(word) for word in line.split()] for line in said.stdout.splitlines()]


def largest(a, b):
    """Largest difference of two lists of rows, by the largest element of the second; inf where they differ in size."""
    if len(a) != len(b) or any(len(x) != len(y) for x, y in zip(a, b, strict=True)):
        return float("inf")
    top = max(abs(y) for row in b for y in row)
    return max(abs(x - y) if x == x and y == y else float("inf")
               for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True)) / top


def main():
    program, batch, file, folder, *adapter = sys.argv[1:]
    tensors = read(file)
    columns, flat = tensors["logits"]
    rows = [int(row) for row in tensors["rows"][1]]
    theirs = [flat[i * columns:(i + 1) * columns].tolist() for i in range(len(rows))]
    mine = ours(program, folder, batch, *adapter)
    worst = largest([mine[row] for row in rows], theirs)
    print(f"{' beside '.join(adapter[:1] + [folder])}: {len(rows)} x {columns} logits, largest difference {worst:.2e} of the "
          f"largest, {ALLOWED:.0e} allowed")
    return 0 if rows and worst <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
