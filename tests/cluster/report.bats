# SPDX-License-Identifier: Apache-2.0
# sft-report over an accounting with many jobs that are not ours, and with hostile comments, in real Slurm.
load helpers

setup_file() {
    need_slurm
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 1 --gpus 1
    cluster_enter
    srun --sft-bench=tiny:1,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic >/dev/null 2>&1
    wait_for 30 accounted
    "$BATS_TEST_DIRNAME/add_jobs.sh" 2000 nightly
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
        update sft_job_table set derived_es = concat('a', char(10), '1001', char(31), 'sft1{b', char(27), '[31m'), admin_comment = '' where id_job = 1032;
        update sft_job_table set derived_es = x'ff80c328736674317b', admin_comment = '' where id_job = 1033;
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
