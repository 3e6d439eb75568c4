#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nvcc's command line, for a CUDA folder whose bin/ has ptxas alone, as NVIDIA's packages on PyPI do: clang 16 or
later ($CLANG, or the newest here) compiles, that folder's ptxas assembles, and the fat binary is put together here.

FOLDER/bin/nvcc is a link to this file: FOLDER is the toolkit. tests/cuda_headers.sh --toolkit makes such a folder."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

CLANGS = ["clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang"]
PTX, ELF = 1, 2
HOST_64_LINUX = 0x11
TAKES_A_VALUE = ("-o", "-I", "-isystem", "-D", "-x")


def fail(text):
    sys.exit(f"nvcc (by clang): {text}")


def clang_find():
    for name in [os.environ["CLANG"]] if os.environ.get("CLANG") else CLANGS:
        if shutil.which(name):
            version = subprocess.run([name, "-dumpversion"], capture_output=True, text=True).stdout
            if int(version.split(".")[0] or 0) >= 16:
                return name
    fail("no clang of 16 or later: install clang-16 or clang-19 (Debian)")


def release(toolkit):
    with open(f"{toolkit}/include/cuda.h" if os.path.exists(f"{toolkit}/include/cuda.h")
              else f"{toolkit}/include/cuda_runtime_api.h", encoding="utf-8") as header:
        number = int(re.search(r"#define CUDA(?:RT)?_VERSION +(\d+)", header.read())[1])
    return f"{number // 1000}.{number % 1000 // 10}"


def fat_binary(images):
    """images: (kind, compute capability times ten, bytes). The container that cudart registers: a header of 16 bytes,
    and before each image one of 64 bytes (PTX: and 16 for its assembler's options, none), its sizes in whole 8 bytes."""
    body = b""
    for kind, capability, image in images:
        options_at, options = (64, struct.pack("<QQ", 72, 0)) if kind == PTX else (0, b"")
        image += b"\0" if kind == PTX else b""
        image += b"\0" * (-len(image) % 8)
        body += struct.pack("<HHIQIIHHIIIQQQ", kind, 0x101, 64 + len(options), len(image), 0, options_at,
                            *((7, 1) if kind == ELF else (8, 7)), capability, 0, 0, HOST_64_LINUX, 0, 0)
        body += options + image
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def targets(arguments):
    """[(kind, capability)] of -gencode=arch=compute_90,code=sm_90 and the like."""
    found = []
    for argument in arguments:
        code = re.fullmatch(r"-gencode=arch=compute_\d+,code=(sm|compute)_(\d+)", argument)
        if code:
            found.append((ELF if code[1] == "sm" else PTX, int(code[2])))
    return found or fail("no -gencode=arch=compute_N,code=sm_N")


def options(arguments):
    """What clang is told for host and device alike; the source and where the object goes are left out."""
    kept, rest = [], iter(arguments)
    for argument in rest:
        if argument in TAKES_A_VALUE:
            value = next(rest)
            if argument != "-o":
                kept += [argument, value]
        elif argument == "-Werror":
            next(rest)  # nvcc's own words, all-warnings
        elif not argument.endswith(".cu") and argument not in ("-c", "-lineinfo") and not argument.startswith(
                ("-gencode", "--forward")):
            kept.append(argument)
    return kept


def main():
    toolkit = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
    arguments = sys.argv[1:]
    if "--version" in arguments:
        print(f"nvcc by {clang_find()}, release {release(toolkit)}, V{release(toolkit)}.0")
        return
    sources = [a for a in arguments if a.endswith(".cu")]
    if len(sources) != 1 or "-c" not in arguments or "-o" not in arguments:
        fail("it compiles one .cu with -c and -o")
    base = [clang_find(), "-x", "cuda", f"--cuda-path={toolkit}", "-Wno-unknown-cuda-version"]
    base += options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        images = []
        for kind, capability in targets(arguments):
            image = f"{folder}/{kind}-{capability}"
            subprocess.run(base + ["--cuda-device-only", f"--cuda-gpu-arch=sm_{capability}",
                                   "-c" if kind == ELF else "-S", "-o", image, sources[0]], check=True)
            with open(image, "rb") as file:
                images.append((kind, capability, file.read()))
        with open(f"{folder}/fat", "wb") as file:
            file.write(fat_binary(images))
        subprocess.run(base + ["--cuda-host-only", "-Xclang", "-fcuda-include-gpubinary", "-Xclang", f"{folder}/fat",
                               "-c", "-o", arguments[arguments.index("-o") + 1], sources[0]], check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
