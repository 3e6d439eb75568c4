# SPDX-License-Identifier: Apache-2.0
# A rank that is stopped, dead or slow in the middle of a run: the run ends within its limit and names the
# rank and its host, the accounting has the record, and no process of it is left; or it goes on.
load helpers

LIMIT=10
REQUEST=tiny:2,gpus=1,zero=0,warmup=0,data=synthetic,seq=128,micro_batch=1,global_batch=2,timeout=$LIMIT

setup_file() {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 2 --cpus 2 --gpus 1
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    job= srun_pid=
}

teardown() {
    [ -z "$job" ] || scancel --signal=KILL "$job" 2>/dev/null || true
    [ -z "$srun_pid" ] || kill -KILL "$srun_pid" 2>/dev/null || true
}

begin() { # begin KEYS [SRUN OPTION]... : a run, until its first record is published
    local keys=$1
    shift
    rm -rf "$FOLDER/out"
    srun "$@" --sft-bench="$REQUEST,out=$FOLDER/out,$keys" >run.out 2>&1 &
    srun_pid=$!
    wait_for 20 is_running
    wait_for 30 comment_has 'state=partial'
    wait_for 10 test -n "$(task_of 0)" -a -n "$(task_of 1)"
    HOST0=$(host_of 0) HOST1=$(host_of 1)
}

host_of() {
    tr '\0' '\n' <"/proc/$(task_of "$1")/environ" | sed -n 's/^SLURMD_NODENAME=//p'
}

# ended STATE PATTERN : srun has returned in time, no task is left, the accounting has the record
ended() {
    wait_for $((LIMIT + 30)) no_srun
    cat run.out
    wait_for 30 no_tasks
    wait_for 30 job_field_has "$job" state "$1"
    wait_for 30 job_field_has "$job" admincomment "sft2\{.*step=$job\.0 .*$2"
    job_field_has "$job" comment "sft2\{.*step=$job\.0 .*state=(partial|failed)"
    job_field_has "$job" admincomment "steps_done=[0-9]"
    job=
}

@test "another rank stopped: rank 0 names it, and the record says why" {
    begin steps=1000000
    kill -STOP "$(task_of 1)"
    ended FAILED "state=failed.*fail=[^ ]*rank[^ ]*1[^ ]*on[^ ]*$HOST1"
    grep -Eq "^sft-bench-job: rank 1 on $HOST1 has not answered for [0-9]+ s .*: 1 rank waits in all-reduce of .* \(number [0-9]+\) for [1-9][0-9] s \(timeout=10\)" run.out
    python3 - "$FOLDER/out/result.json" "$HOST1" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
assert r["state"] == "failed" and f"rank 1 on {sys.argv[2]} has not answered" in r["fail"], r
assert len(r["losses"]) > 0, r
PY
}

@test "rank 0 stopped: another names it, and the record stays, partial" {
    begin steps=1000000
    kill -STOP "$(task_of 0)"
    ended FAILED state=partial
    grep -Eq "^sft-bench-job: rank 0 on $HOST0 has not answered for [0-9]+ s .*, and rank 1 on $HOST1 waits in all-reduce" run.out
}

@test "another rank killed: Slurm or a rank says which" {
    begin steps=1000000
    kill -KILL "$(task_of 1)"
    ended FAILED 'state=(partial|failed)'
    grep -Eq "task 1: Killed|rank 1 on $HOST1 is gone" run.out
}

@test "another rank killed where Slurm lets the rest go on: the ranks end the run and name it" {
    # --kill-on-bad-exit=1 is the plugin's; a user may take it back
    begin steps=1000000 --kill-on-bad-exit=0
    kill -KILL "$(task_of 1)"
    ended FAILED 'state=(partial|failed)'
    # Open MPI 5 ends rank 0 as soon as its connection breaks, before the watchdog has spoken: then srun names the rank.
    local named="rank 1 on $HOST1 is gone"
    [ "$(open_mpi)" -lt 5 ] || named+="|error: $HOST1: task 1: Killed"
    grep -Eq "$named" run.out
}

open_mpi() { # its major version; 0 for another MPI
    ompi_info --version 2>/dev/null | sed -n 's/^Open MPI v\([0-9]*\)\..*/\1/p' | grep . || echo 0
}

@test "a rank that hangs as MPI starts: the run ends, and says where" {
    printf '%s\n' '#include <stdlib.h>' '#include <string.h>' '#include <unistd.h>' 'int MPI_Comm_split(void) {' \
        'while (strcmp(getenv("PMIX_RANK"), "1") == 0) pause(); return 0; }' |
        gcc -shared -fPIC -x c -o "$FOLDER/hangs.so" -
    run env LD_PRELOAD="$FOLDER/hangs.so" srun --sft-bench="$REQUEST,steps=2"
    [ "$status" -ne 0 ]
    [[ $output == *"sft-bench-job: "*"rank 1 on "*"groups of ranks"*"(timeout=$LIMIT)"* ]]
    job=$(sacct -X -n -o jobid | tail -n 1 | tr -d ' ')
    wait_for 30 job_field_has "$job" admincomment "state=failed.*fail=[^ ]*groups%20of%20ranks"
    job=
}

# The runs that go on: long enough to be caught, and short. How long they take is the machine's to say.
STEPS=800

is_stopped() {
    grep -q '^State:[[:space:]]*T' "/proc/$(task_of "$1")/status"
}

# What is said of ranks, but who computes slower than before: on a busy machine one does.
blamed() {
    grep 'sft-bench-job: rank' run.out | grep -Ev ': [0-9]+% slower since step|: no longer slow since step'
}

complete() {
    wait_progress 60 run.out no_srun # a line for each tenth, or every 10 s
    cat run.out
    wait_for 30 no_tasks
    wait_for 30 job_field_has "$job" state COMPLETED
    wait_for 30 job_field_has "$job" admincomment "state=complete .*steps_done=$STEPS"
    [ -z "$(blamed)" ]
    job=
}

@test "stopped for less than the limit: the run goes on and is complete" {
    begin steps=$STEPS
    local rank pid
    for rank in 1 0; do
        pid=$(task_of $rank) # once: on a busy machine looking for it takes seconds, too
        kill -STOP "$pid"
        sleep $((LIMIT / 3))
        grep -q '^State:[[:space:]]*T' "/proc/$pid/status"
        kill -CONT "$pid"
        sleep 1
    done
    complete
}

@test "suspended for longer than the limit: the run goes on when it is resumed" {
    begin steps=$STEPS
    scontrol suspend "$job"
    wait_for 10 is_stopped 0
    wait_for 10 is_stopped 1
    sleep $((LIMIT + 5))
    is_stopped 0
    is_stopped 1
    scontrol resume "$job"
    complete
}
