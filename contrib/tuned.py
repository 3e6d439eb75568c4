#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tables of matrix products for contrib/tuned, or for a site's SFT_BENCH_TUNED, out of what runs have left.

    tuned.py FOLDER... --to FOLDER

Of each file name (a GPU and a release of cuBLASLt) the lines of all folders come together, sorted; of a product that
several files have, the choice that most of them have, then the fastest. Lines that are none are left out and counted;
files of another form are refused.
"""
import argparse
import collections
import os
import pathlib
import re
import sys
import tempfile

NUMBERS, WORDS = 17, 8
LINE = re.compile(r"(?:-?\d+ ){%d}\d+(?:\.\d+)?(?:e[-+]?\d+)?(?: [0-9a-f]{1,16}){%d}" % (NUMBERS, WORDS))


def form():
    """The first line, as the program has it."""
    source = pathlib.Path(__file__).resolve().parent.parent / "job/tensor/cuda/matmul_cache.c"
    said = re.search(r"matmul_cache_form\[\] =((?:\s*\"[^\"]*\")+);", source.read_text()).group(1)
    return "".join(re.findall(r'"([^"]*)"', said)).replace("\\n", "")


def read(path, first):
    lines = path.read_text(errors="replace").splitlines()
    if not lines or lines[0] != first:
        sys.exit(f"tuned.py: {path}: not of this form: {first[:22]}...")
    good = [line for line in lines[1:] if LINE.fullmatch(line)]
    wrong = sum(line != first for line in lines[1:]) - len(good)
    if wrong:
        print(f"{path}: {wrong} lines are none", file=sys.stderr)
    return [(tuple(map(int, w[:NUMBERS])), float(w[NUMBERS]), tuple(w[NUMBERS + 1:])) for w in map(str.split, good)]


def merge(choices):
    by_key = collections.defaultdict(list)
    for key, milliseconds, algorithm in choices:
        by_key[key].append((milliseconds, algorithm))
    for key, found in sorted(by_key.items()):
        votes = collections.Counter(algorithm for _, algorithm in found)
        yield key, *min(found, key=lambda c: (-votes[c[1]], c[0]))


def write(path, first, choices):
    """Under its name at once, for all to read."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(first + "\n")
        for key, milliseconds, algorithm in choices:
            file.write(" ".join(map(str, key)) + f" {milliseconds:.4g} " + " ".join(algorithm) + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", nargs="+", type=pathlib.Path)
    p.add_argument("--to", required=True, type=pathlib.Path)
    a = p.parse_args()
    first, files = form(), collections.defaultdict(list)
    for folder in a.folder:
        for path in sorted(folder.glob("cublaslt-*")):
            files[path.name] += read(path, first)
    if not files:
        sys.exit("tuned.py: no file cublaslt-* in " + ", ".join(map(str, a.folder)))
    for name, choices in files.items():
        merged = list(merge(choices))
        write(a.to / name, first, merged)
        print(f"{a.to / name}: {len(merged)} products")


if __name__ == "__main__":
    main()
