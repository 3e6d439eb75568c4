# SPDX-License-Identifier: Apache-2.0
# sft-sweep and sft-report together on a private Slurm of four nodes: a sweep that is killed in the middle and
# resumed, and what the report makes of it.
load helpers

SWEEP=$SFT_ROOT/bin/sft-sweep

setup_file() {
    need_slurm
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 4 --gpus 1 --cpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export XDG_STATE_HOME=$FOLDER/state
    words=(--models tiny --nodes 1,2,4 --vary seq=256,512 --repeat 3
        --with steps=2 --with warmup=1 --with data=synthetic --with gpus=1 --with device=cpu)
    # jobs that nobody would wait for; Slurm ends them where a test does not
    endless=(--models tiny --nodes 4 --with data=synthetic --with gpus=1 --with device=cpu --with steps=5000
        --time 3 --yes)
}

complete_of() { # complete_of NAME : request and count of each configuration's complete records, from sacct alone
    sacct -X -n -P --name "$1" -S now-1days -o admincomment | grep -o 'state=complete .* request=[^ ]*' |
        sed 's/.*request=//' | sort | uniq -c
}

jobs_of() { # jobs_of NAME : how many the accounting has
    sacct -X -n -P --name "$1" -S now-1days -o jobid | wc -l
}

records_at_least() { # records_at_least NAME COUNT
    [ "$(complete_of "$1" | awk '{ n += $1 } END { print n + 0 }')" -ge "$2" ]
}

@test "nobody is asked and nothing submitted without --yes, and --plan only shows" {
    run "$SWEEP" "${words[@]}" --name asked </dev/null
    [ "$status" -eq 2 ]
    [[ $output == *"18 jobs to submit; time not predicted of 18"* ]]
    [[ $output == *"sft-sweep: nobody here to ask: --yes submits, --plan only shows" ]]
    run "$SWEEP" "${words[@]}" --nodes 1,9 --name asked --plan
    [ "$status" -eq 1 ]
    [[ $output == *"refused: tiny:9,"*"has 4 nodes"* ]]
    run "$SWEEP" --models tiny --nodes 1 --with gpus=8 --name asked --plan
    [ "$status" -eq 1 ]
    [[ $output == *"refused: tiny:1,gpus=8: partition "*" has 1 GPU a node"* ]]
    run "$SWEEP" "${words[@]}" --name asked --plan --job /no/such/job
    [ "$status" -eq 2 ]
    [ "$output" = "sft-sweep: --job: cannot run /no/such/job: No such file or directory" ]
    [ -z "$(squeue -h)" ]
    # GPUs' times are predicted, by the job that is installed beside it, and a GPU's memory is minded
    run "$SWEEP" --models llama-7b,llama-70b --nodes 1 --name asked --plan
    [ "$status" -eq 1 ]
    [[ $output == *"3 jobs to submit; estimated "*" GPU-hours"* ]]
    [[ $output == *"refused: llama-70b:1: does not fit into the GPUs' memory: "*"; method=lora,base=fp8,"*" fits"* ]]
}

@test "without models or a file it is the standard suite, of what fits, and nobody is asked here" {
    run "$SWEEP" --name standard </dev/null
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *"left out: llama-70b:1: does not fit into the GPUs' memory: "* ]]
    [[ $output == *$'\nverify:4 '*$'\ngpt2-smoke:1 on '*$'\nlstm:1 on '*$'\nllama-7b:1 '*$'\nllama-7b:4 '* ]]
    [[ $output != *$'\nllama-7b:8 '* ]]
    [[ $output == *" jobs to submit; estimated "*" GPU-hours"*"time not predicted of 1"* ]]
    [[ $output == *"sft-sweep: nobody here to ask: --yes submits, --plan only shows" ]]
    [ -z "$(squeue -h --states=all --name standard)" ]
}

@test "the plan goes by the site's file that plugstack.conf names, and a wrong line there is told" {
    site=$FOLDER/sft-bench.conf
    cp "$site" "$site.before"
    echo 'gpus_per_node = 8' >>"$site"
    run "$SWEEP" --models llama-70b --nodes 2 --name asked --plan
    cp "$site.before" "$site"
    [[ $output == *$'\nllama-70b:2 '*' 16 '* ]]
    [[ $output != *refused* ]]
    echo 'gpus_per_nodes = 8' >>"$site"
    run "$SWEEP" --models llama-70b --nodes 2 --name asked --plan
    cp "$site.before" "$site"
    [ "$status" -eq 2 ]
    [[ $output == "sft-sweep: $site:2: unknown key 'gpus_per_nodes'"* ]]
}

