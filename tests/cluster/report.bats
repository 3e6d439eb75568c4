# SPDX-License-Identifier: Apache-2.0
# sft-report over an accounting with many jobs that are not ours, and with hostile comments, in real Slurm.
load helpers

# Users of its own, where it may have a mount namespace: one with capitals, which slurmdbd makes small, and one without;
# neither has an association. Names of other tests' users never meet these.
setup_file() {
    need_slurm
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_folder
    chmod 755 "$FOLDER"
    echo "job = $JOB" >"$FOLDER/sft-bench.conf"
    cp /etc/passwd "$FOLDER/passwd"
    echo "Tanaka.T:x:4301:65534::/nonexistent:/bin/sh" >>"$FOLDER/passwd"
    echo "suzuki:x:4302:65534::/nonexistent:/bin/sh" >>"$FOLDER/passwd"
    in_namespace=()
    if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
        # shellcheck disable=SC2016
        in_namespace=(unshare --mount sh -c 'mount --bind "$0" /etc/passwd && exec "$@"' "$FOLDER/passwd")
    fi
    "${in_namespace[@]}" "$CLUSTER" start "$FOLDER/c" --nodes 1 --gpus 8 --cpus 32 --plugin "$PLUGIN" \
        --plugin-args "config=$FOLDER/sft-bench.conf" >"$FOLDER/start.log" 2>&1 || {
        cat "$FOLDER/start.log" >&2
        return 1
    }
    cluster_enter
    srun "--sft-bench=$RUN" >/dev/null 2>&1
    wait_for 30 accounted
    "$BATS_TEST_DIRNAME/add_jobs.sh" 2000 nightly
}

RUN=tiny:1,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic

# as UID COMMAND... : as that user of the cluster's, in a folder that everyone can read
as() {
    local uid=$1 gid=65534
    shift
    [ "$uid" -ne 0 ] || gid=0
    nsenter --mount --target "$(cat "$FOLDER/c/run/munged.pid")" --wd="$FOLDER" \
        setpriv --reuid="$uid" --regid="$gid" --clear-groups env HOME=/nonexistent "$@"
}

need_users() {
    [ "$(id -u)" -eq 0 ] && [ "$(as 4301 id -un 2>/dev/null)" = Tanaka.T ] ||
        skip "no mount namespace for users of its own"
}

jobs_of() { # jobs_of COMMAND... : the jobs of a report
    "$@" --csv 2>/dev/null | tail -n +2 | cut -d, -f1 | tr '\n' ' '
}

# job_is_told JOB UID : its end and its comment are in the accounting, and whose it is: a job that is over before slurmdbd
# has heard of it is root's there, and without its name, for a second
job_is_told() {
    job_field_has "$1" state 'COMPLETED|FAILED|CANCELLED' && job_field_has "$1" comment . && job_field_has "$1" uid "^$2\$"
}

accounted() {
    sacct -X -n -P -o admincomment | grep -q 'state=complete'
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
}

@test "of 2,001 jobs the 39 with a record are shown, each once" {
    [ "$(sacct -X -n -S now-1days -o jobid | wc -l)" -eq 2001 ]
    # the run itself, 18 of the sweep, and each hundredth of 2,000
    run "$REPORT" --csv
    [ "$status" -eq 0 ]
    [ "$(wc -l <<<"$output")" -eq 40 ]
    [ "$(cut -d, -f1 <<<"$output" | sort -u | wc -l)" -eq 40 ]
    run "$REPORT" --sweep nightly --csv
    [ "$(wc -l <<<"$output")" -eq 19 ]
    [ "$(grep -c ',nightly,' <<<"$output")" -eq 18 ]
    run "$REPORT" --model llama-7b
    [ "$status" -eq 1 ]
    [[ $output == *"no sft-bench records found"*"with model llama-7b"* ]]
    run "$REPORT" --sweep other-1 --model tiny --csv
    [ "$(wc -l <<<"$output")" -ge 2 ]
}

