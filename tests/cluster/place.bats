# SPDX-License-Identifier: Apache-2.0
# Tasks near their GPU: what a task really has (/proc/self/status) against what was said, without and with
# Slurm's task/affinity. The GPUs are described (their sysfs and driver files are made up); cores, binding
# and Slurm are real.
load helpers

setup_file() {
    [ "$(nproc)" -ge 2 ] || skip "one CPU: nothing to divide"
    need_slurm
    cluster_folder
    make_gpus "$FOLDER/machine"
    make_show "$FOLDER/show"
    printf '#!/bin/sh\ncat %s 2>/dev/null || :\n' "$FOLDER/exports" >"$FOLDER/prolog"
    chmod +x "$FOLDER/prolog"
    site "$FOLDER/show"
    # Only without Slurm's own binding may a node pretend to have more CPUs than there are.
    local affinity= cpus=$((4 * $(nproc)))
    for affinity in '' --affinity; do
        # shellcheck disable=SC2086
        "$CLUSTER" start "$FOLDER/c$affinity" --nodes 1 --cpus $cpus --gpus 2 $affinity \
            --conf "TaskProlog=$FOLDER/prolog" \
            --plugin "$PLUGIN" --plugin-args "config=$FOLDER/sft-bench.conf root=$FOLDER/machine" \
            >"$FOLDER/start.log" 2>&1 || {
            cat "$FOLDER/start.log" >&2
            return 1
        }
        cpus=$(nproc)
    done
}

teardown_file() {
    "$CLUSTER" stop "$FOLDER/c--affinity"
    cluster_down
}

setup() {
    without_affinity
    rm -f "$FOLDER/exports"
}

# task_prolog LINE... : what the site's TaskProlog prints
task_prolog() {
    printf '%s\n' "$@" >"$FOLDER/exports"
}

without_affinity() {
    cluster_enter
    site "$FOLDER/show"
}

with_affinity() {
    # shellcheck disable=SC1091
    . "$FOLDER/c--affinity/env"
}

site() { # site JOB
    echo "job = $1" >"$FOLDER/sft-bench.conf"
}

# Two GPUs and an RDMA device on NUMA node 0, as a node's own sysfs and the driver would tell.
make_gpus() {
    local root=$1 gpu device
    mkdir -p "$root/sys/bus/pci/devices"
    for gpu in 0 1 2; do
        device=sys/devices/pci0000:00/0000:00:0$gpu.0/0000:0$((gpu + 1)):00.0
        mkdir -p "$root/$device"
        ln -s "../../../../$device" "$root/sys/bus/pci/devices/0000:0$((gpu + 1)):00.0"
        echo 0 >"$root/$device/numa_node"
        echo 0x10de >"$root/$device/vendor"
        echo 0x030200 >"$root/$device/class"
    done
    for gpu in 0 1; do
        device=$root/proc/driver/nvidia/gpus/0000:0$((gpu + 1)):00.0
        mkdir -p "$device"
        printf 'Model: \t\t NVIDIA H200\nBus Location: \t 0000:0%d:00.0\nDevice Minor: \t %d\n' \
            $((gpu + 1)) $gpu >"$device/information"
    done
    device=$root/sys/bus/pci/devices/0000:03:00.0
    echo 0x15b3 >"$device/vendor"
    echo 0x020000 >"$device/class"
    mkdir -p "$device/infiniband/mlx5_0/ports/1"
    echo '4: ACTIVE' >"$device/infiniband/mlx5_0/ports/1/state"
}

# In the job's place: rank, CPUs that the task has, what it was told; and the record of a complete run.
make_show() {
    cat >"$1" <<'EOF'
#!/bin/bash
case $* in *--check*) exit 0 ;; esac
echo "rank $SLURM_PROCID has $(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status) told $SFT_BENCH_PLACE"
[ "$SLURM_PROCID" -ne 0 ] || printf '%-4096s' 'sft1{state=complete}' 1<>"/proc/self/fd/$SFT_BENCH_RECORD_FD"
EOF
    chmod +x "$1"
}

# has RANK : its CPUs; told RANK : the word; both of $output
has() { sed -n "s/^rank $1 has \([0-9,-]*\) .*/\1/p" <<<"$output"; }
told() { sed -n "s/^rank $1 has .* told sft-node.1 //p" <<<"$output"; }

# Both tasks have CPUs of their own, none of the other's, as they were told.
each_its_own() {
    [ "$status" -eq 0 ]
    [ -n "$(has 0)" ]
    [ -n "$(has 1)" ]
    [ "$(has 0)" != "$(has 1)" ]
    [[ $(told 0) == "cuda="*" gpu=0000:01:00.0 cpus=$(has 0) numa=0 nics=mlx5_0 distance=PHB "*" why="* ]]
    [[ $(told 1) == "cuda="*" gpu=0000:02:00.0 cpus=$(has 1) numa=0 nics=mlx5_0 distance=PHB "*" why="* ]]
}

