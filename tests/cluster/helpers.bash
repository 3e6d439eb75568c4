# SPDX-License-Identifier: Apache-2.0
# What the cluster tests share. Sourced by bats files: `load helpers`.
# shellcheck shell=bash

umask 022 # of the configuration, which is read only where nobody else may write it
CLUSTER=$BATS_TEST_DIRNAME/sft-cluster
TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# What is under test: the installed tree of tests/run.sh, or one that you name.
SFT_ROOT=${SFT_ROOT:-$TOP/build/tests/root}
PLUGIN=$SFT_ROOT/lib/sft-bench/sft_bench.so
JOB=${SFT_JOB:-$SFT_ROOT/bin/sft-bench-job}
REPORT=$SFT_ROOT/bin/sft-report

# SFT_SLURM names another Slurm's prefix; DIR/env of a cluster then puts it on PATH.
need_slurm() {
    local tool PATH=${SFT_SLURM:+$SFT_SLURM/bin:$SFT_SLURM/sbin:}$PATH
    for tool in munged mariadbd slurmdbd slurmctld slurmd srun sacct; do
        command -v $tool >/dev/null || skip "no Slurm here: $tool is missing"
    done
}

# release : of Slurm, as 2205 or 2411
release() {
    srun --version | sed -n 's/^slurm[^ ]* \([0-9]*\)\.\([0-9]*\)\..*/\1\2/p'
}

# cluster_folder : where a file's cluster and its runs are
cluster_folder() {
    FOLDER=$(mktemp -d /tmp/sftc.XXXXXX)
    export FOLDER
}

# cluster_of JOB [OPTION]... : one cluster for a file, with the plugin and a site whose job JOB is
cluster_of() {
    need_slurm
    cluster_folder
    echo "job = $1" >"$FOLDER/sft-bench.conf"
    shift
    cluster_start --plugin "$PLUGIN" --plugin-args "config=$FOLDER/sft-bench.conf" "$@"
}

# cluster_up [OPTION]... : one cluster for a file, its environment in this shell
cluster_up() {
    cluster_folder
    cluster_start "$@"
    cluster_enter
}

cluster_start() {
    "$CLUSTER" start "$FOLDER/c" "$@" >"$FOLDER/start.log" 2>&1 || {
        cat "$FOLDER/start.log" >&2
        return 1
    }
}

cluster_enter() {
    # shellcheck disable=SC1091
    . "$FOLDER/c/env"
    # All nodes are one machine: a rank that waits must not hold the core that the other needs.
    export OMPI_MCA_mpi_yield_when_idle=1
    cd "$FOLDER" || return 1
}

cluster_down() {
    [ -n "${FOLDER:-}" ] || return 0
    "$CLUSTER" stop "$FOLDER/c"
    rm -rf "$FOLDER"
}

# Limits of waits are those of a free machine; a busy one gets so many times as long. What comes early is
# waited for no longer.
PATIENCE=4

# wait_for SECONDS COMMAND... : poll until it succeeds
wait_for() {
    local end=$((SECONDS + $1 * PATIENCE))
    shift
    until "$@"; do
        if [ $SECONDS -ge $end ]; then
            echo "waited in vain for: $*" >&2
            return 1
        fi
        sleep 0.2
    done
}

# wait_progress SECONDS FILE COMMAND... : poll until it succeeds, so long as FILE grows at least every so often
wait_progress() {
    local patience=$(($1 * PATIENCE)) file=$2 size='' end=0
    shift 2
    until "$@"; do
        if [ "$size" != "$(stat -c %s "$file")" ]; then
            size=$(stat -c %s "$file")
            end=$((SECONDS + patience))
        elif [ $SECONDS -ge $end ]; then
            echo "waited in vain for: $*: $file has not grown for $patience s" >&2
            return 1
        fi
        sleep 0.2
    done
}

# job_field JOBID FIELD : of the accounting
job_field() {
    sacct -X -n -P -j "$1" -o "$2"
}

job_field_has() { # job_field_has JOBID FIELD PATTERN
    job_field "$1" "$2" | grep -Eq -- "$3"
}


# A record's value: field_of KEY <<<text
field_of() {
    sed -n "s/.*[{ ]$1=\([^ }]*\).*/\1/p"
}

# Of a run begun in the background: its job in $job, its srun in $srun_pid. SFT_TEST_MARK is in its
# environment.
newest_job() {
    scontrol -o show job | grep -o '^JobId=[0-9]*' | cut -d= -f2 | sort -n | tail -n 1
}

# Processes of the job's tasks: pid and rank, by their environment (this cluster's, this job's).
tasks() {
    local file env
    for file in $(grep -lzxF "SFT_TEST_MARK=$FOLDER" /proc/[0-9]*/environ 2>/dev/null); do
        env=$(tr '\0' '\n' 2>/dev/null <"$file") || continue
        grep -qx "SLURM_JOB_ID=$job" <<<"$env" && grep -qx 'SLURM_STEP_ID=0' <<<"$env" || continue
        file=${file#/proc/}
        echo "${file%/environ} $(sed -n 's/^SLURM_PROCID=//p' <<<"$env")"
    done
}

# The process that slurmstepd started for a rank: the oldest with that rank.
task_of() {
    tasks | awk -v rank="$1" '$2 == rank { print $1 }' | sort -n | head -n 1
}

no_tasks() {
    [ -z "$(tasks)" ]
}

comment_has() { # comment_has PATTERN : the live job's
    scontrol -o show job "$job" | grep -Eq "[^n]Comment=.*$1"
}

is_running() {
    local newest
    newest=$(newest_job)
    [ -n "$newest" ] && [ "$newest" != "${last_job:-}" ] &&
        scontrol -o show job "$newest" | grep -q 'JobState=RUNNING.*' &&
        scontrol -o show job "$newest" | grep -q 'JobName=sft-bench:tiny' && job=$newest
}

no_srun() {
    ! kill -0 "$srun_pid" 2>/dev/null
}
