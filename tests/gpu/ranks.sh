#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several ranks that share one GPU, which NCCL takes for separate hosts (each has its own NCCL_HOSTID) and
# connects by sockets: shows that sharing trains as one rank does, and what each rank keeps. Its speed says
# nothing. Each way of sharing on 2, 4 and 8 ranks, the losses of 50 steps against one rank's, within 1%;
# then a larger model's memory against the plan, within 3%; then ranks that are killed or stopped in the
# middle: the run ends, names the rank, and leaves a partial record. Ends with `N passed, N failed`.
#   ranks.sh [-j SFT-BENCH-JOB] [-l LAUNCHER] [-o FOLDER]
#   -l  what starts N processes with PMIx, as [mpirun --allow-run-as-root --oversubscribe -n], or
#       "srun --overlap --mpi=pmix -n" inside of an allocation
#   -o  results and logs [build/gpu/ranks]
#   SFT_WITH=KEY=VALUE,...: of losses and memory, as precision=fp8,scaling=row or method=qlora    SFT_LR: adapters want 1e-2 [1e-3]
#   SFT_RANKS="2 4 8", SFT_ZERO="0 1 2 3 hybrid", SFT_ONLY="losses memory stall": only these
# Ranks take turns on the GPU: about 10 minutes for all.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
job=sft-bench-job launcher='mpirun --allow-run-as-root --oversubscribe -n' out=$PWD/build/gpu/ranks
while getopts j:l:o: option; do
    case $option in
    j) job=$OPTARG ;;
    l) launcher=$OPTARG ;;
    o) out=$OPTARG ;;
    *) sed -n '3,15s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
job=$(command -v "$job") || { echo "ranks.sh: no sft-bench-job: build it, or name it with -j" >&2 && exit 2; }
passed=0 failed=0
only=${SFT_ONLY:-losses memory stall}
mkdir -p "$out"

# run NAME RANKS REQUEST : two "nodes" from 4 ranks on, as hybrid wants them
run() {
    local begin=$SECONDS
    rm -rf "${out:?}/$1"
    # shellcheck disable=SC2086,SC2016
    timeout -k 5 "${SFT_SECONDS:-240}" $launcher "$2" bash -c '
        rank=${OMPI_COMM_WORLD_RANK:-${SLURM_PROCID:-0}}
        export NCCL_HOSTID=host$rank NCCL_SOCKET_IFNAME=lo NCCL_NVLS_ENABLE=0 NCCL_IB_DISABLE=1
        [ "$1" -lt 4 ] || export SLURMD_NODENAME=node$((rank / ($1 / 2)))
        exec "$0" "$2"' "$job" "$2" "$3,out=$out/$1" >"$out/$1.log" 2>&1 </dev/null
    local status=$?
    printf '  %-12s %3d s, status %d\n' "$1" $((SECONDS - begin)) $status
    return $status
}

result() { # result NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
    fi
}

compare_losses() { # compare_losses NAME
    python3 - "$out/one/result.json" "$out/$1/result.json" <<'PY'
import json, sys
one, many = (json.load(open(p)) for p in sys.argv[1:3])
assert len(one["losses"]) == len(many["losses"]) >= 50, (len(one["losses"]), len(many["losses"]))
assert one["losses"][-1] < 0.9 * one["losses"][0], "one rank does not learn"
worst = max(abs(a - b) / a for a, b in zip(one["losses"], many["losses"]))
print(f"    {one['losses'][0]:.5f} -> {one['losses'][-1]:.5f} and {many['losses'][-1]:.5f}, "
      f"at most {100 * worst:.3f}% apart; {many['nodes']:.0f} nodes, {many['nccl']}")
sys.exit(worst > 0.01)
PY
}

losses=tiny,device=cuda,data=examples/instructions.json,seed=5,lr=${SFT_LR:-1e-3},lr_warmup=10,steps=45,warmup=5,seq=256,micro_batch=1,global_batch=8${SFT_WITH:+,$SFT_WITH}
if [[ $only == *losses* ]]; then
    run one 1 "$losses" || { tail -n 5 "$out/one.log" && result "one rank" 1; }
    for ranks in ${SFT_RANKS:-2 4 8}; do
        for zero in ${SFT_ZERO:-0 1 2 3 hybrid}; do
            run "$zero-$ranks" "$ranks" "$losses,zero=$zero" || tail -n 5 "$out/$zero-$ranks.log"
            compare_losses "$zero-$ranks"
            result "losses of $ranks ranks, zero=$zero" $?
        done
    done
fi

