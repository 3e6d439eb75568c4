#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# save= and SIGKILL: killed at random moments of it, a run leaves the folder that was there or its own, whole, and what it
# leaves beside goes with the next one; SFT_KILLS says how many times. And a disk that fills up between the training's
# beginning and its end: one line, an exit status, the folder as it was.
set -u
[ -z "${SFT_QUICK:-}" ] || { echo "ok 1 # skip it computes for long, and SFT_QUICK is set" && exit 77; }
job=$SFT_BUILDDIR/sft-bench-job
work=$(mktemp -d /tmp/sft-test-kill.XXXXXX) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/cli/models.sh
. "$SFT_SRCDIR/tests/cli/models.sh"
"$SFT_SRCDIR/tests/make_checkpoint.py" base hidden=128 vocab=16000 dtype=F32 >/dev/null || exit 1
keys=(auto --weights base --data synthetic --seq 64 --warmup 0 --device cpu)
files() { # files FOLDER: what it has, and its numbers
    (cd "$1" && echo * && cat model-* model.safetensors 2>/dev/null | sha256sum)
}

said=$("$job" "${keys[@]}" --steps 1 --lr 1e-3 --save one 2>&1 && "$job" "${keys[@]}" --steps 1 --lr 2e-3 --save two 2>&1)
report "two models" $? "$said"
save_s=$(grep -o ' save_s=[0-9.]*' <<<"$said" | tail -n 1 | cut -d= -f2)
one=$(files one) two=$(files two)
[ "$one" != "$two" ]
report "they differ" $? "$one"

mv one model
inside=0 new=0 bad='' rate=2e-3
for ((i = 0; i < ${SFT_KILLS:-12}; i++)); do
    rm -rf .model.new-* # or the next one's could not be told from it
    "$job" "${keys[@]}" --steps 1 --lr $rate --save model >/dev/null 2>&1 &
    pid=$!
    until compgen -G '.model.new-*/*.safetensors' >/dev/null || ! kill -0 $pid 2>/dev/null; do :; done
    sleep "$(awk -v s="${save_s:-0.1}" -v r=$RANDOM 'BEGIN { print 1.5 * s * r / 32768 }')" # to behind its end
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    left=$(compgen -G '.model.new-*' | wc -l)
    inside=$((inside + (left > 0)))
    is=$(files model)
    [ "$is" = "$one" ] || [ "$is" = "$two" ] || bad+="kill $i: $is"$'\n'
    [ "$left" -le 1 ] || bad+="kill $i: $left beside it"$'\n'
    { [ $rate = 2e-3 ] && [ "$is" = "$two" ]; } || { [ $rate = 1e-3 ] && [ "$is" = "$one" ]; } || continue
    new=$((new + 1)) # that one had its name already: the other is next
    [ $rate = 2e-3 ] && rate=1e-3 || rate=2e-3
done
[ -z "$bad" ] && [ $inside -gt 0 ]
report "$i kills, $inside while it was written, $new had their name" $? "$bad"
said=$("$job" "${keys[@]}" --steps 1 --lr 2e-3 --save model 2>&1) && [ "$(files model)" = "$two" ] && [ -z "$(compgen -G '.*.new-*')" ]
report "the next run leaves nothing beside" $? "$said$(ls -A)"

# shellcheck disable=SC2317 # called in another shell
fills() { # in a mount namespace: $1 has the model, and is full when it is to be saved again
    mount -t tmpfs -o size=120m tmpfs "$1" || { echo "cannot mount"; exit 77; }
    cp -r one "$1/model" || exit 1
    "$job" "${keys[@]}" --seconds 4 --save "$1/model" >said 2>err &
    local pid=$! status=0
    until grep -q '^step' err || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    cat /dev/zero >"$1/others" 2>/dev/null
    wait "$pid" || status=$?
    cat said err
    [ "$status" -ne 0 ] && [ "$(grep -c "cannot write $1/.*: No space left on device (the run does not end for it)$" err)" = 1 ] &&
        grep -q "the run is complete, and its record; but cannot write" err &&
        [ "$(files "$1/model")" = "$(files one)" ] && [ "$(ls -A "$1")" = "$(printf '%s\n' model others)" ] &&
        grep -q 'state=complete' said
}
export -f fills files
export job
if unshare -m true 2>/dev/null; then
    mv two one && mkdir full
    said=$(unshare -m bash -uc "keys=(${keys[*]}); fills full" 2>&1)
    report "a disk that fills up meanwhile" $? "$said"
else
    echo "ok $((number + 1)) # skip no mount namespace"
fi
echo "1..$number"
exit $failed
