#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# FP8 where ranks share weights. On one GPU: 2, 4 and 8 ranks in turn on it against one rank, losses within 1% and
# memory within 3% of the plan, by tensor and by row (ranks.sh). On two GPUs: losses against one GPU's within 1%, the
# speed of each way of sharing in bf16 and in FP8 in turn, and FSDP2 with torchao's linear layers beside it.
# Ends with `N passed, N failed`.
#   fp8_shards.sh [-b BUILD] [-o FOLDER] [-s SECONDS] [-p PYTHON]
#   -b  a folder that has sft-bench-job and tests/gpu's programs [build/dev]    -o  logs [build/gpu/fp8-shards]
#   -s  measured of each speed [20]                                             -p  has torch, transformers, torchao
#   SFT_ONLY="operations ranks losses speed peer": only these; the last three want two GPUs    SFT_MODEL [llama-7b]
#   SFT_ZERO="1 2 3": of the speeds    SFT_LAUNCHER [mpirun --allow-run-as-root --oversubscribe -n]
# Speeds are printed, not judged; of them memory is, and that zero=3 says gathered=e4m3 in FP8.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/dev logs=$PWD/build/gpu/fp8-shards seconds=20 python=python3
while getopts b:o:s:p: option; do
    case $option in
    b) build=$OPTARG ;;
    o) logs=$OPTARG ;;
    s) seconds=$OPTARG ;;
    p) python=$OPTARG ;;
    *) sed -n '3,13s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
only=${SFT_ONLY:-operations ranks losses speed peer}
model=${SFT_MODEL:-llama-7b} shape=${SFT_SHAPE:-2x4096x2}
launcher=${SFT_LAUNCHER:-mpirun --allow-run-as-root --oversubscribe -n}
export SFT_BENCH_CACHE=${SFT_BENCH_CACHE:-$logs/cache} NCCL_NVLS_ENABLE=0
mkdir -p "$logs"
nvidia-smi -L >"$logs/gpus.txt" || { echo "fp8_shards.sh: no NVIDIA GPU here" >&2 && exit 1; }
cat "$logs/gpus.txt"
gpus=$(wc -l <"$logs/gpus.txt")
# shellcheck source=tests/gpu/fp8_tell.sh
. tests/gpu/fp8_tell.sh
job=$(program sft-bench-job)
wanted_of_two() { # wanted_of_two NAME
    wanted "$1" || return 1
    [ "$gpus" -ge 2 ] && return
    echo "skipped $1: one GPU"
    return 1
}
run() { # run NAME RANKS REQUEST : result in $logs/NAME/result.json
    rm -rf "${logs:?}/$1"
    # shellcheck disable=SC2086
    timeout -k 5 400 $launcher "$2" "$job" "$3,out=$logs/$1" >"$logs/$1.log" 2>&1 </dev/null && return
    tail -n 4 "$logs/$1.log" | sed 's/^/    /'
    return 1
}

if wanted operations; then
    "$(program tests/gpu/test_fp8_cuda)" >"$logs/operations.log" 2>&1
    tell $? "casts, scales and transposes of parts against the CPU"
fi
if wanted ranks; then
    for precision in fp8 fp8,scaling=row; do
        SFT_WITH=precision=$precision SFT_ZERO="${SFT_RANKS_ZERO:-1 2 3 hybrid}" SFT_ONLY="losses memory" CUDA_VISIBLE_DEVICES=0 \
            tests/gpu/ranks.sh -j "$job" -l "$launcher" -o "$logs/ranks-${precision//,scaling=/-}"
        tell $? "2, 4 and 8 ranks on one GPU, $precision"
    done
fi

near() { # near A B : losses at most 1% apart
    python3 - "$logs/$1/result.json" "$logs/$2/result.json" <<'PY'
import json, sys
a, b = (json.load(open(p))["losses"] for p in sys.argv[1:3])
worst = max(abs(y / x - 1) for x, y in zip(a, b, strict=True))
print(f"    {len(a)} losses, {a[0]:.5f} -> {a[-1]:.5f} and {b[-1]:.5f}, at most {100 * worst:.3f}% apart")
sys.exit(worst > 0.01 or len(a) < 50 or a[-1] > 0.9 * a[0])
PY
}
if wanted_of_two losses; then
    request=tiny,device=cuda,data=examples/instructions.json,seed=5,lr=1e-3,lr_warmup=10,steps=45,warmup=5,seq=256
    for scaling in tensor row; do
        asked=$request,micro_batch=1,global_batch=8,precision=fp8,scaling=$scaling
        run "losses-one-$scaling" 1 "$asked"
        for zero in 1 2 3; do
            run "losses-$zero-$scaling" 2 "$asked,zero=$zero" && near "losses-one-$scaling" "losses-$zero-$scaling"
            tell $? "two GPUs train as one does, by $scaling, zero=$zero"
        done
    done
fi

line() { # line NAME : its figures; memory as planned, and what was gathered
    python3 - "$logs/$1/result.json" "$1" <<'PY'
import json, sys
r, name = json.load(open(sys.argv[1])), sys.argv[2]
plan = r.get("tok_s_plan", float("nan"))
print(f"    {name:24s} {r['tok_s']:9.0f} tok/s on {r['ranks']:.0f}, {r['step_ms']:8.1f} ms, exposed {r.get('exposed_ms', 0):.1f} ms,"
      f" {r['mem_gib']:.2f} GiB, {r['mem_plan_gib']:.2f} planned; {100 * r['tok_s'] / plan - 100:+.1f}% of the forecast;"
      f" gathered {r.get('gathered') or '-'}", flush=True)
right = "e4m3" if "fp8" in name else "bf16"
sys.exit(abs(r["mem_gib"] / r["mem_plan_gib"] - 1) > 0.03 or (r["zero"] == "3" and r.get("gathered") != right))
PY
}
IFS=x read -r batch seq accumulation <<<"$shape"
if wanted_of_two speed; then
    request=$model,data=synthetic:$seq,seq=$seq,micro_batch=$batch,states=bf16,seconds=$seconds,warmup=4
    for ranks in 1 2; do
        for zero in ${SFT_ZERO:-1 2 3}; do
            [ "$ranks" = 1 ] && [ "$zero" != 1 ] && continue # one rank shares nothing
            for precision in bf16 fp8 fp8,scaling=row; do
                name=speed-$ranks-$zero-${precision//,scaling=/-}
                run "$name" "$ranks" "$request,global_batch=$((ranks * batch * accumulation)),precision=$precision$([ "$ranks" = 1 ] ||
                    echo ",zero=$zero")" && line "$name"
                tell $? "$name: memory as planned"
            done
        done
    done
fi
if wanted_of_two peer; then
    for kind in "--precision bf16" "--precision fp8" "--precision fp8 --whole" "--precision fp8 --scaling rowwise"; do
        # shellcheck disable=SC2086
        "$python" -m torch.distributed.run --nproc-per-node 2 tests/bench/peer.py --model "$model" --batch "$batch" \
            --seq "$seq" --accumulation "$accumulation" --steps 8 --sdpa cudnn $kind --json "$logs/peer.jsonl" \
            >"$logs/peer.log" 2>&1
        tell $? "the peer, FSDP2 $kind"
        tail -n 2 "$logs/peer.log" | sed 's/^/    /'
    done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
