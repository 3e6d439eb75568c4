#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our trainer and the peer (peer.py: Hugging Face's Llama in PyTorch) in turn on one GPU: the same
# shapes, accumulations and FLOP rule; prints both and their ratio.
#   training.sh [-j SFT-BENCH-JOB] [-p PYTHON] [-m eager|compile|layers] [-s STEPS] [-f bf16|fp8|fp8:row]
#       [-a auto|cudnn|flash] [-l full|lora|peft] MODEL:BATCHxSEQxACCUMULATION...
#   -f  the precision of both; in FP8 the peer's linear layers are torchao's (on PYTHONPATH) [bf16]
#   -a  the peer's attention [auto]
#   -l  lora, peft: ours with method=lora at rank 16, all projections; the peer a plain module, or PEFT [full]
# Default shapes: the four of doc/measurements.md. The peer's columns are empty where it does not fit.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
job=sft-bench-job python=python3 mode=compile steps=6 format=bf16 attention=auto method=full
while getopts j:p:m:s:f:a:l: option; do
    case $option in
    j) job=$OPTARG ;;
    p) python=$OPTARG ;;
    m) mode=$OPTARG ;;
    s) steps=$OPTARG ;;
    f) format=$OPTARG ;;
    a) attention=$OPTARG ;;
    l) method=$OPTARG ;;
    *) sed -n '3,10s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- llama-7b:4x4096x2 llama-7b:8x1024x4 llama-7b:4x2048x4 llama-7b:2x8192x2
case $format in
bf16) ours=precision=bf16 theirs=(--precision bf16) ;;
fp8) ours=precision=fp8 theirs=(--precision fp8) ;;
fp8:row) ours=precision=fp8,scaling=row theirs=(--precision fp8 --scaling rowwise) ;;
*) echo "training.sh: -f $format: say bf16, fp8 or fp8:row" >&2 && exit 2 ;;
esac
theirs+=(--method "$method")
states=bf16
case $method in
full) ;;
lora | peft) ours=$ours,method=lora states=fp32 ;; # so few have room
*) echo "training.sh: -l $method: say full, lora or peft" >&2 && exit 2 ;;
esac
command -v "$job" >/dev/null || { echo "training.sh: no '$job': build it, or name it with -j" >&2 && exit 2; }
field() { # field KEY RECORD
    sed -n "s/.*[{ ]$1=\([^ }]*\).*/\1/p" <<<"$2" | tail -n 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
nvidia-smi --query-gpu=name,driver_version,power.limit --format=csv,noheader
printf '%-24s %9s %6s %7s %7s | %9s %6s %7s | %s\n' "shape" "tok/s" "MFU %" "GiB" "util %" "peer" \
    "MFU %" "GiB" "ratio ($format, $mode)"
for shape in "$@"; do
    IFS=:x read -r model batch seq accumulation <<<"$shape"
    out=$("$job" "$model,data=synthetic:$seq,seq=$seq,micro_batch=$batch,global_batch=$((batch * accumulation)),steps=$steps,warmup=4,states=$states,$ours" 2>"$folder/log" | grep '^record ')
    [ -n "$out" ] || tail -n 2 "$folder/log" >&2
    rm -f "$folder/json"
    "$python" tests/bench/peer.py --model "$model" --batch "$batch" --seq "$seq" \
        --accumulation "$accumulation" --steps "$steps" --warmup 3 --mode "$mode" \
        --sdpa "$attention" "${theirs[@]}" --json "$folder/json" >"$folder/peer" 2>&1 || tail -n 1 "$folder/peer" >&2
    "$python" - "$shape" "$(field tok_s "$out")" "$(field mfu "$out")" "$(field mem_gib "$out")" \
        "$(field gpu_util "$out")" "$folder/json" <<'PY'
import json, os, sys
shape, tok, mfu, gib, util = sys.argv[1:6]
peer = json.load(open(sys.argv[6])) if os.path.exists(sys.argv[6]) else None
line = f"{shape:24s} {float(tok or 'nan'):9.0f} {float(mfu or 'nan'):6.1f} {float(gib or 'nan'):7.1f} {float(util or 'nan'):7.1f} |"
if peer:
    line += f" {peer['tok_s']:9.0f} {peer['mfu']:6.1f} {peer['gib']:7.1f} | {float(tok or 'nan') / peer['tok_s']:.3f}"
print(line, flush=True)
PY
done
