# SPDX-License-Identifier: Apache-2.0
# sft-sweep's suites on a private Slurm of four nodes: killed at five points and resumed, a bad node, the report.
load helpers

SWEEP=$SFT_ROOT/bin/sft-sweep

setup_file() {
    need_slurm
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 4 --gpus 0 --cpus 2
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export XDG_STATE_HOME=$FOLDER/state SFT_TEST_MARK=$FOLDER
    sweep_pid=''
    # slow enough to be killed between two submissions
    printf '#!/bin/sh\nsleep 0.3\nexec sbatch "$@"\n' >"$FOLDER/slow-sbatch"
    # and a report that takes so long that it can be killed
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n[ "$(cat /proc/$PPID/comm)" != sft-report ] || sleep 3\nexec sacct "$@"\n' >"$FOLDER/slow-sacct"
    chmod +x "$FOLDER/slow-sbatch" "$FOLDER/slow-sacct"
}

teardown() {
    [ -z "$sweep_pid" ] || kill -KILL "$sweep_pid" 2>/dev/null || true
}

suite_of() { # suite_of NAME LINE... : the file NAME.conf, of runs that are over soon
    local name=$1
    shift
    printf '%s\n' "name = $name" 'with = gpus=0' 'with = steps=1' 'with = warmup=1' 'with = timeout=10' "$@" >"$name.conf"
}

begin() { # begin NAME : the suite, in the background
    local lock=$FOLDER/state/sft-bench/sweep-$1.lock
    # what a killed one had started (sbatch, sft-report) holds it until it ends
    [ ! -e "$lock" ] || wait_for 60 flock -n "$lock" true
    SFT_SBATCH=$FOLDER/slow-sbatch "$SWEEP" --suite "$1.conf" --yes >"$1.log" 2>"$1.err" </dev/null &
    sweep_pid=$!
}

killed_at() { # killed_at NAME PATTERN : begun, and killed as soon as it has printed that
    begin "$1"
    wait_for 120 grep -q "$2" "$1.log"
    kill -KILL $sweep_pid
    wait $sweep_pid || true
    cat "$1.log" "$1.err"
}

ended() { # ended NAME STATUS
    local status=0
    wait $sweep_pid || status=$?
    sweep_pid=
    cat "$1.log" "$1.err"
    [ "$status" -eq "$2" ]
}

complete_of() { # complete_of NAME : request and nodes of each complete record, from sacct alone
    sacct -X -n -P --name "$1" -S now-1days -o nodelist,admincomment | grep 'state=complete ' |
        sed -E 's/^([^|]*)\|.* request=([^ }]*).*/\2 \1/' | sort
}

jobs_of() { # jobs_of NAME
    sacct -X -n -P --name "$1" -S now-1days -o jobid | wc -l
}

words() { # words PAGE : its text, without what only says where a line may break
    sed -E 's/<wbr>|&#8203;|&#8288;//g' "$1"
}

