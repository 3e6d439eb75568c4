#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# seconds= and steps=, and a run that is stopped in its middle.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
[ -x "$job" ] || exit 77
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo
run=tiny,data=synthetic,seq=64,micro_batch=1,warmup=1
failed=0 number=0

# No more steps than the seconds ask for: the last two pass them, of which one may be slow; five are made of however slow
# a machine.
enough='(f["steps_done"] == 5 || f["steps_s"] < 2 * f["measure_s"] + 2.5 * f["step_p95_ms"] / 1000)'

# result NAME CONDITION [TEXT] : the condition is awk's, over the figures of the record in log, by name
result() {
    local values
    number=$((number + 1))
    values=$(grep -o '^record .*' log | grep -oE '[a-z_0-9]+=[^ }]*' | sed 's/=/ /')
    if printf '%s\n' "$values" | awk "{ f[\$1] = \$2 } END { exit !($2) }"; then
        echo "ok $number $1"
    else
        failed=1
        echo "not ok $number $1: $2"
        sed 's/^/# /' log
    fi
}

"$job" "$run,seconds=1" >log 2>&1
result "seconds=: as many steps as they take, and no more" \
    'f["state"] == "complete" && f["measure_s"] == 1 && !("steps" in f) && f["steps_s"] >= 1 &&
     f["steps_done"] >= 5 && '"$enough"
"$job" tiny,data=synthetic,seq=512,warmup=0,seconds=0.1 >log 2>&1
result "five steps at least" 'f["steps_done"] >= 5 && f["steps_s"] >= 0.1'
"$job" "$run,steps=3" >log 2>&1
result "steps=: so many" 'f["steps_done"] == 3 && f["steps"] == 3 && !("measure_s" in f)'
"$job" "$run,steps=3,seconds=1" >log 2>&1
status=$?
number=$((number + 1))
if [ $status -eq 1 ] && [ "$(cat log)" = "sft-bench-job: steps=3 and seconds=1 exclude each other: leave one out" ]; then
    echo "ok $number not both"
else
    failed=1
    echo "not ok $number not both: status $status: $(cat log)"
fi
if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    timeout 120 mpirun --oversubscribe -n 3 "$job" "$run,seconds=1" >log 2>&1
    result "three ranks leave after the same step" \
        'f["state"] == "complete" && f["ranks"] == 3 && f["steps_s"] >= 1 && '"$enough"
fi

# So long that the stop falls into it on a machine where this shell waits for its turn.
"$job" "$run,seconds=7" >log 2>&1 &
pid=$!
until grep -q '^step 1 ' log || ! kill -0 $pid; do sleep 0.1; done
sleep 0.5
begin=${EPOCHREALTIME/./}
kill -STOP $pid
sleep 4
kill -CONT $pid
stop=$((${EPOCHREALTIME/./} - begin)) # microseconds, 4 s at least
wait $pid
# Time counts once: as a step's or as the stop's. tok_s is of the steps' alone: 128 tokens a step.
result "a stop is told apart: in no figure" \
    "f[\"suspended_s\"] > 3 && f[\"suspended_s\"] < $stop / 1e6 + 1 &&"'
     f["steps_s"] >= 7 && f["steps_s"] + f["suspended_s"] < f["seconds"] && '"$enough"' &&
     f["tok_s"] * f["steps_s"] / f["steps_done"] > 120'
exit $failed
