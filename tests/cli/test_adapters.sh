#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# save= and adapter= of adapters: saved beside a checkpoint they begin another run with the loss that they ended with,
# merged they are the same model, over each base and on 1, 2 and 4 ranks; PEFT's losses and logits of them are ours, as the
# golden files have them and where python3 (or SFT_PYTHON) has it.
set -u
[ -z "${SFT_QUICK:-}" ] || { echo "ok 1 # skip it computes for long, and SFT_QUICK is set" && exit 77; }
job=$SFT_BUILDDIR/sft-bench-job models=$SFT_SRCDIR/tests/golden/models loss=$SFT_BUILDDIR/tests/golden/model_loss
folder=$(mktemp -d /tmp/sft-test-adapters.XXXXXX)
trap 'rm -rf "$folder"' EXIT
python=${SFT_PYTHON:-python3}
# shellcheck source=tests/cli/models.sh
. "$SFT_SRCDIR/tests/cli/models.sh"
keys=(--data "$SFT_SRCDIR/examples/instructions.json" --seq 512 --global-batch 4 --steps 19 --warmup 1 --lr 1e-2 --device cpu)
near() { # near A B: by line, to 1e-5 of each number
    "$python" -c 'import sys
a, b = (text.split() for text in sys.argv[1:])
sys.exit(not a or len(a) != len(b) or any(abs(float(x) - float(y)) > 1e-5 * max(1, abs(float(y))) for x, y in zip(a, b)))' "$@"
}
train() { # train MODEL NAME ARGUMENTS...: $said
    said=$("$job" auto --weights "$models/$1" "${keys[@]}" --method lora --lora-rank 4 --save "$folder/$2" "${@:3}" 2>&1)
}

for model in llama2 llama31 gpt2; do
    train $model $model
    report "$model's adapters are saved" $? "$said"
    [ "$(ls -A "$folder/$model")" = "$(printf '%s\n' README.md adapter_config.json adapter_model.safetensors)" ] &&
        grep -q '^library_name: peft$' "$folder/$model/README.md" && grep -q '| lora_rank | 4 |' "$folder/$model/README.md"
    report "$model's adapters have their card" $? "$(ls -A "$folder/$model")"
    before=$("$loss" "$models/$model" "$models/$model.golden")
    after=$("$loss" "$models/$model" "$models/$model.golden" "$folder/$model")
    [ -n "$after" ] && ! near "$after" "$before"
    report "$model is another with them" $? "$after"
    train $model $model-merged --merge yes
    near "$("$loss" "$folder/$model-merged" "$models/$model.golden")" "$after"
    report "$model merged is the same" $? "$said"
    if "$python" -c 'import torch, transformers, peft' 2>/dev/null; then
        said=$("$python" "$SFT_SRCDIR/tests/golden/compare_adapter.py" "$loss" "$models/$model" "$folder/$model" \
            "$models/$model.golden" 2>&1)
        report "PEFT has $model's losses" $? "$said"
        said=$("$python" "$SFT_SRCDIR/tests/golden/compare_model.py" "$loss" "$folder/$model-merged" \
            "$models/$model.golden" 2>&1)
        report "transformers has merged $model's losses" $? "$said"
    else
        number=$((number + 1))
        echo "ok $number # skip $python has no torch, transformers and peft: SFT_PYTHON names one that does"
    fi
done

for base in fp8 nf4; do
    train llama31 $base --base $base && train llama31 $base-merged --base $base --merge yes
    report "saved over base=$base" $? "$said"
    near "$("$loss" "$folder/$base-merged" "$models/llama31.golden")" \
        "$("$loss" "$models/llama31" "$models/llama31.golden" "$folder/$base" $base)"
    report "merged is what was trained over base=$base" $?
done
grep -q 'merged here into what the weights mean in nf4' "$folder/nf4-merged/README.md"
report "the card says so" $?

# PEFT's own, other ranks and targets: with nothing learned they are saved as they came
for model in llama31 gpt2; do
    said=$("$job" auto --weights "$models/$model" "${keys[@]}" --steps 1 --warmup 0 --lr 0 --method lora --save "$folder/on" \
        --adapter "$models/$model-adapter" --out "$folder/out" 2>&1) && near \
        "$("$loss" "$models/$model" "$models/$model.golden" "$folder/on")" \
        "$("$loss" "$models/$model" "$models/$model.golden" "$models/$model-adapter")" &&
        python3 -c 'import json, sys