@test "nobody is asked and nothing submitted without --yes, and a wrong line is told before Slurm is asked" {
    suite_of asked 'smoke = tiny-lstm' 'model = tiny' 'verify = facts'
    run "$SWEEP" --suite asked.conf </dev/null
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *$'\nverify: 1 run of each\n'*$'\nverify:4,gpus=0,timeout=10,checks=facts '* ]]
    [[ $output == *$'\nsmoke trainings: 1 run of each\n'*" on fukushimadc-02-hgx-0004 "* ]]
    [[ $output == *$'\nmodels: 3 runs of each\n'*$'\ntiny:1,'*$'\ntiny:2,'*$'\ntiny:4,'* ]]
    [[ $output == *"14 jobs to submit; time not predicted of 14"*"nobody here to ask: --yes submits, --plan only shows" ]]
    run "$SWEEP" --name none --yes
    [ "$status" -eq 2 ]
    [ "$output" = "sft-sweep: partition gpu has no GPUs that Slurm or sft-bench.conf tells of, and the suite without a file is for GPUs: --suite FILE says what to run" ]
    echo 'nodes = 2,x' >>asked.conf
    run "$SWEEP" --suite asked.conf --yes
    [ "$status" -eq 2 ]
    [ "$output" = "sft-sweep: asked.conf:9: nodes: 'x' is no whole number from 1 to 16384" ]
    run "$SWEEP" --suite asked.conf --detach
    [ "$status" -eq 2 ]
    # what the job refuses is known before anything has run; the rest of the plan holds
    suite_of asked 'verify = facts' 'model = tiny:1,data=/none.json'
    run "$SWEEP" --suite asked.conf --yes
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *"refused: tiny:1,"*": /none.json: cannot read the data: No such file or directory"* ]]
    [[ ${lines[-1]} == "sft-sweep: all that would follow verify is refused, so nothing is submitted" ]]
    printf '#!/bin/sh\necho Slurm accounting storage is disabled >&2\nexit 1\n' >no-sacct
    chmod +x no-sacct
    SFT_SACCT=$FOLDER/no-sacct run "$SWEEP" --suite asked.conf --yes
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${lines[-1]}" = "sft-sweep: this cluster has no accounting (slurmdbd), and a suite knows by it what is complete and what verify found: --models and --nodes do without" ]
    run "$SWEEP" --suite asked.conf --yes --with gpus=1
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${lines[-1]}" = "sft-sweep: verify is refused, so nothing is run: partition gpu has 0 GPUs a node" ]
    echo 'model = tiny:1' >>asked.conf
    run "$SWEEP" --suite asked.conf --plan
    [ "$status" -eq 1 ]
    [[ $output == *"refused: tiny:1,"*$'\n4 jobs to submit; '* ]]
    [ -z "$(squeue -h --states=all)" ]
}

@test "a suite that is killed at five points and resumed runs everything once, into one report" {
    suite_of five 'verify = facts' 'smoke = tiny-lstm' 'nodes = 2,4' 'repeat = 2' 'model = tiny-lstm' \
        'model = tiny:2,seq=256' 'title = Five times'
    killed_at five '^submitted [0-9]*  verify:4' # during verify
    killed_at five '^verify (job'                # after it
    killed_at five '^submitted .* on .*-0002$'   # during the smoke trainings
    killed_at five '^submitted .*tiny-lstm:4'    # during the models
    SFT_SACCT=$FOLDER/slow-sacct killed_at five '^report: five.en.html' # between the two pages
    [ ! -e five.ja.html ]
    begin five
    ended five 0
    grep -q '^0 jobs to submit' five.log
    tail -n 1 five.log | grep -qx complete
    complete_of five
    [ "$(complete_of five | awk '{ print $1 }' | sed 's/,.*//' | uniq -c | awk '{ print $2 " " $1 }' | sort | paste -sd,)" = \
        "tiny-lstm:1 4,tiny-lstm:2 2,tiny-lstm:4 2,tiny:2 2,verify:4 1" ]
    # each smoke training on its node
    [ "$(complete_of five | awk '/^tiny-lstm:1,/ { print $2 }' | uniq -d | wc -l)" -eq 0 ]
    [ "$(jobs_of five)" -eq 11 ]
    for page in five.en.html five.ja.html; do
        grep -q '</html>' $page
        grep -q '<h1>Five times' $page
    done
    grep -q '<html lang="ja">' five.ja.html
    # each run once in the page
    sacct -X -n -P --name five -S now-1days -o jobid,admincomment | sed -n '/task=verify/d; s/|.*//p' | sort -n >ran
    python3 - <<'PY'
import re
page = open("five.en.html", encoding="utf-8").read()
jobs = re.search(r'<ul class="jobs">(.*?)</ul>', page, re.S).group(1)
jobs = re.sub(r"<b>.*?</b>", "", re.sub(r"<wbr>", "", jobs), flags=re.S)
listed = []
for part in re.findall(r"nodes: \d+: ([\d, –]+)", jobs):
    for word in part.split(","):
        first, _, last = word.strip().partition("–")
        listed += range(int(first), int(last or first) + 1)
ran = sorted(int(line) for line in open("ran"))
assert sorted(listed) == ran, (listed, ran)
assert "10 runs, 10 of them counted" in page
PY
    grep -q 'verify called no node bad' five.en.html
}

