# SPDX-License-Identifier: Apache-2.0
# NCCL's variables in the environment that tasks really have, against what explain says. The NICs are described
# (their sysfs files are made up); Slurm and the environment are real.
load helpers

setup_file() {
    need_slurm
    cluster_folder
    make_nics "$FOLDER/machine"
    make_show "$FOLDER/show"
    site
    printf '#!/bin/sh\ncat %s 2>/dev/null || :\n' "$FOLDER/exports" >"$FOLDER/prolog"
    chmod +x "$FOLDER/prolog"
    "$CLUSTER" start "$FOLDER/c" --nodes 3 --gpus 2 --conf "TaskProlog=$FOLDER/prolog" --plugin "$PLUGIN" \
        --plugin-args "config=$FOLDER/sft-bench.conf root=$FOLDER/machine" >"$FOLDER/start.log" 2>&1 || {
        cat "$FOLDER/start.log" >&2
        return 1
    }
}

teardown_file() {
    cluster_down
}

setup() {
    cluster_enter
    site
    rm -f "$FOLDER/exports" "$FOLDER/machine/home/u/.nccl.conf" "$FOLDER/machine/etc/nccl.conf"
}

# site [LINE]... : the site's file; the job shows its environment
site() {
    printf '%s\n' "job = $FOLDER/show" "$@" >"$FOLDER/sft-bench.conf"
}

# nic DEVICE INTERFACE ADDRESS(hex) STATE : one RoCE port of 400 Gb/s with its GIDs
nic() {
    local port=$machine/sys/class/infiniband/$1/ports/1 index=0 gid type
    mkdir -p "$port/gids" "$port/gid_attrs/types" "$port/gid_attrs/ndevs" "$machine/sys/class/net/$2"
    echo "$4" >"$port/state"
    echo '400 Gb/sec (4X NDR)' >"$port/rate"
    echo Ethernet >"$port/link_layer"
    echo up >"$machine/sys/class/net/$2/operstate"
    for gid in fe80:0000:0000:0000:ba59:9fff:fe12:3456 "0000:0000:0000:0000:0000:ffff:$3"; do
        for type in 'IB/RoCE v1' 'RoCE v2'; do
            echo "$gid" >"$port/gids/$index"
            echo "$type" >"$port/gid_attrs/types/$index"
            echo "$2" >"$port/gid_attrs/ndevs/$index"
            index=$((index + 1))
        done
    done
}

# Two ports that carry collectives, one that is down; the default route by another interface.
make_nics() {
    local machine=$1
    mkdir -p "$machine/proc/net" "$machine/home/u" "$machine/etc" "$machine/sys/bus/pci/devices"
    nic mlx5_1 eth1 0a01:0001 '4: ACTIVE'
    nic mlx5_10 eth2 0a01:0002 '4: ACTIVE'
    nic mlx5_3 eth3 0a01:0003 '1: DOWN'
    mkdir -p "$machine/sys/class/net/eno1"
    echo up >"$machine/sys/class/net/eno1/operstate"
    printf 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nEOL' | head -n 1 \
        >"$machine/proc/net/route"
    printf 'eno1\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' >>"$machine/proc/net/route"
}

# In the job's place: rank, each variable of NCCL and the tuned folder that the task has; and the record of a complete run.
make_show() {
    cat >"$1" <<'EOF'
#!/bin/bash
case $* in *--check*) exit 0 ;; esac
env | grep '^NCCL_\|^SFT_BENCH_TUNED=' | sed "s/^/$SLURM_PROCID /"
[ "$SLURM_PROCID" -ne 0 ] || printf '%-4096s' 'sft1{state=complete}' 1<>"/proc/self/fd/$SFT_BENCH_RECORD_FD"
EOF
    chmod +x "$1"
}

# of RANK NAME : the value that the rank's task has, in $output
of() { sed -n "s/^$1 $2=//p" <<<"$output"; }

as_found() { # as_found RANK
    [ "$(of "$1" NCCL_IB_HCA)" = '=mlx5_1:1,mlx5_10:1' ]
    [ "$(of "$1" NCCL_SOCKET_IFNAME)" = '=eno1' ]
    [ "$(of "$1" NCCL_CROSS_NIC)" = 2 ]
    [ -z "$(of "$1" NCCL_IGNORE_CPU_AFFINITY)" ]
    [ "$(grep -c "^$1 " <<<"$output")" -eq 3 ] # and nothing else: this machine has no GPU to be near
}

