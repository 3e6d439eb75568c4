#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A checkpoint of a model as large as the GPU takes: how long training stands still for one, and a run that is killed
# after its second one and goes on: its losses are those of a run that nobody killed, bit for bit on the CPU, within 0.1%
# on a GPU, where attention's backward pass adds in an order of chance. Ends with `N passed, N failed`.
#   checkpoint.sh [-b BUILD] [-o FOLDER] [-c FOLDER] [-m GB] [REQUEST]
#   -b  a folder that has sft-bench-job [build/gpu]     -o  logs [build/gpu/checkpoint]
#   -c  an existing folder for the checkpoint [a tmpfs of 110 GiB, made and unmounted as root]: 40 GB of 7B with bf16 states
#   -m  memory that is taken and freed at first [85; never more than 70% of what there is; 0: none]: a virtual machine may be
#       given it only then, which would be counted as the first checkpoint's
#   REQUEST  [llama-7b,states=bf16,micro_batch=2,global_batch=4,seq=2048,data=synthetic:2048]
#   SFT_EVERY=STEPS  between two checkpoints [10]. One that is due before the last one is written waits for it.
# Times are printed, not judged.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/gpu logs=$PWD/build/gpu/checkpoint folder='' memory=85 passed=0 failed=0
while getopts b:o:c:m: option; do
    case $option in
    b) build=$(realpath "$OPTARG") ;;
    o) logs=$OPTARG ;;
    c) folder=$OPTARG ;;
    m) memory=$OPTARG ;;
    *) sed -n '3,13s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
request=${1:-llama-7b,states=bf16,micro_batch=2,global_batch=4,seq=2048,data=synthetic:2048}
EVERY=${SFT_EVERY:-10}
STEPS=$((3 * EVERY + 4))
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

# Killed once a second checkpoint stands there whole. Each time that training stood still is printed as it comes: a copy;
# then, with one more written, its index; both at once where a checkpoint had to wait for the one before.
killed() {
    local pid now last='0 0' end=$((SECONDS + 240))
    rm -rf "${logs:?}/killed"
    "$build/sft-bench-job" "$request,seed=3,steps=$((STEPS - 2)),warmup=2,out=$logs/killed,$kept" >"$logs/killed.log" 2>&1 &
    pid=$!
    until [ "${last% *}" -ge 2 ] && ls "$folder"/ck/* >/dev/null 2>&1; do
        kill -0 $pid 2>/dev/null && [ $SECONDS -lt $end ] || { tail -n 3 "$logs/killed.log" && kill -9 $pid; return 1; }
        sleep 0.2
        now=$(stops) && [ "$now" != "$last" ] || continue
        awk -v l="$last" -v n="$now" 'BEGIN { split(l, a); split(n, b)
            printf "    training stood still %.2f s more; %d written (%+d)\n", b[2] - a[2], b[1], b[1] - a[1] }'
        last=$now
    done
    figures killed
    kill -9 $pid
    wait $pid 2>/dev/null
    return 0
}

stops() { # checkpoints that are written, and seconds for which training stood still; fails where there is no file yet
    python3 - "$logs/killed/result.json" 2>/dev/null <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
print(int(r.get("checkpoints", 0)), r.get("checkpoint_s", 0))
PY
}

memory_take() { # memory_take GB
    python3 - "$1" <<'PY'
import mmap, os, sys, time
PARTS, CHUNK = min(8, len(os.sched_getaffinity(0))), 16 << 20
free = next(int(line.split()[1]) << 10 for line in open("/proc/meminfo") if line.startswith("MemAvailable"))
chunks = int(min(float(sys.argv[1]) * 1e9, 0.7 * free) / PARTS / CHUNK)
begin = time.monotonic()
ready, hold = os.pipe(), os.pipe()
for part in range(PARTS):
    if os.fork() == 0:
        memory, ones = mmap.mmap(-1, chunks * CHUNK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), b"\1" * CHUNK
        for i in range(chunks):
            memory[i * CHUNK:(i + 1) * CHUNK] = ones
        os.write(ready[1], b".")
        os.close(hold[1])
        os.read(hold[0], 1)  # until all have theirs
        os._exit(0)
os.close(ready[1])
got = 0
while got < PARTS and os.read(ready[0], 1):
    got += 1
os.close(hold[1])
status = 0
for part in range(PARTS):
    status |= os.wait()[1]
print(f"    {PARTS * chunks * CHUNK / 1e9:.0f} GB of memory taken and freed in {time.monotonic() - begin:.1f} s")
sys.exit(status != 0)
PY
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
one, two = (json.load(open(p)) for p in sys.argv[1:3])
whole, resumed = one["losses"], two["losses"]
tail = whole[-len(resumed):]
apart = max(abs(b / a - 1) for a, b in zip(tail, resumed))
print(f"    {len(whole)} losses, {len(resumed)} after going on: {tail[0]:.7f} and {resumed[0]:.7f} first, at most {100 * apart:.4f}% apart")
sys.exit(not (0 < len(resumed) < len(whole) and len(set(tail)) > 1 and apart <= (1e-3 if one["backend"] == "cuda" else 0)))
PY
}

[ "$memory" = 0 ] || memory_take "$memory" || echo '    memory was not taken as a whole'
kept=checkpoint=$folder/ck,checkpoint_every=$EVERY,checkpoint_keep=1
run whole
result "a run without checkpoints" $?
killed
result "a run that is killed after its second checkpoint" $?
begin=$SECONDS
run resumed "${kept/checkpoint_every=$EVERY/checkpoint_every=100000}"
result "it goes on ($((SECONDS - begin)) s in all)" $?
losses_equal
result "the same losses" $?
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
