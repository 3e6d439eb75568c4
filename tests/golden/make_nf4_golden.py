#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/nf4.inc: what bitsandbytes makes of weights in NF4 with double quantization, on the CPU.

    pip install torch numpy bitsandbytes==0.50.2 && python3 tests/golden/make_nf4_golden.py

bitsandbytes' own devices differ, and so the file has, of each:
- codes: the CPU's. A GPU has 0 where the CPU has 7, both of which mean 0, in a block of zeros; divides by what the CPU takes
  for 1e-38 where absmax is less; and multiplies by the inverse in a last block that is not full, where the CPU divides: a
  code that differs for it ends this script. absmax: the GPU's, which is 0 in a last block of zeros, 1e-38 on the CPU.
- mean: the exact one, rounded once. torch_mean is what quantize_4bit takes: torch's own sum, of which a CPU's and a GPU's
  differ in the last bits.
- scale_codes: of that mean, by bitsandbytes' plain torch code, which finds the nearest as a GPU does (but for ties, which go
  down here and to either side there). The CPU's library looks them up by 16 bits: the script prints how many differ. A group
  without any rest has 0 by CPU and GPU.
- the map's numbers: of processors with a fused multiply-add in torch.linspace (AVX2 and later); on others
  (ATEN_CPU_CAPABILITY=default) a tenth of them differ in the last bit.
