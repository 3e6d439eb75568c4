# SPDX-License-Identifier: Apache-2.0
# A rank that computes slower than before and than the other, for a while: told by name within 40 steps, and
# so is its end; of a healthy run nothing is said.
# shellcheck disable=SC2030,SC2031 # each test has its own job
load helpers
bats_require_minimum_version 1.5.0

REQUEST=tiny:2,gpus=1,zero=0,warmup=5,data=synthetic,seq=64,micro_batch=1,global_batch=2

setup_file() {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 2 --cpus 1 --gpus 1
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    job='' srun_pid='' slower=''
    rm -rf "$FOLDER/out" run.out
}

teardown() {
    [ -z "$slower" ] || kill "$slower" 2>/dev/null || true
    [ -z "$job" ] || scancel --signal=KILL "$job" 2>/dev/null || true
}

# The live line tells each step that takes a tenth of a second or more.
begin() { # begin KEYS
    SFT_BENCH_LIVE=stderr srun --sft-bench="$REQUEST,out=$FOLDER/out,$1" >run.out 2>&1 &
    srun_pid=$!
    wait_for 20 is_running
    wait_for 30 have_tasks
}

have_tasks() {
    [ -n "$(task_of 0)" ] && [ -n "$(task_of 1)" ]
}

newest_step() {
    tr '\r' '\n' <run.out | sed -n 's/^step \([0-9]*\).*/\1/p' | tail -n 1
}

step_is() {
    [ "$(newest_step)" -ge "$1" ] 2>/dev/null
}

# slow PID : stopped and continued in turn. On a busy machine a process that stood still is let run first, and gets
# more of its core than its share: so it runs for a twentieth of the time.
slow() {
    python3 - "$1" <<'PY' &
import os, signal, sys, time
pid = int(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    while True:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.095)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.005)
except ProcessLookupError:
    pass
finally:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
PY
    slower=$!
}

# The newest step that the live line had shown before a line came.
step_before() { # step_before PATTERN
    tr '\r' '\n' <run.out | sed -n "/$1/q; s/^step \([0-9]*\).*/\1/p" | tail -n 1
}

# The accounting's record of the run.
figure() {
    job_field "$job" admincomment | field_of "$1"
}

@test "a rank that is slow for a while is told by name within 40 steps, and its end" {
    begin steps=100000
    local host from to since
    host=$(tr '\0' '\n' <"/proc/$(task_of 1)/environ" | sed -n 's/^SLURMD_NODENAME=//p')
    wait_for 60 step_is 60
    from=$(newest_step)
    slow "$(task_of 1)"
    wait_for 60 grep -q 'slower since step' run.out
    wait_for 60 step_is $((from + 45))
    to=$(newest_step)
    kill "$slower"
    wait "$slower" || true
    slower=''
    wait_for 60 grep -q 'no longer slow' run.out
    scancel "$job"
    wait_for 60 no_srun
    tr '\r' '\n' <run.out | grep -v '^step' | tee said
    grep -Eq "^sft-bench-job: rank 1 on $host: [0-9]+% slower since step [0-9]+\$" said
    grep -Eq "^sft-bench-job: rank 1 on $host: no longer slow since step [0-9]+; [0-9]+% slower for [0-9]+ steps\$" said
    since=$(sed -n 's/.*slower since step \([0-9]*\).*/\1/p' run.out | head -n 1)
    echo "slow from step $from to $to, told since $since, after $(step_before 'slower since') and $(step_before 'no longer')"
    [ "$since" -ge $((from - 3)) ] && [ "$since" -le $((from + 20)) ]
    [ "$(step_before 'slower since')" -le $((from + 40)) ]
    [ "$(step_before 'no longer slow')" -le $((to + 40)) ]
    [ "$(grep -c 'sft-bench-job: rank' said)" = 2 ]
    wait_for 30 job_field_has "$job" admincomment 'state=partial'
    job_field "$job" admincomment
    [ "$(figure stragglers)" = 1 ] && [ "$(figure straggler_rank)" = 1 ] && [ "$(figure straggler_host)" = "$host" ]
    [ "$(figure straggler_step)" = "$since" ]
    [ "$(figure straggler_steps)" -ge 30 ] && [ "$(figure straggler_steps)" -le 140 ]
    python3 -c 'import sys; assert float(sys.argv[1]) > 50, sys.argv' "$(figure straggler_pct)"
    job=''
}

@test "of a healthy run nothing is said" {
    begin steps=100
    wait_for 180 no_srun
    wait "$srun_pid"
    tr '\r' '\n' <run.out | grep -v '^step'
    run ! grep -q 'slower since' run.out
    wait_for 30 job_field_has "$job" admincomment 'state=complete'
    [ "$(figure stragglers)" = 0 ] && [ -z "$(figure straggler_rank)" ]
    job=''
}
