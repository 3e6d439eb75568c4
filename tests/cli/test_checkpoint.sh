#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# checkpoint=: a run that was killed, or told to end, goes on from its checkpoint with the losses of the run that was not,
# bit for bit on the same ranks, within fp32's rounding on 1, 2 and 4, whatever they share; damage is named and passed
# over; another recipe, a complete run and a folder that is none are said in one line; a full disk does not end a run.
set -u
job=$SFT_BUILDDIR/sft-bench-job
folder=$(mktemp -d /tmp/sft-test-checkpoint.XXXXXX)
trap 'rm -rf "$folder"' EXIT
# shellcheck source=tests/cli/models.sh
. "$SFT_SRCDIR/tests/cli/models.sh"
c=$folder/c
keys=(--data synthetic --seq 48 --global-batch 4 --steps 18 --warmup 2 --device cpu)
tiny=("$job" tiny "${keys[@]}")
run() { "${tiny[@]}" "$@"; }
ranks() { # ranks N OPTION...
    local n=$1
    shift
    timeout 120 mpirun --oversubscribe -n "$n" "${tiny[@]}" "$@"
}
steps() { (cd "$c" && echo step-*); }
losses() { # losses OUT : of the run's steps, a line
    python3 -c 'import json, sys; print(*json.load(open(sys.argv[1] + "/result.json"))["losses"])' "$1"
}
# tail_is OUT WHOLE N [APART] : the last N losses of two runs are the same
tail_is() {
    python3 -c 'import sys
a, b = ([float(x) for x in t.split()] for t in sys.argv[1:3])
n, apart = int(sys.argv[3]), float(sys.argv[4])
sys.exit(len(a) != n or any(abs(x - y) > apart * abs(y) for x, y in zip(a, b[-n:])))' "$(losses "$1")" "$(losses "$2")" \
        "$3" "${4:-0}"
}
record() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1] + "/result.json")).get(sys.argv[2], ""))' "$1" "$2"; }
# stop_at SIGNAL STEP OUT OPTION... : the run gets the signal when that step has its checkpoint
stop_at() {
    local signal=$1 step=$2 out=$3 pid status
    shift 3
    rm -rf "$c"
    "${tiny[@]}" --checkpoint "$c" --checkpoint-every 5 --out "$out" "$@" >"$folder/said" 2>&1 &
    pid=$!
    for ((i = 0; i < 600; i++)); do
        [ ! -e "$c/step-$step" ] || break
        kill -0 $pid 2>/dev/null || break
        sleep 0.05
    done
    kill -"$signal" $pid 2>/dev/null
    wait $pid 2>/dev/null
    status=$?
    said=$(cat "$folder/said")
    return $status
}

said=$(run --out "$folder/whole" 2>&1)
report "a run without checkpoints" $? "$said"
said=$(run --checkpoint "$c" --checkpoint-every 5 --out "$folder/same" 2>&1)
report "a run with them" $? "$said"
[ "$(steps)" = "step-15 step-20" ] && tail_is "$folder/same" "$folder/whole" 20
report "has the same losses, and keeps two" $? "$(steps)"
[ "$(record "$folder/same" checkpoints)" = 4 ] && [ "$(record "$folder/same" checkpoint_step)" = 20 ] &&
    [ "$(record "$folder/same" checkpoint_bytes)" = "$(stat -c %s "$c/step-20/rank-00000.bin").0" ]
report "and the record says so" $? "$(cat "$folder/same/result.json")"
expect "a complete run's folder begins no other" "the run there is complete, step 20 was its last" \
    "${tiny[@]}" --checkpoint "$c" --checkpoint-every 5
said=$(run --checkpoint "$c" --checkpoint-every 5 --checkpoint-keep 1 --resume no --seed 7 2>&1) && [ "$(steps)" = step-20 ]
report "but with resume=no, which replaces it" $? "$said $(steps)"

stop_at KILL 10 "$folder/killed"
[ $? -eq 137 ] && said=$(run --checkpoint "$c" --checkpoint-every 5 --out "$folder/on" 2>&1) &&
    [[ $said == *"goes on behind step 1"[05]*"checkpoint=$c"* ]]
report "killed, it goes on" $? "$said"
done=$(record "$folder/on" resumed_step)
tail_is "$folder/on" "$folder/whole" $((20 - ${done:-0}))
report "with the losses of the whole run, bit for bit" $? "behind $done: $(losses "$folder/on") / $(losses "$folder/whole")"

