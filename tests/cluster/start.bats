# SPDX-License-Identifier: Apache-2.0
# A step that does not start, a step daemon that dies, what it leaves for the next step of its number: srun
# ends with 0 for a complete run alone, with one line that says where to look, and nothing is left running.
load helpers

DUMMY=$BATS_TEST_DIRNAME/dummy-job
EARLY=$BATS_TEST_DIRNAME/early-death
NODE=fukushimadc-02-hgx-0001
RUN=tiny:1,gpus=2,warmup=1,data=synthetic

setup_file() {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$DUMMY" --nodes 1 --cpus 4 --gpus 2
    chmod 755 "$FOLDER"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    TMP=$FOLDER/c/tmp/$NODE SPOOL=$FOLDER/c/spool/$NODE
    job='' other=''
    site "$DUMMY"
}

teardown() {
    # shellcheck disable=SC2046
    scancel --signal=KILL $(squeue -h -o %A) 2>/dev/null || true
    [ -z "$other" ] || "$CLUSTER" stop "$other"
}

site() { # site JOB [LINE]... : the site's file
    echo "job = $1" >"$FOLDER/sft-bench.conf"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$FOLDER/sft-bench.conf"
}

next_job() { # the number that the next job will have
    scontrol show config | sed -n 's/^NEXT_JOB_ID *= *//p'
}

finish() { # finish STATUS FILE COMMAND... : in good time, with this status; stdout and stderr in FILE
    local want=$1 file=$2 got=0
    shift 2
    timeout -k 5 120 "$@" >"$file" 2>&1 </dev/null || got=$?
    cat "$file"
    [ "$got" -eq "$want" ]
}

# told JOB PATTERN [FILE] : one line of ours in the output, and it names the node and slurmd's log
told() {
    local file=${3:-run.out}
    [ "$(grep -c '^sft-bench: ' "$file")" -eq 1 ]
    grep -Eq "^sft-bench: step $1\.[0-9]+ $2.*; look into slurmd's log, $FOLDER/c/log/slurmd-$NODE.log, on $NODE\$" "$file"
    [ -s "$FOLDER/c/log/slurmd-$NODE.log" ]
}

silent() { # silent [FILE] : no word of ours
    if grep '^sft-bench: ' "${1:-run.out}"; then return 1; fi
}

stepds() { # of step 0 of $job: slurmstepd, keeper
    local pid
    for pid in $("$CLUSTER" pids "$FOLDER/c"); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "^slurmstepd: \[$job\.0\]" && echo "$pid"
    done
    return 0
}

no_process() {
    [ -z "$(tasks)$(stepds)" ]
}

asides() { # asides FOLDER NAME : how many were put aside
    find "$1" -maxdepth 1 -name "$2.aside.*" | wc -l
}