"""
import math
import os

import bitsandbytes.functional as bnb
import numpy as np
import torch

BLOCK, GROUP = 64, 256
# name, elements, pattern, scale: tests/unit/tensor/nf4_patterns.h makes the same numbers
CASES = (("random", 1061, "RANDOM", 1.0), ("many_blocks", 20000, "RANDOM", 0.02), ("several_groups", 70000, "MIXED", 1.0),
         ("constant", 512, "CONSTANT", 0.3), ("constant_below_zero", 200, "CONSTANT", -7.0), ("zero", 128, "CONSTANT", 0.0),
         ("zero_not_full", 100, "CONSTANT", 0.0), ("huge", 640, "RANDOM", 1e30), ("tiny", 640, "RANDOM", 1e-30),
         ("denormal", 640, "RANDOM", 1e-40), ("ties", 256, "TIES", 1.0), ("one", 1, "RANDOM", 1.0))


def hashes(count):
    """MurmurHash3's finalizer of the element's number."""
    h = np.arange(count, dtype=np.uint32)
    for shift, factor in ((16, 0x85ebca6b), (13, 0xc2b2ae35)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    return h ^ (h >> np.uint32(16))


def pattern(kind, count, scale):
    u = (hashes(count) >> np.uint32(8)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    index = np.arange(count)
    if kind == "CONSTANT":
        return np.full(count, scale, np.float32)
    if kind == "TIES":
        code = bnb.get_4bit_type("nf4", device="cpu").numpy()
        x = ((code[:-1] + code[1:]) / np.float32(2))[index % BLOCK % 15]
        x = np.where(index % BLOCK >= 15, np.nextafter(x, np.float32(2)), x)
        x = np.where(index % BLOCK >= 30, np.nextafter(np.nextafter(x, np.float32(-2)), np.float32(-2)), x)
        return np.where(index % BLOCK == 63, np.float32(1), x).astype(np.float32)
    x = u * u * u * np.float32(scale)
    if kind == "MIXED":
        x = np.ldexp(x, index // BLOCK * 37 % 21 - 10)
    return x.astype(np.float32)


def fnv(data):
    h = 0xcbf29ce484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001b3 % 2**64
    return h


def fresh_map():
    return bnb.create_dynamic_map()


def case(count, kind, scale):
    x = torch.from_numpy(pattern(kind, count, scale))
    codes, plain = bnb.quantize_4bit(x, blocksize=BLOCK, quant_type="nf4", compress_statistics=False)
    absmax = plain.absmax.clone()
    rest = count % BLOCK
    if rest:
        last = x[count - rest:].abs().max()
        absmax[-1] = last
        by_gpu = torch.ops.bitsandbytes.quantize_4bit.default(torch.nn.functional.pad(x[count - rest:], (0, BLOCK - rest)),
                                                              BLOCK, "nf4", torch.uint8)[0].flatten().numpy()
        assert (by_gpu[:rest // 2] == codes.flatten().numpy()[count // 2 - rest // 2:][:rest // 2]).all()
    mean = np.float32(math.fsum(absmax.double().tolist()) / absmax.numel())
    rests = absmax - torch.tensor(mean)
    op = torch.ops.bitsandbytes.quantize_blockwise.default
    scale_codes, scales = op._op_dk(torch._C.DispatchKey.CompositeExplicitAutograd, rests, fresh_map(), GROUP)
    scales = torch.stack([part.abs().max() for part in rests.split(GROUP)])
    for i, part in enumerate(scale_codes.split(GROUP)):
        if scales[i] == 0:
            part.zero_()
    by_cpu = op(rests, fresh_map(), GROUP)
    assert (by_cpu[1] == scales).all() and scales.min() > 0 or (by_cpu[0] == scale_codes).all()
    state = bnb.QuantState(absmax=scale_codes, shape=x.shape, dtype=torch.float32, blocksize=BLOCK, code=plain.code,
                           quant_type="nf4", offset=torch.tensor(mean),
                           state2=bnb.QuantState(absmax=scales, code=fresh_map(), blocksize=GROUP, dtype=torch.float32))
    wide = bnb.dequantize_4bit(codes, state).flatten()
    state.dtype = torch.bfloat16
    narrow = bnb.dequantize_4bit(codes, state).flatten()
    return dict(codes=codes.flatten().numpy(), absmax=absmax.numpy(), mean=mean, torch_mean=absmax.mean().numpy(),
                scale_codes=scale_codes.numpy(), scales=scales.numpy(), wide=wide.numpy(),
                narrow=narrow.view(torch.int16).numpy(), differ=int((by_cpu[0] != scale_codes).sum()))


def rows(file, words, each):
    for i in range(0, len(words), each):
        file.write("    " + ", ".join(words[i:i + each]) + ",\n")


def bits(values):
    return [f"0x{b:08x}" for b in np.atleast_1d(np.asarray(values, np.float32)).view(np.uint32)]


def array(file, kind, name, words, each):
    file.write(f"static const {kind} {name}[] = {{\n")
    rows(file, words, each)
    file.write("};\n")


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nf4.inc")
    table = []
    with open(path, "w", encoding="ascii") as file:
        file.write("/* Made by make_nf4_golden.py out of bitsandbytes: bits of floats, and FNV-1a of what is long. */\n")
        array(file, "uint32_t", "golden_map", bits(fresh_map().numpy()), 8)
        for name, count, kind, scale in CASES:
            c = case(count, kind, scale)
            print(f"{name}: mean {c['mean']}, torch's {c['torch_mean']}; of {len(c['scale_codes'])} absmax {c['differ']} "
                  "have another code by the CPU's library")
            array(file, "uint8_t", name + "_scale_codes", [str(v) for v in c["scale_codes"]], 24)
            array(file, "uint32_t", name + "_scales", bits(c["scales"]), 8)
            table.append(f'{{"{name}", {count}, PATTERN_{kind}, {bits(scale)[0]}, {bits(c["mean"])[0]}, '
                         f'{bits(c["torch_mean"])[0]}, {name}_scale_codes, {name}_scales, {fnv(c["codes"].tobytes()):#x}, '
                         f'{fnv(c["absmax"].tobytes()):#x}, '
                         f'{fnv(c["wide"].tobytes()):#x}, {fnv(c["narrow"].tobytes()):#x}}}')
        file.write("static const struct golden_nf4 {\n    const char *name;\n    size_t count;\n    enum nf4_pattern pattern;\n"
                   "    uint32_t scale, mean, torch_mean;\n    const uint8_t *scale_codes;\n    const uint32_t *scales;\n"
                   "    uint64_t codes, absmax, fp32, bf16;\n} golden_nf4[] = {\n")
        rows(file, table, 1)
        file.write("};\n")


if __name__ == "__main__":
    main()
