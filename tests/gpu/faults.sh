#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Faults on real GPUs under a real Slurm: a rank killed, stopped or started without memory, a job suspended, a
# controller that is silent. Each run ends or goes on, says why, leaves its record in the accounting and the
# GPUs' memory free. To be run inside of slurm.sh's cluster, on a node of two GPUs or more:
#   tests/gpu/slurm.sh --prefix DIR --command tests/gpu/faults.sh
# Without GPUs (slurm.sh --backend cpu --gpus 2) what needs a GPU's memory is left out.
#   SFT_MODEL     what trains [llama-1b; without a GPU tiny]
#   SFT_FAULTS    only these, as "killed suspended"
set -uo pipefail
work=${SFT_GPU_SLURM:?is for tests/gpu/slurm.sh --command}
passed=0 failed=0 limit=20
if nvidia-smi -L >/dev/null 2>&1; then gpu=yes; else gpu=no; fi
if [ $gpu = yes ]; then model=${SFT_MODEL:-llama-1b}; else model=${SFT_MODEL:-tiny}; fi
keys=data=synthetic,warmup=1,seq=1024,micro_batch=1,global_batch=4,timeout=$limit
out=$(mktemp) srun_pid='' job=''
export SFT_TEST_MARK=$work
trap 'rm -f "$out"' EXIT

# wait_for SECONDS COMMAND... : poll until it succeeds
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

field() { # field KEY : of the job's record
    scontrol -o show job "$job" | grep -o 'AdminComment=.*' | sed -n "s/.*[{ ]$1=\([^ }]*\).*/\1/p"
}
state_is() { [ "$(scontrol -o show job "$job" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')" = "$1" ]; }
steps_are() { [ "$(field steps_done || echo 0)" -ge "$1" ] 2>/dev/null; }
srun_is_gone() { ! kill -0 "$srun_pid" 2>/dev/null; }

# The process that Slurm started for a rank of this job's step: the oldest.
task_of() {
    local file env
    for file in /proc/[0-9]*/environ; do
        env=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
        if grep -qx "SFT_TEST_MARK=$work" <<<"$env" && grep -qx "SLURM_JOB_ID=$job" <<<"$env" &&
            grep -qx 'SLURM_STEP_ID=0' <<<"$env" && grep -qx "SLURM_PROCID=$1" <<<"$env"; then
            file=${file#/proc/}
            echo "${file%/environ}"
        fi
    done | sort -n | head -n 1
}
rank_is_there() { [ -n "$(task_of "$1")" ]; }

newest_is() {
    job=$(scontrol -o show job 2>/dev/null | sed -n 's/^JobId=\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    [ -n "$job" ] && [ "$job" != "$1" ]
}

begin() { # begin STEPS [KEYS] : in the background; its job is known when this returns
    local last
    newest_is '' || job=
    last=$job
    srun --sft-bench="$model:1,gpus=2,$keys,steps=$1${2:+,$2}" >"$out" 2>&1 </dev/null &
    srun_pid=$!
    wait_for 60 newest_is "$last"
}

going() { begin "$@" && wait_for 180 steps_are 3; }

memory_is_free() {
    [ $gpu = no ] && return 0
    ! nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits | awk '$1 > 1000 { bad = 1 } END { exit !bad }'
}

# over SECONDS STATES [WORDS] : srun has ended with an error in time, the record is in one of the states and
# has the words in its reason, no rank and no memory is left
over() {
    local since=$SECONDS
    wait_for "$1" srun_is_gone || { kill -KILL "$srun_pid"; echo "    srun did not end in $1 s"; return 1; }
    wait "$srun_pid"
    local status=$?
    echo "    srun ended with status $status after $((SECONDS - since)) s: state=$(field state) fail=$(field fail)"
    grep -h '^sft-bench' "$out" | tail -n 3 | sed 's/^/    /'
    [ $status -ne 0 ] || { echo "    status 0"; return 1; }
    [[ " $2 " == *" $(field state) "* ]] || return 1
    [ -z "${3:-}" ] || grep -Eq "$3" <<<"$(field fail)" || return 1
    wait_for 20 memory_is_free || { nvidia-smi; return 1; }
    ! rank_is_there 0 && ! rank_is_there 1
}

whole() { # whole SECONDS : srun ends well and the record is complete
    local since=$SECONDS
    wait_for "$1" srun_is_gone || { kill -KILL "$srun_pid"; echo "    srun did not end in $1 s"; return 1; }
    wait "$srun_pid" || { tail -n 3 "$out"; return 1; }
    echo "    srun ended after $((SECONDS - since)) s: state=$(field state) tok_s=$(field tok_s)"
    [ "$(field state)" = complete ]
}

fault_killed() { going 100000 && kill -KILL "$(task_of 1)" && over 60 "partial failed"; }
fault_killed_first() { going 100000 && kill -KILL "$(task_of 0)" && over 60 "partial failed"; }
fault_stopped() { going 100000 && kill -STOP "$(task_of 1)" && over 90 failed 'rank'; }
fault_early() { begin 100000 && wait_for 30 rank_is_there 0 && kill -KILL "$(task_of 0)" && over 90 "partial failed" .; }
fault_early_other() { begin 100000 && wait_for 30 rank_is_there 1 && kill -KILL "$(task_of 1)" && over 90 "partial failed" .; }

fault_suspended() {
    going 300 || return 1
    scontrol suspend "$job" && sleep $((limit + 5)) && scontrol resume "$job" && whole 300
}

# Another program holds nearly all of one GPU's memory.
fault_starved() {
    local hog status
    [ $gpu = yes ] || return 0
    python3 -c 'import torch,time
free, _ = torch.cuda.mem_get_info(1)
x = torch.empty(free - (2 << 30), dtype=torch.uint8, device="cuda:1"); print("full", flush=True); time.sleep(600)' &
    hog=$!
    sleep 15
    begin 20 && wait_for 120 srun_is_gone
    kill -KILL $hog
    wait $hog 2>/dev/null
    over 90 failed
    status=$?
    return $status
}

# The controller is silent while the run ends, and comes back.
fault_silent() {
    going 60 || return 1
    kill -STOP "$(cat "$work/slurmctld.pid")"
    sleep 45
    kill -CONT "$(cat "$work/slurmctld.pid")"
    whole 180 && [ "$(field steps_done)" = 60 ]
}

for fault in ${SFT_FAULTS:-killed killed_first stopped early early_other suspended starved silent}; do
    echo "== $fault"
    begun=$SECONDS
    if "fault_$fault"; then
        passed=$((passed + 1))
        echo "ok      $fault, $((SECONDS - begun)) s"
    else
        failed=$((failed + 1))
        echo "not ok  $fault, $((SECONDS - begun)) s: job $job, state=$(field state) fail=$(field fail)"
        tail -n 5 "$out" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