@test "every task of two nodes has the variables of its node's ports" {
    run srun --sft-bench=tiny:2,gpus=2
    [ "$status" -eq 0 ]
    for rank in 0 1 2 3; do
        as_found $rank
    done
}

@test "an empty environment changes nothing" {
    run srun --export=NONE --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    as_found 0
    as_found 1
    NCCL_DEBUG=INFO run srun --export=FOO=1 --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    as_found 1
}

@test "on one node no network is chosen" {
    run srun --sft-bench=tiny:1,gpus=2
    [ "$status" -eq 0 ]
    [ -z "$(of 0 NCCL_IB_HCA)" ]
    [ "$(of 1 NCCL_SOCKET_IFNAME)" = '=eno1' ]
}

@test "what the user has set is left, in the environment, on the line and in NCCL's own files" {
    NCCL_IB_HCA=mlx5_7 NCCL_CROSS_NIC= NCCL_DEBUG=WARN run srun --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    [ "$(of 1 NCCL_IB_HCA)" = mlx5_7 ]
    [ "$(of 1 NCCL_DEBUG)" = WARN ]
    grep -qx '1 NCCL_CROSS_NIC=' <<<"$output"
    [ "$(of 1 NCCL_SOCKET_IFNAME)" = '=eno1' ]
    run srun --export=ALL,NCCL_SOCKET_IFNAME=eth9 --sft-bench=tiny:2,gpus=1
    [ "$(of 0 NCCL_SOCKET_IFNAME)" = eth9 ]
    echo NCCL_IB_HCA=mlx5_10 >"$FOLDER/machine/home/u/.nccl.conf"
    echo NCCL_SOCKET_IFNAME=eth8 >"$FOLDER/machine/etc/nccl.conf"
    HOME=/home/u run srun --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    [ -z "$(of 0 NCCL_IB_HCA)" ] # NCCL reads it itself, and the environment would win
    [ -z "$(of 0 NCCL_SOCKET_IFNAME)" ]
    [ "$(of 0 NCCL_CROSS_NIC)" = 2 ]
}

@test "the site's file adds what sysfs cannot tell" {
    site 'fabric = spectrum-x' 'traffic_class = 96' 'fabric_exclude = mlx5_10' 'nccl_env = NCCL_DEBUG=VERSION' \
        'nccl_env = NCCL_SOCKET_IFNAME=eth1'
    NCCL_IB_TC=41 run srun --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    [ "$(of 1 NCCL_IB_HCA)" = '=mlx5_1:1' ]
    [ "$(of 1 NCCL_IB_ADAPTIVE_ROUTING)" = 1 ]
    [ "$(of 1 NCCL_IB_TC)" = 41 ]
    [ "$(of 1 NCCL_DEBUG)" = VERSION ]
    [ "$(of 1 NCCL_SOCKET_IFNAME)" = eth1 ]
}

@test "the site's tuned folder reaches every task, and the user's own is left" {
    site 'tuned = /shared/tuned'
    run srun --sft-bench=tiny:2,gpus=1
    [ "$status" -eq 0 ]
    [ "$(of 0 SFT_BENCH_TUNED)" = /shared/tuned ]
    [ "$(of 1 SFT_BENCH_TUNED)" = /shared/tuned ]
    SFT_BENCH_TUNED=/mine run srun --sft-bench=tiny:2,gpus=1
    [ "$(of 1 SFT_BENCH_TUNED)" = /mine ]
    site
    run srun --sft-bench=tiny:2,gpus=1
    [ -z "$(of 1 SFT_BENCH_TUNED)" ]
}

@test "a line of the site's file that is wrong refuses the run with its number" {
    site '' 'traffic_class = 300'
    run srun --sft-bench=tiny:2
    [ "$status" -eq 1 ]
    [ "$output" = "sft-bench: $FOLDER/sft-bench.conf:3: traffic_class: 300 is out of range, 0 to 255" ]
    run srun true
    [ "$status" -eq 0 ]
}

