#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# weights=: a model that transformers saved is trained on 1, 2 and 4 ranks, whatever they share, with one rank's losses;
# below adapters in each format of the base, too; its name in Hugging Face's cache; ranks that see none, or another one, end it with one line.
set -u
job=$SFT_BUILDDIR/sft-bench-job models=$SFT_SRCDIR/tests/golden/models
folder=$(mktemp -d /tmp/sft-test-weights.XXXXXX)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=tests/cli/models.sh
. "$SFT_SRCDIR/tests/cli/models.sh"
keys=(--data "$SFT_SRCDIR/examples/instructions.json" --seq 512 --global-batch 4 --steps 4 --warmup 1 --device cpu)
losses() { # losses FOLDER: of result.json, to 6 digits
    python3 -c 'import json, sys
r = json.load(open(sys.argv[1] + "/result.json"))
print(r["model"], r["weights"], *(f"{loss:.5g}" for loss in r["losses"]))' "$1"
}

for model in llama2 llama31 gpt2; do
    said=$("$job" auto --weights "$models/$model" "${keys[@]}" --out "$folder/$model" 2>&1)
    right=$(losses "$folder/$model")
    [[ $right == "$model $model "* ]]
    report "$model alone" $? "$said$right"
    [ $model != llama31 ] || alone=$right
done

lora=(--method lora --lora-rank 4 --lr 1e-3) # base: what the run began with, and what it has learned
for base in bf16 fp8 nf4; do
    said=$("$job" auto --weights "$models/llama31" "${keys[@]}" "${lora[@]}" --base $base --out "$folder/$base" 2>&1)
    report "llama31 below adapters, base=$base" $? "$said"
done
said=$(python3 - "$folder" <<'EOF'
import json, sys
first, last = {}, {}
for base in ("llama31", "bf16", "fp8", "nf4"):
    losses = json.load(open(f"{sys.argv[1]}/{base}/result.json"))["losses"]
    first[base], last[base] = losses[0], losses[-1]
print(first, last)
whole = first.pop("llama31")
sys.exit(not (abs(first["bf16"] / whole - 1) < 1e-5 and 1e-5 < abs(first["fp8"] / whole - 1) < 1e-2 and
              1e-5 < abs(first["nf4"] / whole - 1) < 5e-2 and all(last[base] < first[base] for base in first)))
EOF
)
report "adapters begin with the checkpoint's loss" $? "$said"

mkdir -p "$folder/hub/models--us--llama31/refs" "$folder/hub/models--us--llama31/snapshots"
printf abc >"$folder/hub/models--us--llama31/refs/main"
cp -r "$models/llama31" "$folder/hub/models--us--llama31/snapshots/abc"
said=$(HF_HOME=$folder "$job" auto --weights us/llama31 "${keys[@]}" --out "$folder/hub1" 2>&1)
[ "$(losses "$folder/hub1")" = "${alone/llama31 llama31/llama31 us/llama31}" ]
report "by its name" $? "$said"
[ "$(grep -c 'warning: weights=us/llama31: no tokenizer.json .*taken as bytes' <<<"$said")" = 1 ]
report "a checkpoint without a tokenizer is told" $? "$said"
said=$("$job" auto --weights "$models/llama31" "${keys[@]}" --tokenizer bytes 2>&1) && [[ $said != *warning* ]]
report "and not where bytes are meant" $? "$said"
expect "no such name" "hf download us/llama32" \
    env HF_HOME="$folder" "$job" auto --weights us/llama32 "${keys[@]}"
expect "--check says so" "hf download us/llama32" \
    env HF_HOME="$folder" "$job" --check auto --weights us/llama32 "${keys[@]}"
expect "another shape" "are of another shape than llama-7b: Llama, 2 layers" \
    "$job" llama-7b --weights "$models/llama31" "${keys[@]}"
cp -r "$models/llama2" "$folder/nan"
python3 - "$folder/nan/model.safetensors" <<'EOF'
import json, struct, sys
with open(sys.argv[1], "r+b") as file:
    size = struct.unpack("<Q", file.read(8))[0]
    tensor = json.loads(file.read(size))["model.norm.weight"]
    file.seek(8 + size + tensor["data_offsets"][0])
    file.write({"F32": struct.pack("<f", float("nan")), "F16": b"\x00\x7e", "BF16": b"\xff\x7f"}[tensor["dtype"]])
EOF
expect "a weight that is no number" "the loss of step 1 is *nan before anything was trained: the weights hold" \
    "$job" auto --weights "$folder/nan" "${keys[@]}"
expect "and one that is evaluated first" "the loss of eval= is *nan before anything was trained: the weights hold" \
    "$job" auto --weights "$folder/nan" "${keys[@]}" --eval "$SFT_SRCDIR/examples/instructions.json"
