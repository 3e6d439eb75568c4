#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/long/start.sh [COUNT]: slurmstepd killed COUNT times [50] at another moment of a step's start, on a private Slurm.
# Each time srun ends by itself with 1 and one line, the job is FAILED, and no task, daemon or keeper is left. Every fifth
# job is a batch job that is requeued after it, to the same node, and has to be complete then. Ends with
# `N passed, N failed`.
#   SFT_ROOT=DIR   the installed sft-bench [build/tests/root]
set -uo pipefail
BATS_TEST_DIRNAME=$(cd "$(dirname "$0")/../cluster" && pwd) || exit 1
export BATS_TEST_DIRNAME
# shellcheck source=tests/cluster/helpers.bash
. "$BATS_TEST_DIRNAME/helpers.bash"
count=${1:-50}
passed=0 failed=0
RUN=tiny:1,gpus=2,warmup=1,data=synthetic
# Before the keeper stands, some milliseconds after a slurmstepd has begun, its death leaves srun waiting, as without
# the plugin: that moment is none of these.
stages=(keeper socket folder task)

finish() {
    trap - EXIT
    cluster_down
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -eq "$count" ]
    exit $?
}

left() { # of step 0 of the job: tasks, slurmstepd, keeper
    local pid
    tasks
    for pid in $("$CLUSTER" pids "$FOLDER/c"); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep "^slurmstepd: \[$job\.0\]"
    done
}

none_left() { [ -z "$(left)" ]; }

state_is() { grep -q "JobState=$1" <<<"$(scontrol -o show job "$job")"; }

# A node refuses what was granted in the second in which it was told of the end.
requeued() { # the job is complete after a requeue
    scontrol requeue "$job" && wait_for 60 state_is PENDING && sleep 2 &&
        wait_for 60 scontrol update jobid="$job" starttime=now && wait_for 300 state_is COMPLETED &&
        wait_for 60 job_field_has "$job" admincomment 'state=complete'
}

# The job's number is known before it begins, as the killer has to be there first.
one() { # one NUMBER
    local stage=${stages[RANDOM % ${#stages[@]}]} wait=$((RANDOM % 60)) status=0 killer batch=no
    job=$((${job:-0} + 1))
    [ $(($1 % 5)) -ne 0 ] || batch=yes
    what="$stage $wait ms, batch $batch"
    "$BATS_TEST_DIRNAME/early-death" "$FOLDER/c" "$job" "$stage" "$wait" >/dev/null &
    killer=$!
    if [ $batch = yes ]; then
        timeout -k 5 300 sbatch --wait --requeue -o out --sft-bench="$RUN" "$FOLDER/script" >/dev/null 2>&1 || status=$?
    else
        timeout -k 5 300 srun --sft-bench="$RUN,steps=1000000" >out 2>&1 || status=$?
    fi
    wait $killer && [ $status -eq 1 ] && [ "$(grep -c '^sft-bench: step ' out)" -eq 1 ] &&
        wait_for 60 state_is FAILED && wait_for 120 none_left && { [ $batch = no ] || requeued; }
}

need_slurm() { :; }
trap finish EXIT
trap 'exit 1' INT TERM HUP
cluster_of "$JOB" --nodes 1 --cpus 4 --gpus 2 || exit 1
cluster_enter || exit 1
export SFT_TEST_MARK=$FOLDER
cat >script <<SH
#!/bin/sh
[ "\${SLURM_RESTART_COUNT:-0}" = 0 ] && exec srun --sft-bench=$RUN,steps=1000000
exec srun --sft-bench=$RUN,steps=2
SH
job=0
for ((number = 1; number <= count; number++)); do
    if one "$number"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not ok $number: $what"
        sed 's/^/    /' out
        left
        scancel "$job" 2>/dev/null
    fi
done
