# SPDX-License-Identifier: Apache-2.0
# slurmctld is away when a run ends: the final record reaches the accounting all the same, and no node is
# drained. One outage of a minute holds all the ways to end; the tests after it look at what became of each.
load helpers

setup_file() {
    local user=slurm
    need_slurm
    id -u slurm >/dev/null 2>&1 || user=$(id -un)
    cluster_folder
    chmod 755 "$FOLDER"
    echo "job = $BATS_TEST_DIRNAME/dummy-job" >"$FOLDER/sft-bench.conf"
    cluster_start --plugin "$PLUGIN" --plugin-args "config=$FOLDER/sft-bench.conf" --nodes 9 --gpus 1 --cpus 4 \
        --slurm-user "$user" --conf UnkillableStepTimeout=25 --conf MinJobAge=30
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    cluster_scene
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    rm -f go on
}

REQUEST=tiny:1,steps=2,warmup=1
DELIVER=$SFT_ROOT/sbin/sft-bench-deliver
TEXT='Say "Hi" to `Bob`, 100% | it'\''s \ OK'

job_named() { # job_named NAME : its number, once it runs
    squeue -h -o %i -t R -n "$1" | grep .
}

live_has() { # live_has JOB PATTERN : the live job's comment
    job=$1 comment_has "$2"
}

# run_held NAME [SRUN OPTION]... : a run in the background that ends when the folder has a file `go`. Its
# number goes into NAME.job, srun's id into NAME.pid, its status into NAME.end.
run_held() {
    local name=$1
    shift
    (
        export DUMMY_UNTIL=$FOLDER/${UNTIL:-go}
        srun -J "$name" "$@" --sft-bench="$REQUEST" >"$FOLDER/$name.out" 2>&1 3>&- 4>&- &
        echo $! >"$FOLDER/$name.pid"
        wait $! && echo 0 >"$FOLDER/$name.end" || echo $? >"$FOLDER/$name.end"
    ) 3>&- 4>&- &
    held_started "$name"
}

held_started() { # held_started NAME : it runs, and its first record is in
    wait_for 60 job_named "$1" >/dev/null
    job_named "$1" | head -n 1 >"$FOLDER/$1.job"
    wait_for 60 live_has "$(cat "$FOLDER/$1.job")" 'state=partial'
}

saved() { # saved FILE : slurmctld has saved its state since the file was written, 5 s later at most
    [ "$FOLDER/c/state/job_state" -nt "$1" ]
}

stepd_of() { # stepd_of JOB RANK
    job=$1
    ps -o ppid= -p "$(task_of "$2")" | tr -d ' '
}

