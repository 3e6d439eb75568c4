#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What --check says of data and tokenizers as people have them: each case one line on stdout or stderr, whole.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
[ -x "$job" ] || exit 77
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 number=0

# report NAME EXPECTED GOT
report() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number $1"
    else
        failed=1
        printf 'not ok %d %s\n# expected: %s\n# got:      %s\n' $number "$1" "$2" "$3"
    fi
}

# says NAME STATUS TEXT ARGUMENT... : all that --check tiny ARGUMENT... prints, and its exit status
says() {
    local name=$1 status=$2 text=$3 got
    shift 3
    got=$(timeout 60 "$job" --check tiny "$@" 2>&1)
    report "$name" "$status: $text" "$?: $got"
}

good='{"instruction": "Name a colour.", "input": "", "output": "Blue."}'
lines() { for _ in $(seq "$1"); do echo "$good"; done; }

# 40 records in an array, two of them as the original Alpaca has 28
python3 - <<'PY'
import json
records = [{"instruction": f"Name a colour number {i}.", "input": "", "output": "" if i in (7, 19) else f"Blue, and {i} more."}
           for i in range(40)]
json.dump(records, open("empty.json", "w"), indent=4)
PY
says "empty outputs are left out and told" 0 \
    "data       empty.json: 38 records, 6936 tokens, 0 cut, 2 skipped, 0 mended
skipped    record 8 (line 37) has an empty output; record 20 (line 97) has an empty output" --data empty.json
says "skip=0 leaves none out" 1 \
    "sft-bench-job: empty.json: 2 of 40 records cannot be trained on (skip=0 allows none): record 8 (line 37) has an empty output; record 20 (line 97) has an empty output: mend or remove them, or raise skip=" \
    --data empty.json --skip 0

for i in 1 2 3; do echo "{\"id\": ${i}9000000000000000000, \"x\": 1e400, \"y\": NaN, ${good:1}"; done >big.jsonl
says "numbers that nobody reads" 0 "data       big.jsonl: 3 records, 480 tokens, 0 cut, 0 skipped, 0 mended" --data big.jsonl
echo "${good/\"\"/null}" >null.jsonl
says "a null input is none" 0 "data       null.jsonl: 1 records, 160 tokens, 0 cut, 0 skipped, 0 mended" --data null.jsonl
echo "${good/Blue/\\ud83d}" >half.jsonl
says "half a surrogate pair is mended" 0 "data       half.jsonl: 1 records, 159 tokens, 0 cut, 0 skipped, 1 mended" --data half.jsonl
{ lines 1; printf '{"instruction":"a","output":"b\0c \xff"}\n'; } >bytes.jsonl
says "a NUL and bytes that are no UTF-8, too" 0 "data       bytes.jsonl: 2 records, 311 tokens, 0 cut, 0 skipped, 1 mended" --data bytes.jsonl

{ lines 150; echo '{"instruction": "cut he'; } >cut.jsonl
says "a line that was cut is left out" 0 \
    "data       cut.jsonl: 150 records, 24000 tokens, 0 cut, 1 skipped, 0 mended
skipped    record 151 (line 151) is not JSON: column 24: a text has no end on its line" --data cut.jsonl
{ lines 9; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "{\"instruction\": \"$i\"}"; done; } >twelve.jsonl
says "the first ten are told at once" 1 \
    "sft-bench-job: twelve.jsonl: 12 of 21 records cannot be trained on (skip=1 percent may be bad): record 10 (line 10) has no field output; record 11 (line 11) has no field output; record 12 (line 12) has no field output; record 13 (line 13) has no field output; record 14 (line 14) has no field output; record 15 (line 15) has no field output; record 16 (line 16) has no field output; record 17 (line 17) has no field output; record 18 (line 18) has no field output; record 19 (line 19) has no field output; and 2 more: mend or remove them, or raise skip=" \
    --data twelve.jsonl
report "skip= takes them" "0: 9 records, 1440 tokens, 0 cut, 12 skipped, 0 mended" \
    "$(said=$("$job" --check tiny,skip=58 --data twelve.jsonl); echo "$?: $(sed -n '1s/.*: //p' <<<"$said")")"
