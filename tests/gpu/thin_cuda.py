#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A shared library of CUDA's without the code of other GPUs, to be carried where there is no network.

thin_cuda.py LIBRARY OUTPUT ARCH [DROP]

Code in a library lies in fat binaries, one entry a module and architecture. Those of other architectures than ARCH (as
90), and with DROP, a regular expression, those modules whose every kernel's name it finds, are overwritten with zeros:
nothing moves, the library loads as before, and compresses to a part. A kernel that was dropped fails when it is called
for. Wants the package lz4 for DROP. Only for trying a program out: nothing that is made here is to be given to others.
"""
import re
import struct
import sys

MAGIC = struct.pack("<I", 0xBA55ED50)


def entries(data):
    """Yields (architecture, offset, bytes, compressed bytes, raw bytes) of each entry of each fat binary."""
    at = data.find(MAGIC)
    while at >= 0:
        _, version, header, size = struct.unpack_from("<IHHQ", data, at)
        end = at + header + size
        if version != 1 or header < 16 or end > len(data):
            at = data.find(MAGIC, at + 4)
            continue
        at += header
        while at + 64 <= end:
            _, _, header, size = struct.unpack_from("<HHIQ", data, at)
            (packed,) = struct.unpack_from("<I", data, at + 16)
            (architecture,) = struct.unpack_from("<I", data, at + 28)
            (raw,) = struct.unpack_from("<Q", data, at + 56)
            yield architecture, at + header, size, packed, raw
            at += header + size
        at = data.find(MAGIC, end)


def kernels(data, at, size, packed, raw):
    """The names of a module's kernels, as they stand in its sections' names."""
    import lz4.block

    code = bytes(data[at : at + (packed or size)])
    if code[:4] != b"\x7fELF" and raw:
        code = lz4.block.decompress(code, uncompressed_size=raw)
    return set(re.findall(rb"\.text\.(\w+)", code))


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__.split("\n\n")[1])
    source, output, keep = sys.argv[1], sys.argv[2], int(sys.argv[3])
    drop = re.compile(sys.argv[4].encode()) if len(sys.argv) == 5 else None
    with open(source, "rb") as file:
        data = bytearray(file.read())
    kept = gone = 0
    for architecture, at, size, packed, raw in entries(data):
        names = kernels(data, at, size, packed, raw) if drop and architecture == keep else ()
        if architecture != keep or (names and all(drop.search(name) for name in names)):
            data[at : at + size] = bytes(size)
            gone += size
        else:
            kept += size
    with open(output, "wb") as file:
        file.write(data)
    print(f"{output}: {kept >> 20} MiB of code kept, {gone >> 20} of {len(data) >> 20} MiB zeroed")


if __name__ == "__main__":
    main()