@test "the report alone, of what is there" {
    rm -f five.en.html five.ja.html
    before=$(squeue -h --states=all | wc -l)
    run "$SWEEP" --suite five.conf --report-only
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"report: five.en.html"*"report: five.ja.html"* ]]
    grep -q '</html>' five.en.html
    grep -q '</html>' five.ja.html
    [ "$(squeue -h --states=all | wc -l)" -eq "$before" ]
    run "$SWEEP" --name nobodys --report-only
    [ "$status" -eq 2 ]
    [[ $output == "sft-sweep: "*"no sft-bench records found of user "*" of sweep nobodys"* ]]
}

@test "status of a suite" {
    run "$SWEEP" --suite five.conf --status
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c ' on fukushimadc-02-hgx-000[1-4] * 1 *1 *0 *0 *0$' <<<"$output")" -eq 4 ]
    [ "$(grep -c '^tiny.* 2 *2 *0 *0 *0$' <<<"$output")" -eq 3 ]
}

@test "a node that goes down before its smoke training: it is told and skipped, the models run, and it is missing" {
    local node=fukushimadc-02-hgx-0004 wrong=''
    printf '%s\n' 'smoke = tiny-lstm,seed=7' 'model = tiny-lstm:1,seq=64' >>five.conf
    # sinfo is asked twice before anything runs; between the phases it may fail
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho x >>%s/asked; [ "$(wc -l <%s/asked)" -ne 3 ] || { echo no >&2; exit 1; }\nexec sinfo "$@"\n' \
        "$FOLDER" "$FOLDER" >third-sinfo
    chmod +x third-sinfo
    sbatch --parsable -w $node --exclusive -o /dev/null --wrap 'sleep 600' >blocker
    wait_for 30 bash -c "squeue -h -t running -j $(cat blocker) | grep -q ."
    SFT_SINFO=$FOLDER/third-sinfo begin five
    wait_for 60 grep -q "^submitted .* on $node\$" five.log
    scontrol update nodename=$node state=drain reason=test
    scancel "$(cat blocker)"
    ended five 1 || wrong=1
    run "$SWEEP" --suite five.conf --plan
    scontrol update nodename=$node state=resume
    wait_for 30 bash -c "sinfo -h -N -n $node -o %T | grep -qx idle"
    echo "$output"
    [ -z "$wrong" ]
    [ "$status" -eq 1 ]
    [[ $output == *"refused: tiny-lstm:1,"*" on $node: the node is down or drained now"*$'\n0 jobs to submit'* ]]
    grep -q '^sft-sweep: note: .*third-sinfo.*; the jobs go on, trying again$' five.err
    job=$(sed -n "s/^submitted \([0-9]*\) .* on $node\$/\1/p" five.log)
    [ "$(grep -c "^sft-sweep: note: job $job (tiny-lstm:1,.* on $node) waits: .*, scancel $job ends it\$" five.err)" -eq 1 ]
    grep -qx "skipped: job $job on $node, which is down or drained" five.log
    [ "$(complete_of five | grep -c 'tiny-lstm:1,.*seq=64')" -eq 2 ]
    # of what ran there before it went down nothing is missing
    [ "$(grep -c '^refused: ' five.log)" -eq 1 ]
    grep -q "^refused: tiny-lstm:1,.*seed=7,.* on $node: the node is down or drained now\$" five.log
    tail -n 1 five.log | grep -qx 'complete but for 1 refused'
    # back again, it runs what is missing there
    begin five
    ended five 0
    [ "$(grep -c "^submitted .*seed=7,.* on $node\$" five.log)" -eq 1 ]
    [ "$(grep -c '^submitted' five.log)" -eq 1 ]
    tail -n 1 five.log | grep -qx complete
}

