# SPDX-License-Identifier: Apache-2.0
# Sites as they are, with tests/cluster/dummy-job in the job's place: where plain srun starts, the
# benchmark starts, with the numbers of the nodes that it gets and of the user's own words.
load helpers

DUMMY=$BATS_TEST_DIRNAME/dummy-job
N=fukushimadc-02-hgx-000

setup_file() {
    cluster_of "$DUMMY" --nodes 3 --cpus 4 --gpus 2
    cp "$FOLDER/c/etc/slurm.conf" "$FOLDER/slurm.pristine"
    cp "$FOLDER/c/etc/gres.conf" "$FOLDER/gres.pristine"
    cp "$FOLDER/slurm.pristine" "$FOLDER/slurm.now"
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    echo "job = $DUMMY" >"$FOLDER/sft-bench.conf"
    ETC=$FOLDER/c/etc
}

# site [SED]... : the cluster with these changes of slurm.conf, and of gres.conf as it stands in $ETC
site() {
    local edit
    cp "$FOLDER/slurm.pristine" "$ETC/slurm.conf"
    for edit in "$@"; do
        sed -i -E "$edit" "$ETC/slurm.conf"
    done
    "$CLUSTER" restart "$FOLDER/c" >"$FOLDER/restart.log" 2>&1 || {
        cat "$FOLDER/restart.log" >&2
        return 1
    }
}

as_before() {
    cp "$FOLDER/gres.pristine" "$ETC/gres.conf"
}

