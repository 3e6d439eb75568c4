#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/fp8.inc: what ml_dtypes makes of FP8's bytes, and of floats at and beside all ties between them.

    pip install ml_dtypes==0.6.0 numpy && python3 tests/golden/make_fp8_golden.py

Floats beyond the largest number saturate here, as the hardware's conversion does; ml_dtypes has NaN or infinity for them, so
they are cut before.
"""
import os

import ml_dtypes
import numpy as np

FORMATS = ((ml_dtypes.float8_e4m3fn, "FORMAT_E4M3"), (ml_dtypes.float8_e5m2, "FORMAT_E5M2"))


def bits(values):
    return np.asarray(values, np.float32).view(np.uint32)


def decoded(dtype):
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)


def floats(dtype):
    """Each number's midpoint to the next, the floats on both sides of it, and some beyond the ends."""
    numbers = np.unique(decoded(dtype)[:127])
    numbers = numbers[np.isfinite(numbers)]
    middles = ((numbers[:-1].astype(np.float64) + numbers[1:]) / 2).astype(np.float32)
    beside = [np.nextafter(middles, np.float32(0)), middles, np.nextafter(middles, np.float32(1e30))]
    ends = np.array([0, 1e-45, numbers[-1], np.nextafter(numbers[-1], np.float32(1e30)), 1e5, 3e38], np.float32)
    return np.concatenate([*beside, ends])


def encoded(dtype, values):
    return np.minimum(values, np.float32(ml_dtypes.finfo(dtype).max)).astype(dtype).view(np.uint8)


def rows(file, words, each):
    for i in range(0, len(words), each):
        file.write("    " + ", ".join(words[i:i + each]) + ",\n")


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fp8.inc")
    with open(path, "w", encoding="ascii") as file:
        file.write("/* Made by make_fp8_golden.py: the bits of the floats that bytes mean, and the bytes of floats */\n")
        file.write("static const uint32_t decoded[FORMATS][256] = {\n")
        for dtype, name in FORMATS:
            values = decoded(dtype)
            values[np.isnan(values)] = np.float32("nan")
            file.write(f"    [{name}] = {{\n")
            rows(file, [f"0x{b:08x}" for b in bits(values)], 8)
            file.write("    },\n")
        file.write("};\nstatic const struct encoded {\n    enum format format;\n    uint32_t value;\n    uint8_t byte;\n"
                   "} encoded[] = {\n")
        for dtype, name in FORMATS:
            values = floats(dtype)
            rows(file, [f"{{{name}, 0x{b:08x}, 0x{e:02x}}}" for b, e in zip(bits(values), encoded(dtype, values))], 3)
        file.write("};\n")


if __name__ == "__main__":
    main()
