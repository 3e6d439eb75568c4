#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/bench/plugin_overhead.sh [REPEATS] : what the plugin adds to an ordinary srun without the option.
# Two private clusters, one with the plugin, run `srun -N1 true` in turn (SFT_ROOT: installed tree).
# Prints both medians with their spread, and their difference; aim: under 2 ms.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=${SFT_ROOT:-$PWD/build/tests/root}
repeats=${1:-100}
cluster=tests/cluster/sft-cluster
dir=$(mktemp -d /tmp/sftb.XXXXXX)
trap '$cluster stop "$dir/a"; $cluster stop "$dir/b"; rm -rf "$dir"' EXIT
$cluster start "$dir/a" --nodes 1 | tail -n 1
$cluster start "$dir/b" --nodes 1 --plugin "$root/lib/sft-bench/sft_bench.so" | tail -n 1
python3 - "$dir" "$repeats" <<'PY'
import os, statistics, subprocess, sys, time

folder, repeats = sys.argv[1], int(sys.argv[2])


def once(which):
    environment = dict(os.environ, SLURM_CONF=f"{folder}/{which}/etc/slurm.conf")
    begin = time.perf_counter()
    subprocess.run(["srun", "-N1", "-Q", "true"], env=environment, check=True)
    return (time.perf_counter() - begin) * 1e3


times = {"a": [], "b": []}
for i in range(repeats + 3):
    for which in ("a", "b") if i % 2 else ("b", "a"):
        milliseconds = once(which)
        if i >= 3:
            times[which].append(milliseconds)
median = {k: statistics.median(v) for k, v in times.items()}
spread = {k: statistics.median(abs(x - median[k]) for x in v) for k, v in times.items()}
print(f"srun -N1 true, {repeats} times in turn")
print(f"without the plugin  {median['a']:8.2f} ms  (median absolute deviation {spread['a']:.2f})")
print(f"with the plugin     {median['b']:8.2f} ms  (median absolute deviation {spread['b']:.2f})")
print(f"added               {median['b'] - median['a']:8.2f} ms  (aim: under 2)")
PY
