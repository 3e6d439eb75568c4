#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of the sources, as HACKING.md has it: style, sizes, and which folder includes which.

    tests/shape.py [--no-style]

Prints a table of function and file lengths and a line for each rule that a file breaks; fails if there is one. Style is
clang-format 14's (other versions break lines elsewhere; --no-style is for systems without it), functions are
universal-ctags'. tests/ has no rule for the length of its files.
"""
import collections
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
COLUMNS, FUNCTION, FILE, FILE_MOST = 100, 60, 300, 450
# No folder includes a later one of its row; a row is what one program is made of, and main.c alone sees all.
ORDER = (
    ("lib", "node", "spank"),
    ("lib", "node", "job/control", "job/tensor", "job/tensor/cpu", "job/tensor/cuda", "job/collective",
     "job/weights", "job/checkpoint", "job/data", "job/model", "job/train", "job/verify", "job/run", "job"),
    ("lib", "node", "accounts", "report"),
    ("lib", "node", "spank", "accounts", "sweep"),
)
FOLDERS = {folder for row in ORDER for folder in row}


class Sources:
    """Every C, C++ and CUDA file below the folders and tests/, with its lines."""

    def __init__(self):
        paths = sorted(p for top in sorted({folder.split("/")[0] for folder in FOLDERS} | {"tests"})
                       for p in (TOP / top).rglob("*") if p.suffix in (".c", ".h", ".cc", ".cu", ".cuh"))
        self.lines = {str(p.relative_to(TOP)): p.read_text().splitlines() for p in paths}

    def folders(self):
        found = collections.defaultdict(list)
        for file in self.lines:
            found[os.path.dirname(file)].append(file)
        return found

    def includes(self):
        for file, lines in self.lines.items():
            for line in lines:
                match = re.match(r'\s*#\s*include "([^"]+)"', line)
                if match and match[1] in self.lines:
                    yield file, match[1]


def tool(*names):
    for name in names:
        if shutil.which(name):
            return name
    sys.exit(f"tests/shape.py: {names[0]} is missing: see tests/packages.sh")


def style(sources):
    """(rule, file, what) of each file that clang-format would change, and of each line that is too long."""
    command = "" if "--no-style" in sys.argv else tool("clang-format-14", "clang-format")
    if command:
        yield from clang_format(command, sources)
    for file, lines in sources.lines.items():
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield "columns", file, f"line {number} has {len(line)}, at most {COLUMNS}"
                break


def clang_format(command, sources):
    said = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    if " version 14." not in said:
        sys.exit(f"tests/shape.py: clang-format 14 is needed, this is {said.strip()}")
    done = subprocess.run([command, "--dry-run", "-Werror", *sources.lines], cwd=TOP, check=False,
                          capture_output=True, text=True)
    bad = dict(re.findall(r"^([^:\n]+):(\d+):\d+: error: code should be clang-formatted", done.stderr, re.M)[::-1])
    if done.returncode != 0 and not bad:
        sys.exit(f"tests/shape.py: {command} failed: {done.stderr}")
    for file, line in sorted(bad.items()):
        yield "clang-format", file, f"first at line {line}: clang-format-14 -i {file}"


def functions(sources):
    """{folder: [(lines, file, name)]}"""
    done = subprocess.run([tool("ctags"), "-x", "--_xformat=%n %{end} %F %N", "--map-C=-.h", "--map-C++=+.cu",
                           "--map-C++=+.cuh", "--kinds-C=f", "--kinds-C++=f", "-f", "-", *sources.lines],
                          cwd=TOP, check=True, capture_output=True, text=True)
    found = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        begin, end, file, name = line.split(" ", 3)
        found[os.path.dirname(file)].append((int(end) - int(begin) + 1, file, name))
    return found


def nth(values, part):
    return sorted(values)[min(int(len(values) * part), len(values) - 1)] if values else 0


def sizes(sources):
    """Prints the table; (rule, file, what) of what is too long."""
    by_folder = functions(sources)
    print(f"{'':22}functions {'median':>6} {'p90':>4} {'max':>4}    files {'p90':>4} {'max':>4}  over {FILE}")
    for folder, files in sorted(sources.folders().items()):
        longest = [(len(sources.lines[file]), file) for file in files]
        lengths, file_lengths = [n for n, _, _ in by_folder[folder]], [n for n, _ in longest]
        over = sorted((n, file) for n, file in longest if n > FILE)
        median = int(statistics.median(lengths)) if lengths else 0
        print(f"{folder:22}{len(lengths):9} {median:6} {nth(lengths, .9):4} {max(lengths, default=0):4} "
              f"{len(files):8} {nth(file_lengths, .9):4} {max(file_lengths):4}  {len(over):8}")
        for length, file, name in by_folder[folder]:
            if length > FUNCTION:
                yield "function", file, f"{name} has {length} lines, at most {FUNCTION}"
        if folder.startswith("tests"):
            continue
        for length, file in over:
            if length > FILE_MOST:
                yield "file", file, f"{length} lines, at most {FILE_MOST}"
        # One in ten may, and one where there are fewer than ten: the longest ones are.
        for length, file in over[:max(0, len(over) - max(1, len(files) // 10))]:
            yield "files", file, f"{length} lines: of {folder}'s {len(files)} files {len(over)} have over {FILE}"


def unit(file):
    """What counts as one file: x.c, x.h and x_internal.h."""
    return os.path.splitext(file)[0].removesuffix("_internal")


def may_include(folder, other):
    return any(folder in row and other in row[:row.index(folder)] for row in ORDER)


def ways(sources):
    """(rule, file, what) of includes that go up, and of two folders or files that include each other."""
    between = collections.defaultdict(set)
    for file, other in sources.includes():
        folder, into = os.path.dirname(file), os.path.dirname(other)
        if folder in FOLDERS and into != folder and not may_include(folder, into):
            yield "include", file, f"{other}: {folder} may not include {into}"
        if folder in FOLDERS and unit(file) != unit(other):
            between[unit(file)].add(unit(other))
    for one, others in sorted(between.items()):
        for other in sorted(others):
            if one < other and one in between[other]:
                yield "ring", f"{one}.c", f"and {other}.c include each other"


def lists(sources):
    """(rule, file, what) of sources, tests and fuzz targets that stand in no local.mk, and so in no program."""
    paths = [TOP / "Makefile.am", *(TOP / folder / "local.mk" for folder in FOLDERS)]
    words = {word.removesuffix(".c") for path in paths if path.exists() for word in path.read_text().split()}
    for file in sources.lines:
        if file.removesuffix(".c") not in words:
            yield "local.mk", file, "is in no local.mk"


def main():
    os.chdir(TOP)
    sources, bad = Sources(), 0
    for rule, file, what in [*sizes(sources), *style(sources), *ways(sources), *lists(sources)]:
        bad += 1
        print(f"{file}: {rule}: {what}")
    missing = sorted(FOLDERS - set(sources.folders()))
    if missing:
        bad += 1
        print(f"tests/shape.py: no sources in {' '.join(missing)}: nothing was checked there")
    print(f"{len(sources.lines)} files, {bad} breaks")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