@test "hosts that the site leaves out get no task, unless the user names them" {
    site 'exclude_hosts = fukushimadc-02-hgx-[0001-0002]'
    run srun --sft-bench=tiny:2
    [ "$status" -eq 1 ]
    [[ $output == *"has 1 node;"*"(without exclude_hosts = fukushimadc-02-hgx-[0001-0002])" ]]
    sed 's/^env .*/echo on $SLURMD_NODENAME/' "$FOLDER/show" >"$FOLDER/where"
    chmod +x "$FOLDER/where"
    echo "job = $FOLDER/where" >>"$FOLDER/sft-bench.conf"
    run srun --sft-bench=tiny:1,gpus=1
    [ "$output" = "on fukushimadc-02-hgx-0003" ]
    run srun -w fukushimadc-02-hgx-0001 --sft-bench=tiny:1,gpus=1
    [ "$output" = "on fukushimadc-02-hgx-0001" ]
    run srun --exclude=fukushimadc-02-hgx-0003 --sft-bench=tiny:2,gpus=1
    [ "$(sort <<<"$output" | head -n 1)" = "on fukushimadc-02-hgx-0001" ]
}

@test "explain tells every variable with its reason, and the record has what was set" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "job = $JOB" 'fabric = spectrum-x'
    NCCL_IB_GID_INDEX=3 run srun --sft-bench=explain:2,gpus=2
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^node ' <<<"$output")" -eq 2 ]
    grep -Eq '^ mlx5_10:1 +yes +eth2 +400 +-1 +3 10.1.0.2 ' <<<"$output"
    grep -Eq '^ mlx5_3:1 +no .*its state is DOWN' <<<"$output"
    grep -Eq '^ NCCL_IB_HCA +set +=mlx5_1:1,mlx5_10:1 ' <<<"$output"
    grep -Eq "^ NCCL_IB_GID_INDEX +user's +3 +the user has set it" <<<"$output"
    grep -Eq '^ NCCL_ALGO +unset +- +' <<<"$output"
    grep -q '^warning: 2 nodes (fukushimadc-02-hgx-0001, fukushimadc-02-hgx-0002): mlx5_3:1 is DOWN' <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_IB_GID_INDEX=3 of the user' <<<"$output"
    grep -q '^warning: 2 nodes (.*): spectrum-x without traffic_class' <<<"$output"
    [[ $output != *"after the plugin"* && $output != *"than rank 0"* ]]
    run srun --sft-bench=explain:2,gpus=1 -- --json
    python3 - <<PY
import json
tasks = json.loads("""$output""")["tasks"]
assert len(tasks) == 2
for t in tasks:
    decided = {v["name"]: v["value"] for v in t["network"]["variables"] if v["who"] == "set"}
    assert decided == t["variables"] and len(decided) == 4, (decided, t["variables"])
    assert t["network"]["rate_gbps"] == 800 and all(v["why"] for v in t["network"]["variables"])
PY
    run srun --sft-bench=tiny:2,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic,out="$FOLDER/out"
    [ "$status" -eq 0 ]
    python3 -c "
import json
r = json.load(open('$FOLDER/out/result.json'))
assert 'NCCL_IB_HCA==mlx5_1:1,mlx5_10:1' in r['nccl_env'].split(), r
assert r['nic_gbps'] == 800, r"
}

@test "what a TaskProlog sets is shown, held against the node's ports, and warned of" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "job = $JOB"
    printf 'export %s\n' NCCL_IB_HCA=mlx5_7 NCCL_SOCKET_IFNAME=ens9 NCCL_IB_TC=41 >"$FOLDER/exports"
    run srun --sft-bench=explain:2,gpus=1
    echo "$output"
    [ "$status" -eq 0 ]
    grep -Eq '^ NCCL_IB_HCA +changed +mlx5_7 +was =mlx5_1:1,mlx5_10:1 when the plugin looked' <<<"$output"
    grep -Eq '^ NCCL_IB_TC +changed +41 +not set when the plugin looked' <<<"$output"
    grep -Eq '^ mlx5_10:1 +no ' <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_IB_HCA=mlx5_7, not =mlx5_1:1,mlx5_10:1: something changed it' <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_IB_HCA=mlx5_7 of a TaskProlog or wrapper takes none of this' <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_SOCKET_IFNAME=ens9 .*: this node has no such interface (eno1, eth1' <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_IB_TC=41, which was not set' <<<"$output"
    run srun --sft-bench=tiny:2,gpus=1,device=cpu,steps=2,warmup=1,data=synthetic,out="$FOLDER/out5"
    [ "$status" -eq 0 ]
    python3 -c "
import json
r = json.load(open('$FOLDER/out5/result.json'))
assert 'NCCL_IB_HCA=mlx5_7' in r['nccl_env'].split() and 'nic_gbps' not in r, r"
}

