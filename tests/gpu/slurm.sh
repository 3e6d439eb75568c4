#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole path on a machine with NVIDIA GPUs and a real Slurm: builds and installs sft-bench into a
# folder, starts a private Slurm of one node with the machine's GPUs as gres, runs
# `srun --sft-bench=REQUEST` for each request and looks for the record in the job's comment, in its
# admin comment and, where slurmdbd is there, in the accounting. Ends with `N passed, N failed`; exit
# status 0 only if every run left a complete record of the wanted backend.
set -uo pipefail
umask 022
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1

usage() {
    cat <<'EOF'
usage: tests/gpu/slurm.sh [OPTION]... [REQUEST]...      REQUEST: as llama-7b:1,steps=5 [tiny:1]
  --prefix DIR    an installed sft-bench (DIR/bin, DIR/lib/sft-bench); nothing is built
  --debs FOLDER   Debian 12's packages (tests/gpu/fetch_debs.sh makes the folder), unpacked into
                  $SFT_SLROOT [/opt/slroot], never into /; without it Slurm is the installed one
  --backend NAME  backend that every record must name [cuda]; with another than cuda the GPUs may be
                  missing, and the node only pretends to have one
  --gpus N        GPUs of the node [all of the machine's; where it only pretends, 1]
  --no-dbd        no accounting, even if slurmdbd and MariaDB are there
  --seconds N     longest time of one run [600]
  --command CMD   also run this shell command with that Slurm's environment; it must succeed
  --logs DIR      folder of the logs [build/gpu-slurm/log]
environment: SFT_SLROOT; SFT_CONFIGURE, more arguments of configure
EOF
}

passed=0 failed=0
work='' port_base='' slroot='' prefix='' debs='' backend=cuda gpus='' dbd=auto seconds=600
logs=$top/build/gpu-slurm/log
command='' requests=() gpu_files=() real=no
slurm_env=() slurm_paths='' slurm_libraries='' triplet='' plugins='' stepd=''

# --- results -----------------------------------------------------------------------------------------

say() { printf '== %s\n' "$*"; }

bad_usage() {
    echo "tests/gpu/slurm.sh: $* (see --help)" >&2
    exit 2
}

# What cannot go on: one line, and the counts.
die() {
    echo "tests/gpu/slurm.sh: $*" >&2
    failed=$((failed + 1))
    exit 1
}

pass() {
    passed=$((passed + 1))
    printf 'ok      %s\n' "$*"
}

fail() {
    failed=$((failed + 1))
    printf 'not ok  %s\n' "$*"
}

# wait_until SECONDS COMMAND... : poll until the command succeeds
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -ge $end ] && return 1
        sleep 0.2
    done
}

# log_of NAME COMMAND... : run it into a log, whose end is shown when it fails
log_of() {
    local log=$logs/$1.log
    shift
    "$@" >"$log" 2>&1 </dev/null && return 0
    tail -n 15 "$log" | sed 's/^/    /' >&2
    return 1
}

# shellcheck source=tests/gpu/slurm_root.sh
. "$top/tests/gpu/slurm_root.sh"
# shellcheck source=tests/gpu/slurm_daemons.sh
. "$top/tests/gpu/slurm_daemons.sh"

finish() {
    local status=$? left
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "$work" ]; then
        slurm_stop
        left=$(slurm_pids | tr '\n' ' ')
        [ -z "$left" ] || fail "left running: $left"
        rm -rf "$work"
    fi
    [ $status -ne 2 ] || exit 2
    [ $status -ne 130 ] || fail interrupted
    echo "logs: $logs"
    echo "$passed passed, $failed failed"
    [ $status -eq 0 ] && [ $failed -eq 0 ] && [ $passed -gt 0 ]
    exit $?
}

# --- the runs ----------------------------------------------------------------------------------------

# A record's value: field_of KEY <<<record
field_of() { sed -n "s/.*[{ ]$1=\([^ }]*\).*/\1/p"; }

newest_job() {
    sl scontrol -o show job 2>/dev/null | sed -n 's/^JobId=\([0-9]*\).*/\1/p' | sort -n | tail -n 1
}

job_has_ended() {
    local state
    state=$(sl scontrol show job "$1" | grep -o 'JobState=[A-Z_]*') || return 1
    [[ $state != *=PENDING && $state != *=RUNNING && $state != *=COMPLETING ]]
}

# record_check WHERE TEXT : the text's last record is complete, and names the backend if it names any.
# The job's comment may have the brief form, which names none.
record_check() {
    local where=$1 record state named
    record=$(grep -o 'sft2{[^}]*}' <<<"$2" | tail -n 1)
    state=$(field_of state <<<"$record")
    named=$(field_of backend <<<"$record")
    if [ -z "$record" ]; then
        fail "$where: no record"
    elif [ "$state" != complete ]; then
        fail "$where: state=$state $(field_of fail <<<"$record")"
    elif [ -n "$named" ] && [ "$named" != "$backend" ]; then
        fail "$where: backend=$named, not $backend"
    elif [ -z "$named" ] && [[ $where != *' Comment' && $where != *'sacct comment' ]]; then
        fail "$where: no backend"
    else
        pass "$where: state=complete${named:+ backend=$named}"
    fi
}

sacct_has_record() {
    sl sacct -X -n -P -j "$1" -o admincomment,comment >"$2" && grep -q 'sft2{.*state=complete' "$2"
}