# What can happen while slurmctld is away for a minute.
cluster_scene() {
    run_held well --comment="$TEXT"
    DUMMY_STATE=failed DUMMY_EXIT=3 run_held failed --comment="$TEXT"
    run_held interrupted
    run_held limited --time=60
    run_held cancelled
    run_held orphan
    UNTIL=later DUMMY_MIDDLE=$FOLDER/go run_held goes_on
    DUMMY_UNTIL=$FOLDER/go salloc -Q -J two -N2 sh -c \
        'srun -N1 --sft-bench=tiny:1,gpus=0 & srun -N1 --sft-bench=tiny:1,gpus=0; wait' \
        >"$FOLDER/two.out" 2>&1 3>&- 4>&- &
    held_started two
    wait_for 60 live_has "$(cat "$FOLDER/two.job")" 'step=[0-9]*\.1 '
    stepd_of "$(cat "$FOLDER/orphan.job")" 0 >"$FOLDER/orphan.stepd"
    wait_for 20 saved "$FOLDER/two.job"
    scontrol update jobid="$(cat "$FOLDER/limited.job")" endtime=now+20
    "$CLUSTER" kill-ctld "$FOLDER/c"
    touch "$FOLDER/go"
    sleep 15
    kill -KILL "$(cat "$FOLDER/orphan.stepd")"
    for _ in 1 2 3 4; do
        kill -INT "$(cat "$FOLDER/interrupted.pid")" 2>/dev/null || true
        sleep 0.3
    done
    timeout 5 scancel "$(cat "$FOLDER/cancelled.job")" >"$FOLDER/scancel.out" 2>&1 || true
    sleep 40
    (cd "$FOLDER/c/spool" && stat -c '%a %U %n' ./*/sft-bench ./*/sft-bench/*) >"$FOLDER/modes"
    "$CLUSTER" start-ctld "$FOLDER/c"
}

# final_record NAME PATTERN [COUNT] : both comments have it in the accounting; COUNT steps' are there
final_record() {
    local job
    job=$(cat "$FOLDER/$1.job")
    wait_for 90 job_field_has "$job" admincomment "sft2\{[^}]*$2"
    wait_for 30 job_field_has "$job" comment "sft2\{[^}]*$2"
    [ "$(job_field "$job" admincomment | grep -o 'sft2{' | wc -l)" -eq "${3:-1}" ]
}

ended_with() { # ended_with NAME STATUS : srun's
    wait_for 60 test -s "$FOLDER/$1.end"
    cat "$FOLDER/$1.out"
    [ "$(cat "$FOLDER/$1.end")" -eq "$2" ]
}

said() { # said NAME : how many lines of ours the user saw
    grep -c 'sft-bench: ' "$FOLDER/$1.out"
}

nodes_answer() { # slurmctld, which was away, has heard of all of them again
    ! sinfo -h -N -o %T | grep -qE '[*]|unk|down'
}

users_text() { # users_text NAME : what stands before the record
    job_field "$(cat "$FOLDER/$1.job")" comment | sed 's/ sft2{.*//'
}

@test "a run that ended well waits: srun ends 0, the record is complete, the user's text unharmed" {
    ended_with well 0
    final_record well 'state=complete'
    job_field_has "$(cat "$FOLDER/well.job")" state COMPLETED
    [ "$(users_text well)" = "$TEXT" ]
    [ "$(said well)" -eq 1 ]
    grep -q "^sft-bench: fukushimadc-02-hgx-000[1-9]: slurmctld does not answer: the end of step $(
        cat "$FOLDER/well.job").0 is held until its record is in the accounting, 900 s at most" "$FOLDER/well.out"
}

# Its job runs on: srun has ended while nobody could hear of it.
@test "a run that failed waits shortly; its record comes in by itself, the user's text unharmed" {
    ended_with failed 3
    wait_for 90 live_has "$(cat failed.job)" 'state=failed .*tokens_s=1234'
    scancel "$(cat failed.job)"
    final_record failed 'state=failed .*tokens_s=1234'
    [ "$(users_text failed)" = "$TEXT" ]
    grep -Eq 'record of [0-9]*\.0 is not in the accounting yet.*fukushimadc-.*/sft-bench/[0-9]*\.0.*sft-bench-deliver' \
        "$FOLDER/failed.out"
}

@test "the files of the node are root's alone" {
    cat "$FOLDER/modes"
    grep -q "^600 root ./fukushimadc-[^/]*/sft-bench/$(cat "$FOLDER/failed.job").0$" "$FOLDER/modes"
    [ "$(grep -c '/sft-bench$' "$FOLDER/modes")" -ge 6 ]
    [ -z "$(grep -v -e '^700 root .*/sft-bench$' -e '^600 root .*/sft-bench/[0-9]*\.[01]$' "$FOLDER/modes")" ]
}

# The job of an srun that Ctrl-C ended, while slurmctld could not hear of it, runs on.
@test "Ctrl-C, a time limit and scancel in the outage" {
    wait_for 60 live_has "$(cat interrupted.job)" 'state=complete'
    scancel "$(cat interrupted.job)"
    final_record interrupted 'state=complete'
    final_record limited 'state=complete'
    final_record cancelled 'state=complete'
}