everything=0-$(($(nproc) - 1))

@test "two tasks divide the cores of their GPUs' NUMA node" {
    run srun --sft-bench=tiny:1,gpus=2
    each_its_own
}

@test "the same with task/affinity, inside what Slurm gave the step" {
    with_affinity
    run srun --sft-bench=tiny:1,gpus=2
    each_its_own
}

@test "an empty environment changes nothing" {
    run srun --export=NONE --sft-bench=tiny:1,gpus=2
    each_its_own
    run srun --export=FOO=1 --sft-bench=tiny:1,gpus=2
    each_its_own
}

@test "a --cpu-bind of the user's wins, on the line or in the environment" {
    with_affinity
    run srun --cpu-bind=none --sft-bench=tiny:1,gpus=2
    [ "$status" -eq 0 ]
    [ "$(has 0)" = "$everything" ]
    [[ $(told 0) == "cuda="*" why=bind=none, or a --cpu-bind of the user's" ]]
    SLURM_CPU_BIND=none run srun --sft-bench=tiny:1,gpus=2
    [ "$(has 1)" = "$everything" ]
    [[ $(told 1) == "cuda="*" why=bind=none"* ]]
}

@test "bind=none leaves tasks where Slurm put them" {
    run srun --sft-bench=tiny:1,gpus=2,bind=none
    [ "$status" -eq 0 ]
    [ "$(has 0)" = "$everything" ]
    [ "$(has 1)" = "$everything" ]
}

@test "more tasks than hyper-threads: nobody is pinned, and why" {
    run srun --ntasks=$((4 * $(nproc))) --sft-bench=tiny:1,gpus=0
    [ "$status" -eq 0 ]
    [ "$(has 0)" = "$everything" ]
    [[ $(told 0) == *" cpus= "*"why="?* ]]
    [[ $(told 3) == *" cpus= "*"why="?* ]]
}

@test "the record says how many ranks are pinned, and the job's output which are not" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "$JOB"
    run srun --sft-bench=tiny:1,gpus=2,steps=2,warmup=1,data=synthetic,out="$FOLDER/out"
    [ "$status" -eq 0 ]
    [[ $output != *"are pinned"* ]]
    python3 -c "
import json
r = json.load(open('$FOLDER/out/result.json'))
assert r['pinned'] == 2 and 'cpus' in r, r
assert r['rank_hosts'] == ['fukushimadc-02-hgx-0001'] * 2, r"
    run srun --sft-bench=tiny:1,gpus=2,steps=2,warmup=1,data=synthetic,bind=none,out="$FOLDER/out2"
    [ "$status" -eq 0 ]
    [[ $output == *"0 of 2 ranks are pinned; rank 0 on fukushimadc-02-hgx-0001 is not: bind=none"* ]]
    python3 -c "import json; assert json.load(open('$FOLDER/out2/result.json'))['pinned'] == 0"
}

@test "explain tells of each task what it really has, and why, and trains nothing" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "$JOB"
    run srun --sft-bench=explain:1,gpus=2
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == "node fukushimadc-02-hgx-0001"* ]]
    [[ $output == *"0000:01:00.0"*"mlx5_0 (PHB)"*"0000:02:00.0"*"no warnings" ]]
    [[ $output != *loss* ]]
    scontrol -o show job | grep -q 'JobName=sft-bench:explain '
    NCCL_DEBUG=WARN run srun --sft-bench=explain:1,gpus=2 -- --json
    [ "$status" -eq 0 ]
    python3 - <<PY
import json
tasks = json.loads("""$output""")["tasks"]
assert [t["rank"] for t in tasks] == [0, 1], tasks
assert all(t["cpus"] == t["has"] != "" and t["why"] for t in tasks), tasks
assert tasks[0]["cpus"] != tasks[1]["cpus"], tasks
assert all(t["variables"]["NCCL_DEBUG"] == "WARN" for t in tasks), tasks
PY
}

# The parts are those of the GPUs, whichever rank has which.
@test "tasks with GPUs of their own have their GPUs' parts of the cores" {
    run srun --gpus-per-task=1 --sft-bench=tiny:1,gpus=2
    each_its_own
    [[ $(told 1) == *"for 2 tasks" ]]
    local first
    first=$(has 0)
    run srun --gpus-per-node=2 --gpu-bind=map_gpu:1,0 --sft-bench=tiny:1,gpus=2
    [ "$status" -eq 0 ]
    [[ $(told 0) == "cuda=1 gpu=0000:02:00.0 cpus=$(has 0) "*"for 2 tasks" ]]
    [[ $(told 1) == "cuda=0 gpu=0000:01:00.0 cpus=$first "*"for 2 tasks" ]]
    [ "$(has 1)" = "$first" ]
    [ "$(has 0)" != "$first" ]
    with_affinity
    run srun --gpus-per-node=2 --gpu-bind=single:1 --sft-bench=tiny:1,gpus=2
    each_its_own
}