stop_at TERM 5 "$folder/told"
[ $? -eq 4 ] && [ "$(record "$folder/told" state)" = partial ] && [[ $said == *"told to end (SIGTERM) after step "* ]]
report "told to end, it writes a checkpoint and says so" $? "$said"
at=$(record "$folder/told" checkpoint_step)
[ -e "$c/step-$at" ] && said=$(run --checkpoint "$c" --checkpoint-every 5 --out "$folder/on" 2>&1) &&
    [ "$(record "$folder/on" resumed_step)" = "$at" ] && tail_is "$folder/on" "$folder/whole" $((20 - at))
report "and goes on behind it" $? "$said"

stop_at KILL 10 "$folder/killed"
rm -rf "$c"/step-15 "$c"/.step-* && cp -r "$c" "$folder/ten"
expect "another recipe" "lr is 0.001 there and 0.002 here, seed is 42 there and 1 here: name another folder" \
    "${tiny[@]}" --checkpoint "$c" --lr 2e-3 --seed 1
expect "another model" "model is tiny there and " \
    "$job" gpt2 --checkpoint "$c" "${keys[@]}"
printf 'x' | dd of="$c/step-10/rank-00000.bin" bs=1 seek=100000 conv=notrunc 2>/dev/null
said=$(run --checkpoint "$c" --checkpoint-every 5 --out "$folder/on" 2>&1) &&
    [[ $said == *"step-10: rank-00000.bin is damaged: in "*"an older one is taken"*"goes on behind step 5"* ]] &&
    tail_is "$folder/on" "$folder/whole" 15
report "a changed byte is named, and the older one taken" $? "$said"
rm -rf "$c" && cp -r "$folder/ten" "$c" && rm "$c/step-10/index.json" && truncate -s 1000 "$c/step-5/rank-00000.bin"
said=$(run --checkpoint "$c" --checkpoint-every 5 --out "$folder/on" 2>&1) &&
    [[ $said == *"step-10/index.json"*"passed over"*"step-5: rank-00000.bin has 1000 bytes"*"passed over"* ]] &&
    tail_is "$folder/on" "$folder/whole" 20
report "none is whole: it begins anew, and says why" $? "$said"

# The disk has room for three of 10 MB, until somebody fills it.
# shellcheck disable=SC2317,SC2086 # it is called by a shell of its own mounts
disk() {
    mount -t tmpfs -o size=32m none "$folder/disk" || return 77
    c=$folder/disk/c
    "${tiny[@]}" --checkpoint "$c" --checkpoint-every 5 --out "$folder/full" >"$folder/said" 2>&1 &
    pid=$!
    for ((i = 0; i < 2000; i++)); do
        [ ! -e "$c/step-5" ] || break
        sleep 0.05
    done
    kill -STOP $pid
    dd if=/dev/zero of="$folder/disk/fill" bs=64k 2>/dev/null
    kill -CONT $pid
    wait $pid
    [ $? -eq 3 ] && grep -q 'no checkpoint of step [0-9]*: cannot write .*No space left on device; that of step [0-9]* stays' \
        "$folder/said" && [ "$(record "$folder/full" state)" = complete ] &&
        [ "$(record "$folder/full" checkpoints_lost)" -ge 1 ] && tail_is "$folder/full" "$folder/whole" 20 || return 1
    rm "$folder/disk/fill"
    run --checkpoint "$c" --checkpoint-every 5 --out "$folder/on" >>"$folder/said" 2>&1 &&
        [ "$(record "$folder/on" resumed_step)" = "$(record "$folder/full" checkpoint_step)" ] &&
        ! ls -d "$c"/.step-* 2>/dev/null
}
mkdir "$folder/disk"
if unshare -m true 2>/dev/null; then
    export -f disk run record tail_is losses
    declare -p tiny folder >"$folder/words"
    # shellcheck disable=SC2016
    unshare -m bash -c '. "$1/words"; disk' - "$folder"
    report "a full disk is told of, and ends nothing" $? "$(cat "$folder/said")"
else
    number=$((number + 1))
    echo "ok $number # skip a full disk: no mounts of one's own here"
fi

# What could not be saved at the end is not lost: the last checkpoint is gone on from, without a step.
rm -rf "$c" && mkdir "$folder/gone"
"${tiny[@]}" --checkpoint "$c" --checkpoint-every 5 --save "$folder/gone/model" >"$folder/said" 2>&1 &
pid=$!
for ((i = 0; i < 6000; i++)); do
    [ ! -e "$c/step-5" ] || break
    sleep 0.01
