# SPDX-License-Identifier: Apache-2.0
# What a record may be trusted for, under an ordinary user's id: what Slurm knows is not the user's to say, another
# program is named, and a start that fails leaves its reason. Two nodes with a host name of their own each.
load helpers

DUMMY=$BATS_TEST_DIRNAME/dummy-job
USER_ID=65534
SHORT=steps=2,warmup=0,data=synthetic

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip "only root can start tasks of another user"
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 2 --cpus 4 --gpus 2
    chmod 755 "$FOLDER"
    mkdir -m 777 "$FOLDER/user"
    # The user's own program in the job's place: writes its first argument as rank 0's page.
    cat >"$FOLDER/forge" <<'SH'
#!/bin/sh
[ "$SLURM_PROCID" = 0 ] || exit 0
printf '%s%*s' "$1" $((4096 - ${#1})) '' | cat 1<>"/proc/self/fd/$SFT_BENCH_RECORD_FD"
sleep 1
exit "${2:-0}"
SH
    chmod 755 "$FOLDER/forge"
    unset DUMMY_FIRST DUMMY_STATE
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    site "$JOB"
    cd "$FOLDER/user" || return 1
}

site() { # site JOB : the one that the site's configuration names
    echo "job = $1" >"$FOLDER/sft-bench.conf"
}

as_user() {
    setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups env HOME=/nonexistent "$@"
}

# srun as after the plugin's own exec, which anybody can do: with a program of one's own.
own_program() { # own_program REQUEST COMMAND...
    # shellcheck disable=SC2016
    as_user sh -c 'export SFT_BENCH_LAUNCHED=$$; r=$1; shift; exec srun --mpi=none --sft-bench="$r" "$@"' sh "$@"
}

# The newest job, once its end is in the accounting; its admin comment in $record.
ended() { # ended STATE
    job=$(newest_job)
    wait_for 60 job_field_has "$job" state "$1"
    wait_for 20 job_field_has "$job" admincomment 'sft2\{'
    record=$(job_field "$job" admincomment)
    echo "$record"
}

is() { # is KEY VALUE : of the record, decoded as far as the tests need it
    local got
    got=$(field_of "$1" <<<"$record")
    got=${got//%20/ } got=${got//%27/\'} got=${got//%7B/\{}
    # shellcheck disable=SC2053
    [[ $got == $2 ]] || { echo "$1 is '$got', not '$2'"; return 1; }
}

@test "an ordinary user's run is checked: program, nodes, ranks and time" {
    as_user srun --sft-bench="tiny:2,gpus=1,$SHORT" >run.out 2>&1
    ended COMPLETED
    is state complete
    is program site
    is checked program,nodes,ranks,time
    is doubted ''
    is nodes 2
    is ranks 2
    run "$REPORT" -a -j "$job" --csv
    [[ ${lines[1]} == *",complete,checked,"* ]]
}

@test "a program of the user's own is named, and its claims against Slurm are not taken" {
    genuine=$(newest_job)
    own_program tiny:1,gpus=1 "$FOLDER/forge" "sft1{step=$genuine.0 state=complete model=llama-7b nodes=1024 \
ranks=8192 start=1999-01-01T00:00:00Z seconds=1 program=site checked=program,nodes,ranks,time steps_done=9 step_ms=1 \
tok_s=9e9 samples_s=9e9}"
    before=$(job_field "$genuine" admincomment)
    ended COMPLETED
    is step "$job.0"
    is nodes 1
    is ranks 1
    is start '20[2-9]*'
    is program other:dash
    is checked time
    is doubted "program is other:dash; nodes were 1, not 1024; ranks were 1, not 8192; it calls itself step $genuine.0; tiny was asked for, not llama-7b"
    [ "$(job_field "$genuine" admincomment)" = "$before" ]
    run "$REPORT" -a -j "$genuine,$job" --csv
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[2]} == *",complete,doubted,"* ]]
    run "$REPORT" -a -j "$job"
    [[ $output == *"$job.0: doubted: program is other:dash; nodes were 1, not 1024"* ]]
    run "$REPORT" -a -j "$genuine,$job" --groups
    [[ $output == *"not counted: job $job, tiny on 1 node: doubted: "* ]]
}