@test "a node that verify calls bad is left out by name, and what then does not reach is told" {
    suite_of bad 'verify = memory' 'smoke = tiny-lstm' 'nodes = 2,4' 'repeat = 1' 'model = tiny-lstm'
    begin bad
    wait_for 60 bash -c "grep -qs 'verify: memory' bad-*.out"
    job=$(newest_job)
    rank=$(task_of 1)
    host=$(tr '\0' '\n' <"/proc/$rank/environ" | sed -n 's/^SLURMD_NODENAME=//p')
    kill -KILL "$rank"
    ended bad 1
    grep -qx "left out, verify called bad: $host" bad.log
    grep -q "^refused: tiny-lstm:4,.*: partition gpu has 3 nodes for it: 1 left out$" bad.log
    grep -q '^tiny-lstm:4,.* 1 *0 *0 *0 *0$' bad.log
    tail -n 1 bad.log | grep -qx 'complete on the nodes that verify left but for 1 refused'
    [ "$(complete_of bad | grep -v '^verify' | wc -l)" -eq 4 ]
    for at in $(complete_of bad | awk '!/^verify/ { print $2 }'); do
        run scontrol show hostnames "$at"
        [[ $output != *"$host"* ]]
    done
    words bad.en.html | grep -q "verify called these nodes bad: $host. No run after it was on them"
    words bad.ja.html | grep -q "verify が不良と判定したノード: $host. その後の実行はこれらのノードを使っていません"
    # resumed it knows that without a file of its own
    rm -rf "$FOLDER/state"
    run "$SWEEP" --suite bad.conf --yes
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"0 jobs to submit"*"complete on the nodes that verify left but for 1 refused" ]]
    # and where no other node is there, nothing is run
    for node in 1 2 3 4; do
        [ "fukushimadc-02-hgx-000$node" = "$host" ] ||
            scontrol update nodename="fukushimadc-02-hgx-000$node" state=drain reason=test
    done
    run "$SWEEP" --suite bad.conf --yes
    for node in 1 2 3 4; do
        scontrol update nodename="fukushimadc-02-hgx-000$node" state=resume || true
    done
    echo "$output"
    [ "$status" -eq 2 ]
    [[ ${lines[-1]} == "sft-sweep: no good node is left, so nothing is run: verify (job "*") called bad: $host" ]]
}

@test "verify that does not come to its end is one line, and nothing else is run" {
    suite_of dead 'verify = memory' 'smoke = tiny-lstm'
    begin dead
    wait_for 60 bash -c "grep -qs 'verify: memory' dead-*.out"
    job=$(newest_job)
    kill -KILL "$(task_of 0)"
    ended dead 2
    [[ $(tail -n 1 dead.err) == "sft-sweep: verify did not come to its end (job $job: "*"), so nothing else is run: see dead-$job.out; "* ]]
    [ "$(squeue -h --states=all --name dead | wc -l)" -eq 1 ]
}

@test "a suite whose jobs are cancelled submits nothing more" {
    suite_of stopped 'verify = no' 'smoke = tiny-lstm,steps=100000' 'model = tiny-lstm'
    begin stopped
    wait_for 60 bash -c "squeue -h -t running --name stopped | grep -q ."
    wait_for 60 grep -q '^submitted .*-0004$' stopped.log
    run "$SWEEP" --suite stopped.conf --cancel
    [ "$status" -eq 0 ]
    ended stopped 1
    tail -n 1 stopped.log | grep -q '^jobs were cancelled, so nothing more is submitted'
    [ "$(squeue -h --states=all --name stopped | wc -l)" -eq 4 ]
}