make_socket() {
    python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# What srun's line tells of a step whose slurmstepd is gone: the record's reason, or that there is none.
KILLED='(left (no|only a partial) record|failed: slurmstepd on .* was killed before its (first|last) word)'

# --- the step daemon dies ---------------------------------------------------------------------------

dies_at() { # dies_at STAGE [MS]
    local early
    site "$JOB"
    job=$(next_job)
    "$EARLY" "$FOLDER/c" "$job" "$@" >early.out 3>&- &
    early=$!
    finish 1 run.out srun --sft-bench="$RUN,steps=1000000"
    wait $early # it was killed there
    told "$job" "$KILLED"
    wait_for 60 no_process
    wait_for 60 job_field_has "$job" state FAILED
}

@test "slurmstepd killed once the keeper stands" {
    dies_at keeper
}

@test "slurmstepd killed while Slurm's PMIx plugin starts" {
    dies_at socket
    dies_at folder
}

@test "slurmstepd killed as the tasks begin, and in PMIx's handshake" {
    dies_at task
    dies_at task 20
}

@test "slurmstepd killed late, with all ranks on its node" {
    local srun_pid got=0
    site "$JOB"
    job=$(next_job)
    timeout -k 5 180 srun --sft-bench="$RUN,steps=1000000" >run.out 2>&1 &
    srun_pid=$!
    wait_for 60 comment_has 'state=partial'
    kill -KILL "$(ps -o ppid= -p "$(task_of 0)" | tr -d ' ')"
    wait "$srun_pid" || got=$?
    cat run.out
    [ "$got" -eq 1 ]
    told "$job" "$KILLED"
    wait_for 60 no_process
    wait_for 60 job_field_has "$job" state FAILED
    job_field_has "$job" admincomment "step=$job\.0 .*state=(partial|failed)"
}

@test "a rank killed in its first second" {
    local srun_pid got=0
    site "$JOB"
    job=$(next_job)
    timeout -k 5 180 srun --sft-bench="$RUN,steps=1000000" >run.out 2>&1 &
    srun_pid=$!
    wait_for 60 has_task 1
    kill -KILL "$(task_of 1)"
    wait "$srun_pid" || got=$?
    cat run.out
    [ "$got" -ne 0 ] && [ "$got" -ne 124 ]
    wait_for 60 no_tasks
    wait_for 60 job_field_has "$job" state FAILED
}

has_task() {
    [ -n "$(task_of "$1")" ]
}

# --- leftovers --------------------------------------------------------------------------------------

@test "a leftover of each name is put aside, whole, and the run is complete" {
    local folder name
    for folder in "$TMP:spmix_appdir_0_" "$SPOOL:pmix."; do
        job=$(next_job)
        name=${folder#*:}$job.0
        folder=${folder%%:*}
        mkdir "$folder/$name"
        echo mine >"$folder/$name/file"
        finish 0 run.out srun --sft-bench="$RUN"
        silent
        [ "$(cat "$folder/$name".aside.*/file)" = mine ]
        wait_for 60 test ! -e "$folder/$name"
    done
    job=$(next_job)
    make_socket "$SPOOL/stepd.slurm.pmix.$job.0"
    finish 0 run.out srun --sft-bench="$RUN"
    silent
    [ "$(asides "$SPOOL" "stepd.slurm.pmix.$job.0")" -eq 1 ]
}

@test "all three at once, before the real job; and a step that is not ours keeps its own" {
    site "$JOB"
    job=$(next_job)
    mkdir "$TMP/spmix_appdir_0_$job.0" "$TMP/spmix_appdir_0_$job.1" "$SPOOL/pmix.$job.0"
    make_socket "$SPOOL/stepd.slurm.pmix.$job.0"
    finish 0 run.out srun --sft-bench="$RUN,steps=2"
    silent
    [ -d "$TMP/spmix_appdir_0_$job.1" ] && [ "$(asides "$TMP" "spmix_appdir_0_$job.1")" -eq 0 ]
    wait_for 60 job_field_has "$job" admincomment 'state=complete'
    # plain srun still has Slurm's own end: it fails for the folder, or, from 23.11 on where it is built for several
    # slurmd a machine, takes it for its own and removes it
    local got=0
    job=$(next_job)
    mkdir "$TMP/spmix_appdir_0_$job.0"
    srun --mpi=pmix -n1 sh -c 'echo ran' >run.out 2>&1 || got=$?
    silent
    [ "$(asides "$TMP" "spmix_appdir_0_$job.0")" -eq 0 ]
    if grep -qx ran run.out; then
        [ "$got" -eq 0 ]
        wait_for 60 test ! -e "$TMP/spmix_appdir_0_$job.0"
    else
        [ -d "$TMP/spmix_appdir_0_$job.0" ]
    fi
}

refused() { # refused JOB PATTERN : the run of JOB has been refused, and the record knows why
    told "$1" "failed: .*$2"
    wait_for 60 job_field_has "$1" state FAILED
    job_field_has "$1" admincomment "step=$1\.0 .*state=failed .*fail="
}

@test "a link in a leftover's place is not followed and not touched" {
    mkdir -p "$FOLDER/precious"
    job=$(next_job)
    ln -s "$FOLDER/precious" "$TMP/spmix_appdir_0_$job.0"
    finish 1 run.out srun --sft-bench="$RUN"
    refused "$job" "$TMP/spmix_appdir_0_$job.0 is in the way .* is a symbolic link: remove it"
    [ -L "$TMP/spmix_appdir_0_$job.0" ] && [ -d "$FOLDER/precious" ]
    job=$(next_job)
    ln -s "$FOLDER/precious" "$SPOOL/pmix.$job.0"
    finish 1 run.out srun --sft-bench="$RUN"
    refused "$job" "$SPOOL/pmix.$job.0 is in the way .* is a symbolic link: remove it"
    wait_for 60 no_process
}

@test "what belongs to another user is not touched" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give a folder away"
    job=$(next_job)
    mkdir "$TMP/spmix_appdir_0_$job.0"
    chown 65533 "$TMP/spmix_appdir_0_$job.0"
    finish 1 run.out srun --sft-bench="$RUN"
    refused "$job" "$TMP/spmix_appdir_0_$job.0 is in the way .* belongs to uid 65533: remove it"
    [ -d "$TMP/spmix_appdir_0_$job.0" ]
    # without PMIx nothing is in the way
    job=$(next_job)
    ln -s /etc "$TMP/spmix_appdir_0_$job.0"
    finish 0 run.out srun --mpi=none --sft-bench="$RUN"
    silent
}

@test "an ordinary user's leftover, and one in the folder that the user wants for PMIx" {
    [ "$(id -u)" -eq 0 ] || skip "only root can become another user"
    local mine=$FOLDER/mine user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 1777 "$TMP"
    job=$(next_job)
    mkdir "$TMP/spmix_appdir_65534_$job.0"
    chown 65534 "$TMP/spmix_appdir_65534_$job.0"
    finish 0 run.out "${user[@]}" srun --chdir=/ --sft-bench="$RUN"
    silent
    [ "$(asides "$TMP" "spmix_appdir_65534_$job.0")" -eq 1 ]
    # in a folder of the user's, with the user's rights
    mkdir "$mine" && chown 65534 "$mine"
    job=$(next_job)
    "${user[@]}" mkdir "$mine/spmix_appdir_65534_$job.0"
    finish 0 run.out "${user[@]}" env SLURM_PMIX_TMPDIR="$mine" srun --chdir=/ --sft-bench="$RUN"
    silent
    [ "$(asides "$mine" "spmix_appdir_65534_$job.0")" -eq 1 ]
    # not in a folder that is none of his
    chown 0 "$mine" && chmod 755 "$mine"
    job=$(next_job)
    mkdir "$mine/spmix_appdir_65534_$job.0" && chown 65534 "$mine/spmix_appdir_65534_$job.0"
    finish 1 run.out "${user[@]}" env SLURM_PMIX_TMPDIR="$mine" srun --chdir=/ --sft-bench="$RUN"
    refused "$job" "$mine/spmix_appdir_65534_$job.0, .*: Permission denied"
    [ -d "$mine/spmix_appdir_65534_$job.0" ]
}

@test "a leftover where mpi.conf wants PMIx's folders" {
    local base=$FOLDER/mpi
    mkdir "$base"
    echo "PMIxCliTmpDirBase=$base # all of them" >"$FOLDER/c/etc/mpi.conf"
    "$CLUSTER" restart "$FOLDER/c"
    job=$(next_job)
    mkdir "$base/spmix_appdir_0_$job.0"
    finish 0 run.out srun --sft-bench="$RUN"
    silent
    [ "$(asides "$base" "spmix_appdir_0_$job.0")" -eq 1 ]
    rm "$FOLDER/c/etc/mpi.conf"
    "$CLUSTER" restart "$FOLDER/c"
}

# beside COMMAND... : in a cluster that shares TmpFS this step runs and our next run, of the same number, meets it
beside() {
    local srun_pid shared
    job=$(next_job)
    shared=$TMP/spmix_appdir_0_$job.0
    echo "job = $DUMMY" >other.conf
    other=$FOLDER/other
    "$CLUSTER" start "$other" --nodes 1 --cpus 4 --gpus 2 --plugin "$PLUGIN" --plugin-args "config=$FOLDER/other.conf" \
        --conf "FirstJobId=$job" --conf "TmpFS=$FOLDER/c/tmp/%n" >other.log 2>&1 || { cat other.log && false; }
    DUMMY_SECONDS=300 "$CLUSTER" run "$other" -- "$@" >other.out 2>&1 3>&- &
    srun_pid=$!
    wait_for 60 grep -q ready other.out
    [ -d "$shared" ]
    finish 1 run.out srun --sft-bench="$RUN"
    [ -d "$shared" ] && [ "$(asides "$TMP" "spmix_appdir_0_$job.0")" -eq 0 ]
    kill -0 "$srun_pid" # the other goes on
    "$CLUSTER" run "$other" -- scancel "$job"
    wait "$srun_pid" || true
    wait_for 60 test ! -d "$shared"
    "$CLUSTER" stop "$other"
    other=
}

@test "a live run of another cluster that shares TmpFS is left alone" {
    printf '#!/bin/sh\n[ "$1" = --check ] && exit 0\necho ready\nexec sleep 300\n' >ready
    chmod +x ready
    DUMMY=$FOLDER/ready beside srun --sft-bench="$RUN"
    refused "$job" "$TMP/spmix_appdir_0_$job.0 belongs to a step $job\.0 that runs \(its slurmstepd has locked it\): give each cluster"
}

@test "so is any other step of it" {
    beside srun --mpi=pmix -n1 sh -c 'echo ready; exec sleep 300'
    refused "$job" "$TMP/spmix_appdir_0_$job.0 belongs to a step $job\.0 that runs \(slurmstepd, process [0-9]+\): give each cluster"
}

@test "a run that leaves no record and does not start ends with 1, too" {
    job=$(next_job)
    ln -s /nowhere "$TMP/spmix_appdir_0_$job.0"
    finish 1 run.out srun --sft-bench=explain:1
    # from 23.11.4 on srun itself says so
    told "$job" 'did not start' || grep -q '^srun: error: task 0 launch failed' run.out
    wait_for 60 job_field_has "$job" state FAILED
}

# --- requeue ----------------------------------------------------------------------------------------

# slurmd refuses a job whose credential is not at least a whole second younger than the end of its last run
# ("already killed, do not launch"): started again in that second, it fails without us.
requeue() {
    scontrol requeue "$job"
    wait_for 60 is_pending
    wait_for 60 scontrol update jobid="$job" starttime=now+2
}

is_pending() {
    scontrol -o show job "$job" | grep -q 'JobState=PENDING'
}

has_ended() { # has_ended STATE : with its inner srun's word
    scontrol -o show job "$job" | grep -Eq "JobState=$1" && [ -s "ended.$job.${2:-0}" ]
}

batch() { # batch FIRST SECOND : a batch job whose first run trains FIRST steps, and the next SECOND
    cat >script.sh <<SH
#!/bin/bash
steps=$1
[ "\${SLURM_RESTART_COUNT:-0}" = 0 ] || steps=$2
srun --sft-bench=$RUN,steps=\$steps
status=\$?
echo \$status >$FOLDER/ended.\$SLURM_JOB_ID.\${SLURM_RESTART_COUNT:-0}
exit \$status
SH
    site "$JOB"
    job=$(sbatch --parsable --requeue --open-mode=append -o "$FOLDER/batch.%j" --sft-bench="$RUN" script.sh)
}

@test "a requeue to the node where slurmstepd was killed" {
    batch 1000000 2
    wait_for 60 comment_has 'state=partial'
    kill -KILL "$(ps -o ppid= -p "$(task_of 0)" | tr -d ' ')"
    wait_for 60 has_ended FAILED
    [ "$(cat "ended.$job.0")" = 1 ]
    told "$job" "$KILLED" "batch.$job"
    wait_for 60 no_process
    [ -d "$TMP/spmix_appdir_0_$job.0" ] && [ -d "$SPOOL/pmix.$job.0" ] && [ -S "$SPOOL/stepd.slurm.pmix.$job.0" ]
    requeue
    wait_for 120 has_ended COMPLETED 1
    [ "$(cat "ended.$job.1")" = 0 ]
    [ "$(asides "$TMP" "spmix_appdir_0_$job.0")" -eq 1 ]
    [ "$(asides "$SPOOL" "pmix.$job.0")" -eq 1 ] && [ "$(asides "$SPOOL" "stepd.slurm.pmix.$job.0")" -eq 1 ]
    wait_for 60 job_field_has "$job" admincomment "step=$job\.0 .*state=complete"
}

@test "after a requeue the complete record of the run before does not count" {
    batch 2 2
    wait_for 120 has_ended COMPLETED
    [ "$(cat "ended.$job.0")" = 0 ]
    rm -rf "$TMP/spmix_appdir_0_$job.0"
    ln -s /nowhere "$TMP/spmix_appdir_0_$job.0"
    requeue
    wait_for 120 has_ended FAILED 1
    [ "$(cat "ended.$job.1")" = 1 ]
    told "$job" "failed: .*symbolic link" "batch.$job"
}

# --- what counts as complete ------------------------------------------------------------------------

@test "srun inside salloc: each step has its own status, the allocation goes on" {
    job=$(next_job)
    ln -s /nowhere "$TMP/spmix_appdir_0_$job.0"
    finish 0 run.out salloc -Q --sft-bench="$RUN" sh -c "srun --sft-bench=$RUN; echo first \$?; srun --sft-bench=$RUN; echo second \$?"
    grep -qx 'first 1' run.out
    grep -qx 'second 0' run.out
    told "$job" "failed: .*symbolic link"
    wait_for 60 job_field_has "$job" state COMPLETED
}

@test "a last word that is not complete, or none: status 1, with the record in one comment or in both" {
    local lines
    for lines in 'comment = yes' 'comment = no'; do
        site "$DUMMY" "$lines"
        DUMMY_STATE=partial finish 1 run.out srun --sft-bench="$RUN"
        told "$(newest_job)" '(left only a partial record|failed: rank 0 on .* ended with status 0 before its last word)'
        finish 0 run.out srun --sft-bench="$RUN"
        silent
    done
    # the task's own status stays
    DUMMY_STATE=none finish 3 run.out srun --sft-bench="$RUN"
    silent
    # and a comment that has no room left for a record
    finish 0 run.out srun --comment="$(printf '%01000d' 0)" --sft-bench="$RUN"
    silent
}

@test "runs that leave no record end with their own status" {
    site "$JOB"
    local words
    finish 0 run.out srun --sft-bench=explain:1
    for words in --help --version --plan --check; do
        finish 0 run.out srun --sft-bench="$RUN" -- $words
        silent
    done
}

@test "a controller that is silent at the very end does not make a good run bad" {
    printf '#!/bin/sh\nexec "%s" kill-ctld "%s" STOP\n' "$CLUSTER" "$FOLDER/c" >stop
    chmod +x stop
    job=$(next_job)
    finish 0 run.out srun --epilog="$FOLDER/stop" --sft-bench="$RUN"
    "$CLUSTER" kill-ctld "$FOLDER/c" CONT
    [ "$(grep -c '^sft-bench: ' run.out)" -eq 1 ]
    grep -q "^sft-bench: note: whether step $job\.0 left a complete record could not be checked (.*): sft-report -j $job shows it later$" run.out
    wait_for 60 job_field_has "$job" admincomment 'state=complete'
}
