#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What frozen weights in 8 and 4 bits cost in accuracy, on a GPU: llama-1b is trained on a half of the records first, and
# saved; from there adapters are trained on the other half over bf16, FP8, NF4, and NF4 with FP8 products, and judged by
# the held-out loss, within 1% of bf16's. Then QLoRA's losses beside bitsandbytes' and PEFT's, from the same weights,
# adapters and batches, within 1% at every step after the 50th. Ends with `N passed, N failed`.
#   bases.sh [-b BUILD] [-o FOLDER] [-n STEPS] [-p PYTHON]
#   -b  a folder with sft-bench-job and tests/gpu/train_losses [build/dev]   -o  logs [build/gpu/bases]
#   -n  steps of each training [300]                                         -p  has torch, transformers, peft, bitsandbytes
#   SFT_DATA, SFT_TOKENIZER [../shared/data's]    SFT_ONLY="bases peer"    TMPDIR: of weights, 10 GB
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/dev logs=$PWD/build/gpu/bases steps=300 python=python3
while getopts b:o:n:p: option; do
    case $option in
    b) build=$OPTARG ;;
    o) logs=$OPTARG ;;
    n) steps=$OPTARG ;;
    p) python=$OPTARG ;;
    *) sed -n '3,10s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
only=${SFT_ONLY:-bases peer}
data=${SFT_DATA:-../shared/data/sft-roleplay.json}
tokenizer=${SFT_TOKENIZER:-../shared/data/llama2-tokenizer.model}
mkdir -p "$logs"
nvidia-smi -L || { echo "bases.sh: no NVIDIA GPU here" >&2 && exit 1; }
# shellcheck source=tests/gpu/fp8_tell.sh
. tests/gpu/fp8_tell.sh
job=$(program sft-bench-job)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run() { # run NAME REQUEST : result in $logs/NAME/result.json
    rm -rf "${logs:?}/$1"
    "$job" "$2,tokenizer=$tokenizer,seq=1024,micro_batch=2,global_batch=2,states=fp32,seed=1,lr_warmup=10,warmup=1,steps=$((steps - 1)),out=$logs/$1" \
        >"$logs/$1.log" 2>&1 && return
    tail -n 3 "$logs/$1.log" | sed 's/^/    /'
    return 1
}
"$python" - "$data" "$work" <<'PY' || exit 1
import json, sys
records = json.load(open(sys.argv[1]))
held = len(records) // 20
half = (len(records) - held) // 2
for name, part in (("first", records[:half]), ("second", records[half:2 * half]), ("held", records[-held:])):
    json.dump(part, open(f"{sys.argv[2]}/{name}.json", "w"))
PY
run first "llama-1b,data=$work/first.json,lr=1e-4,save=$work/base"
tell $? "llama-1b trained and saved"

near() { # near NAME : its held-out loss at the end beside bf16's
    python3 - "$logs/bf16/result.json" "$logs/$1/result.json" "$1" <<'PY'
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:3])
off = 100 * (b["eval_loss"] / a["eval_loss"] - 1)
print(f"    {sys.argv[3]:18s} held out {b['eval_first']:.5f} -> {b['eval_loss']:.5f}, {off:+.3f}% of bf16's")
sys.exit(not abs(off) < 1 or not b["eval_loss"] < a["eval_first"])
PY
}
if wanted bases; then
    adapt=auto,weights=$work/base,data=$work/second.json,eval=$work/held.json,eval_every=$steps,lr=2e-4
    for kind in bf16 fp8 fp8-products-too nf4 nf4-fp8; do
        case $kind in
        bf16) how=method=lora ;;
        fp8) how=method=lora,base=fp8 ;;
        fp8-products-too) how=method=lora,base=fp8,precision=fp8 ;;
        nf4) how=method=qlora ;;
        nf4-fp8) how=method=qlora,precision=fp8 ;;
        esac
        run "$kind" "$adapt,$how" && near "$kind"
        tell $? "adapters over $kind"
    done
fi
if wanted peer; then
    mkdir -p "$work/losses"
    "$(program tests/gpu/train_losses)" llama-1b "$work/second.json" "$tokenizer" 1024 2 1 "$steps" 2e-4 bf16 "$work/losses" &&
        rm "$work/losses/weights.bin" && "$python" tests/bench/peer_qlora.py adapters "$work/base" "$work/adapters" &&
        run qlora "auto,weights=$work/base,adapter=$work/adapters,data=$work/second.json,lr=2e-4,method=qlora" &&
        "$python" tests/bench/peer_qlora.py train "$work/base" "$work/adapters" "$work/losses" "$logs/qlora/result.json" \
            >"$logs/peer.log" 2>&1
    tell $? "QLoRA's losses beside bitsandbytes' and PEFT's"
    tail -n 13 "$logs/peer.log" | sed 's/^/    /'
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
