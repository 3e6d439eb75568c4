#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write mixed.safetensors beside this file: a small file by the format's own library, for
tests/unit/weights/test_safetensors.c, which knows its numbers: element i of each tensor is (i - 5) / 8.

    pip install safetensors==0.8.0 numpy && python3 tests/golden/make_safetensors_golden.py
"""
import pathlib

import numpy as np
from safetensors import TensorSpec, serialize_file

ROWS, COLUMNS = 3, 7


def tensor(dtype, array):
    return TensorSpec(dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)


def main():
    values = ((np.arange(ROWS * COLUMNS, dtype="<f4") - 5) / 8).reshape(ROWS, COLUMNS).astype("<f4")
    brain = (values.view("<u4") >> 16).astype("<u2")  # exact: the lower half is zero
    half, whole, empty = values.astype("<f2"), np.arange(4), np.zeros((0, 5), "<f4")
    serialize_file({"float": tensor("float32", values), "half": tensor("float16", half),
                    "brain": tensor("bfloat16", brain), "whole": tensor("int64", whole),
                    "empty": tensor("float32", empty)},
                   pathlib.Path(__file__).parent / "mixed.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