@test "hostile comments are a count and nothing else" {
    mariadb --no-defaults -u root --socket="$MYSQL_UNIX_PORT" slurm -e "
        update sft_job_table set derived_es = 'sft1{step=1.0 state=complete model= <script>', admin_comment = '' where id_job = 1030;
        update sft_job_table set derived_es = '', admin_comment = concat('sft1{', repeat('x', 9000)) where id_job = 1031;
        update sft_job_table set derived_es = concat('a', char(10), '1002', char(31), 'sft1{b', char(27), '[31m'), admin_comment = '' where id_job = 1032;
        update sft_job_table set derived_es = _latin1 x'ff80c328736674317b', admin_comment = '' where id_job = 1033;
        update sft_job_table set derived_es = '99999999999999999999|1e999|-0|{{', admin_comment = '<b>80%</b>' where id_job = 1034;"
    run "$REPORT" --csv
    [ "$status" -eq 0 ]
    [[ ${lines[*]} == *"sft-report: "[0-9]*" broken record"*" left out"* ]]
    [ "$(grep -c '^10[0-9][0-9],\|^1[0-9][0-9][0-9],\|^[23][0-9]*,' <<<"$output")" -ge 38 ]
    [ "$(grep -vc 'left out' <<<"$output")" -eq 40 ]
    ! grep -q $'\x1b' <<<"$output"
    "$REPORT" --format html --output hostile.html 2>/dev/null
    ! grep -qi '<script' hostile.html
}

@test "a failed run is shown with its reason" {
    mariadb --no-defaults -u root --socket="$MYSQL_UNIX_PORT" slurm -e "update sft_job_table set derived_es = '',
        admin_comment = 'sft1{step=1040.0 state=failed model=tiny fail=rank%203:%20no%1Bmemory}' where id_job = 1040"
    run "$REPORT" -j 1040
    [ "$status" -eq 0 ]
    [[ $output == *"1040.0  failed "* ]]
    [[ $output == *$'\n'"1040.0: rank 3: no?memory"* ]]
}

@test "what a user writes changes nothing of the others' report" {
    need_users
    "$REPORT" -a --csv 2>/dev/null >before.csv
    # other jobs' ids again and again, so that they would be asked for in several batches, with what parts jobs in sacct's
    # text and JSON
    lines=$(for _ in $(seq 45); do printf '1002\x1fsft1{\n1003|sft1{\n'; done)
    jobs=()
    for comment in "x"$'\n'"$lines" {1..11}$'\n'"${lines//|/$'\x1f'}" \
        'x"},{"job_id": 1002, "comment": {"administrator": "sft1{step=1002.0 state=complete model=tiny tok_s=9}"}},{"a":"' \
        "sft1{step=1002.0 state=complete model=tiny tok_s=9 request=tiny:1}" $'\x1f0000000000000000\x1f\n1002\x1f1\x1f'; do
        jobs+=("$(as 4302 sbatch --parsable -o /dev/null -c 1 -J $'1002\n=cmd|calc\x1f1003' --comment "$comment" --wrap true)")
    done
    for job in "${jobs[@]}"; do wait_for 60 job_is_told "$job" 4302; done
    "$REPORT" -a --csv 2>/dev/null >after.csv
    cmp before.csv after.csv
    [ "$(as 4301 "$REPORT" -a --csv 2>/dev/null | cmp - before.csv && echo same)" = same ]
    # nor is anything of others' shown as that user's own
    run as 4302 "$REPORT"
    [ "$status" -eq 1 ]
    # root's own are asked for by name, and stay
    "$REPORT" -u root --csv 2>/dev/null >own.csv
    cmp before.csv own.csv
}

@test "a user's own record stands in that user's job alone, however it is named" {
    need_users
    job=$(as 4302 sbatch --parsable -o /dev/null -J $'=1+1\n1002,x' \
        --comment "sft1{step=1002.0 state=complete model=tiny tok_s=9} sft1{step=JOB.0 state=complete model==cmd}" --wrap 'sleep 1')
    as 4302 scontrol update job "$job" comment="sft1{step=1002.0 state=complete model=tiny} sft1{step=$job.0 state=complete model==cmd fail=%1B[31m}"
    wait_for 60 job_is_told "$job" 4302
    run as 0 "$REPORT" -j "$job" --csv
    [ "$status" -eq 0 ]
    echo "$output"
    [ "$(grep -c "^$job," <<<"$output")" -eq 1 ]
    grep -q "^$job,0,complete,[a-z]*,\"'=1+1?1002,x\",COMPLETED,suzuki," <<<"$output"
    grep -q ",'=cmd," <<<"$output"
    if grep -q $'\x1b' <<<"$output"; then return 1; fi
    [ "$("$REPORT" -j 1002 --csv 2>/dev/null | grep -c '^1002,')" -eq 1 ]
    run "$REPORT" -j 1002 --csv
    [[ $output != *cmd* ]]
}