@test "a sweep that is killed in the middle and resumed runs everything once" {
    # slow enough to be killed between two submissions
    printf '#!/bin/sh\nsleep 0.3\nexec sbatch "$@"\n' >"$FOLDER/slow-sbatch"
    chmod +x "$FOLDER/slow-sbatch"
    SFT_SBATCH=$FOLDER/slow-sbatch "$SWEEP" "${words[@]}" --name nightly --yes >"$FOLDER/sweep.log" 2>&1 &
    sweep=$!
    wait_for 60 grep -q '^submitted .*tiny:4' "$FOLDER/sweep.log"
    kill -KILL $sweep
    wait $sweep || true
    # an sbatch that was under way holds the lock
    wait_for 60 flock -n "$FOLDER/state/sft-bench/sweep-nightly.lock" true
    before=$(squeue -h --states=all --name nightly | wc -l)
    [ "$before" -ge 3 ]
    [ "$before" -lt 18 ]
    # two at once would submit everything twice
    "$SWEEP" "${words[@]}" --name nightly --yes >"$FOLDER/resumed.log" 2>&1 &
    sweep=$!
    wait_for 60 grep -q 'jobs* to submit' "$FOLDER/resumed.log"
    run "$SWEEP" "${words[@]}" --name nightly --yes
    [ "$status" -eq 2 ]
    [[ $output == "sft-sweep: another sft-sweep of the name nightly is at work: process $sweep on $(hostname),"*"/state/sft-bench/sweep-nightly.lock" ]]
    wait $sweep
    grep -q "^$((18 - before)) jobs* to submit" "$FOLDER/resumed.log"
    # every job that it submitted is told as it ends, also those that end while others are submitted
    sed -n 's/^submitted \([0-9]*\) .*/\1/p' "$FOLDER/resumed.log" | sort >"$FOLDER/submitted"
    sed -n 's/^\([0-9]*\)  tiny:.*/\1/p' "$FOLDER/resumed.log" | sort >"$FOLDER/told"
    [ -z "$(uniq -d "$FOLDER/told")" ]
    [ -z "$(comm -23 "$FOLDER/submitted" "$FOLDER/told")" ]
    wait_for 60 records_at_least nightly 18
    complete_of nightly
    [ "$(complete_of nightly | wc -l)" -eq 6 ]
    [ "$(complete_of nightly | awk '$1 == 3' | wc -l)" -eq 6 ]
    [ "$(jobs_of nightly)" -eq 18 ]
    # once more: there is nothing left to do
    run "$SWEEP" "${words[@]}" --name nightly --yes
    [ "$status" -eq 0 ]
    [[ $output == *"0 jobs to submit"*"complete: sft-report --sweep nightly"* ]]
    [ "$(jobs_of nightly)" -eq 18 ]
}

@test "a sweep over methods: a configuration each, and what a method costs or gains" {
    "$SWEEP" --models tiny --nodes 1 --vary method=full,lora,qlora --repeat 2 --with steps=2 --with warmup=1 \
        --with data=synthetic --with gpus=1 --with device=cpu --name methods --yes
    wait_for 60 records_at_least methods 6
    run "$REPORT" --sweep methods --groups
    echo "$output"
    for method in full lora qlora; do
        [ "$(grep -c "^tiny $method fp32  *1  *1  *2 " <<<"$output")" -eq 1 ]
    done
    sacct -X -n -P --name methods -S now-1days -o jobid,admincomment | sed -n 's/^\([0-9]*\)|.* method=\([a-z]*\) .*/\2 \1/p' | sort >"$FOLDER/methods"
    one() { awk -v method="$1" '$1 == method { print $2 }' "$FOLDER/methods" | paste -sd, -; }
    run "$REPORT" --compare "jobs:$(one full)" "jobs:$(one lora)" --across method
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *lora* ]]
}

@test "jobs of a sweep run one after the other" {
    sacct -X -n -P --name nightly -S now-1days -o start,end | sort | awk -F'|' \
        'NR > 1 && $1 < last { print "overlap: " $0; bad = 1 } { last = $2 } END { exit bad || NR != 18 }'
}

