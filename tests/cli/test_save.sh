#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# save=: models are trained, saved, and begin another run with the loss that they ended with; 1, 2 and 4 ranks save the
# same numbers; transformers' losses of them are ours, where python3 (or SFT_PYTHON) has it; what cannot be saved is said
# before the training.
set -u
job=$SFT_BUILDDIR/sft-bench-job models=$SFT_SRCDIR/tests/golden/models loss=$SFT_BUILDDIR/tests/golden/model_loss
folder=$(mktemp -d /tmp/sft-test-save.XXXXXX)
trap 'rm -rf "$folder"' EXIT
python=${SFT_PYTHON:-python3}
# shellcheck source=tests/cli/models.sh
. "$SFT_SRCDIR/tests/cli/models.sh"
data=$SFT_SRCDIR/examples/instructions.json
keys=(--data "$data" --seq 512 --global-batch 4 --steps 19 --warmup 1 --lr 1e-3 --device cpu)
near() { # near A B...: by line, to 1e-4 of each number
    "$python" -c 'import sys
a, b = (text.split() for text in sys.argv[1:])
sys.exit(not a or len(a) != len(b) or any(abs(float(x) - float(y)) > 1e-4 * max(1, abs(float(y))) for x, y in zip(a, b)))' "$@"
}

for model in llama2 llama31 gpt2; do
    said=$("$job" auto --weights "$models/$model" "${keys[@]}" --save "$folder/$model" 2>&1)
    report "$model is saved" $? "$said"
    before=$("$loss" "$models/$model" "$models/$model.golden")
    after=$("$loss" "$folder/$model" "$models/$model.golden")
    [ -n "$after" ] && ! near "$after" "$before"
    report "$model is another" $? "$after"
    grep -q '^- sft-bench$' "$folder/$model/README.md" && grep -q '| steps_done | 19 |' "$folder/$model/README.md" &&
        cmp "$models/$model/generation_config.json" "$folder/$model/generation_config.json"
    report "$model has its card and its generation config" $?
    if "$python" -c 'import torch, transformers' 2>/dev/null; then
        said=$("$python" "$SFT_SRCDIR/tests/golden/compare_model.py" "$loss" "$folder/$model" "$models/$model.golden" 2>&1)
        report "transformers has $model's losses" $? "$said"
    else
        number=$((number + 1))
        echo "ok $number # skip $python has no torch and transformers: SFT_PYTHON names one that does"
    fi
done

said=$("$job" tiny --data "$data" --seq 512 --steps 2 --warmup 0 --device cpu --save "$folder/drawn" 2>&1) &&
    said+=$("$job" auto --weights "$folder/drawn" --data "$data" --seq 512 --steps 2 --warmup 0 --device cpu 2>&1)
report "drawn weights are saved and begin a run" $? "$said"
said=$("$job" auto --weights "$models/llama2" "${keys[@]}" --save "$folder/llama2" 2>&1) && [ "$(ls -A "$folder")" = \
    "$(printf '%s\n' drawn gpt2 llama2 llama31)" ]
report "an earlier run's folder is replaced, and nothing left beside it" $? "$said$(ls -A "$folder")"

mkdir "$folder/mine" && echo x >"$folder/mine/thesis.tex"
expect "somebody's files stay" "has files that no run has saved" "$job" auto --weights "$models/llama2" "${keys[@]}" \
    --save "$folder/mine"
expect "--check says so" "has files that no run has saved" "$job" --check auto --weights "$models/llama2" "${keys[@]}" \
    --save "$folder/mine"
expect "no folder to be in" "cannot be made: No such file" "$job" auto --weights "$models/llama2" "${keys[@]}" \
    --save "$folder/none/model"
[ "$(ls "$folder/mine")" = thesis.tex ]
report "they are there" $?
for name in thesis.tex model-00001-of-00002.safetensors.bak .git; do # beside what a run has saved, too
    echo x >"$folder/drawn/$name"
    expect "$name stays" "has files that no run has saved, as $name: name a folder" "$job" auto --weights "$models/llama2" \
        "${keys[@]}" --save "$folder/drawn"
    [ -e "$folder/drawn/$name" ] && rm "$folder/drawn/$name"
    report "and is there" $?
done
apart=(tiny --data synthetic --seq 48 --steps 2 --warmup 0 --device cpu --save "$folder/apart")
mkdir "$folder/link" && ln -s ../apart "$folder/link/to"
expect "checkpoints in the same folder" "checkpoint=$folder/apart is the same folder or inside of it" \
    "$job" "${apart[@]}" --checkpoint "$folder/apart"
expect "and inside of it, by another name" "checkpoint=$folder/link/../apart/c is the same folder or inside of it" \
    "$job" --check "${apart[@]}" --checkpoint "$folder/link/../apart/c"
expect "and of the record" "out=$folder/apart is the same folder or inside of it" "$job" "${apart[@]}" --out "$folder/apart"
[ ! -e "$folder/apart" ] && rm -rf "$folder/link" &&
    said=$("$job" "${apart[@]}" --out "$folder/around" --checkpoint "$folder/around" --save "$folder/around/apart" 2>&1)
report "a model inside of the others' folder is none of it" $? "$said"

if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    for layout in 2-0 2-3 4-1 4-hybrid; do
        said=$(timeout 120 mpirun --oversubscribe -n "${layout%-*}" "$job" auto --weights "$models/gpt2" "${keys[@]}" \
            --zero "${layout#*-}" --save "$folder/$layout" 2>&1)
        near "$("$loss" "$folder/$layout" "$models/gpt2.golden")" "$("$loss" "$folder/gpt2" "$models/gpt2.golden")"
        report "${layout%-*} ranks, zero=${layout#*-}" $? "$said"
    done
else
    echo "ok $((number + 1)) # skip several ranks: no mpirun, or built without MPI and PMIx"
fi
echo "1..$number"
exit $failed