# node_gpus NUMBER TYPE:COUNT... : that node's GPUs in gres.conf; "-" for no type. Its Gres is to be set by `site`.
node_gpus() {
    local node=$N$1 item type count file=0 spare=(null zero full random urandom tty ptmx)
    sed -i "/$node/d" "$ETC/gres.conf"
    shift
    for item in "$@"; do
        type=${item%:*} count=${item##*:}
        [ "$type" = - ] && type='' || type=" Type=$type"
        for (( ; count > 0; count--)); do
            echo "NodeName=$node Name=gpu$type File=/dev/${spare[file]}" >>"$ETC/gres.conf"
            file=$((file + 1))
        done
    done
}

# plain WORD... : what srun does with these words and no plugin's option
plain() {
    srun "$@" true </dev/null
}

# starts RANKS NODES GPUS [CPUS] COMMAND... : so many ranks, the same number on each of so many nodes, each node's
# with so many GPUs in sight, never more ranks than these; CPUS of each ("" any)
starts() {
    local ranks=$1 nodes=$2 gpus=$3 cpus=$4 line seen
    shift 4
    run "$@"
    [ "$status" -eq 0 ] || return 1
    [ "$(grep -c "^rank=.* of=$ranks " <<<"$output")" -eq "$ranks" ] || return 1
    [ "$(grep -o 'node=[^ ]*' <<<"$output" | sort -u | wc -l)" -eq "$nodes" ] || return 1
    [ "$(grep -o 'node=[^ ]*' <<<"$output" | sort | uniq -c | awk '{ print $1 }' | sort -u)" = "$((ranks / nodes))" ] ||
        return 1
    while read -r line; do
        seen=$(sed -n 's/.* gpus=\([^ ]*\) .*/\1/p' <<<"$line" | tr ',' '\n' | grep -c . || true)
        [ "$seen" -eq "$gpus" ] || return 1
        [ -z "$cpus" ] || [[ $line == *" cpus=$cpus "* ]] || return 1
    done < <(grep '^rank=' <<<"$output")
}

# refused MESSAGE COMMAND... : status 1, the message alone on stderr, no job
refused() {
    local message=$1 before after
    shift
    before=$(scontrol show job | grep -c JobId=)
    run "$@"
    after=$(scontrol show job | grep -c JobId=)
    [ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ] && [ "$before" -eq "$after" ] &&
        [[ $output == "sft-bench: "*"$message"* ]]
}

silent() { # no note in what the last run said
    if grep '^sft-bench' <<<"$output"; then return 1; fi
}

need_lua() { # need_lua job_submit|cli_filter
    local folder
    folder=$(scontrol show config | sed -n 's/^PluginDir *= *//p')
    [ -e "$folder/$1_lua.so" ] || skip "this Slurm has no $1/lua"
}

@test "CPUs kept for the system: the tasks share the others" {
    site 's/^(NodeName.*)/\1 CoreSpecCount=1/'
    plain -N1 --ntasks-per-node=2 --gpus-per-node=2
    starts 2 1 2 1 srun --sft-bench=tiny:1
    silent
    starts 6 3 2 1 srun --sft-bench=tiny:3
    starts 1 1 0 3 srun --sft-bench=tiny:1,gpus=0
}

@test "MaxCPUsPerNode bounds what a task gets; where it leaves no CPU for each it is named" {
    site 's/^(PartitionName.*)/\1 MaxCPUsPerNode=3/'
    plain -N1 --ntasks-per-node=2 --gpus-per-node=2
    starts 2 1 2 1 srun --sft-bench=tiny:1
    site 's/^(PartitionName.*)/\1 MaxCPUsPerNode=1/'
    refused 'by MaxCPUsPerNode: ask for fewer with gpus=N' srun --sft-bench=tiny:1
    starts 1 1 1 1 srun --sft-bench=tiny:1,gpus=1
}

@test "one thread a core, by hint, variable or option, here and in an allocation; whole cores otherwise" {
    site 's/ CPUs=4/ CPUs=4 Sockets=1 CoresPerSocket=2 ThreadsPerCore=2/'
    plain -N1 --ntasks-per-node=2 --gpus-per-node=2 --hint=nomultithread
    starts 2 1 2 2 srun --sft-bench=tiny:1
    starts 2 1 2 1 srun --hint=nomultithread --sft-bench=tiny:1
    starts 4 2 2 1 env SLURM_HINT=nomultithread srun --sft-bench=tiny:2
    starts 2 1 2 1 srun --threads-per-core=1 --sft-bench=tiny:1
    starts 2 1 2 1 srun -B 1:2:1 --sft-bench=tiny:1
    starts 2 1 2 1 salloc -Q -N1 --gpus-per-node=2 --ntasks-per-node=2 --cpus-per-task=2 \
        srun --hint=nomultithread --sft-bench=tiny
    starts 2 1 2 1 salloc -Q --hint=nomultithread --sft-bench=tiny:1
    site 's/ CPUs=4/ CPUs=4 Sockets=1 CoresPerSocket=2 ThreadsPerCore=2 CoreSpecCount=1/'
    starts 2 1 2 1 srun --sft-bench=tiny:1
}

@test "memory that comes with each CPU bounds the CPUs" {
    site 's/CR_Core/CR_Core_Memory/' '$aDefMemPerCPU=1500'
    plain -N1 --ntasks-per-node=2 --gpus-per-node=2
    starts 2 1 2 1 srun --sft-bench=tiny:1
    starts 2 1 2 1 srun --mem-per-cpu=2G --sft-bench=tiny:1
    starts 2 1 2 2 srun --mem-per-cpu=1000 --sft-bench=tiny:1
    starts 2 1 2 2 srun --mem=100 --sft-bench=tiny:1
}

@test "limits of QOS and account: the job starts within them" {
    local me
    me=$(id -un)
    sacctmgr -i add account site cluster=sft
    sacctmgr -i add user "$me" account=site cluster=sft
    sacctmgr -i add qos pernode set MaxTRESPerNode=cpu=3
    sacctmgr -i add qos perjob set MaxTRESPerJob=cpu=3 flags=DenyOnLimit
    sacctmgr -i add qos part set MaxTRESPerUser=cpu=2 flags=DenyOnLimit
    sacctmgr -i modify user "$me" set qos=normal,pernode,perjob
    site '$aAccountingStorageEnforce=associations,limits,qos'
    starts 2 1 2 2 srun --sft-bench=tiny:1
    starts 2 1 2 1 srun --qos=pernode --sft-bench=tiny:1
    plain -N1 --ntasks-per-node=2 --gpus-per-node=2 -q perjob
    starts 2 1 2 1 srun -q perjob --sft-bench=tiny:1
    starts 2 2 1 1 env SLURM_QOS=perjob srun --sft-bench=tiny:2,gpus=1
    sacctmgr -i modify user "$me" set defaultqos=perjob
    starts 2 1 2 1 srun --sft-bench=tiny:1
    sacctmgr -i modify user "$me" set defaultqos=normal MaxTRESPerJob=cpu=2
    starts 2 1 2 1 srun --sft-bench=tiny:1
    sacctmgr -i modify user "$me" set MaxTRESPerJob=cpu=-1
    site '$aAccountingStorageEnforce=associations,limits,qos' 's/^(PartitionName.*)/\1 QOS=part/'
    starts 2 1 2 1 srun --sft-bench=tiny:1
}

@test "a limit of an ordinary user's account" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    chmod 755 "$FOLDER"
    sacctmgr -i add user nobody account=site cluster=sft qos=pernode defaultqos=pernode
    site '$aAccountingStorageEnforce=associations,limits,qos'
    starts 2 1 2 1 setpriv --reuid=65534 --regid=65534 --clear-groups srun --chdir=/ --sft-bench=tiny:1
}

