# SPDX-License-Identifier: Apache-2.0
# Nodes that differ from each other, and from the submit host: three nodes with mounts of their own, in which a test
# puts another file in a file's place. One line, which names the nodes, before anything is trained.
load helpers

A=fukushimadc-02-hgx-0001 B=fukushimadc-02-hgx-0002 C=fukushimadc-02-hgx-0003
RUN=tiny:3,gpus=1,steps=1,warmup=0,seq=64,data=synthetic

setup_file() {
    [ "$(id -u)" -eq 0 ] || skip "only root can give a node mounts of its own"
    unshare --mount true 2>/dev/null || skip "no mount namespaces here"
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    cluster_of "$JOB" --nodes 3 --cpus 2 --gpus 1 --mounts
    mkdir "$FOLDER/files"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    laid=()
}

teardown() {
    local place
    for place in "${laid[@]}"; do
        on "${place%%:*}" umount -l "${place#*:}" # a slurmstepd may still hold it
    done
}

on() { # on NODE COMMAND... : among the node's mounts
    local node=$1
    shift
    nsenter --mount --target "$(cat "$FOLDER/c/run/slurmd-$node.pid")" -- "$@"
}

lay() { # lay NODE FILE PLACE : FILE stands at PLACE on that node
    local place
    place=$(realpath "$3")
    on "$1" mount --bind "$2" "$place"
    laid+=("$1:$place")
}

hide() { # hide NODE FOLDER : nothing is in it on that node
    on "$1" mount -t tmpfs tmpfs "$2"
    laid+=("$1:$2")
}

driver() { # driver NODE VERSION GPUS : the node's NVIDIA driver
    hide "$1" /proc/driver
    # shellcheck disable=SC2016
    on "$1" bash -c 'mkdir -p /proc/driver/nvidia/gpus
        echo "NVRM version: NVIDIA UNIX x86_64 Kernel Module  $1  Thu Feb 22 01:44:30 UTC 2024" >/proc/driver/nvidia/version
        for ((gpu = 0; gpu < $2; gpu++)); do
            mkdir "/proc/driver/nvidia/gpus/0000:0$gpu:00.0"
            printf "Model: \t\t NVIDIA H100 80GB HBM3\n" >"/proc/driver/nvidia/gpus/0000:0$gpu:00.0/information"
        done' bash "$2" "$3"
}

ours() { # ours STATUS COUNT : so many lines of ours are in the output of the run that ended so
    echo "$output"
    if [ "$1" = 0 ]; then [ "$status" -eq 0 ]; else [ "$status" -ne 0 ]; fi
    [ "$(grep -cE '^sft-bench(-job)?: ' <<<"$output")" -eq "$2" ]
}