@test "more steps than the time allows are not believed" {
    own_program tiny:1,gpus=1 "$FOLDER/forge" "sft1{state=complete model=tiny nodes=1 ranks=1 steps_done=1000 step_ms=50}"
    ended COMPLETED
    is doubted '*1000 steps of 50 ms do not fit into *'
    is checked nodes,ranks
}

@test "a step cannot erase another step's record of its job" {
    cat >steps <<SH
#!/bin/sh
srun --sft-bench=tiny:1,gpus=1,$SHORT
SFT_BENCH_LAUNCHED=\$\$ exec srun --mpi=none --sft-bench=tiny:1,gpus=1 "$FOLDER/forge" "sft1{step=\$SLURM_JOB_ID.0 state=failed fail=gone}"
SH
    as_user sbatch -N1 --gpus-per-node=1 -o steps.out steps
    ended FAILED # as its last step is
    [[ $record == "sft2{step=$job.0 state=complete "*"} sft2{step=$job.1 state=failed "*"}" ]]
    [ "$(grep -o "step=$job.0 " <<<"$record" | wc -l)" -eq 1 ]
    [[ $record == *"it%20calls%20itself%20step%20$job.0"* ]]
    run "$REPORT" -a -j "$job" --csv
    [ "${#lines[@]}" -eq 3 ]
    [[ ${lines[1]} == *",complete,checked,"* && ${lines[2]} == *",failed,doubted,"* ]]
}

@test "the site's program with code of the user's in it is not the site's program" {
    command -v gcc >/dev/null || skip "no gcc"
    as_user gcc -shared -o own.so -xc /dev/null
    as_user env LD_PRELOAD="$PWD/own.so" srun --sft-bench="tiny:1,gpus=1,$SHORT" >run.out 2>&1
    ended COMPLETED
    is state complete
    is program library:own.so
    is doubted 'program is library:own.so'
}

@test "the site's program that its user can change is not the site's program" {
    cp "$JOB" mine
    chown $USER_ID mine
    site "$PWD/mine"
    as_user srun --sft-bench="tiny:1,gpus=1,$SHORT" >run.out 2>&1
    ended COMPLETED
    is program writable:mine
    is doubted 'program is writable:mine'
}

@test "a run whose rank 0 ends badly after its last word is not complete" {
    own_program tiny:1,gpus=1 "$FOLDER/forge" "sft1{state=complete model=tiny}" 7 || true
    ended FAILED
    is state partial
    is fail 'rank 0 on * ended with status 7 after its last word'
    site "$DUMMY"
    DUMMY_SECONDS=1 DUMMY_STATE=none as_user srun --sft-bench=tiny:1,gpus=1 || true
    ended FAILED
    is state partial
    is program script
    is fail 'rank 0 on * ended with status 3 before its last word'
}

@test "what is no record leaves one that says so" {
    own_program tiny:1,gpus=1 "$FOLDER/forge" 'sft1{state=complete state=complete}' || true
    ended 'COMPLETED|FAILED'
    is state failed
    is fail 'what rank 0 on * wrote is no record: record: state= stands twice'
}

# failed START REASON : the newest job's record, and what the report makes of it
failed_start() {
    ended FAILED
    is state failed
    is step "$job.0"
    is model tiny
    is fail "$1"
    is doubted ''
    run "$REPORT" -a -j "$job"
    [ "$status" -eq 0 ]
    [[ $output == *"$job.0"*failed*"$job.0: "* ]]
}

@test "rank 0 killed before its first word: the reason stands in the record" {
    site "$DUMMY"
    DUMMY_FIRST=KILL as_user srun --sft-bench=tiny:2 || true
    failed_start 'rank 0 on * was killed by signal 9 (out of memory, *) before its first word*'
    is request tiny:2
    is nodes 2
    is ranks 4
}