@test "the user's GPUs are the plan's: options" {
    site
    starts 2 2 1 2 srun --gres=gpu:1 --sft-bench=tiny:2
    silent
    starts 2 2 1 2 srun --gpus-per-node=1 --sft-bench=tiny:2
    starts 2 2 1 2 srun --gpus=2 --sft-bench=tiny:2
    starts 4 2 2 2 srun --gpus=4 --sft-bench=tiny
    starts 2 1 1 2 srun --gpus-per-task=1 --sft-bench=tiny:1
    plain -N1 --ntasks-per-gpu=1 --gpus=2
    # from 23.11 on, where --gpu-bind=none can be asked for, a task sees its peers' GPUs, too
    seen=1
    [ "$(release)" -lt 2311 ] || seen=2
    starts 2 1 $seen '' srun --ntasks-per-gpu=1 --gpus=2 --sft-bench=tiny:1
    starts 2 1 $seen '' srun --ntasks-per-gpu=1 --sft-bench=tiny:1
    # tasks a node, and fewer tasks than that makes
    starts 3 1 0 '' srun -n 3 --ntasks-per-node=4 --sft-bench=tiny:1,gpus=0
    starts 1 1 0 '' srun --gres=none --sft-bench=tiny:1
    starts 4 2 2 2 srun -n 4 --sft-bench=tiny
    starts 2 2 1 2 srun -n 2 --sft-bench=tiny:2
    starts 1 1 1 2 srun --ntasks-per-node=1 --sft-bench=tiny:1
    starts 4 2 2 2 srun -w ${N}3 --sft-bench=tiny:2
}

@test "the user's GPUs are the plan's: variables, sbatch, salloc, a step of an allocation" {
    starts 2 2 1 2 env SLURM_GPUS=2 srun --sft-bench=tiny:2
    starts 2 2 1 2 env SLURM_GPUS_PER_NODE=1 srun --sft-bench=tiny:2
    starts 2 2 1 2 env SLURM_GRES=gpu:1 srun --sft-bench=tiny:2
    starts 1 1 1 2 env SALLOC_GRES=gpu:1 salloc -Q --sft-bench=tiny:1
    starts 1 1 1 2 salloc -Q --gpus-per-node=1 --sft-bench=tiny:1
    starts 1 1 1 '' salloc -Q -N1 --gpus-per-node=2 --cpus-per-task=4 srun --gres=gpu:1 --sft-bench=tiny
    SBATCH_GPUS_PER_NODE=1 sbatch -Q --wait -o out --sft-bench=tiny:2
    starts 2 2 1 2 cat out
    sbatch -Q --wait -o out --gres=gpu:1 --sft-bench=tiny:1
    starts 1 1 1 2 cat out
}

@test "allocations of another shape: a step has one rank a GPU all the same" {
    printf '#!/bin/sh\nsrun --sft-bench=tiny\n' >script
    sbatch -Q --wait -o out --ntasks-per-gpu=1 --gpus=2 --sft-bench=tiny:1
    starts 2 1 2 '' cat out
    sbatch -Q --wait -o out --gpus-per-task=2 -n1 -c 4 script
    starts 2 1 2 2 cat out
    sbatch -Q --wait -o out --gpus=2 -N1 script
    starts 2 1 2 '' cat out
    [[ $output == *'sft-bench: note: this allocation has 1 CPU on a node for 2 tasks, which share them'* ]]
    starts 2 1 2 2 salloc -Q -N2 --gpus-per-node=2 -c4 srun -w ${N}2 --sft-bench=tiny
    run salloc -Q -N1 --gpus-per-node=2 srun -n 3 --sft-bench=tiny
    [ "$status" -eq 1 ]
    [ "$output" = 'sft-bench: -n 3: gpus=3: the nodes of this allocation have 2; ask for 2 or fewer' ]
    plain -N1 -n 6 -O
    run srun -O -n 6 --sft-bench=tiny:1,gpus=0
    [ "$(grep -c ' of=6 ' <<<"$output")" -eq 6 ]
}