cp -r "$models/llama2" "$folder/small"
python3 - "$folder/small" <<'EOF'
import json, struct, sys
folder = sys.argv[1]
path = folder + "/model.safetensors"
raw = open(path, "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
header, data, out = json.loads(raw[8:8 + size]), raw[8 + size:], b""
for name, tensor in sorted((n, t) for n, t in header.items() if n != "__metadata__"):
    begin, end = tensor["data_offsets"]
    if tensor["shape"][0] == 320:
        tensor["shape"][0] = 256
        end = begin + 2 * 256 * 32
    tensor["data_offsets"] = [len(out), len(out) + end - begin]
    out += data[begin:end]
text = json.dumps(header).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + out)
config = json.load(open(folder + "/config.json"))
json.dump(config | {"vocab_size": 256}, open(folder + "/config.json", "w"))
EOF
if grep -q '^#define HAVE_PCRE2 1' "$SFT_BUILDDIR/config.h"; then
    bpe=$SFT_SRCDIR/tests/golden/bpe/tokenizer.json
    said=$("$job" tiny "${keys[@]}" --tokenizer "$bpe" --save "$folder/own" 2>&1) && cmp "$bpe" "$folder/own/tokenizer.json" &&
        said=$("$job" auto --weights "$folder/own" "${keys[@]}" --save "$folder/next" 2>&1) && [[ $said == *" tokenizer=tokenizer.json "* ]] &&
        cmp "$bpe" "$folder/next/tokenizer.json" &&
        said=$("$job" auto --weights "$folder/own" "${keys[@]}" --tokenizer bytes 2>&1) && [[ $said == *" tokenizer=bytes "* ]]
    report "the checkpoint's tokenizer, where none is named" $? "$said"
    echo '{"chat_template": "[gMASK]"}' >"$folder/own/tokenizer_config.json"
    printf '%s\n' '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}' >"$folder/turns.jsonl"
    expect "and its template" "none that is known" "$job" auto --weights "$folder/own" "${keys[@]}" --data "$folder/turns.jsonl"
fi
expect "a tokenizer that is too large" "has 258 pieces, small holds 256" "$job" auto --weights "$folder/small" "${keys[@]}"

if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    for layout in 2-0 2-1 2-3 4-0 4-2 4-hybrid; do
        said=$(timeout 120 mpirun --oversubscribe -n "${layout%-*}" "$job" auto --weights "$models/llama31" \
            "${keys[@]}" --zero "${layout#*-}" --out "$folder/$layout" 2>&1)
        [ "$(losses "$folder/$layout")" = "$alone" ]
        report "${layout%-*} ranks, zero=${layout#*-}" $? "$said"
    done
    said=$(timeout 120 mpirun --oversubscribe -n 2 "$job" auto --weights "$models/gpt2" "${keys[@]}" --zero 3 \
        --out "$folder/turned" 2>&1)
    [ "$(losses "$folder/turned")" = "$(losses "$folder/gpt2")" ]
    report "2 ranks, GPT-2's turned matrices" $? "$said"
    for layout in 2-0-bf16 2-3-bf16 2-2-fp8 4-hybrid-fp8 4-0-nf4 4-3-nf4; do
        IFS=- read -r ranks zero base <<<"$layout"
        said=$(timeout 120 mpirun --oversubscribe -n "$ranks" "$job" auto --weights "$models/llama31" "${keys[@]}" \
            "${lora[@]}" --base "$base" --zero "$zero" --out "$folder/$layout" 2>&1)
        [ "$(losses "$folder/$layout")" = "$(losses "$folder/$base")" ]
        report "$ranks ranks below adapters, zero=$zero, base=$base" $? "$said"
    done
    mkdir "$folder/none"
    # each rank's own cache, by a script: Debian 13's mpirun ends in a segmentation fault where ranks' commands differ
    # shellcheck disable=SC2016
    printf '#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" -eq 0 ] || HF_HOME=$HF_HOME/none\nexec "$@"\n' >"$folder/rank"
    chmod +x "$folder/rank"
    apart=(env HF_HOME="$folder" mpirun --oversubscribe -n 2 "$folder/rank" "$job" auto --weights us/llama31 "${keys[@]}")
    expect "a rank that sees none" 'weights=us/llama31: is no folder, and no model of that name is in' "${apart[@]}"
    cp -r "$folder/hub" "$folder/none/hub"
    printf x | dd of="$folder/none/hub/models--us--llama31/snapshots/abc/model-00001-of-00003.safetensors" bs=1 seek=2000 \
        conv=notrunc status=none
    expect "a rank that sees others" "weights=us/llama31 are others there than on" "${apart[@]}"
else
    echo "ok $((number + 1)) # skip several ranks: no mpirun, or built without MPI and PMIx"
fi
echo "1..$number"
exit $failed
