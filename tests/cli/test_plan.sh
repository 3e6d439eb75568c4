#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --plan as sft-bench-job prints it: its columns agree, the row asked for is there, and what cannot fit ends with 1.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
failed=0
[ -x "$job" ] || exit 77

fail()
{
    echo "FAIL: $1"
    failed=1
}

# columns REQUEST NODES: scaling in each row is the ratio of the tokens/s a GPU of its row and the first, to the
# digits printed, at both ends, the smaller first; each above 100 has its cause in the next line; NODES stands in the
# table
columns()
{
    "$job" --plan "$1" 2>err >out || fail "$1: $(cat err)"
    awk -v nodes="$2" '
        function end(text, i, part, n) { n = split(text, part, "-"); return part[i > n ? n : i] }
        above && !/above 100%/ { print "no cause"; exit 1 }
        { above = 0 }
        /^nodes/ { table = 1; next }
        !table || !/^ *[0-9]+  / || /does not/ { next }
        { seen[$1] = 1; rows++
          for (i = 1; i <= 2; i++) {
            if (!(i in base)) base[i] = end($2, i)
            want[i] = 100 * end($2, i) / base[i]
          }
          if (want[1] > want[2]) { other = want[1]; want[1] = want[2]; want[2] = other }
          for (i = 1; i <= 2; i++) {
            got = end($3, i)
            # the columns are rounded: half a token a GPU, half a tenth of a percent
            if (got - want[i] > 0.06 + 100 / base[1] || want[i] - got > 0.06 + 100 / base[1]) {
                print; print want[i]; exit 1 }
            if (got > 100.04) above = 1
          } }
        END { if (above || rows < 2 || !(nodes in seen)) { print "rows"; exit 1 } }' out >why ||
        fail "$1: $(cat why)"
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
columns llama-7b:8,seq=512,data=synthetic 8
columns llama-7b:12,seq=512,micro_batch=1,data=synthetic 12
columns llama-13b:8,gpus=2,states=fp32,micro_batch=4,data=synthetic 8
columns llama-70b:3,data=synthetic 3
columns llama-70b:8,gpu_model=B200,data=synthetic 8
columns llama-7b:8,seq=512,micro_batch=1,zero=3,global_batch=64,data=synthetic 8
columns gpt2:64,data=synthetic 64
grep -q 'of GPT-2 are estimated from one measured run' out || fail "GPT-2: nothing says that it is estimated"

# one rate a GPU and of samples, both ends of it the table's, and one duration
"$job" --plan llama-7b:8,data=synthetic >out || fail "llama-7b:8"
said=$(sed -n 's/.*predicted \([0-9]*-[0-9]*\) tokens.s a GPU, \([0-9.]*-[0-9.]*\) samples.*/\1 \2/p' out)
row=$(awk '$1 == 8 && table { print $2, $5 } /^nodes/ { table = 1 }' out)
[ -n "$said" ] && [ "$said" = "$row" ] || fail "two rates: $said, $row"
grep -q 'derived: [0-9]* by the ceilings; measured runs lay from 5% below to 2% above' out || fail "no word of the error"
[ "$(grep -c ' min for all ' out)" = 1 ] || fail "more than one duration"
grep -q ' samples/s' out || fail "no samples/s"

# cannot fit: status 1, the GPUs that would do, in JSON too
for request in llama-70b,data=synthetic llama-70b:1,gpus=4,data=synthetic; do
    "$job" --plan "$request" >out 2>err
    [ $? = 1 ] || fail "$request: not status 1"
    [ "$(wc -l <err)" = 1 ] && grep -q 'GiB too much.* GPUs .*would do' err || fail "$request: $(cat err)"
    "$job" --plan "$request" --json >out
    [ $? = 1 ] || fail "$request --json: not status 1"
    grep -q '"fits": false' out && grep -q '"gpus_needed": [1-9]' out || fail "$request: $(cat out)"
done
needs=$(sed -n 's/.*"gpus_needed": \([0-9]*\).*/\1/p' out)
"$job" --plan "llama-70b:$((needs / 4)),gpus=4,data=synthetic" >out || fail "$needs GPUs do not do"
"$job" --plan llama-7b:2,data=synthetic --json >out || fail "--json"
for key in tok_s tok_s_low tok_s_high tok_s_gpu samples_s scaling scaling_nodes scaling_cause micro_batch recompute; do
    grep -q "\"$key\": " out || fail "--json has no $key"
done

# goals: the customer's file, with the numbers that it must give; text and JSON say the same
src=${SFT_SRCDIR:?}
"$job" --plan llama-7b:2 --goals "$src/examples/goals.conf" >out 2>err || fail "--goals: $(cat err)"
sed -n '/^goals/,$p' out >goals
grep -q '^goals      of The customer (.*), each at its own size; derived for NVIDIA H200$' goals || fail "whose goals"
for line in \
    '7B: 1280 samples/s of 128 tokens, llama-7b on 8 GPUs: would not be met, derived .*; it needs 82% of the bf16 peak, of' \
    '13B: 640 samples/s of 128 tokens, llama-13b on 8 GPUs: would not be met, derived .*; it needs 80% of the bf16 peak, of' \
    '70B: 160 samples/s of 128 tokens, llama-70b on 8 GPUs: cannot be met, derived .*; it needs 107% of the bf16 peak$' \
    'by number of nodes: 80% scaling, llama-7b on 8 nodes of 8 GPUs: would be met, derived [0-9.]*-[0-9.]*$' \
    'everywhere: 95% scaling, llama-7b on 2 to 8 nodes of 8 GPUs: ' 'GPU utilization.*: not predicted: NVML'; do
    grep -q "^           $line" goals || fail "no goal '$line': $(cat goals)"
done
"$job" --plan llama-7b:2 --json --goals="$src/examples/goals.conf" >out || fail "--goals --json"
[ "$(grep -c '"verdict": "would not be met"' out)" = 2 ] && [ "$(grep -c '"verdict": "cannot be met"' out)" = 1 ] ||
    fail "--goals --json: $(cat out)"
"$job" --plan llama-7b --json >out && ! grep -q '"goals"' out || fail "goals that nobody asked for"
printf 'name=\377,model=llama-7b,gpus=8,tok_s_gpu=1,workload=\377\n' >bytes
"$job" --plan llama-7b --json --goals bytes >out && [ "$(grep -c '"verdict": "not predicted"' out)" = 1 ] ||
    fail "a goal whose name is no text is lost: $(cat out)"
# a bad file is one line with its name and number; without --plan it is no option
printf 'scaling=95\n\nmodel=llama-7b,gpus=8,samples_s=1280\n' >bad
"$job" --plan llama-7b --goals bad >out 2>err
[ $? = 1 ] && [ "$(cat err)" = "sft-bench-job: bad:3: samples_s needs sample_tokens: a sample is no unit by itself" ] && [ ! -s out ] ||
    fail "a bad file: $(cat err out)"
"$job" --plan llama-7b --goals missing >out 2>err
[ $? = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q 'missing: cannot read the goals' err || fail "no file: $(cat err)"
for words in "--check llama-7b --goals bad" "llama-7b --goals bad" "--plan llama-7b --goals" "--plan llama-7b --goals="; do
    "$job" $words >out 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q -- '--goals' err || fail "$words: $(cat err)"
done

# each rate of the fabric is told from where it is
while read -r keys words; do
    "$job" --plan "llama-7b:2,data=synthetic$keys" >out && grep -q "^ *fabric $words: " out || fail "$keys: $(grep ' fabric ' out)"
done <<'EOF'
,nic_gbs=50,nvlink_gbs=300 as the request says
,nic_gbs=50 as the request says across nodes, assumed inside of a node
,nvlink_gbs=300 as the request says inside of a node, assumed across nodes
EOF

# a run of a second, a minute, a week; and of the CPU nothing is said
for case in "tiny,steps=20 s" "llama-7b:8 min" "llama-7b:8,steps=1000000 h"; do
    "$job" --plan "${case% *},data=synthetic" >out && [ "$(grep -cE "^ +about [0-9.]+ ${case#* } for all [0-9]+ steps$" out)" = 1 ] ||
        fail "$case: $(grep ' for all ' out)"
done
for request in llama-7b:2,device=cpu llama-7b:2,gpus=0; do
    "$job" --plan "$request,data=synthetic" >out && grep -q '^note .*the CPU is not predicted: what follows is of NVIDIA H200' out ||
        fail "$request: $(cat out)"
done

# micro_batch= ; a larger one that is no faster is not taken where it would round the states
"$job" --plan llama3-8b:5,gpus=1,gpu_model=H20,data=synthetic --json >out && grep -q '"states": "fp32"' out &&
    grep -q '"micro_batch": 2' out || fail "bf16 states where fp32 is as fast: $(cat out)"
"$job" --plan llama-7b,micro_batch=auto,data=synthetic >out || fail "micro_batch=auto"
grep -q 'chosen: micro_batch,states,recompute' out || fail "nothing says that the micro-batch was chosen"
"$job" --plan llama-7b,micro_batch=2,data=synthetic >out || fail "micro_batch=2"
grep -q 'chosen: micro_batch' out && fail "what was said was chosen"
for value in 0 -1 Auto 1025; do
    said=$("$job" --plan "tiny,micro_batch=$value" 2>&1)
    [ $? != 0 ] && [[ $said == *"micro_batch=$value: must be a whole number from 1 to 1024, or auto" ]] ||
        fail "micro_batch=$value: $said"
done
# a run says what was chosen; on the CPU a sequence at a time
"$job" tiny,data=synthetic,seq=32,steps=1,warmup=0 >out 2>err || fail "tiny: $(cat err)"
grep -q 'chosen=[^ ;]*micro_batch' out || fail "the record does not say that it was chosen: $(cat out)"
exit $failed