@test "GPUs that make no plan: one line that names the key, nothing allocated" {
    refused '--gpus-per-task=2: a rank trains on one GPU' srun --gpus-per-task=2 --sft-bench=tiny:1
    refused 'say with gpus=N' env SLURM_GPUS_PER_TASK=2 srun --sft-bench=tiny:1
    refused '--ntasks-per-gpu=2: a GPU has one rank' srun --ntasks-per-gpu=2 --gpus=1 --sft-bench=tiny:1
    refused '--gpus=3 does not divide by 2 nodes' srun --gpus=3 --sft-bench=tiny:2
    refused '-n 3 does not divide by 2 nodes' srun -n 3 --sft-bench=tiny:2
    refused 'say gpus=2' srun --gpus-per-node=1 -n 2 --sft-bench=tiny:1
    refused 'gpus=2 and --gres=gpu:1 are a contradiction' srun --gres=gpu:1 --sft-bench=tiny:2,gpus=2
    refused "--gres=gpu:3: gpus=3: the nodes of partition 'gpu' have 2" srun --gres=gpu:3 --sft-bench=tiny:2
    refused "--ntasks-per-node=4: gpus=4: the nodes of partition 'gpu' have 2" sbatch --ntasks-per-node=4 --sft-bench=tiny:1
    refused '--gpus-per-socket=1: not to be planned with' salloc --gpus-per-socket=1 --sft-bench=tiny:1
}

@test "slices are no GPUs; by their type they are asked for, a rank each; of mixed types one is trained on" {
    node_gpus 1 h100:2 1g.10gb:4
    node_gpus 2 a100:1 h100:2
    node_gpus 3 a100_3g.20gb:2
    site "s/(^NodeName=${N}1.*)gpu:2/\1gpu:h100:2,gpu:1g.10gb:4/" "s/(^NodeName=${N}2.*)gpu:2/\1gpu:a100:1,gpu:h100:2/" \
        "s/(^NodeName=${N}3.*)gpu:2/\1gpu:a100_3g.20gb:2/"
    starts 2 1 2 2 srun -w ${N}1 --sft-bench=tiny:1
    starts 4 2 2 1 srun --sft-bench=tiny:2
    [ "$(grep -c "node=${N}2 gpus=1,2 " <<<"$output")" -eq 2 ]
    starts 3 1 3 1 srun -w ${N}2 --sft-bench=tiny:1,gpus=3
    refused "are slices: ask for them by type, --gres=gpu:a100_3g.20gb:N" srun -w ${N}3 --sft-bench=tiny:1
    refused "tiny:3: partition 'gpu' has 2 nodes" srun --sft-bench=tiny:3
    starts 2 1 1 2 srun --gres=gpu:a100_3g.20gb:2 --sft-bench=tiny:1
    [ "$(grep -o 'gpus=[01]' <<<"$output" | sort -u | wc -l)" -eq 2 ]
    starts 3 1 1 1 srun --gpus-per-node=1g.10gb:3 --sft-bench=tiny:1
    [ "$(grep -o 'gpus=[2345]' <<<"$output" | sort -u | wc -l)" -eq 3 ]
    sbatch -Q --wait -o out --gres=gpu:1g.10gb:2 --sft-bench=tiny:1
    starts 2 1 1 2 cat out
    as_before
}

# Two nodes of 2 GPUs and one of 4, in partitions of their own and in one of all.
mixed() {
    node_gpus 3 -:4
    site "s/^(NodeName=${N}3.*) CPUs=4(.*)gpu:2(.*)/\1 CPUs=8\2gpu:4\3 Feature=big,ib/" \
        "s/^(NodeName=${N}1.*)/\1 Feature=small/" '/^PartitionName/d' \
        "\$aPartitionName=a100 Nodes=${N}[1-2] Default=YES\nPartitionName=h200 Nodes=${N}3\nPartitionName=all Nodes=ALL" "$@"
}

