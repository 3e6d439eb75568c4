#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy or gcc -fanalyzer over the plugin, lib/ and what reads sacct.

    tests/lint.py clang-tidy|gcc BUILDDIR

BUILDDIR is a configured build: its flags are taken (make lint-flags). Every C file of FOLDERS is read. A warning is
mended, or reasoned away in tests/lint.reasons; one that is in neither fails, and so does a reason that no warning
needs any more. What the warnings are is Debian 12's compilers' to say: others find more or less.
"""
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("lib", "node", "spank", "accounts", "report", "sweep")
REASONS = TOP / "tests" / "lint.reasons"
CHECKS = "-*,bugprone-*,cert-*,concurrency-*"
HEADERS = f"/({'|'.join(FOLDERS)})/"
WARNING = re.compile(r"^(?P<file>[^ :]+):(?P<line>\d+):(?P<column>\d+): (?:warning|error): (?P<text>.*) "
                     r"\[(?P<checks>[\w.,=-]+)\]$")


class Reason:
    """`CHECK FILES CODE` at a line's begin, below it, indented, why. FILES is a pattern of the shell's; CODE a regular
    expression that matches from the warning's column on (clang-tidy), or from the line's first word on (gcc)."""

    def __init__(self, line, head):
        self.line, self.used, self.why = line, False, ""
        self.check, self.files, self.code = head.split(None, 2)
        self.pattern = re.compile(self.code)

    def covers(self, warning):
        return (self.check in warning["checks"] and fnmatch.fnmatchcase(warning["file"], self.files)
                and self.pattern.match(warning["code"]) is not None)


def reasons_read():
    reasons = []
    for number, line in enumerate(REASONS.read_text().splitlines(), 1):
        if line[:1].isspace() and line.strip():
            reasons[-1].why += line.strip()
        elif line and not line.startswith("#"):
            reasons.append(Reason(number, line))
    return reasons


def command_of(tool, flags, source):
    if tool == "clang-tidy":
        return ["clang-tidy", "--quiet", f"--checks={CHECKS}", f"--header-filter={HEADERS}", source, "--", *flags]
    return ["gcc", *flags, "-Wno-error", "-fanalyzer", "-fanalyzer-verbosity=0", "-fdiagnostics-plain-output",
            "-c", "-o", os.devnull, source]


def warning_of(match, build):
    """As a dictionary: where it is, which checks found it, and the source from there on."""
    path = pathlib.Path(os.path.normpath(build / match["file"]))
    line, column = int(match["line"]), int(match["column"])
    checks = [check.removeprefix("-W") for check in match["checks"].split(",")]
    # gcc points into the middle of an expression: for it the whole line counts
    begin = 0 if checks[0].startswith("analyzer-") else column - 1
    code = path.read_bytes().splitlines()[line - 1][begin:].decode(errors="replace").strip()
    file = str(path.relative_to(TOP)) if path.is_relative_to(TOP) else str(path)
    return {"file": file, "line": line, "column": column, "text": match["text"], "checks": checks, "code": code}


def run(tool, flags, build, source):
    done = subprocess.run(command_of(tool, flags, str(source)), cwd=build, text=True, errors="replace", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = [warning_of(match, build) for match in map(WARNING.match, done.stdout.splitlines()) if match]
    if done.returncode != 0:
        print(done.stdout)
    return done.returncode, found


def sources():
    return [file for folder in FOLDERS for file in sorted((TOP / folder).glob("*.c"))]


def judge(tool, warnings):
    """How many lines of complaint."""
    reasons, bad = reasons_read(), 0
    for warning in sorted(warnings, key=lambda w: (w["file"], w["line"], w["column"])):
        covering = [reason for reason in reasons if reason.covers(warning)]
        for reason in covering:
            reason.used = True
        if not covering:
            bad += 1
            print(f"{warning['file']}:{warning['line']}:{warning['column']}: {warning['text']} "
                  f"[{','.join(warning['checks'])}]\n    {warning['code']}")
    for reason in reasons:
        where = f"tests/lint.reasons:{reason.line}: {reason.check} {reason.files} {reason.code}"
        if not reason.why:
            bad += 1
            print(f"{where}: says no reason")
        elif reason.check.startswith("analyzer-") == (tool == "gcc") and not reason.used:
            bad += 1
            print(f"{where}: matches no warning any more: take it out")
    return bad


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("clang-tidy", "gcc"):
        sys.exit(__doc__)
    tool, build = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    flags = subprocess.run(["make", "-s", "-C", build, "lint-flags"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = list(pool.map(lambda source: run(tool, flags, build, source), sources()))
    broken = sum(code != 0 for code, _ in runs)
    warnings = {tuple(str(v) for v in warning.values()): warning for _, found in runs for warning in found}
    bad = judge(tool, warnings.values())
    print(f"{tool}: {len(runs)} files, {len(warnings)} warnings, {bad} to mend or to reason away"
          + (f", {broken} files could not be read" if broken else ""))
    return 1 if bad or broken or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