says "skip= out of its range" 2 "sft-bench-job: skip=101: must be a number from 0 to 100" --data cut.jsonl --skip 101

for i in 1 2; do echo '{"instruction": "a", "context": "b", "response": "c", "category": "qa"}'; done >dolly.jsonl
says "Dolly" 1 "sft-bench-job: dolly.jsonl: these are Dolly's records (keys instruction, context, response), which are not read (2 of 2 records): rename context to input and response to output" \
    --data dolly.jsonl
printf 'instruction,output\na,b\n' >table.csv
says "CSV" 1 "sft-bench-job: table.csv: not JSON records: this is a CSV table: write it as JSON lines: pandas.read_csv(FILE).to_json(NEW, orient='records', lines=True)" \
    --data table.csv
lines 3 | gzip >packed.json.gz
says "gzip" 1 "sft-bench-job: packed.json.gz: not JSON records: this is a gzip file: unpack it first (gunzip)" --data packed.json.gz
lines 3 | iconv -t UTF-16 >wide.json
says "UTF-16" 1 "sft-bench-job: wide.json: not JSON records: this is UTF-16 text: make it UTF-8 (iconv -f UTF-16 -t UTF-8)" --data wide.json

lines 3 >some.jsonl
printf 'AA== 0\nAQ== 1\nAg== 2\n' >tiktoken.model
why="no token stands for the byte 0x03: this is no byte-level BPE, or not all of one"
grep -q 'HAVE_PCRE2 1' "$SFT_BUILDDIR/config.h" ||
    why="built without PCRE2, which cuts texts into words: install libpcre2-dev, configure and build again, or leave tokenizer= out"
says "tiktoken" 1 "sft-bench-job: tiktoken.model: $why" \
    --data some.jsonl --tokenizer tiktoken.model
echo '{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0}}}' >tokenizer.json
says "tokenizer.json" 1 "sft-bench-job: tokenizer.json: it has no merges: this is no BPE" \
    --data some.jsonl --tokenizer tokenizer.json
: >empty.model
mkdir empty
says "an empty tokenizer" 1 "sft-bench-job: empty.model: no tokenizer: the file is empty" --data some.jsonl --tokenizer empty.model
says "a folder as tokenizer" 1 "sft-bench-job: empty: no tokenizer: the folder has neither a tokenizer.json nor a tokenizer.model" --data some.jsonl --tokenizer empty

# what people have: conversations, pairs, several files, a folder
turns='{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes."}]}'
echo "$turns" >chat.jsonl
echo '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes."}], "system": "Short."}' >sharegpt.jsonl
echo '{"prompt": "Hi", "completion": "Yes."}' >pair.jsonl
mkdir records tables
lines 2 >records/a.jsonl
lines 1 >records/b.json
printf 'PAR1' >tables/a.parquet
golden=$SFT_SRCDIR/tests/golden/bpe/ranks.tiktoken
# finds NAME TEXT ARGUMENT... : the line of data
finds() {
    local name=$1 text=$2 got
    shift 2
    got=$(timeout 60 "$job" --check tiny "$@" 2>&1 | sed -n 's/^data  *//p')
    report "$name" "$text" "$got"
}
finds "messages" "chat.jsonl: 1 records, 147 tokens, 0 cut, 0 skipped, 0 mended" --data chat.jsonl
finds "ShareGPT" "sharegpt.jsonl: 1 records, 103 tokens, 0 cut, 0 skipped, 0 mended" --data sharegpt.jsonl --template chatml
finds "pair" "pair.jsonl: 1 records, 8 tokens, 0 cut, 0 skipped, 0 mended" --data pair.jsonl
finds "two files" "chat.jsonl+sharegpt.jsonl: 2 records, 75 tokens, 0 cut, 0 skipped, 0 mended" --data chat.jsonl+sharegpt.jsonl --template llama2
finds "a folder" "records: 3 records, 480 tokens, 0 cut, 0 skipped, 0 mended" --data records/
says "mixed files" 1 "sft-bench-job: chat.jsonl: record 1 (line 1) has turns (messages, conversations), those before it Alpaca's fields (instruction, output): give data= files of one format" --data some.jsonl+chat.jsonl
says "Parquet in a folder" 1 "sft-bench-job: tables: the folder has Parquet files and no JSON: write each as JSON lines: pandas.read_parquet(FILE).to_json(NEW, orient='records', lines=True)" --data tables
if [ -r "$golden" ] && grep -q 'HAVE_PCRE2 1' "$SFT_BUILDDIR/config.h"; then
    finds "Llama 3's template by its special tokens" "chat.jsonl: 1 records, 22 tokens, 0 cut, 0 skipped, 0 mended" --data chat.jsonl --tokenizer "$golden"
    says "no such special tokens" 1 "sft-bench-job: template=chatml wants the special token <|im_start|>, which tokenizer ranks.tiktoken does not have" --data chat.jsonl --tokenizer "$golden" --template chatml