untrained() { # nothing of a run's own lines
    [[ $output != *"step "[0-9]*/* && $output != *"training on the CPU"* ]]
}

record() { # of the newest job, once it is in the accounting
    local job
    job=$(newest_job)
    wait_for 60 job_field_has "$job" admincomment 'sft2\{'
    job_field "$job" admincomment
}

@test "nodes that are alike: not a word, and none in the record" {
    run srun --sft-bench=$RUN
    ours 0 1 # training on the CPU
    [[ $(record) != *mixed=* ]]
}

@test "another driver on one node, a GPU less on another: a line each, before the training, and the run goes on" {
    driver "$A" 550.54.15 8
    driver "$B" 550.54.15 7
    driver "$C" 535.161.08 8
    run srun --sft-bench=$RUN
    ours 0 3
    local first="sft-bench-job: warning: the NVIDIA driver differs: 550.54.15 on 2 nodes, 535.161.08 on $C"
    local second="sft-bench-job: warning: the number and kind of GPUs differs: 8 NVIDIA H100 80GB HBM3 on 2 nodes, 7 NVIDIA H100 80GB HBM3 on $B"
    [[ $output == *"$first"$'\n'"$second"$'\n'*"step 1/1"* ]]
    [[ $(record) == *"mixed=the%20NVIDIA%20driver:%20550.54.15%20on%202%20nodes,%20535.161.08%20on%20$C"* ]]
    run "$REPORT" --job "$(newest_job)" --json
    [[ $output == *"the NVIDIA driver: 550.54.15 on 2 nodes, 535.161.08 on $C"* ]]
}

@test "another build of the program on two nodes: refused, both named, and the record says why" {
    cp "$JOB" "$FOLDER/files/job"
    echo >>"$FOLDER/files/job"
    lay "$B" "$FOLDER/files/job" "$JOB"
    run srun --sft-bench=$RUN
    ours 1 1
    [[ $output == *"sft-bench-job: sft-bench-job differs: "*" on 2 nodes, "*" (checksum "*") on $B: install one build of it on all nodes"* ]]
    untrained
    [[ $(record) == *state=failed*"fail=sft-bench-job%20differs:"*"$B"* ]]
    lay "$A" "$FOLDER/files/job" "$JOB"
    run srun --sft-bench=$RUN
    ours 1 1
    [[ $output == *"sft-bench-job: sft-bench-job differs: "*" on 2 nodes, "*" on $C: "* ]]
}

@test "nodes without the plugin are named in one line; where rank 0's has none, the run does not begin" {
    : >"$FOLDER/files/none"
    lay "$B" "$FOLDER/files/none" "$FOLDER/c/etc/plugstack.conf"
    lay "$C" "$FOLDER/files/none" "$FOLDER/c/etc/plugstack.conf"
    run srun --sft-bench=$RUN
    ours 0 2
    [[ $output == *"sft-bench-job: warning: fukushimadc-02-hgx-[0002-0003]: no plugin of sft-bench there: tasks are not placed; its line in plugstack.conf "*"step 1/1"* ]]
    lay "$A" "$FOLDER/files/none" "$FOLDER/c/etc/plugstack.conf"
    run srun --sft-bench=$RUN
    [[ $output == *"sft-bench-job: $A: no plugin of sft-bench there: nobody would publish this run's record; its line in plugstack.conf "* ]]
    [ "$status" -ne 0 ]
    untrained
}

@test "a node without the program, or without its libraries: one line a node, and no rank starts" {
    local library folder
    hide "$B" "$(dirname "$(realpath "$JOB")")"
    run srun --sft-bench=$RUN
    ours 1 1
    [[ $output == *"sft-bench: $B: $JOB: No such file or directory: install what is missing there, or leave the node out with --exclude"* ]]
    untrained
    # a library with a folder of its own, which Slurm itself does not need
    read -r library folder < <(ldd "$JOB" | awk '$3 ~ /^\// { print $1, $3 }' | while read -r name path; do
        path=$(dirname "$(realpath "$path")")
        case $path in /usr/lib/*-linux-gnu/*pmix* | /usr/lib/*-linux-gnu | /usr/lib | /usr/lib64) ;; *) echo "$name $path" ;; esac
    done)
    [ -n "$folder" ] || skip "no library of the job has a folder of its own"
    hide "$C" "$folder"
    hide "$A" "$folder"
    run srun --sft-bench=$RUN
    ours 1 3 # B still misses all of it
    [ "$(grep -cE "^sft-bench: fukushimadc-02-hgx-000[13]: $JOB needs (.*, )?${library//./\\.}[,:]" <<<"$output")" -eq 2 ]
    [[ $output != *"error while loading"* ]]
    untrained
    [[ $(record) == *state=failed*"fail=$A:%20"*needs%20*$library* ]]
}

@test "Slurm's PMIx plugin is missing on srun's host: nothing is allocated; on a node: that one is named" {
    local folder job before
    folder=$(scontrol show config | sed -n 's/^PluginDir *= *//p')
    mkdir "$FOLDER/files/plugins"
    cp -a "$folder/." "$FOLDER/files/plugins/"
    rm "$FOLDER"/files/plugins/mpi_pmix*
    job=$(newest_job)
    # shellcheck disable=SC2016
    before=(unshare --mount sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$FOLDER/files/plugins" "$folder")
    run "${before[@]}" srun --sft-bench=$RUN
    ours 1 1
    [[ $output == *"sft-bench: this host's Slurm has no plugin for --mpi=pmix (mpi_pmix.so in $folder), by which 3 ranks find each other: "* ]]
    [ "$(newest_job)" = "$job" ]
    run "${before[@]}" srun --sft-bench="${RUN/:3/:1}" # one has nobody to find
    ours 0 1
    [[ $output == *"step 1/1"* ]]
    # a node without it Slurm refuses by itself, before any plugin is asked, and srun names it
    lay "$C" "$FOLDER/files/plugins" "$folder"
    run srun --sft-bench=$RUN
    ours 1 0
    [[ $output == *"failed on node $C"* ]]
    untrained
}

another() { # another NAME WORD IN_ITS_PLACE : the plugin with one word of another release
    sed "s|$2|$3|g" "$PLUGIN" >"$FOLDER/files/$1"
    chmod 755 "$FOLDER/files/$1"
    [ "$(stat -c %s "$FOLDER/files/$1")" = "$(stat -c %s "$PLUGIN")" ]
    ! cmp -s "$FOLDER/files/$1" "$PLUGIN"
}

@test "a plugin of another release on one node: told once; one whose words are not understood: refused" {
    local version
    version=$("$JOB" --version | awk '{ print $2 }')
    another release "$version" "${version%?}9"
    lay "$C" "$FOLDER/files/release" "$PLUGIN"
    run srun --sft-bench=$RUN
    ours 0 2
    [[ $output == *"sft-bench-job: warning: $C: the plugin there is of release ${version%?}9, sft-bench-job of $version: install one on all"*"step 1/1"* ]]
    another form sft-node/1 sft-node/7
    lay "$C" "$FOLDER/files/form" "$PLUGIN"
    run srun --sft-bench=$RUN
    ours 1 1
    [[ $output == *"sft-bench-job: $C: the plugin speaks of the node in form 7, this program reads 1: install both of one release"* ]]
    untrained
}

@test "srun's host has another release than the nodes: told once for all of them" {
    local version
    version=$("$JOB" --version | awk '{ print $2 }')
    another srun "$version" "${version%?}9"
    # shellcheck disable=SC2016
    run unshare --mount sh -c 'mount --bind "$1" "$2" && exec srun --sft-bench="$3"' sh "$FOLDER/files/srun" "$(realpath "$PLUGIN")" "$RUN"
    ours 0 2
    [[ $output == *"sft-bench-job: warning: fukushimadc-02-hgx-[0001-0003]: the plugin of srun's host is of release ${version%?}9, sft-bench-job of $version: "*"step 1/1"* ]]
}
