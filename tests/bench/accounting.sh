#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/bench/accounting.sh PREFIX [JOBS]: how long sft-report takes, and how much memory it and sacct, where the
# accounting has many jobs [100000], of which 1% have a record. PREFIX: an installed sft-bench.
set -euo pipefail
prefix=$(realpath "$1") jobs=${2:-100000}
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/sft-accounting.XXXXXX)
trap '"$top/tests/cluster/sft-cluster" stop "$work/c" >/dev/null 2>&1; rm -rf "$work"' EXIT
echo "job = $prefix/bin/sft-bench-job" >"$work/conf"
"$top/tests/cluster/sft-cluster" start "$work/c" --nodes 1 --plugin "$prefix/lib/sft-bench/sft_bench.so" \
    --plugin-args "config=$work/conf" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
# shellcheck disable=SC1091
. "$work/c/env"
cd "$work"
srun --sft-bench=tiny:1,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic >/dev/null 2>&1
for _ in $(seq 50); do
    grep -q 'state=complete' <<<"$(sacct -X -n -P -o admincomment)" && break
    sleep 0.2
done
"$top/tests/cluster/add_jobs.sh" "$jobs" nightly
echo "jobs in the accounting: $(sacct -X -n -S now-30days -o jobid | wc -l)"
measure() { # measure WHAT COMMAND... : seconds, and the largest resident memory of any process of it
    python3 - "$@" <<'PY'
import resource, subprocess, sys, time
begin = time.time()
out = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, check=True).stdout
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:28} {time.time() - begin:6.2f} s  {usage.ru_maxrss / 1024:6.0f} MiB  {out.count(10):6d} lines")
PY
}
report=$prefix/bin/sft-report
measure "one sweep, table" "$report" --sweep nightly
measure "one sweep, page" "$report" --sweep nightly --format html
measure "all of 30 days, table" "$report" --since 30d
measure "one model of 30 days, groups" "$report" --since 30d --model tiny --groups
measure "sacct --json of all, alone" sacct --json -X -S now-30days