@test "a record of the middle, written in the outage, is in though the page does not change again" {
    wait_for 60 live_has "$(cat goes_on.job)" 'state=partial .*tokens_s=2 '
    touch later
    final_record goes_on 'state=complete'
}

@test "slurmstepd is killed in the outage" {
    final_record orphan 'state=complete'
}

@test "two steps of a job at once" {
    final_record two 'step=[0-9]*\.0 state=complete' 2
    final_record two 'step=[0-9]*\.1 state=complete' 2
}

no_files() {
    [ -z "$(find "$FOLDER/c/spool" -path '*/sft-bench/*' -name '[0-9]*')" ]
}

nodes_idle() {
    scancel -u root
    [ "$(sinfo -h -N -t idle -o %N | wc -l)" -eq 9 ]
}

@test "no node is drained, and nothing is left on one" {
    wait_for 90 nodes_idle
    [ -z "$(scontrol show node | grep -E 'Reason=|DRAIN')" ]
    wait_for 90 no_files
}

@test "slurmctld is away for 8 s" {
    run_held short
    "$CLUSTER" kill-ctld "$FOLDER/c"
    touch "$FOLDER/go"
    sleep 8
    "$CLUSTER" start-ctld "$FOLDER/c"
    ended_with short 0
    final_record short 'state=complete'
}

@test "slurmctld hangs for 30 s" {
    run_held hangs
    "$CLUSTER" kill-ctld "$FOLDER/c" STOP
    touch "$FOLDER/go"
    sleep 30
    "$CLUSTER" kill-ctld "$FOLDER/c" CONT
    ended_with hangs 0
    final_record hangs 'state=complete'
    [ "$(said hangs)" -eq 1 ]
}

@test "slurmctld is killed a second after its yes, and has forgotten it" {
    cat >script <<EOF
#!/bin/sh
DUMMY_UNTIL=$FOLDER/go srun --sft-bench=tiny:1,gpus=0
until [ -e $FOLDER/on ]; do sleep 0.2; done
EOF
    sbatch -J forgets -o forgets.out script
    held_started forgets
    wait_for 20 saved forgets.job
    touch "$FOLDER/go"
    wait_for 20 live_has "$(cat forgets.job)" 'state=complete'
    sleep 1
    "$CLUSTER" kill-ctld "$FOLDER/c"
    "$CLUSTER" start-ctld "$FOLDER/c"
    wait_for 60 live_has "$(cat forgets.job)" 'state=complete'
    touch "$FOLDER/on"
    final_record forgets 'state=complete'
    wait_for 60 no_files
}

forgotten() { # forgotten JOB : by slurmctld
    ! scontrol show job "$1" >/dev/null 2>&1
}

# Killed before it has saved a job, slurmctld does not know it any more. Here the job's two steps end together.
@test "slurmctld has forgotten the job itself: slurmdbd has the records of both steps" {
    cp -p c/state/job_state job_state
    DUMMY_UNTIL=$FOLDER/go salloc -Q -J gone -N2 sh -c \
        'srun -N1 --sft-bench=tiny:1,gpus=0 & srun -N1 --sft-bench=tiny:1,gpus=0; wait' >gone.out 2>&1 3>&- 4>&- &
    held_started gone
    job=$(cat gone.job)
    wait_for 60 live_has "$job" "step=$job\.1 "
    "$CLUSTER" kill-ctld "$FOLDER/c"
    rm -f c/state/job_state.old
    cp -p job_state c/state/job_state
    touch go
    sleep 8
    "$CLUSTER" start-ctld "$FOLDER/c"
    forgotten "$job"
    wait_for 60 job_field_has "$job" admincomment "step=$job\.0 state=complete"
    wait_for 60 job_field_has "$job" admincomment "step=$job\.1 state=complete"
    wait_for 150 no_files # a record of a job whose end slurmdbd does not hear of stays for 60 s, and for a pass more
    job_field_has "$job" admincomment "step=$job\.0 state=complete"
    job_field_has "$job" admincomment "step=$job\.1 state=complete"
}

