# SPDX-License-Identifier: Apache-2.0
# Runs with checkpoints on two nodes: killed at random moments around one, SFT_KILLS times (5; tests/long.sh's kills has
# 50), queued again by an administrator, and by themselves when their time is up: each goes on, and has the losses of the
# run that nothing happened to, bit for bit.
load helpers

STEPS=118

setup_file() {
    cluster_of "$JOB" --nodes 2 --cpus 2 --gpus 2 --conf KillWait=60
    cluster_enter
    srun --sft-bench="$(request whole)" >whole.log 2>&1 || {
        cat whole.log >&2
        return 1
    }
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    export SFT_TEST_MARK=$FOLDER
    job='' srun_pid=''
}

teardown() {
    [ -z "$job" ] || scancel "$job"
    [ -z "$srun_pid" ] || wait "$srun_pid" || true
}

request() { # request OUT [KEY=VALUE,...]
    echo "tiny:2,gpus=1,zero=1,data=synthetic,seed=3,steps=$STEPS,warmup=2,seq=64,micro_batch=1,global_batch=4,timeout=60,out=$FOLDER/$1${2:+,$2}"
}

# losses_fit OUT : those of a run, as far as it came, are the whole run's behind the step that it went on from
losses_fit() {
    python3 - "$FOLDER/$1/result.json" "$FOLDER/whole/result.json" <<'PY'
import json, sys
run, whole = (json.load(open(path)) for path in sys.argv[1:])
first, losses = run.get("resumed_step", 0), run["losses"]
if run["state"] == "complete":
    assert first + len(losses) == len(whole["losses"]), (first, len(losses))
assert losses == whole["losses"][first:first + len(losses)], (first, losses)
print(f"{sys.argv[1]}: {run['state']}, steps {first} to {first + len(losses)}", file=sys.stderr)
PY
}

newest() { # newest FOLDER : step of the newest checkpoint
    find "$1" -maxdepth 1 -name 'step-*' 2>/dev/null | sed 's/.*step-//' | sort -n | tail -n 1
}

is_newer() { # is_newer FOLDER STEP
    local step
    step=$(newest "$1")
    [ "${step:-0}" -gt "$2" ]
}

state_is() { # state_is STATE : of $job, as scontrol says
    scontrol -o show job "$job" | grep -Eq "JobState=($1) "
}

# again : Slurm lets a job that was queued again wait for two minutes. What a node was told of its end counts for all that
# was granted up to that second: so it starts in a later one.
again() {
    state_is PENDING && sleep 2 && scontrol update jobid="$job" starttime=now
}

begin() { # begin NAME REQUEST [SBATCH OPTION]... : a batch job, until it has a checkpoint
    local name=$1 asked=$2
    shift 2
    printf '#!/bin/sh\nsrun --sft-bench=%s\n' "$asked" >"$name.sh"
    job=$(sbatch --parsable -N 2 --gres=gpu:1 --ntasks-per-node=1 --requeue --open-mode=append -o "$name.log" "$@" "$name.sh")
    wait_for 60 is_newer "$FOLDER/$name-c" 0
}

@test "SIGKILL at random moments around a checkpoint" {
    local kills=${SFT_KILLS:-5} asked i at=0 ends=0
    for ((i = 0; i < kills; i++)); do
        # a run that got to its end in between makes way for another
        if [ -e "$FOLDER/kill-c/step-$((STEPS + 2))" ]; then
            rm -rf "$FOLDER/kill-c"
            at=0 ends=$((ends + 1))
        fi
        asked=$(request "kill-$i" "checkpoint=$FOLDER/kill-c,checkpoint_every=10")
        srun --sft-bench="$asked" >"kill-$i.log" 2>&1 &
        srun_pid=$!
        wait_for 60 is_newer "$FOLDER/kill-c" "$at"
        job=$(newest_job)
        sleep "0.$((RANDOM % 10))$((RANDOM % 10))"
        kill -KILL "$(task_of $((RANDOM % 2)))" 2>/dev/null || true
        wait "$srun_pid" || true
        srun_pid=
        wait_for 60 no_tasks
        at=$(newest "$FOLDER/kill-c")
        losses_fit "kill-$i"
    done
    [ ! -e "$FOLDER/kill-c/step-$((STEPS + 2))" ] || rm -rf "$FOLDER/kill-c"
    # what another job's kill left behind goes once nobody can be writing it any more
    [ ! -d "$FOLDER/kill-c" ] || find "$FOLDER/kill-c" -path '*/.step-*' -exec touch -d '1 hour ago' {} +
    srun --sft-bench="$(request killed "checkpoint=$FOLDER/kill-c,checkpoint_every=10")" >killed.log 2>&1 || {
        cat killed.log
        return 1
    }
    losses_fit killed
    [ -z "$(find "$FOLDER/kill-c" -name '.step-*')" ]
    echo "# killed $kills times, $ends of them after the end" >&3
}

