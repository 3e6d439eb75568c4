#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# data=synthetic and data=synthetic:N as sft-bench-job reads them: what is one, and what is refused; what a first run
# is told.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
failed=0
[ -x "$job" ] || exit 77

fail()
{
    echo "FAIL: $1"
    failed=1
}

# taken REQUEST: the job would run it; prints what --plan says of the data
taken()
{
    "$job" --check "$1" >/dev/null || fail "$1 was refused"
    "$job" --plan "$1" | sed -n 's/^data *//p'
}

# refused REQUEST TEXT: exit status 1 and one line that holds the text
refused()
{
    local said status
    said=$("$job" --check "$1" 2>&1)
    status=$?
    [ $status = 1 ] || fail "$1: exit status $status, expected 1"
    [ "$(wc -l <<<"$said")" = 1 ] || fail "$1: more than a line: $said"
    case $said in
    *"$2"*) ;;
    *) fail "$1: '$said' does not contain '$2'" ;;
    esac
}

data=$(taken tiny,data=synthetic)
[[ $data == synthetic:* && $data != synthetic:[0-9]* ]] || fail "data=synthetic is '$data'"
for length in 2 100 128 1024; do # tiny's seq is 1024
    data=$(taken "tiny,data=synthetic:$length")
    [[ $data == "synthetic:$length: "*" $length.0 tokens a record, 0 cut, "* ]] ||
        fail "data=synthetic:$length is '$data'"
    [ $((1024 % length)) != 0 ] || [[ $data == *" packs 100.0% full"* ]] ||
        fail "data=synthetic:$length is '$data', expected full packs"
done
data=$(taken tiny,seq=64,data=synthetic:64)
[[ $data == synthetic:64:* ]] || fail "seq=64,data=synthetic:64 is '$data'"

for length in 0 1 -5 1025 9999999 99999999999999999999999 4294967298 x 12x 0x10 1e2 '' ' 5' +5 '5 '; do
    refused "tiny,data=synthetic:$length" "data=synthetic:$length: documents must have from 2 to seq=1024"
done
refused tiny,seq=64,data=synthetic:65 "from 2 to seq=64"
# where nobody names data, all but tiny train on the work that is the same everywhere
for model in llama-7b gpt2 meta-llama/Llama-2-13b-hf; do
    data=$("$job" --plan "$model" | sed -n 's/^data *//p')
    [[ $data == "synthetic: 52002 records, 128."*" tokens a record, 0 cut, packs 9"[89].* ]] ||
        fail "$model without data= has '$data'"
done
[[ $("$job" --plan tiny --data "$SFT_SRCDIR/examples/instructions.json") == *"instructions.json: 70 records"* ]] ||
    fail "tiny with the installed records"
# the record names it, and no tokenizer
said=$("$job" tiny,data=synthetic,seq=64,steps=1,warmup=0 2>&1)
[[ $said == *" data=synthetic workload=alpaca-packed "* && $said == *" tokenizer=none "* ]] || fail "record: $said"
[[ $said == "sft-bench-job: no GPU here: training on the CPU"* ]] || fail "the CPU is not told: $said"
said=$("$job" tiny,data=synthetic:64,seq=64,steps=1,warmup=0,device=cpu 2>&1)
[[ $said != *workload=* ]] || fail "synthetic:64 has a workload: $said"
[[ $said != *"no GPU here"* ]] || fail "who asked for the CPU is told of it: $said"
# nor does too little memory hide why: the model was to train on a GPU
# (a sanitizer's own addresses are beyond any limit)
if [ "${SFT_SANITIZED:-$(nm "$job" 2>/dev/null | grep -c __asan_init)}" = 0 ]; then
    said=$(ulimit -v 4000000; "$job" llama-7b,steps=1,data=synthetic 2>&1)
    [ $? = 1 ] && [[ $said == "sft-bench-job: no GPU here: training on the CPU"$'\n'*"no memory for"* ]] || fail "no memory: $said"
fi
# what the plan counted is what the process took, of which most is no model's
"$job" tiny,data=synthetic,seq=64,steps=2,warmup=0 2>/dev/null |
    awk '/a rank, peak/ { is = $2 } /GiB planned/ { plan = $1 } END { exit !(plan > 0.85 * is && plan <= 1.05 * is) }' ||
    fail "the CPU's memory plan"

# releases
said=$(SFT_BENCH_SRUN=0.0.1 "$job" tiny,data=synthetic,seq=64,steps=1,warmup=0,device=cpu 2>&1)
[ $? = 1 ] && [[ $said == "sft-bench-job: "*": no plugin of sft-bench there: nobody would publish this run's record; "* ]] ||
    fail "a node without the plugin: $said"
said=$(SFT_BENCH_SRUN=0.0.1 SFT_BENCH_NODE=0.0.1 "$job" tiny,data=synthetic,seq=64,steps=1,warmup=0,device=cpu 2>&1 >/dev/null |
    grep -v '^step')
[[ $said == *": the plugin there is of release 0.0.1, sft-bench-job of "* && $(wc -l <<<"$said") = 1 ]] ||
    fail "a plugin of another release: $said"
said=$(SFT_BENCH_SRUN=0.0.1 "$job" tiny,newkey=1 2>&1)
[[ $said == *"unknown key 'newkey'"*"(the plugin of srun's host is of release 0.0.1, "* ]] || fail "a key of another release: $said"

# other names are files'
refused tiny,data=syntheticx "syntheticx: cannot read"
refused tiny,data=Synthetic "Synthetic: cannot read"
exit $failed