# All that the GPU has in use, shared out to the ranks, is a rank's plan and its CUDA context.
compare_memory() { # compare_memory NAME PLAN CONTEXT
    python3 - "$out/$1/result.json" "$2" "$3" <<'PY'
import json, sys
r, plan, context = json.load(open(sys.argv[1])), float(sys.argv[2]), float(sys.argv[3])
measured, planned = r["mem_gib"] / r["ranks"], plan + context
print(f"    {planned:.2f} GiB planned, {measured:.2f} measured, {100 * (measured / planned - 1):+.1f}%; "
      f"exposed {r['exposed_ms']:.0f} of {r['step_ms']:.0f} ms")
# Of a small model what the libraries load, 0.1 GiB, is more than that, and not all products load as much.
sys.exit(abs(measured - planned) > max(0.03 * planned, 0.15))
PY
}

plan_of() { # plan_of REQUEST : GiB of a rank
    "$job" --plan "$1" 2>/dev/null | sed -n 's/^NVIDIA H200 \([0-9.]*\) GiB.*/\1/p'
}

memory=llama-1b,device=cuda,data=synthetic:512,seq=512,micro_batch=1,steps=1,warmup=1${SFT_WITH:+,$SFT_WITH}
if [[ $only == *memory* ]]; then
    run memory-1 1 "$memory,global_batch=1"
    context=$(python3 -c "import json, sys; print(json.load(open(sys.argv[1]))['mem_plan_gib'] - float(sys.argv[2]))" \
        "$out/memory-1/result.json" "$(plan_of "$memory,global_batch=1")")
    compare_memory memory-1 "$(plan_of "$memory,global_batch=1")" "$context"
    result "memory of 1 rank" $?
    for ranks in ${SFT_RANKS:-2 4 8}; do
        for zero in ${SFT_ZERO:-1 3 hybrid}; do
            request=$memory,zero=$zero,global_batch=$ranks,trace=$out/trace-$zero-$ranks.json
            run "memory-$zero-$ranks" "$ranks" "$request" || tail -n 5 "$out/memory-$zero-$ranks.log"
            nodes=$((ranks < 4 ? 1 : 2))
            compare_memory "memory-$zero-$ranks" \
                "$(plan_of "${memory/,/:$nodes,},gpus=$((ranks / nodes)),zero=$zero,global_batch=$ranks")" "$context"
            result "memory of $ranks ranks, zero=$zero" $?
        done
    done
fi
task_of() { # task_of RANK : the pid of sft-bench-job itself
    local file
    for file in /proc/[0-9]*/environ; do
        [[ $(readlink "${file%environ}exe") == *sft-bench-job ]] &&
            grep -qzx "NCCL_HOSTID=host$1" "$file" 2>/dev/null &&
            basename "${file%/environ}" && return
    done
}

wait_for() { # wait_for SECONDS COMMAND... : poll until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.3
    done
}

steps_done() { # steps_done NAME : of its record
    python3 -c 'import json, sys; print(int(json.load(open(sys.argv[1]))["steps_done"]))' \
        "$out/$1/result.json" 2>/dev/null || echo 0
}

more_steps() { [ "$(steps_done "$1")" -gt "$2" ]; } # more_steps NAME STEPS
gone() { ! kill -0 "$1" 2>/dev/null; }
stall=${losses/steps=45/steps=1000000},timeout=10

# stall NAME SIGNAL RANK PATTERN : 4 ranks; the log must say PATTERN
stall() {
    local began run=1
    SFT_SECONDS=150 run "$1" 4 "$stall" >/dev/null &
    run=$!
    wait_for 60 more_steps "$1" 2 || { tail -n 5 "$out/$1.log" && return 1; }
    began=$SECONDS
    kill "-$2" "$(task_of "$3")"
    if [ "$2" = STOP ] && [ -z "$4" ]; then # slow, not stuck: goes on
        sleep 4
        kill -CONT "$(task_of "$3")"
        wait_for 30 more_steps "$1" $(($(steps_done "$1") + 5)) &&
            ! grep 'sft-bench-job:.*rank' "$out/$1.log"
        local went_on=$?
        kill "$(task_of 0)"
        wait_for 30 gone $run
        return $went_on
    fi
    wait_for 60 gone $run || { kill $run; echo "    still there after 60 s"; return 1; }
    echo "    ended after $((SECONDS - began)) s: $(grep -h 'sft-bench-job:' "$out/$1.log" | head -n 2)"
    [ -z "$(task_of 0)$(task_of 1)" ] && grep -Eq "$4" "$out/$1.log" &&
        grep -Eq '"state": *"(partial|running|failed)"' "$out/$1/result.json"
}

if [[ $only == *stall* ]]; then
    stall stopped-1 STOP 1 'rank 1 on node0'
    result "rank 1 stopped: it is named, the run ends" $?
    stall stopped-0 STOP 0 'rank 0 on node0'
    result "rank 0 stopped: it is named, the run ends" $?
    stall killed-3 KILL 3 'rank 3 on node1|[Tt]ask 3|rank 3 '
    result "rank 3 killed: it is named, the run ends" $?
    stall slow-2 STOP 2 ''
    result "rank 2 slow, within the limit: the run goes on" $?
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