fi

# no library's words: whatever a model's damage is, ours are the only line
model=${SFT_SHARED:-}/data/llama2-tokenizer.model
printf '\n\016\n\005<unk>\025\0\0\0\0\030\002' >damaged0.model
[ ! -r "$model" ] || {
    head -c 250000 "$model" >damaged1.model
    { head -c 1000 "$model"; head -c 3000 /dev/zero; tail -c +4001 "$model"; } >damaged2.model
    { head -c 40 "$model"; printf '\377\377\377'; tail -c +44 "$model"; } >damaged3.model
}
for file in damaged?.model; do
    got=$("$job" --check tiny --data some.jsonl --tokenizer "$file" 2>&1)
    status=$?
    case $status:$got in # damage in a score may load
    0:*"3 records"* | 1:"sft-bench-job: $file: no tokenizer: "*) got=${got//$'\n'*/ AND MORE} ;;
    esac
    case $got in
    *"AND MORE" | *"(built without"*) report "a damaged model ($file)" "one line of ours" "$got" ;;
    *"3 records"* | "sft-bench-job: $file: "*) report "a damaged model ($file)" ours ours ;;
    *) report "a damaged model ($file)" "one line of ours" "$status: $got" ;;
    esac
done

mkfifo pipe
says "a pipe as data" 1 "sft-bench-job: pipe: is a pipe and no file: each rank must read it, so save it to a file first and name that with data=" --data pipe
says "a pipe as tokenizer" 1 "sft-bench-job: pipe: is a pipe and no file: each rank must read it, so save it to a file first and name that with tokenizer=" \
    --data some.jsonl --tokenizer pipe
says "a pipe as trace" 1 "sft-bench-job: trace: cannot write pipe: it is a pipe and no file: name a file" --data some.jsonl --trace pipe
says "a device as data" 1 "sft-bench-job: /dev/zero: is a device and no file: each rank must read it, so save it to a file first and name that with data=" --data /dev/zero
says "standard input" 1 "sft-bench-job: data=-: standard input is no file: each rank must read it, so save it to a file first and name that" --data -
got=$(timeout 60 "$job" --check tiny --data <(lines 3) 2>&1)
report "a process's output" 1 "$?"
report "is called a pipe" yes "$([[ $got == *": is a pipe and no file: "* ]] && echo yes || echo "$got")"
says "a file as out" 1 "sft-bench-job: out=some.jsonl: is no folder: name one, which is made when it is missing" --data some.jsonl --out some.jsonl

# 200 MB in one record: the file's text, and little more
python3 -c "
with open('long.jsonl', 'w') as f:
    f.write('{\"instruction\": \"a\", \"output\": \"' + 'word ' * 40000000 + '\"}\n')"
lines 2 >>long.jsonl
peak=$(python3 - "$job" <<'PY'
import resource, subprocess, sys
said = subprocess.run([sys.argv[1], "--check", "tiny", "--data", "long.jsonl"], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(said.stdout.strip() or said.stderr, "in less than 500 MiB" if peak < 500 else f"in {peak:.0f} MiB")
PY
)
[ "${SFT_SANITIZED:-$(nm "$job" 2>/dev/null | grep -c __asan_init)}" != 0 ] && peak=${peak% in*}" in less than 500 MiB"
report "a record of 200 MB" "data       long.jsonl: 3 records, 1344 tokens, 1 cut, 0 skipped, 0 mended in less than 500 MiB" "$peak"
exit $failed