@test "the report of the sweep: all forms, both languages, the same figures" {
    command -v gnuplot >/dev/null || skip "no gnuplot"
    run "$REPORT" --sweep nightly --groups
    [ "$status" -eq 0 ]
    echo "$output"
    [ "$(grep -c '^tiny full fp32, [0-9]* tokens .* 3 ' <<<"$output")" -eq 6 ]
    [ "$("$REPORT" --sweep nightly --csv | wc -l)" -eq 19 ]
    "$REPORT" --sweep nightly --groups --format json | python3 -c '
import json, sys
cells = json.load(sys.stdin)
assert [c["nodes"] for c in cells] == [1, 2, 4, 1, 2, 4], cells
assert all(c["runs"] == 3 and c["efficiency"] > 0 and c["tok_s_min"] <= c["tok_s"] <= c["tok_s_max"] for c in cells)
assert cells[0]["efficiency"] == 100 and cells[3]["efficiency"] == 100'
    "$REPORT" --sweep nightly --format html --output en.html
    "$REPORT" --sweep nightly --format html --lang ja --output ja.html
    grep -q '<html lang="ja">' ja.html
    python3 - <<'PY'
import re
def figures(name):
    text = open(name, encoding="utf-8").read()
    text = re.sub(r"<figure.*?</figure>", "", text, flags=re.S)
    return [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r'<td class="n">(.*?)</td>', text)]
en, ja = figures("en.html"), figures("ja.html")
assert len(en) > 100 and en == ja, (len(en), len(ja))
PY
    run "$REPORT" --report-only
    [ "$status" -eq 0 ]
    [ "$output" = "sft-report-$(date +%F).html" ]
    grep -q '</html>' "$output"
    if command -v chromium >/dev/null; then
        "$REPORT" --sweep nightly --format pdf --output r.pdf
        head -c 5 r.pdf | grep -q '%PDF-'
    fi
}

@test "two sets are compared by their repeats" {
    run "$REPORT" --compare sweep:nightly nightly --format csv
    [ "$status" -eq 0 ]
    [ "$(grep -c ',1.0000,' <<<"$output")" -eq 6 ]
    [ "$(grep -c 'no difference beyond the spread' <<<"$output")" -eq 6 ]
    run "$REPORT" --compare nightly sweep:none
    [ "$status" -eq 2 ]
    [[ $output == *"no sft-bench records in sweep:none" ]]
}

@test "status" {
    run "$SWEEP" --name nightly --status
    [ "$status" -eq 0 ]
    [ "$(grep -c '^tiny:[124],.* 3 *0 *0 *0$' <<<"$output")" -eq 6 ]
    run "$SWEEP" --name no-such-sweep --status
    [ "$status" -eq 2 ]
    [[ $output == "sft-sweep: no jobs of yours have the name no-such-sweep" ]]
}

@test "an interrupt ends the following and nothing else" {
    "$SWEEP" "${endless[@]}" --name endless --repeat 3 >"$FOLDER/endless.log" 2>&1 &
    sweep=$!
    wait_for 60 grep -q '^3 submitted' "$FOLDER/endless.log"
    wait_for 60 bash -c "squeue -h -t running --name endless | grep -q ."
    kill -INT $sweep
    rc=0
    wait $sweep || rc=$?
    [ "$rc" -eq 1 ]
    tail -n 1 "$FOLDER/endless.log" | grep -q '^no longer following; the jobs go on'
    [ "$(squeue -h --name endless | wc -l)" -eq 3 ]
    run "$SWEEP" --name endless --cancel
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "3 jobs cancelled" ]
    wait_for 60 bash -c "! squeue -h -t pending,running,completing --name endless | grep -q ."
    run "$SWEEP" --name endless --status
    [[ $output == *" 0 "* ]]
}