spooled() { # spooled JOB STEP CLUSTER [FIELD] : a node's file
    printf 'sft-bench spool 1\ncluster %s\njob %s\nstep %s\ncomment 1\ntime %s\n' "$3" "$1" "$2" "$(date +%s)"
    printf 'record sft2{step=%s.%s state=complete%s}\n' "$1" "$2" "${4:+ $4}"
}

@test "the admin's command delivers what a node has, one line a record" {
    local folder=$FOLDER/c/spool/by-hand
    mkdir -m 700 "$folder"
    job=$(cat "$FOLDER/well.job")
    wait_for 150 forgotten "$job"
    spooled "$job" 7 sft 'data=It%27s%20%22Mine%22' >"$folder/$job.7"
    spooled 4000000 0 sft >"$folder/4000000.0"
    spooled "$job" 8 another >"$folder/$job.8"
    echo junk >"$folder/1.1"
    run "$DELIVER" --wait 0 "$folder"
    echo "$output"
    [ "$status" -eq 1 ]
    grep -qx "$job.7: delivered to slurmdbd, and kept for one more look" <<<"$output"
    run "$DELIVER" --wait 0 "$folder"
    echo "$output"
    [ "$status" -eq 1 ]
    grep -qx "$job.7: delivered, to slurmdbd" <<<"$output"
    grep -q '^4000000.0: kept: the accounting has no such job' <<<"$output"
    grep -qx "$job.8: kept: it is another cluster's" <<<"$output"
    grep -q '^1.1: 1.1: no record of' <<<"$output"
    [ "${#lines[@]}" -eq 4 ]
    [ ! -e "$folder/$job.7" ] && [ -e "$folder/$job.8" ]
    job_field_has "$job" admincomment "step=$job\.7 state=complete data=It%27s%20%22Mine%22}"
    job_field_has "$job" admincomment "step=$job\.0 state=complete"
    chmod 770 "$folder"
    run "$DELIVER" "$folder"
    [ "$status" -eq 1 ]
    [[ "$output" == *"who alone may write in it"* ]]
}

@test "a job's array: each run's record is in its own job" {
    cat >script <<EOF
#!/bin/sh
srun --sft-bench=tiny:1,gpus=0
EOF
    local first id
    first=$(sbatch --parsable --array=1-3 -o array.out script)
    for id in 1 2 3; do
        wait_for 60 job_field_has "${first}_$id" state COMPLETED
        [ "$(job_field "${first}_$id" admincomment | grep -o 'sft2{' | wc -l)" -eq 1 ]
        job_field_has "${first}_$id" admincomment "sft2\{step=$(job_field "${first}_$id" jobidraw)\.0 state=complete"
    done
}

# site BODY : a job_submit.lua whose slurm_job_modify is BODY
site() {
    local file=$FOLDER/c/etc/job_submit.lua last
    # slurmctld reads the file anew where it is younger than before, by whole seconds.
    last=$(stat -c %Y "$file" 2>/dev/null || date +%s)
    cat >"$file" <<EOF
function slurm_job_submit(job_desc, part_list, submit_uid) return slurm.SUCCESS end
function slurm_job_modify(job_desc, job_rec, part_list, modify_uid)
  $1
  return slurm.SUCCESS
end
EOF
    touch -d "@$((last + 60))" "$file"
    grep -q JobSubmitPlugins "$FOLDER/c/etc/slurm.conf" || {
        echo JobSubmitPlugins=lua >>"$FOLDER/c/etc/slurm.conf"
        "$CLUSTER" restart "$FOLDER/c"
    }
}

need_lua() {
    ls /usr/lib/*/slurm*/job_submit_lua.so >/dev/null 2>&1 || skip "no job_submit/lua here"
}

finished() { # finished SRUN OPTION... : a run; its number in $job, what the user saw in $output
    run srun "$@" --sft-bench=tiny:1,gpus=0
    echo "$output"
    [ "$status" -eq 0 ]
    job=$(newest_job)
    wait_for 30 job_field_has "$job" state COMPLETED
}