run_request() { # run_request NUMBER REQUEST
    local request=$2 log=$logs/run-$1 before job status=0 text
    before=$(newest_job)
    say "srun --sft-bench=$request"
    # In the background, so that a signal to this script is heard at once.
    sl timeout -k 30 "$seconds" srun --sft-bench="$request" >"$log.out" 2>&1 </dev/null &
    wait $! || status=$?
    sed 's/^/    /' "$log.out" | tail -n 30
    job=$(newest_job)
    if [ -z "$job" ] || [ "$job" = "$before" ]; then
        fail "$request: no job was started, srun ended with status $status: $log.out"
        return
    fi
    wait_until 30 job_has_ended "$job"
    sl scontrol show job "$job" >"$log.job"
    sed -n 's/^   \(AdminComment=.*\|Comment=.*\)/    \1/p' "$log.job"
    text=$(grep -o 'JobState=[A-Z_]*' "$log.job")
    if [ $status -eq 0 ] && [ "$text" = JobState=COMPLETED ]; then
        pass "$request: job $job, $text"
    elif [ $status -eq 124 ]; then
        fail "$request: job $job, $text, longer than $seconds s (--seconds)"
    else
        fail "$request: job $job, $text, srun ended with status $status: $log.out"
    fi
    record_check "$request: AdminComment" "$(sed -n 's/^   AdminComment=//p' "$log.job")"
    record_check "$request: Comment" "$(sed -n 's/^   Comment=//p' "$log.job")"
    [ $dbd = yes ] || return 0
    wait_until 30 sacct_has_record "$job" "$log.sacct"
    record_check "$request: sacct admincomment" "$(sl sacct -X -n -P -j "$job" -o admincomment)"
    record_check "$request: sacct comment" "$(sl sacct -X -n -P -j "$job" -o comment)"
}

# Slurm hands out the GPUs, and the plugin is there.
slurm_check() {
    local log=$logs/gpus given seen what="srun --gpus=$gpus --mpi=pmix"
    # shellcheck disable=SC2016
    sl timeout -k 5 120 srun --gpus="$gpus" --mpi=pmix sh -c 'echo "given $CUDA_VISIBLE_DEVICES"
        [ "$1" = no ] || ! command -v nvidia-smi >/dev/null || nvidia-smi -L' sh $real \
        >"$log.out" 2>"$log.err" </dev/null
    given=$(sed -n 's/^given //p' "$log.out")
    seen=$(grep -c '^GPU ' "$log.out")
    sed -n '/^GPU/s/ (UUID.*//p' "$log.out" | sed 's/^/    /'
    if [ "$(tr ',' '\n' <<<"$given" | grep -c .)" -ne "$gpus" ]; then
        fail "$what: given '$given', not $gpus: $log.err"
    elif [ $real = yes ] && command -v nvidia-smi >/dev/null && [ "$seen" -lt "$gpus" ]; then
        fail "$what: nvidia-smi sees $seen: $log.err"
    else
        pass "$what: given $given"
    fi
    if grep -q -- --sft-bench <<<"$(sl srun --help 2>&1)"; then
        pass "srun has the option --sft-bench"
    else
        die "srun has no --sft-bench: is $prefix/lib/sft-bench/sft_bench.so of $(sl srun --version)?"
    fi
}

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage && exit 0 ;;
        --no-dbd) dbd=no && shift ;;
        --prefix | --debs | --backend | --gpus | --seconds | --command | --logs)
            [ -n "${2:-}" ] || bad_usage "$1 needs a value"
            case $1 in
            --prefix) prefix=$(realpath -m "$2") ;;
            --debs) debs=$(realpath -m "$2") ;;
            --backend) backend=$2 ;;
            --gpus) gpus=$2 ;;
            --seconds) seconds=$2 ;;
            --command) command=$2 ;;
            --logs) logs=$(realpath -m "$2") ;;
            esac
            shift 2
            ;;
        -*) bad_usage "unknown option '$1'" ;;
        *) requests+=("$1") && shift ;;
        esac
    done
    [[ ${gpus:-1} =~ ^[1-9][0-9]?$ ]] || bad_usage "--gpus $gpus: from 1 to 99"
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || bad_usage "--seconds $seconds: must be a number"
    [ -z "$debs" ] || [ -d "$debs" ] || bad_usage "--debs $debs: no such folder"
    [ -z "$prefix" ] || [ -d "$prefix" ] || bad_usage "--prefix $prefix: no such folder"
    [ ${#requests[@]} -gt 0 ] || [ -n "$command" ] || requests=(tiny:1)
}

main() {
    local number=0 request
    parse "$@"
    trap finish EXIT
    trap 'exit 130' INT TERM HUP
    mkdir -p "$logs" || bad_usage "--logs $logs: cannot be made"
    rm -f "$logs"/*.{log,out,err,job,sacct,conf,txt}
    # Sockets have short names, so not below the logs.
    work=$(mktemp -d /tmp/sft-gpu.XXXXXX) && mkdir "$work"/{etc,state,spool,tmp,dev,mysql,mysql-tmp} || exit 1
    chmod 755 "$work"
    gpus_find
    if [ -n "$debs" ]; then slroot_unpack; else slurm_installed; fi
    slurm_env_make
    if [ -n "$prefix" ]; then prefix_check; else build; fi
    prefix_check
    dbd_find
    libraries_check
    slurm_start
    slurm_check
    for request in "${requests[@]}"; do
        number=$((number + 1))
        run_request $number "$request"
    done
    [ -n "$command" ] || return 0
    say "$command"
    if sl bash -c "$command" </dev/null; then pass "$command"; else fail "$command"; fi
}

main "$@"