assert json.load(open(sys.argv[1] + "/out/result.json"))["adapter"] == sys.argv[2] + "-adapter"
a, b = (json.load(open(f + "/adapter_config.json")) for f in (sys.argv[1] + "/on", sys.argv[3]))
assert all(a[k] == b[k] for k in ("r", "lora_alpha", "lora_dropout", "use_rslora")), (a, b)' \
            "$folder" $model "$models/$model-adapter"
    report "a run goes on with PEFT's adapters of $model" $? "$said"
    said=$("$job" auto --weights "$models/$model" "${keys[@]}" --steps 1 --warmup 0 --lr 0 --method lora --merge yes \
        --adapter "$models/$model-adapter" --save "$folder/on-merged" 2>&1) && said=$(
        for what in "$models/$model $folder/on" "$folder/on-merged"; do
            # shellcheck disable=SC2086
            python3 "$SFT_SRCDIR/tests/golden/compare_logits.py" "$loss" "$models/$model.golden" "$models/$model-adapter.golden" $what || exit 1
        done
    ) && ! python3 "$SFT_SRCDIR/tests/golden/compare_logits.py" "$loss" "$models/$model.golden" "$models/$model-adapter.golden" \
        "$models/$model"
    report "and has PEFT's logits, beside and merged" $? "$said"
done
on=(auto --weights "$models/llama31" "${keys[@]}" --method lora --adapter)
expect "another rank" "lora_rank=8: the adapters of adapter= have 4: leave the key out" \
    "$job" "${on[@]}" "$models/llama31-adapter" --lora-rank 8
expect "another model's" "target_modules are c_attn+mlp.c_proj, which are no projections of this model" \
    "$job" "${on[@]}" "$models/gpt2-adapter"
expect "a model's folder" "adapter_config.json" "$job" "${on[@]}" "$models/llama31"
expect "no such folder" "adapter=$folder/none: there is no such folder" "$job" "${on[@]}" "$folder/none"
expect "--check says so" "adapter=$folder/none: there is no such folder" "$job" --check "${on[@]}" "$folder/none"
expect "without weights" "is beside weights: say weights=, too" "$job" tiny --method lora --adapter "$folder/llama2"
expect "without method=lora" "method=full has no adapters" "$job" auto --weights "$models/llama31" --adapter "$folder/llama31"

if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    for layout in 2-0-bf16 2-3-bf16 4-hybrid-fp8 4-1-nf4 4-3-nf4; do
        IFS=- read -r ranks zero base <<<"$layout"
        on=(timeout 120 mpirun --oversubscribe -n "$ranks" "$job" auto --weights "$models/llama31" "${keys[@]}" --method lora
            --base "$base" --zero "$zero")
        [ "$base" = bf16 ] && one=llama31 || one=$base
        said=$("${on[@]}" --lora-rank 4 --save "$folder/ranks" 2>&1) && near \
            "$("$loss" "$models/llama31" "$models/llama31.golden" "$folder/ranks" "$base")" \
            "$("$loss" "$models/llama31" "$models/llama31.golden" "$folder/$one" "$base")" &&
            said=$("${on[@]}" --lora-rank 4 --save "$folder/ranks" --merge yes 2>&1) && near \
            "$("$loss" "$folder/ranks" "$models/llama31.golden")" "$("$loss" "$folder/$one-merged" "$models/llama31.golden")"
        report "$ranks ranks, zero=$zero, base=$base" $? "$said"
        said=$("${on[@]}" --steps 1 --warmup 0 --lr 0 --adapter "$folder/$one" --save "$folder/ranks" 2>&1) &&
            cmp "$folder/$one/adapter_model.safetensors" "$folder/ranks/adapter_model.safetensors"
        report "$ranks ranks go on, zero=$zero" $? "$said"
    done
else
    echo "ok $((number + 1)) # skip several ranks: no mpirun, or built without MPI and PMIx"
fi
echo "1..$number"
exit $failed