@test "scontrol requeue: the job goes on" {
    begin admin "$(request admin "checkpoint=$FOLDER/admin-c,checkpoint_every=10")"
    scontrol requeue "$job"
    wait_for 60 again
    wait_for 120 state_is COMPLETED
    grep -q 'goes on behind step' admin.log
    losses_fit admin
}

went_on() { # went_on TIMES
    [ "$(grep -c 'goes on behind step' twice.log)" -eq "$1" ]
}

@test "queued again twice: each goes on behind the one before, and the losses stay one curve" {
    local turn at steps
    begin twice "$(STEPS=20000 request twice "checkpoint=$FOLDER/twice-c,checkpoint_every=10")"
    for turn in 1 2; do
        scontrol requeue "$job"
        wait_for 60 again
        wait_for 60 went_on "$turn"
        at=$(newest "$FOLDER/twice-c")
        wait_for 60 is_newer "$FOLDER/twice-c" "$at"
    done
    scancel "$job"
    wait_for 60 state_is CANCELLED
    wait_for 60 no_tasks
    mapfile -t steps < <(sed -n 's/.*goes on behind step \([0-9]*\),.*/\1/p' twice.log)
    [ ${#steps[@]} -eq 2 ]
    [ "${steps[1]}" -gt "${steps[0]}" ]
    python3 - "$FOLDER/twice/losses.jsonl" "${steps[1]}" <<'PY'
import json, sys
steps = [json.loads(line)["step"] for line in open(sys.argv[1])]
assert steps == list(range(1, len(steps) + 1)) and len(steps) > int(sys.argv[2]), steps
PY
}

# goes_on NAME SIGNAL : a job that was told to end so has queued itself again, and goes on behind its last step; once it is
# cancelled it does not
goes_on() {
    local at
    wait_for 60 grep -q "job $job is queued again" "$1.log"
    grep -q "told to end ($2) after step" "$1.log"
    at=$(sed -n 's/.*a checkpoint is there of step \([0-9]*\).*/\1/p' "$1.log" | head -n 1)
    wait_for 60 again
    wait_for 60 grep -q "goes on behind step $at, .*, of job $job" "$1.log"
    wait_for 60 is_newer "$FOLDER/$1-c" "$at"
    scancel "$job"
    wait_for 60 grep -q "job $job was cancelled: it is not queued again" "$1.log"
    wait_for 60 state_is CANCELLED
}

@test "the time limit: the job writes a checkpoint, queues itself again and goes on" {
    begin timed "$(STEPS=20000 request timed "checkpoint=$FOLDER/timed-c,checkpoint_every=10,requeue=yes")" --time=60
    scontrol update jobid="$job" endtime=now+3
    goes_on timed SIGTERM
}

@test "SIGUSR1, as --signal sends it before the time limit: the same" {
    begin early "$(STEPS=20000 request early "checkpoint=$FOLDER/early-c,checkpoint_every=10,requeue=yes")"
    scancel --signal=USR1 "$job"
    goes_on early SIGUSR1
}

@test "scancel: SIGTERM leaves a checkpoint of the last step" {
    begin ended "$(STEPS=20000 request ended "checkpoint=$FOLDER/ended-c,checkpoint_every=10,checkpoint_keep=1")"
    scancel "$job"
    wait_for 60 grep -q 'told to end (SIGTERM) after step' ended.log
    wait_for 60 state_is CANCELLED
    local at
    at=$(sed -n 's/.*SIGTERM) after step \([0-9]*\); a checkpoint is there of step \([0-9]*\).*/\1 \2/p' ended.log)
    [ "${at% *}" = "${at#* }" ]
    [ -e "$FOLDER/ended-c/step-${at% *}/index.json" ]
}