@test "a TaskProlog that sends a task to another GPU is seen, by explain and by the run" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "$JOB"
    task_prolog 'export CUDA_VISIBLE_DEVICES=1'
    run srun --sft-bench=explain:1,gpus=1
    echo "$output"
    [ "$status" -eq 0 ]
    grep -q '^warning: rank 0 on .*: CUDA_VISIBLE_DEVICES=1, not 0: something changed it after the plugin' <<<"$output"
    grep -Eq '^ +0  unknown ' <<<"$output"
    run srun --sft-bench=tiny:1,gpus=1,steps=2,warmup=1,data=synthetic,device=cpu,out="$FOLDER/out3"
    [ "$status" -eq 0 ]
    [[ $output == *"warning: rank 0 on "*": CUDA_VISIBLE_DEVICES=1, not 0:"* ]]
    python3 -c "import json; r = json.load(open('$FOLDER/out3/result.json')); assert r['pinned'] == 0, r"
    run srun --sft-bench=explain:1,gpus=2 # rank 1 has that one anyway
    [ "$(grep -c '^warning: rank .*: CUDA_VISIBLE_DEVICES=1, not' <<<"$output")" -eq 1 ]
    grep -Eq '^ +0  0000:02:00.0 ' <<<"$output"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho export CUDA_VISIBLE_DEVICES=$SLURM_LOCALID\n' >"$FOLDER/prolog.new"
    cp "$FOLDER/prolog" "$FOLDER/prolog.old" && cat "$FOLDER/prolog.new" >"$FOLDER/prolog"
    run srun --sft-bench=explain:1,gpus=2 # each the GPU that it would have taken
    cat "$FOLDER/prolog.old" >"$FOLDER/prolog"
    [[ $output == *"no warnings" ]]
    task_prolog 'export CUDA_VISIBLE_DEVICES=0,0'
    run srun --sft-bench=explain:1,gpus=1
    [[ $output == *"CUDA_VISIBLE_DEVICES=0,0: a GPU stands there twice"* ]]
}

@test "a wrapper that binds the tasks elsewhere: nobody says that they are pinned" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    printf '#!/bin/sh\nexec taskset -c %s %s "$@"\n' "$everything" "$JOB" >"$FOLDER/wrapper"
    chmod +x "$FOLDER/wrapper"
    site "$FOLDER/wrapper"
    run srun --sft-bench=tiny:1,gpus=2,steps=2,warmup=1,data=synthetic,out="$FOLDER/out4"
    [ "$status" -eq 0 ]
    [[ $output == *"0 of 2 ranks are pinned; rank 0 on "*"it has CPUs $everything, not "* ]]
    python3 -c "
import json
r = json.load(open('$FOLDER/out4/result.json'))
assert r['pinned'] == 0 and not r.get('cpus'), r"
    run srun --sft-bench=explain:1,gpus=2
    [[ $output == *"warning: rank 1 on "*" has CPUs $everything, not "*": something bound it after the plugin"* ]]
    run srun --sft-bench=explain:1,gpus=2,bind=none
    [[ $output != *"tasks are pinned"* ]]
    [[ $output == *"NCCL_IGNORE_CPU_AFFINITY "*"unset"*"the task is not pinned"* ]]
}

@test "a node without the plugin, or with one of another release, is named in one line" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    printf '#!/bin/sh\nunset SFT_BENCH_NODE SFT_BENCH_PLACE\nexec %s "$@"\n' "$JOB" >"$FOLDER/wrapper"
    chmod +x "$FOLDER/wrapper"
    site "$FOLDER/wrapper"
    run srun --sft-bench=tiny:1,gpus=2,steps=1,warmup=0,data=synthetic
    [ "$status" -ne 0 ]
    [ "$(grep -c "sft-bench-job: .*no plugin of sft-bench" <<<"$output")" = 1 ] # of two ranks
    [[ $output == *"sft-bench-job: fukushimadc-02-hgx-0001: no plugin of sft-bench there: nobody would publish this run's record; "* ]]
    printf '#!/bin/sh\nexport SFT_BENCH_NODE=0.0.1\nexec %s "$@"\n' "$JOB" >"$FOLDER/wrapper"
    run srun --sft-bench=tiny:1,gpus=2,steps=1,warmup=0,data=synthetic
    [ "$status" -eq 0 ]
    [ "$(grep -c "of release" <<<"$output")" = 1 ]
    [[ $output == *"warning: fukushimadc-02-hgx-0001: the plugin there is of release 0.0.1, sft-bench-job of "* ]]
    site "$JOB"
    run srun --sft-bench=tiny:1,gpus=2,steps=1,warmup=0,data=synthetic
    [[ $output != *"of release"* && $output != *"no plugin of"* ]]
}
