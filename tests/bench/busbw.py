#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""busbw of torch.distributed's collectives (NCCL, bf16), beside what verify measured in the same call.

Under torchrun, a process a GPU: busbw.py [VERIFY.JSON]. Sizes and busbw as nccl-tests counts them: bytes of the whole
buffer; the median of repeats, each of as many collectives as fill a twentieth of a second, 20 at most. With a file the
collectives among as many ranks of it stand beside, and their ratio. Prints; judges nothing."""
import json
import os
import statistics
import sys
import time

import torch
import torch.distributed as dist

MIB = 1 << 20
SIZES = [1, 4, 16, 64, 256, 1024]  # MiB
REPEATS = 7


def run_of(kind, whole, part):
    if kind == "all-reduce":
        return lambda: dist.all_reduce(whole)
    if kind == "all-gather":
        return lambda: dist.all_gather_into_tensor(whole, part)
    return lambda: dist.reduce_scatter_tensor(part, whole)


def seconds_of(run, times):
    torch.cuda.synchronize()
    dist.barrier()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(times):
        run()
    torch.cuda.synchronize()
    took = torch.tensor([(time.perf_counter() - begin) / times], device="cuda")
    dist.all_reduce(took, op=dist.ReduceOp.MAX)
    return took.item()


def main():
    dist.init_process_group("nccl", device_id=torch.device("cuda", int(os.environ["LOCAL_RANK"])))
    rank, ranks = dist.get_rank(), dist.get_world_size()
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    ours = {}
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            for one in json.load(file)["collectives"]:
                if one["ranks"] == ranks:
                    ours[one["kind"], one["bytes"]] = one["busbw_gbs"]
    for kind in ("all-reduce", "all-gather", "reduce-scatter"):
        factor = (ranks - 1) / ranks * (2 if kind == "all-reduce" else 1)
        for mib in SIZES:
            whole = torch.zeros(mib * MIB // 2, dtype=torch.bfloat16, device="cuda")
            part = torch.zeros(mib * MIB // 2 // ranks, dtype=torch.bfloat16, device="cuda")
            run = run_of(kind, whole, part)
            once = seconds_of(run, 3)
            times = max(1, min(20, int(0.05 / once)))
            busbw = 1e-9 * factor * mib * MIB / statistics.median(seconds_of(run, times) for _ in range(REPEATS))
            beside = ours.get((kind, mib * MIB))
            if rank == 0:
                print(f"{kind:15s} {mib:5d} MiB  torch {busbw:7.1f} GB/s" +
                      ("" if beside is None else f"  verify {beside:7.1f}  {beside / busbw:.3f}"), flush=True)
    dist.destroy_process_group()


main()
