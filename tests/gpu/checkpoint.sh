#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkpoint of a model as large as the GPU takes: how long training stands still for one, and a run that is killed
# after it and goes on: its losses are those of a run that nobody killed, bit for bit. Ends with `N passed, N failed`.
#   checkpoint.sh [-b BUILD] [-o FOLDER] [-c FOLDER] [REQUEST]
#   -b  a folder that has sft-bench-job [build/gpu]     -o  logs [build/gpu/checkpoint]
#   -c  where the checkpoint is written [a tmpfs of 110 GiB, made and unmounted as root]: 40 GB of 7B with bf16 states
#   REQUEST  [llama-7b,states=bf16,micro_batch=2,global_batch=4,seq=2048,data=synthetic:2048]
# Times are printed, not judged.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/gpu logs=$PWD/build/gpu/checkpoint folder='' passed=0 failed=0
while getopts b:o:c: option; do
    case $option in
    b) build=$(realpath "$OPTARG") ;;
    o) logs=$OPTARG ;;
    c) folder=$OPTARG ;;
    *) sed -n '3,9s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
request=${1:-llama-7b,states=bf16,micro_batch=2,global_batch=4,seq=2048,data=synthetic:2048}
STEPS=24 EVERY=10
mkdir -p "$logs" && logs=$(realpath "$logs") || exit 1
if [ -z "$folder" ]; then
    folder=$logs/tmpfs
    mkdir -p "$folder" && mount -t tmpfs -o size=110g sft-checkpoint "$folder" || exit 1
    trap 'umount -l "$folder"' EXIT
fi

result() { # result NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1)) && echo "ok      $1"
    else
        failed=$((failed + 1)) && echo "FAILED  $1"
    fi
}

run() { # run NAME [KEY=VALUE,...]
    rm -rf "${logs:?}/$1"
    timeout -k 10 300 "$build/sft-bench-job" "$request,seed=3,steps=$((STEPS - 2)),warmup=2,out=$logs/$1${2:+,$2}" \
        >"$logs/$1.log" 2>&1 && return
    tail -n 3 "$logs/$1.log" | sed 's/^/    /'
    return 1
}

# Killed once a whole checkpoint stands there and a step has followed it.
killed() {
    local pid end=$((SECONDS + 240))
    "$build/sft-bench-job" "$request,seed=3,steps=$((STEPS - 2)),warmup=2,out=$logs/killed,$kept" >"$logs/killed.log" 2>&1 &
    pid=$!
    until [ "$(figure killed checkpoints 2>/dev/null || echo 0)" != 0 ] && ls "$folder"/ck/* >/dev/null 2>&1; do
        kill -0 $pid 2>/dev/null && [ $SECONDS -lt $end ] || { tail -n 3 "$logs/killed.log" && kill -9 $pid; return 1; }
        sleep 0.2
    done
    figures killed
    kill -9 $pid
    wait $pid 2>/dev/null
    return 0
}

figure() { # figure NAME KEY
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$logs/$1/result.json" "$2"
}

figures() { # figures NAME : what checkpoints cost
    python3 - "$logs/$1/result.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
print(f"    {r.get('checkpoints', 0):.0f} checkpoints, {r.get('checkpoint_bytes', 0) / 1e9:.1f} GB each, training stood still "
      f"{r.get('checkpoint_s', 0):.2f} s in all; step {r.get('step_ms', 0):.0f} ms")
PY
}

losses_equal() {
    python3 - "$logs/whole/result.json" "$logs/resumed/result.json" <<'PY'
import json, sys
whole, resumed = (json.load(open(p))["losses"] for p in sys.argv[1:3])
tail = whole[-len(resumed):]
print(f"    {len(whole)} losses, {len(resumed)} after going on: {tail[0]:.7f} and {resumed[0]:.7f} first")
sys.exit(not (0 < len(resumed) < len(whole) and tail == resumed and len(set(tail)) > 1))
PY
}

kept=checkpoint=$folder/ck,checkpoint_every=$EVERY,checkpoint_keep=1
run whole
result "a run without checkpoints" $?
killed
result "a run that is killed after a checkpoint" $?
begin=$SECONDS
run resumed "${kept/checkpoint_every=$EVERY/checkpoint_every=100000}"
result "it goes on ($((SECONDS - begin)) s in all)" $?
losses_equal
result "the same losses, bit for bit" $?
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