@test "mixed nodes: those that the job can get are planned for" {
    mixed
    starts 4 1 4 2 srun -p all --sft-bench=tiny:1,gpus=4
    starts 4 1 4 2 srun -p all -w ${N}3 --sft-bench=tiny:1
    silent
    starts 4 1 4 2 srun -p all -C big --sft-bench=tiny:1
    starts 4 1 4 2 srun -p all -C 'big&ib' --sft-bench=tiny:1
    starts 4 1 4 2 srun -p all -x "${N}[1-2]" --sft-bench=tiny:1
    starts 4 1 4 2 srun -p a100,h200 --sft-bench=tiny:1,gpus=4
    starts 4 1 4 2 env SLURM_PARTITION=all SLURM_CONSTRAINT=big srun --sft-bench=tiny
    starts 6 3 2 2 srun -p all --sft-bench=tiny:3
    starts 2 1 2 2 srun -p all --sft-bench=tiny:1
    [[ ${lines[0]} == "sft-bench: note: the nodes of partition 'all' have 2 to 4 GPUs: planned for 2"* ]]
    refused "tiny:2: partition 'all' has 1 node with 4 GPUs" srun -p all --sft-bench=tiny:2,gpus=4
    refused "no node of partition 'all' (with -C) is left" srun -p all -C none --sft-bench=tiny:1
    refused "gpus=4: the nodes of partition 'a100' have 2" srun --sft-bench=tiny:1,gpus=4
}

@test "a reservation's nodes, and nodes that are drained" {
    scontrol create reservation=big starttime=now duration=60 nodes=${N}3 users="$(id -un)" flags=ignore_jobs
    starts 4 1 4 2 srun -p all --reservation=big --sft-bench=tiny:1
    scontrol delete reservation=big
    scontrol update nodename="${N}[1-2]" state=drain reason=test
    starts 4 1 4 2 srun -p all --sft-bench=tiny:1
    scontrol update nodename="${N}[1-2]" state=resume
}

@test "job_submit/lua chooses the partition, with and without a default one" {
    need_lua job_submit
    cat >"$ETC/job_submit.lua" <<'LUA'
function slurm_job_submit(job, parts, uid)
    if job.partition == nil then job.partition = "h200" end
    return slurm.SUCCESS
end
function slurm_job_modify(job, record, parts, uid) return slurm.SUCCESS end
return slurm.SUCCESS
LUA
    mixed '$aJobSubmitPlugins=lua'
    starts 4 1 4 2 srun --sft-bench=tiny:1
    silent
    starts 4 1 4 2 srun -Q --sft-bench=tiny:1,gpus=4
    starts 2 1 2 2 srun -p a100 --sft-bench=tiny:1
    sbatch -Q --wait -o out --sft-bench=tiny:1
    starts 4 1 4 2 cat out
    run salloc -Q --sft-bench=tiny:1
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'sft-bench: note: planned for partition a100, 2 GPUs a node: '*'-p names a partition' ]]
    mixed '$aJobSubmitPlugins=lua' 's/ Default=YES//'
    plain -N1
    starts 4 1 4 2 srun --sft-bench=tiny:1
    silent
    run salloc -Q --sft-bench=tiny:1
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == 'sft-bench: note: planned for any partition, 2 GPUs a node: '* ]]
}

@test "job_submit/lua sends jobs by their GPUs" {
    need_lua job_submit
    cat >"$ETC/job_submit.lua" <<'LUA'
function slurm_job_submit(job, parts, uid)
    job.partition = job.tres_per_node == nil and "a100" or "h200"
    return slurm.SUCCESS
end
function slurm_job_modify(job, record, parts, uid) return slurm.SUCCESS end
return slurm.SUCCESS
LUA
    mixed '$aJobSubmitPlugins=lua'
    starts 4 1 4 2 srun --sft-bench=tiny:1
    starts 1 1 0 4 srun --sft-bench=tiny:1,gpus=0
    [[ $output == *"node=${N}1 "* ]]
}

@test "no default partition and nobody who chooses: what was assumed is said, and Slurm has its say" {
    mixed 's/ Default=YES//'
    run srun --sft-bench=tiny:1
    [ "$status" -ne 0 ]
    [[ ${lines[0]} == 'sft-bench: note: no default partition: planned for any node of this cluster, 2 GPUs a node; -p '* ]]
    [[ $output == *'srun: error: Unable to allocate resources'* ]]
    starts 4 1 4 2 srun -p h200 --sft-bench=tiny:1
}