@test "rank 0 stopped before its first word, and the run cancelled: a first record stands" {
    site "$DUMMY"
    DUMMY_FIRST=STOP as_user srun --sft-bench=tiny:1,gpus=1 &
    srun_pid=$!
    begun() { job=$(newest_job) && scontrol -o show job "$job" | grep -q 'AdminComment=sft2{'; }
    last=$(newest_job)
    wait_for 30 eval '[ "$(newest_job)" != "$last" ] && begun'
    scontrol -o show job "$job" | grep -q "AdminComment=sft2{step=$job.0 state=failed model=tiny "
    scancel "$job"
    wait "$srun_pid" || true
    ended CANCELLED
    is state failed
    is request tiny:1,gpus=1
    is fail '* on *'
    run "$REPORT" -a -j "$job"
    [[ $output == *"$job.0"*failed* ]]
}

@test "no memory, no PMIx, no GPU, a program that is not there: each says so" {
    # the task's limit alone: from 25.05 on srun's own threads would not start under it
    printf '#!/bin/sh\nulimit -v 20000\nexec %s "$@"\n' "$JOB" >"$FOLDER/small"
    chmod 755 "$FOLDER/small"
    site "$FOLDER/small"
    as_user srun --sft-bench="tiny:1,gpus=1,$SHORT" || true
    failed_start 'rank 0 on * ended with status 127 before its first word: its output may tell why'
    site "$JOB"
    as_user srun --mpi=none --sft-bench="tiny:1,gpus=2,$SHORT" || true
    failed_start 'srun started 2 tasks without PMIx: add --mpi=pmix*'
    as_user srun --sft-bench="tiny:1,gpus=1,device=cuda,$SHORT" || true
    failed_start '*CUDA*'
    site /nonexistent/sft-bench-job
    as_user srun --sft-bench="tiny:1,gpus=1,$SHORT" || true
    failed_start '*: /nonexistent/sft-bench-job: No such file or directory: install what is missing there, or leave the node out with --exclude'
}

sweep_tells() { # sweep_tells PATTERN : of the sweep `lost`
    "$SFT_ROOT/bin/sft-sweep" --name lost --status 2>&1 | tee status.out | grep -q -- "$1"
}

@test "data that the node cannot read: the run's record and a sweep's have the reason" {
    cp "$TOP/examples/instructions.json" late.json
    # as root: of users without an association sacct shows no jobs by name
    job=$(sbatch --parsable -H -J lost -o late.out --sft-bench="tiny:2,gpus=1,steps=2,data=$PWD/late.json")
    rm late.json
    scontrol release "$job"
    failed_start "$PWD/late.json: cannot read the data: No such file or directory (rank 0 on *), and 1 more ranks"
    # the accounting may learn the job's name a moment after its comment
    wait_for 30 sweep_tells "$job  .*  failed"
}

@test "options that nobody looked at before: the record has the job's complaint" {
    own_program tiny:1,gpus=1 "$JOB" tiny:1,gpus=1 --nonsense 7 || true
    failed_start '*nonsense*'
    is program '*'
}

@test "another rank of rank 0's node ends the run: its reason is the record's" {
    last_job=$(newest_job)
    SFT_TEST_MARK=$FOLDER as_user srun --sft-bench="tiny:1,gpus=2,steps=100000,warmup=0,data=synthetic,timeout=10" \
        >run.out 2>&1 &
    srun_pid=$!
    wait_for 30 is_running
    wait_for 60 comment_has 'state=partial'
    kill -STOP "$(task_of 0)"
    wait_for 120 no_srun
    ended FAILED
    is state failed
    is fail 'rank 0 on * has not answered for *'
    is program site
    is doubted ''
}

@test "explain leaves no record" {
    as_user srun --sft-bench=explain:1,gpus=1 >run.out 2>&1
    job=$(newest_job)
    wait_for 60 job_field_has "$job" state COMPLETED
    [ -z "$(job_field "$job" admincomment)" ]
    run "$REPORT" -a -j "$job"
    [ "$status" -eq 1 ]
}
