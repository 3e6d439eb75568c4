#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# FP8 on a GPU: its operations against the CPU's, the speed of 7B in bf16 and in FP8 in turn, the losses of llama-1b on
# real records in bf16 and by each scaling, and runs that repeat. Ends with `N passed, N failed`.
#   fp8.sh [-b BUILD] [-o FOLDER] [-s SECONDS] [-n STEPS]
#   -b  a folder that has sft-bench-job and tests/gpu's programs [build/dev]    -o  logs [build/gpu/fp8]
#   -s  measured of each speed [20]                                             -n  steps of the losses [300]
#   SFT_ONLY="operations repeat speed losses": only these; SFT_SHAPES, SFT_MODEL: of the speeds
#   SFT_DATA, SFT_TOKENIZER: records and SentencePiece model of the losses [../shared/data's; without them no losses]
# Speeds are printed, not judged; what is judged of them is the memory, within 3% of the plan.
# The losses take 2,048 tokens a step: STEPS times that should stay below one pass over the records. A run that sees
# its records again learns them by heart, and then bf16 differs by percents from bf16 of another micro-batch.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/dev logs=$PWD/build/gpu/fp8 seconds=20 steps=300
while getopts b:o:s:n: option; do
    case $option in
    b) build=$OPTARG ;;
    o) logs=$OPTARG ;;
    s) seconds=$OPTARG ;;
    n) steps=$OPTARG ;;
    *) sed -n '3,12s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
only=${SFT_ONLY:-operations repeat speed losses}
model=${SFT_MODEL:-llama-7b}
shapes=${SFT_SHAPES:-4096:4x4096x2 1024:8x1024x4 128:4x4096x2}
data=${SFT_DATA:-../shared/data/sft-roleplay.json}
tokenizer=${SFT_TOKENIZER:-../shared/data/llama2-tokenizer.model}
export SFT_BENCH_CACHE=${SFT_BENCH_CACHE:-$logs/cache}
mkdir -p "$logs"
nvidia-smi -L || { echo "fp8.sh: no NVIDIA GPU here" >&2 && exit 1; }
# shellcheck source=tests/gpu/fp8_tell.sh
. tests/gpu/fp8_tell.sh
job=$(program sft-bench-job)
check() { # check NAME COMMAND...
    local name=$1 log=$logs/${1// /-}.log
    shift
    "$@" >"$log" 2>&1
    local status=$?
    tell $status "$name"
    [ $status -eq 0 ] || tail -n 12 "$log" | sed 's/^/    /'
}
run() { # run NAME REQUEST : result in $logs/NAME/result.json
    rm -rf "${logs:?}/$1"
    "$job" "$2,out=$logs/$1" >"$logs/$1.log" 2>&1 && return
    tail -n 3 "$logs/$1.log" | sed 's/^/    /'
    return 1
}

if wanted operations; then
    check "FP8 operations against the CPU" "$(program tests/gpu/test_fp8_cuda)"
    check "each operation against the CPU" "$(program tests/gpu/test_ops_cuda)"
    check "matrix products of every kind" "$(program tests/gpu/test_matmul_cuda)"
fi

same_losses() { # same_losses A B
    python3 - "$logs/$1/result.json" "$logs/$2/result.json" <<'PY'
import json, sys
a, b = (json.load(open(p))["losses"] for p in sys.argv[1:3])
print(f"    {len(a)} losses, {a[0]:.5f} to {a[-1]:.5f}, {sum(x != y for x, y in zip(a, b))} differ")
sys.exit(a != b or len(a) < 10)
PY
}
if wanted repeat; then
    for scaling in tensor row; do
        for time in 1 2; do
            run "repeat-$scaling-$time" "tiny,data=examples/instructions.json,steps=12,warmup=0,precision=fp8,scaling=$scaling"
        done
        same_losses "repeat-$scaling-1" "repeat-$scaling-2"
        tell $? "the same losses again, by $scaling"
    done
fi

speed_line() { # speed_line SHAPE PRECISION NAME
    python3 - "$1" "$2" "$logs/$3/result.json" <<'PY'
import json, sys
shape, precision, r = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
plan = r.get("tok_s_plan", float("nan"))
print(f"{shape:16s} {precision:10s} {r['tok_s']:9.0f} tok/s {r.get('mfu', float('nan')):6.1f}% MFU {r['step_ms']:8.1f} ms"
      f" {r['mem_gib']:7.2f} GiB, {r['mem_plan_gib']:.2f} planned; {100 * r['tok_s'] / plan - 100:+.1f}% of the forecast;"
      f" {r.get('power_w', float('nan')):.0f} W", flush=True)
sys.exit(abs(r["mem_gib"] / r["mem_plan_gib"] - 1) > 0.03)
PY
}
if wanted speed; then
    for shape in $shapes; do
        IFS=:x read -r length batch seq accumulation <<<"$shape"
        request=$model,data=synthetic:$length,seq=$seq,micro_batch=$batch,global_batch=$((batch * accumulation)),seconds=$seconds,warmup=4
        for precision in bf16 fp8 ${SFT_ROW:+fp8,scaling=row}; do
            name=speed-${shape//:/-}-${precision//,scaling=/-}
            run "$name" "$request,states=bf16,precision=$precision" \
                && speed_line "$shape" "$precision" "$name"
            tell $? "$shape $precision: memory as planned"
        done
    done
fi

near_losses() { # near_losses A B [%] : how far apart after the 50th step, and at most % at each
    python3 - "$logs/$1/result.json" "$logs/$2/result.json" "$2" "${3:-inf}" <<'PY'
import json, statistics, sys
a, b = (json.load(open(p))["losses"] for p in sys.argv[1:3])
name, most = sys.argv[3].removeprefix("losses-"), float(sys.argv[4])
if len(a) != len(b) or len(a) < 100:
    sys.exit(f"    {len(a)} and {len(b)} losses: 100 of each at least")
off = [100 * abs(y / x - 1) for x, y in zip(a, b)][50:]
last = [statistics.fmean(losses[-50:]) for losses in (a, b)]
print(f"    {len(a)} steps, bf16 {a[0]:.4f} to {a[-1]:.4f}, {name} {b[0]:.4f} to {b[-1]:.4f}; after the 50th at most"
      f" {max(off):.3f}% apart, in step {51 + off.index(max(off))}, {statistics.fmean(off):.3f}% in the mean; the last 50"
      f" in the mean {last[0]:.4f} and {last[1]:.4f}", flush=True)
sys.exit(max(off) > most or a[-1] > 0.9 * a[0])
PY
}
if wanted losses && [ ! -r "$data" ]; then
    echo "skipped the losses: no $data (SFT_DATA, SFT_TOKENIZER)"
elif wanted losses; then
    request=llama-1b,data=$data,tokenizer=$tokenizer,seq=1024,global_batch=2,steps=$steps,warmup=0,seed=1
    request=$request,lr=1e-4,lr_warmup=10,weight_decay=0.1,states=fp32
    run losses-bf16 "$request,micro_batch=2"
    run losses-bf16-micro-batch-1 "$request,micro_batch=1" && near_losses losses-bf16 losses-bf16-micro-batch-1
    tell $? "llama-1b's losses in bf16 by another micro-batch: what rounding alone does"
    for scaling in tensor row; do
        run "losses-$scaling" "$request,micro_batch=2,precision=fp8,scaling=$scaling" \
            && near_losses losses-bf16 "losses-$scaling" 1
        tell $? "llama-1b's losses by $scaling within 1% of bf16's"
    done
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