# With /root another one: the defaults are read from the user's home alone.
with_defaults() { # with_defaults LINES COMMAND...
    local text=$1
    shift
    unshare -m sh -c 'mount -t tmpfs none "$HOME" && mkdir "$HOME/.slurm" && printf "$1" >"$HOME/.slurm/defaults" &&
        shift && exec "$@"' sh "$text" "$@"
}

@test "cli_filter/user_defaults: partition and constraint of the user's file" {
    [ "$(id -u)" -eq 0 ] && unshare -m mount -t tmpfs none "$HOME" || skip "needs root and a mount namespace"
    mixed '$aCliFilterPlugins=cli_filter/user_defaults'
    starts 4 1 4 2 with_defaults '*:*:partition = h200\n' srun --sft-bench=tiny:1
    silent
    starts 4 1 4 2 with_defaults '*:*:partition = h200\n' srun --sft-bench=tiny:1,gpus=4
    starts 2 1 2 2 with_defaults '*:*:partition = h200\n' srun -p a100 --sft-bench=tiny:1
    starts 4 1 4 2 with_defaults '*:*:partition = all\n*:*:constraint = big\n' srun --sft-bench=tiny:1
    [[ ${lines[0]} == "sft-bench: note: planned for 4 GPUs a node, as ${N}3 has"* ]]
    starts 2 1 2 2 with_defaults '' srun --sft-bench=tiny:1
}

@test "cli_filter/lua chooses the partition" {
    need_lua cli_filter
    cat >"$ETC/cli_filter.lua" <<'LUA'
function slurm_cli_setup_defaults(options, early) return slurm.SUCCESS end
function slurm_cli_pre_submit(options, number)
    if options["partition"] == nil then options["partition"] = "h200" end
    return slurm.SUCCESS
end
function slurm_cli_post_submit(number, job, step) return slurm.SUCCESS end
LUA
    mixed '$aCliFilterPlugins=cli_filter/lua'
    run srun sh -c 'echo $SLURM_JOB_PARTITION'
    [ "$output" = h200 ]
    starts 4 1 4 2 srun --sft-bench=tiny:1
    silent
    sbatch -Q --wait -o out --sft-bench=tiny:1
    starts 4 1 4 2 cat out
}

@test "hosts in the site's file that Slurm does not know are left out, and told with file and line" {
    as_before
    site
    printf 'job = %s\nexclude_hosts = %s,gone-node-[01-03,07],hgx[3-]\n' "$DUMMY" "${N}2" >sft-bench.conf
    starts 4 2 2 2 srun --sft-bench=tiny:2
    [[ ${lines[0]} == "sft-bench: note: $FOLDER/sft-bench.conf:2: exclude_hosts: Slurm knows no node 'hgx[3-]', 'gone-node-01', "*' and 1 more: left out of the list'* ]]
    [ "$(grep -c '^sft-bench' <<<"$output")" -eq 1 ]
    [[ $output != *"node=${N}2 "* ]]
    printf 'job = %s\nexclude_hosts = FUKUSHIMADC-02-HGX-0002,%s3.example.org\n' "$DUMMY" "$N" >sft-bench.conf
    starts 2 1 2 2 srun --sft-bench=tiny:1
    silent
    [[ $output == *"node=${N}1 "* ]]
    run srun --sft-bench=tiny:2
    [ "$status" -eq 1 ]
    [[ $output == *"partition 'gpu' has 1 node;"*'(without exclude_hosts = FUKU'* ]]
    starts 4 2 2 2 srun -w "${N}[2-3]" --sft-bench=tiny:2
}

@test "a partition in the site's file that Slurm does not know, or knows in other letters" {
    printf '# c\njob = %s\npartition = gone\n' "$DUMMY" >sft-bench.conf
    starts 2 1 2 2 srun --sft-bench=tiny:1
    [[ ${lines[0]} == "sft-bench: note: $FOLDER/sft-bench.conf:3: partition: Slurm knows no partition 'gone': left out" ]]
    printf 'job = %s\npartition = GPU\n' "$DUMMY" >sft-bench.conf
    starts 2 1 2 2 srun --sft-bench=tiny:1
    silent
}
