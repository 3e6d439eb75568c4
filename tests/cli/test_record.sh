#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One run's result.json beside what sft-report --json makes of its record: for each key the same value of the same
# type, and the type is the row's. Prints "ok - WHAT" or "not ok - WHAT".
set -u
build=${SFT_BUILDDIR:?}
[ -x "$build/sft-bench-job" ] || exit 77
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1 SLURM_JOB_ID=12 SLURM_STEP_ID=0
unset SFT_BENCH_RECORD_FD
failed=0

ok() { # ok WHAT COMMAND...
    local what=$1
    shift
    if "$@" >log 2>&1; then
        echo "ok - $what"
    else
        echo "not ok - $what"
        tail -n 20 log
        failed=1
    fi
}

train() {
    "$build/sft-bench-job" tiny,data=synthetic,seq=64,steps=2,warmup=1 --out out >said 2>err || { cat err; return 1; }
    sed -n 's/^record     //p' said >record
    python3 - <<'PY'
import json
record = open("record").read().strip()
assert record.startswith("sft2{"), record
json.dump({"jobs": [{"job_id": 12, "comment": {"administrator": record}}]}, open("sacct.json", "w"))
PY
    "$build/sft-report" --input sacct.json --json >report.json
}

same_types() {
    "$build/sft-report" --keys >keys
    python3 - <<'PY'
import json
mine, theirs = json.load(open("out/result.json")), json.load(open("report.json"))[0]["record"]
for key in ("losses", "rank_compute_ms", "rank_hosts"):
    assert isinstance(mine.pop(key), list)
assert len(theirs) > 35 and set(theirs) <= set(mine), set(theirs) - set(mine)
for key, value in theirs.items():
    assert type(value) is type(mine[key]) and value == mine[key], (key, value, mine[key])
assert theirs["zero"] == "0" and theirs["step"] == "12.0", "a text that looks like a number"
assert type(theirs["parameters"]) is int and theirs["parameters"] > 10000
assert type(theirs["steps_s"]) is float and type(theirs["nodes"]) is int
assert "vocab" in mine and "vocab" not in theirs, "a detail stands in result.json alone"
known = {line.split()[0] for line in open("keys").readlines()[1:]}
assert set(mine) <= known, set(mine) - known
PY
}

ok "a run leaves a record and result.json" train
ok "both JSON have the same values of the same types" same_types
exit $failed