@test "what the user sets is held against the node's ports and interfaces" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "job = $JOB"
    NCCL_IB_HCA=ibp NCCL_SOCKET_IFNAME=ens9f0np0 run srun --sft-bench=explain:2,gpus=1
    [ "$status" -eq 0 ]
    grep -q "^warning: 2 nodes (.*): NCCL_IB_HCA=ibp of the user takes none of this node's ports (mlx5_1, " <<<"$output"
    grep -q '^warning: 2 nodes (.*): NCCL_SOCKET_IFNAME=ens9f0np0 of the user: this node has no such' <<<"$output"
    NCCL_IB_GID_INDEX=12 NCCL_IB_HCA=^mlx5_10 run srun --sft-bench=explain:2,gpus=1
    grep -q 'NCCL_IB_GID_INDEX=12 of the user: mlx5_1:1 has no GID of that index' <<<"$output"
    [ "$(grep -Ec '^ mlx5_10:1 +no .*not in NCCL_IB_HCA of the user' <<<"$output")" -eq 2 ]
    [ "$(grep -Ec '^ mlx5_1:1 +yes ' <<<"$output")" -eq 2 ]
    echo 'NCCL_IB_HCA=ibp' >"$FOLDER/machine/home/u/.nccl.conf"
    HOME=/home/u run srun --sft-bench=explain:2,gpus=1
    grep -q 'NCCL_IB_HCA=ibp of /home/u/.nccl.conf takes none' <<<"$output"
    [[ $output != *"after the plugin"* ]]
}

# counter FILE VALUE : of mlx5_10
counter() { echo "$2" >"$FOLDER/machine/sys/class/infiniband/mlx5_10/ports/1/$1"; }

@test "what the ports' counters grow by in the measured steps is in the record, and faults by host and port" {
    [ -x "$JOB" ] || skip "the job is not installed: $JOB"
    site "job = $JOB"
    mkdir -p "$FOLDER"/machine/sys/class/infiniband/mlx5_{1,3,10}/ports/1/{hw_counters,counters}
    echo 7 >"$FOLDER/machine/sys/class/infiniband/mlx5_3/ports/1/hw_counters/packet_seq_err" # a port that is not used
    counter hw_counters/packet_seq_err 4294967295 # wraps around
    counter counters/port_xmit_data 1000
    local writer
    (
        bytes=1000
        for i in $(seq 100000); do
            bytes=$((bytes + 1000000))
            counter counters/port_xmit_data $bytes
            counter hw_counters/packet_seq_err "$i"
            [ -e "$FOLDER/machine" ] && sleep 0.05
        done
    ) &
    writer=$! # not %1: bats counts its own time limit in a job, whose sleep would be waited for
    run srun --sft-bench=tiny:2,gpus=1,device=cpu,steps=20,warmup=2,data=synthetic,out="$FOLDER/counted"
    kill "$writer"
    [ "$status" -eq 0 ]
    echo "$output"
    python3 - <<PY
import json, re
r = json.load(open("$FOLDER/counted/result.json"))
print(r.get("rdma_trouble"), r.get("rdma_gb"))
hosts = ["fukushimadc-02-hgx-0001", "fukushimadc-02-hgx-0002"]
found = re.findall(r"(\S+) mlx5_10:1 packet_seq_err (\d+)", r["rdma_trouble"])
assert [h for h, _ in found] == hosts and all(0 < int(n) < 2000 for _, n in found), r["rdma_trouble"]
ports = r["rdma_ports"]
assert [(p["host"], p["port"]) for p in ports] == [(h, p) for h in hosts for p in ("mlx5_1:1", "mlx5_10:1")], ports
grown = [p["port_xmit_data"] for p in ports if p["port"] == "mlx5_10:1"]
assert all(g > 0 and g % 4000000 == 0 for g in grown), grown
assert abs(r["rdma_gb"] * 1e9 - sum(grown)) < 1e-5 * sum(grown)
# two ranks, everything of 16 bits or 32 that is reduced and gathered: half of it leaves each node
assert r["rdma_needed_gb"] > 0 and "rdma_marked" not in r
PY
    # on one node nothing is asked
    run srun --sft-bench=tiny:1,gpus=2,device=cpu,steps=2,warmup=1,data=synthetic,out="$FOLDER/one"
    [ "$status" -eq 0 ]
    ! grep -q rdma_ "$FOLDER/one/result.json"
}
