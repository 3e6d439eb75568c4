#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/long/jobs.sh [--here] [COUNT]: COUNT [200] jobs with the option at once on a private cluster, with a dummy in the
# job's place, and a report after: every record is there, none twice. SFT_ROOT: an installed sft-bench
# [build/tests/root]; --here: on the cluster whose environment is set. Ends with `N passed, N failed`.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
root=${SFT_ROOT:-$top/build/tests/root}
here=
[ "${1:-}" = --here ] && here=yes && shift
count=${1:-200}
passed=0 failed=0
work=$(mktemp -d /tmp/sftj.XXXXXX)

finish() {
    [ -n "$here" ] || "$top/tests/cluster/sft-cluster" stop "$work/c" >/dev/null 2>&1
    rm -rf "$work"
}
trap finish EXIT

check() { # check WHAT COMMAND...
    if "${@:2}"; then
        echo "ok - $1"
        passed=$((passed + 1))
    else
        echo "not ok - $1"
        failed=$((failed + 1))
    fi
}

wait_until() { # wait_until SECONDS COMMAND...
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.5
    done
}

if [ -z "$here" ]; then
    echo "job = $top/tests/cluster/dummy-job" >"$work/conf"
    # An srun whose request for its step is not answered in MessageTimeout [10 s] waits a minute before the next one.
    "$top/tests/cluster/sft-cluster" start "$work/c" --nodes 4 --cpus 64 --gpus 64 --conf MessageTimeout=60 \
        --plugin "$root/lib/sft-bench/sft_bench.so" --plugin-args "config=$work/conf" >"$work/start.log" 2>&1 || {
        cat "$work/start.log" >&2
        exit 1
    }
    # shellcheck disable=SC1091
    . "$work/c/env"
    request=tiny:1,gpus=1
else
    request=tiny:1,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic
fi
name=many-$$

# With a core each they run side by side, as many as there are GPUs. Eight are submitted at a time: a
# machine has few cores, which sbatch shares with slurmctld and the jobs.
submit() {
    # shellcheck disable=SC2016
    seq "$count" | xargs -P 8 -I{} sbatch --parsable -o /dev/null -c 1 -J "$name" "--sft-bench=$request" 2>"$work/sbatch.log" |
        sort -n >"$work/jobs"
    [ "$(sort -u "$work/jobs" | wc -l)" -eq "$count" ] || {
        head -n 5 "$work/sbatch.log"
        return 1
    }
}

records() { sacct -X -n -P --name "$name" -S now-1days -o jobidraw,admincomment | grep -c 'state=complete'; }
all_told() { [ "$(records)" -ge "$count" ]; }

# The report's jobs, as they come: each of those that were submitted, and no other.
same_jobs() { # same_jobs WHAT : of the report of $work/WHAT
    python3 - "$work/$1" "$work/jobs" "$name" <<'PY'
import collections, json, sys
rows = [row for row in json.load(open(sys.argv[1])) if row["job_name"] == sys.argv[3]]
jobs = sorted(int(line) for line in open(sys.argv[2]))
found = collections.Counter((row["job_id"], row["step_id"]) for row in rows)
twice = [key for key, times in found.items() if times > 1]
missing = set(jobs) - {job for job, _ in found}
bad = [row["job_id"] for row in rows if row["run_state"] != "complete" or row["trust"] in ("unconfirmed", "comment")]
print(f"{sys.argv[1].rsplit('/')[-1]}: {len(rows)} records of {len(jobs)} jobs; twice {twice[:5]}, missing "
      f"{sorted(missing)[:5]}, not complete and confirmed {bad[:5]}")
sys.exit(len(rows) != len(jobs) or bool(twice or missing or bad))
PY
}

check "$count jobs are submitted" submit
# No `grep -q` behind squeue: it would go before squeue has written all, which then counts as failed. An squeue that
# gets no answer has not said that nothing is left.
ended() {
    local left
    all_told || { left=$(squeue -h --name "$name") && [ -z "$left" ]; }
}
wait_until 1200 ended && wait_until 60 all_told
squeue -h --name "$name" | head -n 5
check "the accounting has a complete record of each" all_told
"$root/bin/sft-report" -a --format json >"$work/all"
check "all records, none twice" same_jobs all
"$root/bin/sft-report" --sweep "$name" --format json >"$work/named"
check "and by the jobs' name" same_jobs named
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
