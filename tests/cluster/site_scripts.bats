# SPDX-License-Identifier: Apache-2.0
# contrib/slurm's prolog and epilog, run by slurmd: a node whose driver does not answer is drained with the reason and
# the job waits for another; a record that an outage left on a node comes in after the next job there.
load helpers

DUMMY=$BATS_TEST_DIRNAME/dummy-job
EXAMPLES=$SFT_ROOT/share/sft-bench/examples/slurm
DELIVER=$SFT_ROOT/sbin/sft-bench-deliver
BAD=fukushimadc-02-hgx-0001

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip "prolog and epilog are root's"
    [ -x "$DELIVER" ] || skip "sft-bench-deliver is not installed: $DELIVER"
    need_slurm
    cluster_folder
    mkdir "$FOLDER"/{prolog.d,epilog.d,bin}
    scripts_make
    echo "job = $DUMMY" >"$FOLDER/sft-bench.conf"
    cluster_start --nodes 2 --gpus 1 --plugin "$PLUGIN" --plugin-args "config=$FOLDER/sft-bench.conf" \
        --conf "Prolog=$FOLDER/prolog.d/*" --conf "PrologFlags=Alloc" \
        --conf "SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,nohold_on_prolog_fail" \
        --conf "Epilog=$FOLDER/epilog.d/*"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
}

# As an admin sets them up; the driver answers on all nodes but those that have a file in $FOLDER/bad.
scripts_make() {
    mkdir "$FOLDER/bad"
    cat >"$FOLDER/bin/nvidia-smi" <<SH
#!/bin/sh
if [ -e $FOLDER/bad/\$SLURMD_NODENAME ]; then echo "GPU 0 is lost"; exit 15; fi
echo "GPU 0: NVIDIA H200 (UUID: GPU-1)"
SH
    chmod 755 "$FOLDER/bin/nvidia-smi"
    sed "s|^NVIDIA_SMI=.*|NVIDIA_SMI=$FOLDER/bin/nvidia-smi|; s|^DEV=.*|DEV=$FOLDER/dev|" \
        "$EXAMPLES/prolog.d/50-sft-bench" >"$FOLDER/prolog.d/50-sft-bench"
    sed "s|^SPOOL=.*|SPOOL=$FOLDER/c/spool/\$SLURMD_NODENAME|; s|^TMP=.*|TMP=$FOLDER/c/tmp/\$SLURMD_NODENAME|" \
        "$EXAMPLES/epilog.d/50-sft-bench" >"$FOLDER/epilog.d/50-sft-bench"
    chmod 755 "$FOLDER"/*.d/50-sft-bench
    grep -qx "DELIVER=$DELIVER" "$FOLDER/epilog.d/50-sft-bench"
}

reason_of() { # of a node, on standard error, too
    scontrol -o show node "$1" | sed -n "s/.*Reason=//p" | tee /dev/stderr | sed "s/ *\[[^]]*\] *$//"
}

drained() {
    sinfo -h -N -t drain -o %N | grep -qx $BAD
}

waits() { # waits JOB : requeued, and not held
    [ "$(squeue -h -j "$1" -o '%t %r')" = "PD BeginTime" ]
}

@test "nodes whose driver answers run jobs" {
    run srun -N2 --gpus-per-node=1 --sft-bench=tiny:2
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(sinfo -h -N -t drain -o %N | wc -l)" -eq 0 ]
}

# Slurm lets a requeued job wait for two minutes: not waited for here.
@test "a node whose driver does not answer is drained with the reason, and the job waits for another" {
    local job
    touch "$FOLDER/bad/$BAD"
    job=$(sbatch --parsable -N1 -w $BAD --gpus-per-node=1 -o /dev/null --wrap true)
    wait_for 30 drained
    [ "$(reason_of $BAD)" = "sft-bench: nvidia-smi -L ends with 15: GPU 0 is lost" ]
    wait_for 30 waits "$job"
    scancel "$job"
    rm "$FOLDER/bad/$BAD"
    wait_for 30 scontrol update nodename=$BAD state=resume
}

@test "a job without GPUs runs there" {
    touch "$FOLDER/bad/$BAD"
    run srun -N1 -w $BAD true
    [ "$status" -eq 0 ]
    rm "$FOLDER/bad/$BAD"
}

@test "a record that an outage left on a node comes into the accounting after the next job there" {
    local job file
    srun -N1 -w $BAD --gpus=0 true
    job=$(newest_job)
    wait_for 30 job_field_has "$job" state COMPLETED
    file=$FOLDER/c/spool/$BAD/sft-bench/$job.7
    mkdir -p -m 700 "${file%/*}"
    printf 'sft-bench spool 1\ncluster sft\njob %s\nstep 7\ncomment 1\ntime %s\nrecord sft2{step=%s.7 state=complete}\n' \
        "$job" "$(date +%s)" "$job" >"$file"
    touch -d '-1 hour' "$file"
    srun -N1 -w $BAD --gpus=0 true
    wait_for 40 job_field_has "$job" admincomment "step=$job\.7 state=complete"
    [ "$(sinfo -h -N -t drain -o %N | wc -l)" -eq 0 ]
}
