#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# out= and trace= where the disk is full, files may not grow, nothing may be written or others were there before:
# the run goes on, says so in one line, and leaves no other run's figures.
set -u
job=${SFT_BUILDDIR:?}/sft-bench-job
[ -x "$job" ] || exit 77
work=$(mktemp -d) && cd "$work" || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1
export job run=tiny,data=synthetic,seq=64,steps=2,warmup=1
failed=0 number=0

# ok NAME COMMAND... ; its output stands in $work/log
ok() {
    local name=$1 status
    number=$((number + 1))
    shift
    (set -e; "$@") >log 2>&1
    status=$?
    case $status in
    0) echo "ok $number $name" ;;
    77) echo "ok $number $name # skip $(tail -n 1 log)" ;;
    *)
        failed=1
        echo "not ok $number $name"
        sed 's/^/# /' log
        ;;
    esac
}

# train STATUS ARGUMENT... : what it prints is in said (stdout) and err, without the lines of progress and that the CPU trains
train() {
    local expected=$1 status=0
    shift
    timeout 300 "$job" "$run" "$@" >said 2>all || status=$?
    grep -Ev '^step |no GPU here' all >err || true
    cat said err
    [ $status -eq "$expected" ]
}
export -f train

lines() { [ "$(wc -l <"$1")" -eq "$2" ]; }
export -f lines
state() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["state"])' "$1"; }
export -f state

whole() {
    train 0 --out new --trace t.json
    lines err 0
    [ "$(state new/result.json)" = complete ]
    python3 -c 'import json; assert json.load(open("t.json"))["traceEvents"]'
    [ "$(ls -A new)" = $'losses.jsonl\nresult.json' ]
    lines new/losses.jsonl 3
}
ok "the files of a run, and nothing beside" whole

limited() { # to 1024 bytes; what is printed goes through pipes, which have no limit
    mkfifo said.pipe all.pipe
    cat said.pipe >said &
    cat all.pipe >all &
    local status=0
    (ulimit -f 1; timeout 300 "$job" "$run" --out small --trace small.json >said.pipe 2>all.pipe) || status=$?
    wait
    [ $status -eq 3 ]
    grep -Ev '^step |no GPU here' all >err
    cat err
    [ "$(sed -n 1p err)" = "sft-bench-job: trace: cannot write small.json: File too large: raise the limit (ulimit -f) (the run does not end for it)" ]
    [ "$(sed -n 2p err)" = "sft-bench-job: cannot write small/result.json: File too large: raise the limit (ulimit -f) (the run does not end for it)" ]
    [ "$(sed -n 3p err)" = "sft-bench-job: the run is complete, and its record; but cannot write small/result.json: File too large: raise the limit (ulimit -f)" ]
    lines err 3
    grep -q '^record .*state=complete' said
    [ ! -e small.json ]
    [ "$(ls -A small)" = $'losses.jsonl\nresult.json' ]
    [ "$(state small/result.json)" = running ]
}
ok "a limit of file sizes costs the files, not the run" limited

on_tmpfs() { # on_tmpfs SIZE FUNCTION : in a mount namespace of its own, on m
    unshare -m true 2>/dev/null || { echo "no mount namespace"; return 77; }
    mkdir -p m
    # shellcheck disable=SC2163
    export -f "$2"
    unshare -m bash -ec "mount -t tmpfs -o size=$1 tmpfs m || { echo 'cannot mount'; exit 77; }; $2"
}

full_before() {
    echo '{"state": "complete", "tok_s": 1}' >m/result.json
    ln m/result.json m/other 2>/dev/null # so that its room stays taken
    dd if=/dev/zero of=m/fill bs=4k 2>/dev/null || true
    train 1 --out m
    [ "$(cat err)" = "sft-bench-job: out=m: cannot write m/result.json: No space left on device: free some, or name another place" ]
    [ ! -e m/result.json ]
    [ "$(grep -c '^step ' all)" -eq 0 ]
}
ok "a disk that is full before: said before training, and the run before's result is gone" on_tmpfs 16k full_before