@test "an interrupt of the submission ends it after the job at hand, and says how to go on" {
    printf '#!/bin/sh\nsleep 1\nexec sbatch "$@"\n' >"$FOLDER/slower-sbatch"
    chmod +x "$FOLDER/slower-sbatch"
    SFT_SBATCH=$FOLDER/slower-sbatch "$SWEEP" "${endless[@]}" --name broken-off --repeat 20 \
        >"$FOLDER/broken-off.log" 2>&1 &
    sweep=$!
    wait_for 60 grep -q '^submitted' "$FOLDER/broken-off.log"
    kill -INT $sweep
    rc=0
    wait $sweep || rc=$?
    cat "$FOLDER/broken-off.log"
    [ "$rc" -eq 1 ]
    submitted=$(grep -c '^submitted' "$FOLDER/broken-off.log")
    [ "$submitted" -lt 20 ]
    tail -n 1 "$FOLDER/broken-off.log" |
        grep -q "^interrupted: $submitted submitted. To go on: the same command with --name broken-off;"
    run "$SWEEP" --name broken-off --cancel
    echo "$output"
    [ "$output" = "$submitted job$([ "$submitted" -eq 1 ] || echo s) cancelled" ]
}

@test "a job that fails is told, and run again" {
    run "$SWEEP" "${endless[@]}" --nodes 1 --name broken --repeat 1 --detach
    [ "$status" -eq 0 ]
    wait_for 60 bash -c "squeue -h -t running --name broken | grep -q ."
    scancel --name broken
    wait_for 60 bash -c "! squeue -h -t pending,running,completing --name broken | grep -q ."
    run "$SWEEP" "${endless[@]}" --nodes 1 --name broken --repeat 1 --plan
    [ "$status" -eq 1 ]
    [[ $output == *"1 job to submit"* ]]
    run "$SWEEP" --name broken --status
    [[ ${lines[${#lines[@]} - 1]} =~ ^failed:\ [0-9]+\ \ tiny:1,.*\ \ (partial|CANCELLED)(:\ .*)?$ ]]
}

@test "without the accounting there is one line and nothing is submitted" {
    "$CLUSTER" kill-dbd "$FOLDER/c"
    before=$(squeue -h --states=all | wc -l)
    run "$SWEEP" --models tiny --nodes 1 --name down --yes
    "$CLUSTER" start-dbd "$FOLDER/c"
    [ "$status" -eq 2 ]
    echo "$output"
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-sweep: sacct failed with exit status 1: "*"onnection refused"* ]]
    [ "$(squeue -h --states=all | wc -l)" -eq "$before" ]
}

@test "without slurmctld, dead or silent, there is one line and nothing is submitted" {
    "$CLUSTER" kill-ctld "$FOLDER/c"
    run "$SWEEP" --models tiny --nodes 1 --name down --yes
    "$CLUSTER" start-ctld "$FOLDER/c"
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-sweep: squeue failed with exit status 1: "*"onnect"* ]]
    "$CLUSTER" kill-ctld "$FOLDER/c" STOP
    run "$SWEEP" --models tiny --nodes 1 --name down --yes
    "$CLUSTER" kill-ctld "$FOLDER/c" CONT
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-sweep: squeue failed with exit status 1: "*"timed out"* ]]
    [ -z "$(squeue -h --states=all --name down)" ]
}

@test "another user cannot hold a sweep's lock, and who has no home is told where it would stand" {
    [ "$(id -u)" -eq 0 ] || skip "not root"
    chmod 755 "$FOLDER"
    nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_STATE_HOME "$@"; }
    # the place where it stood, taken by another
    nobody sh -c "exec 9>'/tmp/.sft-sweep-0-held.lock' && flock -n 9 && exec sleep 60" &
    holder=$!
    run "$SWEEP" --models tiny --nodes 1 --name held --plan
    kill $holder
    rm -f /tmp/.sft-sweep-0-held.lock
    [ "$status" -eq 1 ]
    [[ $output == *"1 configurations"* ]]
    run nobody HOME=/nonexistent "$SWEEP" --models tiny --nodes 1 --name mine --plan
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "sft-sweep: /nonexistent: "*": set XDG_STATE_HOME to a folder of your own that you can write to" ]]
    # another's folder is none of one's own
    mkdir -p "$FOLDER/roots/sft-bench"
    chmod 777 "$FOLDER/roots"
    run nobody XDG_STATE_HOME="$FOLDER/roots" "$SWEEP" --models tiny --nodes 1 --name mine --plan
    [ "$status" -eq 2 ]
    [[ $output == *"not yours"* ]]
    install -d -o 65534 -m 700 "$FOLDER/nobodys"
    run nobody XDG_STATE_HOME="$FOLDER/nobodys" "$SWEEP" --models tiny --nodes 1 --name mine --plan
    [ "$status" -eq 1 ]
    [ -e "$FOLDER/nobodys/sft-bench/sweep-mine.lock" ]
}