@test "-u shows what sacct -u shows: without an association, with capitals, by uid, several" {
    need_users
    for uid in 4301 4302; do as "$uid" srun "--sft-bench=$RUN" >/dev/null 2>&1; done
    sacctmgr -i add account llm >/dev/null
    as 0 sacctmgr -i add user Tanaka.T account=llm >/dev/null
    as 0 "$CLUSTER" restart "$FOLDER/c" >/dev/null
    as 4301 srun "--sft-bench=$RUN" >/dev/null 2>&1
    confirmed() { as 0 sacct -X -n -P -u "$1" -o jobidraw,admincomment | sed -n 's/|sft2{.*state=complete.*//p' | tr '\n' ' '; }
    two() { [ "$(confirmed Tanaka.T | wc -w)" -eq 2 ] && [ "$(confirmed suzuki | wc -w)" -eq 1 ]; }
    wait_for 60 two
    for user in Tanaka.T 4301 suzuki 4302 suzuki,Tanaka.T; do
        wanted=$(confirmed $user)
        got=$(as 0 "$REPORT" -u $user --csv 2>/dev/null | grep '^[0-9].*,\(published\|checked\),' | cut -d, -f1 | tr '\n' ' ')
        echo "$user: sacct $wanted, sft-report $got"
        [ "$wanted" = "$got" ]
    done
    [ "$(as 4301 "$REPORT" --csv 2>/dev/null | grep -c '^[0-9].*,\(published\|checked\),')" -eq 2 ]
    # their names stand in the table, where Slurm's JSON has none
    run as 0 "$REPORT" -a
    [ "$(grep -c '  Tanaka.T  \|  tanaka.t  ' <<<"$output")" -eq 2 ]
    [ "$(grep -c '  suzuki  ' <<<"$output")" -ge 1 ]
    [[ $output != *"  -         2"* ]]
    run as 0 "$REPORT" -u no-such-user
    [ "$status" -eq 2 ]
    [ "$output" = "sft-report: sacct failed with exit status 1: Invalid user id: no-such-user" ]
}

@test "whatever form the user wants times in" {
    for form in relative %s '%d.%m.'; do
        [ "$(SLURM_TIME_FORMAT=$form "$REPORT" --sweep nightly --csv | wc -l)" -eq 19 ]
    done
}

@test "a job that was requeued has one record, the last run's" {
    job=$(sbatch --parsable --requeue -o /dev/null "--sft-bench=${RUN/steps=2/steps=5000}")
    has_begun() { scontrol -o show job "$job" | grep -q 'JobState=RUNNING.*sft2{'; }
    wait_for 60 has_begun
    scontrol requeue "$job"
    waits() { scontrol -o show job "$job" | grep -q 'JobState=PENDING' && job_field_has "$job" state PENDING; }
    wait_for 60 waits
    run "$REPORT" -j "$job" --csv
    echo "$output"
    [ "$(grep -c "^$job,0,\(partial\|failed\)," <<<"$output")" -eq 1 ]
    sleep 2 # a node refuses what was granted in the second in which it was told of the end
    scontrol update job "$job" starttime=now
    wait_for 60 has_begun
    scancel "$job"
    ended() { sacct -X -D -n -P -j "$job" -o state,admincomment | grep -q '^CANCELLED.*sft2{'; }
    wait_for 60 ended
    run "$REPORT" -j "$job" --csv
    [ "$(grep -c "^$job,0,\(partial\|failed\),[a-z]*,.*,CANCELLED," <<<"$output")" -eq 1 ]
    [ "$(grep -c "^$job," <<<"$output")" -eq 1 ]
    sacct --json -X -D -j "$job" | "$REPORT" --input - --csv >saved.csv
    [ "$(grep -c "^$job," saved.csv)" -eq 1 ]
}

@test "30 jobs at once: every record once" {
    "$BATS_TEST_DIRNAME/../long/jobs.sh" --here 30 >log
    cat log
    [ "$(tail -n 1 log)" = "4 passed, 0 failed" ]
}

@test "without slurmdbd there is one line and no success" {
    pid=$(cat "$FOLDER/c/run/slurmdbd.pid")
    kill -STOP "$pid"
    run "$REPORT" -a
    kill -CONT "$pid"
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-report: sacct failed with exit status 1: "*"atabase"* ]]
    "$CLUSTER" kill-dbd "$FOLDER/c"
    run "$REPORT" -j 1002 --json
    "$CLUSTER" start-dbd "$FOLDER/c"
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-report: sacct failed with exit status 1: "*"onnection refused"* ]]
}