done
rm -rf "$folder/gone"
wait $pid
[ $? -eq 3 ] && grep -q "save=$folder/gone/model: cannot be made" "$folder/said" && [ ! -e "$c/step-20/finished" ] &&
    said=$(run --checkpoint "$c" --save "$folder/saved" --out "$folder/on" 2>&1) && [[ $said == *"goes on behind step 20"* ]] &&
    [ "$(record "$folder/on" state)" = complete ] && [ -e "$c/step-20/finished" ] &&
    run --save "$folder/saved-at-once" >/dev/null 2>&1 && cmp "$folder"/saved{,-at-once}/model.safetensors
report "a model that could not be saved is saved by the next run" $? "$(cat "$folder/said") $said"

# Storage that takes 3 s to sync a rank's part, while a checkpoint is due each second: by time the next one waits and
# training does not; by steps training waits.
printf '%s\n' '#include <sys/syscall.h>' '#include <stdio.h>' '#include <string.h>' '#include <unistd.h>' 'int fsync(int file) {' \
    'char link[64], path[4096] = ""; snprintf(link, sizeof link, "/proc/self/fd/%d", file);' \
    'if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/rank-") != NULL) sleep(3);' \
    'return (int)syscall(SYS_fsync, file); }' | ${CC:-gcc} -shared -fPIC -x c -o "$folder/slow.so" - || exit 1
rm -rf "$c"
if [[ $(ldd "$job") == *libasan* ]]; then
    echo "ok $((number += 1)) # skip slow storage: the sanitizers' library wants to be the first one"
else
    said=$(LD_PRELOAD=$folder/slow.so "$job" tiny "${keys[@]:0:6}" --seconds 4 --warmup 2 --device cpu --checkpoint "$c" --checkpoint-every 1s \
        --out "$folder/slow" 2>&1)
    [ $? -eq 0 ] && [ "$(grep -c 'is still being written: the next one waits' <<<"$said")" -ge 1 ] &&
        python3 -c 'import json, sys
r = json.load(open(sys.argv[1] + "/result.json"))
sys.exit(not (r["state"] == "complete" and r["checkpoints"] >= 2))' "$folder/slow"
    report "storage slower than checkpoints are due" $? "$said"
fi
rm -rf "$c"

lora=(--method lora --lora-rank 4 --lora-dropout 0.1)
said=$(run "${lora[@]}" --out "$folder/lora" 2>&1) && stop_at TERM 10 "$folder/told" "${lora[@]}"
[ $? -eq 4 ] && said=$(run "${lora[@]}" --checkpoint "$c" --out "$folder/on" 2>&1) &&
    tail_is "$folder/on" "$folder/lora" $((20 - $(record "$folder/on" resumed_step)))
report "adapters with dropout" $? "$said"
expect "keys of checkpoints alone" "checkpoint_keep=: is of checkpoints: say checkpoint=FOLDER" "${tiny[@]}" --checkpoint-keep 3
expect "no time" "checkpoint_every=5x: must be a number of steps" "${tiny[@]}" --checkpoint "$c" --checkpoint-every 5x
expect "no folder to be in" "cannot be written to: No such file" "$job" --check tiny "${keys[@]}" --checkpoint "$folder/none/c"

if command -v mpirun >/dev/null && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h"; then
    for way in "2-0 4-3" "4-3 1-0" "4-hybrid 2-1" "1-0 2-2" "2-2 2-2"; do
        from=${way% *} to=${way#* } apart=1e-5
        rm -rf "$c"
        said=$(ranks "${from%-*}" --zero "${from#*-}" --checkpoint "$c" --checkpoint-every 8 --out "$folder/first" 2>&1)
        rm -rf "$c/step-20"
        said+=$(ranks "${to%-*}" --zero "${to#*-}" --checkpoint "$c" --checkpoint-every 8 --out "$folder/on" 2>&1)
        other=whole
        [ "$from" = "$to" ] && apart=0 other=first
        [[ $said == *"goes on behind step 16"* ]] && tail_is "$folder/on" "$folder/$other" 4 $apart
        report "zero=${from#*-} on ${from%-*} ranks, then zero=${to#*-} on ${to%-*}" $? "$said"
    done
else
    echo "ok $((number + 1)) # skip several ranks: no mpirun, or built without MPI and PMIx"
fi
echo "1..$number"
exit $failed
