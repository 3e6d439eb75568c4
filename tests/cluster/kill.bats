# SPDX-License-Identifier: Apache-2.0
# However a run ends, the accounting says so, with a partial record, and no process of it is left; after how
# many seconds is printed. With the installed sft-bench-job, or the dummy where that is missing (SFT_JOB names
# another).
load helpers

REQUEST=tiny:2,gpus=1,steps=1000000,warmup=0,data=synthetic

setup_file() {
    local job=$JOB
    [ -x "$job" ] || job=$BATS_TEST_DIRNAME/dummy-job
    cluster_of "$job" --nodes 2 --cpus 4 --gpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export DUMMY_SECONDS=300 SFT_TEST_MARK=$FOLDER
    job= srun_pid=
}

teardown() {
    [ -z "$job" ] || scancel "$job"
    [ -z "$srun_pid" ] || wait "$srun_pid" || true
}

stepd_of() {
    ps -o ppid= -p "$(task_of "$1")" | tr -d ' '
}

begin() { # begin [SRUN OPTION]... : a long run, until its first record is published
    srun "$@" --sft-bench="$REQUEST" >run.out 2>&1 &
    srun_pid=$!
    job=
    wait_for 20 is_running
    wait_for 30 comment_has 'state=partial'
    [ -n "$(task_of 0)" ]
    [ -n "$(task_of 1)" ]
}

# ended STATE : srun has returned, no task is left, the accounting holds state and partial record
ended() {
    local since=$SECONDS
    wait_for 60 no_srun
    wait_for 60 no_tasks
    wait_for 60 job_field_has "$job" state "$1"
    wait_for 60 job_field_has "$job" comment "sft2\{.*step=$job\.0 .*state=partial"
    wait_for 60 job_field_has "$job" admincomment "sft2\{.*state=partial"
    echo "# ended after $((SECONDS - since)) s" >&3
    last_job=$job
}

@test "SIGKILL to rank 0" {
    begin
    kill -KILL "$(task_of 0)"
    ended FAILED
}

@test "SIGKILL to another rank" {
    begin
    kill -KILL "$(task_of 1)"
    ended FAILED
}

@test "SIGKILL to the slurmstepd of rank 0" {
    begin
    kill -KILL "$(stepd_of 0)"
    ended 'FAILED|CANCELLED|NODE_FAIL'
}

@test "SIGKILL to another slurmstepd" {
    begin
    kill -KILL "$(stepd_of 1)"
    ended 'FAILED|CANCELLED|NODE_FAIL'
}

@test "SIGKILL to srun" {
    begin
    kill -KILL "$srun_pid"
    scancel "$job"
    ended CANCELLED
}

@test "scancel" {
    begin
    scancel "$job"
    ended CANCELLED
}

@test "the time limit" {
    begin --time=60
    scontrol update jobid="$job" endtime=now+3 # a second that passes meanwhile would make now the past
    ended TIMEOUT
}

@test "slurmdbd is away when the run ends: the record arrives once it is back" {
    begin
    "$CLUSTER" kill-dbd "$FOLDER/c"
    kill -KILL "$(task_of 0)"
    wait_for 60 no_srun
    wait_for 10 no_tasks
    sleep 2
    ! sacct -X -n -P -j "$job" -o state >/dev/null 2>&1
    "$CLUSTER" start-dbd "$FOLDER/c"
    ended FAILED
}
