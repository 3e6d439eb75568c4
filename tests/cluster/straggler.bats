# SPDX-License-Identifier: Apache-2.0
# A rank that computes slower than before and than the other, for a while: told by name within 40 steps, and
# so is its end; of a healthy run nothing is said. pace.c makes the steps so long, on whatever machine.
# shellcheck disable=SC2030,SC2031 # each test has its own job
load helpers
bats_require_minimum_version 1.5.0

REQUEST=tiny:2,gpus=1,zero=0,warmup=5,data=synthetic,seq=32,micro_batch=1,global_batch=2

setup_file() {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 2 --cpus 1 --gpus 1
    gcc -shared -fPIC -o "$FOLDER/pace.so" "$BATS_TEST_DIRNAME/pace.c"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    export SFT_TEST_PACE=300 SFT_TEST_SLOW=$FOLDER/slow
    job='' srun_pid=''
    rm -rf "$FOLDER/out" run.out slow.*
}

teardown() {
    [ -z "$job" ] || scancel --signal=KILL "$job" 2>/dev/null || true
}

# The live line tells each step, for each takes a tenth of a second or more.
begin() { # begin KEYS
    LD_PRELOAD=$FOLDER/pace.so SFT_BENCH_LIVE=stderr srun --sft-bench="$REQUEST,out=$FOLDER/out,$1" >run.out 2>&1 &
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

# The newest step that the live line had shown before a line came.
step_before() { # step_before PATTERN
    tr '\r' '\n' <run.out | sed -n "/$1/q; s/^step \([0-9]*\).*/\1/p" | tail -n 1
}

# The accounting's record of the run.
figure() {
    job_field "$job" admincomment | field_of "$1"
}

@test "a rank that is slow for a while is told by name within 40 steps, and its end" {
    begin steps=200
    local host from to since until
    host=$(tr '\0' '\n' <"/proc/$(task_of 1)/environ" | sed -n 's/^SLURMD_NODENAME=//p')
    wait_for 60 step_is 60
    # The first slow step, and the first that is not, is one of those from .. and to ..
    from=("$(newest_step)" "$(touch slow.1 && newest_step)")
    wait_for 60 grep -q 'slower since step' run.out
    wait_for 60 step_is $((from[1] + 45))
    to=("$(newest_step)" "$(rm slow.1 && newest_step)")
    wait_progress 60 run.out no_srun
    wait "$srun_pid"
    tr '\r' '\n' <run.out | grep -v '^step' | tee said
    grep -Eq "^sft-bench-job: rank 1 on $host: [0-9]+% slower since step [0-9]+\$" said
    grep -Eq "^sft-bench-job: rank 1 on $host: no longer slow since step [0-9]+; [0-9]+% slower for [0-9]+ steps\$" said
    since=$(sed -n 's/.*% slower since step \([0-9]*\).*/\1/p' said)
    until=$(sed -n 's/.*no longer slow since step \([0-9]*\).*/\1/p' said)
    echo "slow from step ${from[*]} to ${to[*]}, told $since to $until, after $(step_before 'slower since') and $(step_before 'no longer')"
    [ "$since" -gt "${from[0]}" ] && [ "$since" -le $((from[1] + 3)) ]
    [ "$until" -gt "${to[0]}" ] && [ "$until" -le $((to[1] + 3)) ]
    [ "$(step_before 'slower since')" -le $((since + 40)) ]
    [ "$(step_before 'no longer slow')" -le $((until + 40)) ]
    [ "$(grep -c 'sft-bench-job: rank' said)" = 2 ]
    wait_for 30 job_field_has "$job" admincomment 'state=complete'
    job_field "$job" admincomment
    [ "$(figure stragglers)" = 1 ] && [ "$(figure straggler_rank)" = 1 ] && [ "$(figure straggler_host)" = "$host" ]
    [ "$(figure straggler_step)" = "$since" ]
    [ "$(figure straggler_steps)" = $((until - since)) ]
    # its sleep is thrice as long, the rest of its steps is not
    python3 -c 'import sys; assert 100 < float(sys.argv[1]) <= 210, sys.argv' "$(figure straggler_pct)"
    job=''
}

@test "of a healthy run nothing is said" {
    begin steps=100
    wait_progress 60 run.out no_srun
    wait "$srun_pid"
    tr '\r' '\n' <run.out | grep -v '^step'
    run ! grep -q 'slower since' run.out
    wait_for 30 job_field_has "$job" admincomment 'state=complete'
    [ "$(figure stragglers)" = 0 ] && [ -z "$(figure straggler_rank)" ]
    job=''
}
