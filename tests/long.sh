#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests that take many minutes, by hand: each on a private Slurm of its own. Ends with `N passed, N failed`.
#   tests/long.sh --list        the names
#   tests/long.sh               all of them
#   tests/long.sh NAME...       these
#   tests/long.sh slurm SOURCE  a release of Slurm from its sources, and the main path's tests on it; alone for its help
#   SFT_ROOT=DIR                the installed tree [build/tests/root, as tests/run.sh leaves it]
#   SFT_KEEP=1                  keep the folders of those that failed
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD
export SFT_ROOT=${SFT_ROOT:-$top/build/tests/root}
CLUSTER=$top/tests/cluster/sft-cluster
PLUGIN=$SFT_ROOT/lib/sft-bench/sft_bench.so
DUMMY=$top/tests/cluster/dummy-job

# A scenario is a function scenario_NAME, with a line on what it tries before it. It runs in a shell of its own,
# in a folder of its own ($FOLDER), and fails by its status.

# outage: slurmctld is away for 10 minutes at the end of a run; the record is in, srun ends 0, nothing else is said.
scenario_outage() {
    cluster_begin --nodes 2
    run_begin good --comment='Mine, "quoted"'
    "$CLUSTER" kill-ctld "$FOLDER/c"
    touch "$FOLDER/go"
    sleep 600
    [ ! -e good.end ] || fail "srun ended before slurmctld was back"
    "$CLUSTER" start-ctld "$FOLDER/c"
    wait_until 60 test -s good.end || fail "srun does not end"
    [ "$(cat good.end)" -eq 0 ] || fail "srun ended with $(cat good.end)"
    record_is good 'state=complete'
    [ "$(grep -c 'sft-bench: ' good.out)" -eq 1 ] || fail "not one line: $(cat good.out)"
    nodes_fine
}

# whole_end: slurmctld is away for longer than a run waits (hold_seconds = 60): srun's end says where the record is,
# and it arrives by itself after slurmctld is back.
scenario_whole_end() {
    cluster_begin --nodes 2
    echo "hold_seconds = 60" >>sft-bench.conf
    run_begin late
    "$CLUSTER" kill-ctld "$FOLDER/c"
    touch "$FOLDER/go"
    sleep 180
    grep -q 'is not in the accounting yet' late.out || fail "nothing was said: $(cat late.out)"
    "$CLUSTER" start-ctld "$FOLDER/c"
    # srun could not tell slurmctld that the job is over: it runs on, and the accounting has comments of ended jobs.
    wait_until 120 live_has late 'state=complete' || fail "late: $(scontrol -o show job "$(cat late.job)")"
    scancel "$(cat late.job)"
    record_is late 'state=complete'
    nodes_fine
    wait_until 60 no_files || fail "files are left: $(find "$FOLDER/c/spool" -path '*/sft-bench/*')"
}

# jobs: 200 at once, and a report after.
scenario_jobs() {
    "$top/tests/long/jobs.sh"
}

# packages: Debian's, from a root that debootstrap makes, on 12 and on 13: built, installed, upgraded, removed, purged,
# by autopkgtest; then INSTALL.md's way from source, with make check.
scenario_packages() {
    local status=0
    "$top/tests/packages/lifecycle.sh" bookworm || status=1
    "$top/tests/packages/lifecycle.sh" trixie || status=1
    SFT_CHECK=yes "$top/tests/packages/source.sh" || status=1
    return $status
}

# start: step daemons and ranks killed early, again and again.
scenario_start() {
    "$top/tests/long/start.sh"
}

fail() {
    echo "$*" >&2
    exit 1
}

wait_until() { # wait_until SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 1
    done
}

cluster_begin() { # cluster_begin [OPTION OF sft-cluster]...
    echo "job = $DUMMY" >sft-bench.conf
    "$CLUSTER" start "$FOLDER/c" --plugin "$PLUGIN" --plugin-args "config=$FOLDER/sft-bench.conf" "$@" >start.log 2>&1 ||
        fail "no cluster: $(tail -n 3 start.log)"
    # shellcheck disable=SC1091
    . "$FOLDER/c/env"
}

# run_begin NAME [SRUN OPTION]... : a run that ends when the folder has a file `go`, past its first record
run_begin() {
    local name=$1
    shift
    (
        export DUMMY_UNTIL=$FOLDER/go
        srun -J "$name" "$@" --sft-bench=tiny:1,steps=2,warmup=1 >"$name.out" 2>&1
        echo $? >"$name.end"
    ) &
    wait_until 60 first_record "$name" || fail "$name: no first record"
}

first_record() {
    squeue -h -o %i -t R -n "$1" >"$1.job" && live_has "$1" 'state=partial'
}

live_has() { # live_has NAME PATTERN : the live job's comment
    grep -q "AdminComment=.*$2" <<<"$(scontrol -o show job "$(cat "$1.job")" 2>/dev/null)"
}

record_is() { # record_is NAME PATTERN
    wait_until 120 in_accounting "$(cat "$1.job")" "$2" ||
        fail "$1: $(sacct -X -n -P -j "$(cat "$1.job")" -o state,admincomment)"
}

in_accounting() {
    grep -q "$2" <<<"$(sacct -X -n -P -j "$1" -o admincomment)"
}

nodes_fine() {
    [ -z "$(scontrol show node | grep -E 'DRAIN|Reason=')" ] || fail "$(scontrol show node | grep Reason=)"
}

no_files() {
    [ -z "$(find "$FOLDER/c/spool" -path '*/sft-bench/*' -name '[0-9]*')" ]
}

names() {
    declare -F | sed -n 's/^declare -f scenario_//p'
}

# One scenario in a folder of its own; returns its status.
one_run() {
    local folder status
    folder=$(mktemp -d /tmp/sft-long.XXXXXX)
    chmod 755 "$folder"
    (
        export FOLDER=$folder
        cd "$folder" && "scenario_$1"
    ) </dev/null
    status=$?
    if [ $status -ne 0 ] && [ -n "${SFT_KEEP:-}" ]; then
        "$CLUSTER" stop "$folder/c" --keep
        echo "kept: $folder"
    else
        "$CLUSTER" stop "$folder/c"
        rm -rf "$folder"
    fi
    return $status
}

case ${1:-} in
--list) names && echo 'slurm SOURCE' && exit 0 ;;
slurm) shift && exec tests/long/slurm.sh "$@" ;;
-*) sed -n '3,9s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(names)
[ -e "$PLUGIN" ] || fail "$PLUGIN is missing: name an installed tree with SFT_ROOT"
passed=0 failed=0
for name in "$@"; do
    declare -F "scenario_$name" >/dev/null || fail "no scenario '$name': $(names | tr '\n' ' ')"
    begin=$SECONDS
    if one_run "$name"; then
        passed=$((passed + 1))
        echo "ok $name $((SECONDS - begin)) s"
    else
        failed=$((failed + 1))
        echo "not ok $name $((SECONDS - begin)) s"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
