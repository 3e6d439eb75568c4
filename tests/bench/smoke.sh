#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The smoke trainings, ours and PyTorch's (smoke_peer.py) in turn on one GPU, in each precision: samples/s of both and
# their ratio. The peer of GPT-2 is compiled, that of the LSTM not: its layers are cuDNN's either way.
#   smoke.sh [-j SFT-BENCH-JOB] [-p PYTHON] [-s SECONDS] [-o sgd|adamw] [MODEL:PRECISION...]
# Default: lstm and gpt2-smoke in fp32, tf32 and bf16, each with the optimizer that SuperBench gives it.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
job=sft-bench-job python=python3 seconds=20 optimizer=
while getopts j:p:s:o: option; do
    case $option in
    j) job=$OPTARG ;;
    p) python=$OPTARG ;;
    s) seconds=$OPTARG ;;
    o) optimizer=$OPTARG ;;
    *) sed -n '3,6s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- lstm:fp32 lstm:tf32 lstm:bf16 gpt2-smoke:fp32 gpt2-smoke:tf32 gpt2-smoke:bf16
command -v "$job" >/dev/null || { echo "smoke.sh: no '$job': build it, or name it with -j" >&2 && exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
field() { # field KEY RECORD
    sed -n "s/.*[{ ]$1=\([^ }]*\).*/\1/p" <<<"$2" | tail -n 1
}
nvidia-smi --query-gpu=name,driver_version,power.limit --format=csv,noheader
printf '%-12s %-6s %11s %9s %7s %7s | %11s %9s | %s\n' model type samples/s "step ms" "MFU %" GiB PyTorch "step ms" ratio
failed=0
for which in "$@"; do
    model=${which%%:*} precision=${which#*:} mode=eager
    [ "$model" = lstm ] || mode=compile
    out=$("$job" "$model,seconds=$seconds,warmup=10,precision=$precision${optimizer:+,optimizer=$optimizer}" \
        2>"$folder/log" | grep '^record ')
    [ -n "$out" ] || { tail -n 2 "$folder/log" >&2 && failed=1; }
    rm -f "$folder/json"
    "$python" tests/bench/smoke_peer.py --model "$model" --precision "$precision" --mode "$mode" --seconds "$seconds" \
        ${optimizer:+--optimizer "$optimizer"} --json "$folder/json" >"$folder/peer" 2>&1 || {
        tail -n 1 "$folder/peer" >&2 && failed=1
    }
    "$python" - "$model" "$precision" "$(field samples_s "$out")" "$(field step_ms "$out")" "$(field mfu "$out")" \
        "$(field mem_gib "$out")" "$folder/json" <<'PY'
import json, os, sys
model, precision = sys.argv[1:3]
samples, step, mfu, gib = (float(x or "nan") for x in sys.argv[3:7])
line = f"{model:12s} {precision:6s} {samples:11.1f} {step:9.2f} {mfu:7.1f} {gib:7.2f} |"
if os.path.exists(sys.argv[7]):
    peer = json.load(open(sys.argv[7]))
    line += f" {peer['samples_s']:11.1f} {peer['step_ms']:9.2f} | {samples / peer['samples_s']:.3f}"
print(line, flush=True)
PY
done
exit $failed