@test "job_submit refuses the comment: the admin comment has the record, and one line says so" {
    need_lua
    site 'if job_desc.comment ~= nil then slurm.log_user("not yours"); return slurm.ERROR end'
    finished --comment=mine
    job_field_has "$job" admincomment '^sft2\{[^}]*state=complete'
    [ "$(job_field "$job" comment)" = mine ]
    [ "$(grep -c 'sft-bench: ' <<<"$output")" -eq 1 ]
    grep -Eq "record of $job\.0: the comment is refused \(.*\); it stands in the job's admin comment alone" <<<"$output"
}

@test "job_submit refuses the admin comment: the comment has the record" {
    need_lua
    site 'if job_desc.admin_comment ~= nil then return slurm.ERROR end'
    finished
    job_field_has "$job" comment '^sft2\{[^}]*state=complete'
    [ -z "$(job_field "$job" admincomment)" ]
    grep -Eq "the admin comment is refused \(.*\); it stands in the job's comment alone" <<<"$output"
}

@test "job_submit refuses both: one line, and slurmdbd gets the record when the job is over" {
    need_lua
    site 'if job_desc.admin_comment ~= nil or job_desc.comment ~= nil then return slurm.ERROR end'
    # srun cannot see the record, and its status tells that: it is not looked at here.
    run srun --comment="$TEXT" --sft-bench=tiny:1,gpus=0
    echo "$output"
    job=$(newest_job)
    wait_for 30 job_field_has "$job" state 'COMPLETED|FAILED'
    grep -Eq "record of $job\.0 is not in the accounting yet: slurmctld refuses it: " <<<"$output"
    wait_for 60 job_field_has "$job" admincomment '^sft2\{[^}]*state=complete'
    job_field_has "$job" comment ' sft2\{[^}]*state=complete'
    # Started again, slurmctld sends the ends of all jobs that it knows, with its own comments.
    sleep 6 # its state is saved
    "$CLUSTER" kill-ctld "$FOLDER/c"
    "$CLUSTER" start-ctld "$FOLDER/c"
    wait_for 20 job_field_has "$job" comment 'OK$'
    wait_for 60 job_field_has "$job" comment ' sft2\{[^}]*state=complete'
    [ "$(job_field "$job" comment | sed 's/ sft2{.*//')" = "$TEXT" ]
    wait_for 20 nodes_answer || true # what comes next says itself what it lacks
}

@test "job_submit writes another comment without a word: the admin comment has the record, and one line says so" {
    need_lua
    site 'if job_desc.comment ~= nil then job_desc.comment = "ours" end'
    finished
    job_field_has "$job" admincomment '^sft2\{[^}]*state=complete'
    [ "$(grep -c 'sft-bench: ' <<<"$output")" -eq 1 ]
    grep -q 'the comment is refused' <<<"$output"
}

@test "a comment of the user's that leaves no room" {
    need_lua
    site ''
    finished --comment="$(printf '%01000d' 7)"
    job_field_has "$job" admincomment '^sft2\{[^}]*state=complete'
    [ "$(job_field "$job" comment)" = "$(printf '%01000d' 7)" ]
    grep -q "the comment is refused (what stands in it leaves no room)" <<<"$output"
}

@test "an accounting that keeps no job's comment" {
    sed -i '/AccountingStoreFlags/d' "$FOLDER/c/etc/slurm.conf"
    "$CLUSTER" restart "$FOLDER/c"
    run_held without
    "$CLUSTER" kill-ctld "$FOLDER/c"
    touch "$FOLDER/go"
    sleep 8
    "$CLUSTER" start-ctld "$FOLDER/c"
    ended_with without 0
    job=$(cat without.job)
    wait_for 30 job_field_has "$job" state COMPLETED
    job_field_has "$job" admincomment '^sft2\{[^}]*state=complete'
    [ -z "$(job_field "$job" comment)" ]
}