full_meanwhile() {
    timeout 300 "$job" "$run" --steps 40 --out m --trace m/t.json >said 2>all &
    local status=0
    until [ -s m/result.json ] || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
    dd if=/dev/zero of=m/fill bs=4k 2>/dev/null || true
    wait $! || status=$?
    grep -Ev '^step |no GPU here' all >err || true
    cat err
    grep -q '^record .*state=complete' said
    [ -z "$(find m -mindepth 1 ! -name fill ! -name result.json ! -name t.json ! -name losses.jsonl)" ]
    # the last word may have found the room of the one before: then that is what stands there
    if [ $status -eq 3 ]; then
        grep -q 'No space left on device: free some, or name another place$' err
    else
        [ $status -eq 0 ] && [ "$(state m/result.json)" = complete ]
    fi
    [ "$(grep -c 'm/result.json' err)" -le 2 ]
}
ok "a disk that fills meanwhile ends no run" on_tmpfs 20k full_meanwhile

read_only() {
    mount -o remount,ro m
    train 1 --out m
    [ "$(cat err)" = "sft-bench-job: out=m: cannot write m/result.json: Read-only file system: name another place" ]
    train 1 --trace m/t.json
    [ "$(cat err)" = "sft-bench-job: trace: cannot write m/t.json: Read-only file system: name another place" ]
}
ok "where nothing may be written" on_tmpfs 16k read_only

planted() {
    mkdir -p out
    echo precious >mine
    ln -s "$PWD/mine" out/result.json
    ln -s "$PWD/mine" planted.json
    train 0 --out out --trace planted.json
    [ "$(cat mine)" = precious ]
    [ ! -L out/result.json ]
    [ ! -L planted.json ]
    [ "$(state out/result.json)" = complete ]
    rm out/result.json && ln mine out/result.json
    train 0 --out out
    [ "$(cat mine)" = precious ]
    [ "$(state out/result.json)" = complete ]
    rm out/result.json && mkfifo out/result.json
    train 1 --out out
    [ "$(cat err)" = "sft-bench-job: out=out: cannot write out/result.json: it is a pipe and no file: name a file" ]
}
ok "links and pipes that stand in the way are not written through" planted

somebodys() {
    cp t.json again.json && echo '[{"instruction": "a", "output": "b"}]' >mine.json && : >empty.json
    train 1 --trace mine.json
    [ "$(cat err)" = "sft-bench-job: trace: mine.json is there and no trace: name another file, or remove it" ]
    [ "$(cat mine.json)" = '[{"instruction": "a", "output": "b"}]' ]
    train 0 --trace again.json
    train 0 --trace empty.json
    grep -q traceEvents empty.json
}
ok "a trace does not replace a file that is none" somebodys

others() { # as an ordinary user, in a folder where all may write
    [ "$(id -u)" -eq 0 ] || { echo "not root"; return 77; }
    mkdir -m 1777 all-may && mkdir all-may/o && chmod 1777 all-may/o
    echo precious >precious && ln -s "$PWD/precious" all-may/o/result.json
    mkdir -m 777 elsewhere && ln -s "$PWD/elsewhere" all-may/link
    chown -h daemon all-may/link
    local as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups timeout 300 "$job" "$run") said
    said=$("${as_user[@]}" --out all-may/o 2>&1) && return 1
    echo "$said"
    [ "$said" = "sft-bench-job: out=all-may/o: cannot replace all-may/o/result.json, which is another user's: name another place" ]
    [ "$(cat precious)" = precious ]
    said=$("${as_user[@]}" --out all-may/link 2>&1) && return 1
    echo "$said"
    [ "$said" = "sft-bench-job: out=all-may/link: cannot write all-may/link/result.json: all-may/link is a link that another user (uid $(id -u daemon)) has put there: name another place" ]
    [ -z "$(ls elsewhere)" ]
    "${as_user[@]}" --out all-may/own >/dev/null 2>&1
    [ "$(state all-may/own/result.json)" = complete ]
}
ok "other users' files and links are left alone" others

printed() {
    local status=0
    "$job" --plan tiny,data=synthetic >/dev/full 2>err || status=$?
    cat err
    [ $status -eq 3 ]
    [ "$(cat err)" = "sft-bench-job: cannot write standard output: No space left on device" ]
    status=0
    "$job" "$run" >/dev/full 2>err || status=$?
    [ $status -eq 3 ]
    grep -q '^sft-bench-job: cannot write standard output' err
}
ok "what is printed to a full disk is no success" printed
exit $failed
