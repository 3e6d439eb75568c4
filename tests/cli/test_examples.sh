#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The examples of prolog and epilog, with tools that only pretend: what they say, what they remove and what they leave.
# (tests/cluster/site_scripts.bats has them run by slurmd.)
set -u
src=${SFT_SRCDIR:?} build=${SFT_BUILDDIR:?}
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"/{bin,dev,sys/class/infiniband/mlx5_0/ports/1,spool/sft-bench,tmp,shm}
port=$folder/sys/class/infiniband/mlx5_0/ports/1
export SLURMD_NODENAME=n1 SLURM_JOB_GPUS=0,1

fake() { # fake NAME LINE... : a shell script
    local file=$folder/bin/$1
    shift
    printf '%s\n' '#!/bin/sh' "$@" >"$file"
    chmod +x "$file"
}

# copy FILE SETTING... : as an admin sets it up
copy() {
    local file=$1 setting
    cp "$file" "$folder/script"
    chmod 755 "$folder/script"
    shift
    for setting in "$@"; do
        grep -q "^${setting%%=*}=" "$folder/script" || fail "no setting ${setting%%=*}"
        sed -i "s|^${setting%%=*}=.*|$setting|" "$folder/script"
    done
}

fail() {
    echo "not ok $*"
    failed=1
}

# runs NAME STATUS [PATTERN] : exit status, and the node's reason ("": it is not drained)
runs() {
    local status reason
    rm -f "$folder/drained"
    PATH=$folder/bin:$PATH "$folder/script" >"$folder/out" 2>&1
    status=$?
    reason=$(cat "$folder/drained" 2>/dev/null)
    # shellcheck disable=SC2053
    if [ $status -eq "$2" ] && [[ $reason == ${3-} ]]; then
        echo "ok $1"
    else
        fail "$1: status $status, reason '$reason'"
        cat "$folder/out"
    fi
}

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else fail "$name"; fi
}

fake scontrol 'echo "$*" >'"$folder/drained"
fake nvidia-smi 'echo "GPU 0: NVIDIA H200 (UUID: GPU-1)"; echo "GPU 1: NVIDIA H200 (UUID: GPU-2)"'
prolog() { copy "$src/contrib/slurm/prolog.d/50-sft-bench" "DEV=$folder/dev" "SYSFS=$folder/sys" "PATIENCE=1" "$@"; }
prolog
runs "prolog: GPUs that answer" 0
fake nvidia-smi 'echo "No devices were found"; exit 6'
runs "prolog: the driver's error is the reason" 1 \
    'update nodename=n1 state=drain reason=sft-bench: nvidia-smi -L ends with 6: No devices were found*'
SLURM_JOB_GPUS='' runs "prolog: a job without GPUs is not stopped" 0
fake nvidia-smi 'exec sleep 20'
runs "prolog: a driver that hangs" 1 '*reason=sft-bench: nvidia-smi has not answered for 1 s'
fake nvidia-smi 'true'
runs "prolog: no GPU at all" 1 '*reason=sft-bench: nvidia-smi finds no GPU'
rm "$folder/bin/nvidia-smi"
prolog NVIDIA_SMI=no-such-tool
runs "prolog: no nvidia-smi" 1 '*reason=sft-bench: nvidia-smi -L ends with 127: *'
fake nvidia-smi 'echo "GPU 0: NVIDIA H200 (UUID: GPU-1)"; echo "Unable to determine the device handle for gpu 0000:19:00.0: Unknown Error"'
prolog
if mknod "$folder/dev/nvidia0" c 1 3 2>/dev/null && mknod "$folder/dev/nvidia1" c 1 3; then
    touch "$folder/dev/nvidia-caps" # no GPU's
    runs "prolog: fewer GPUs than device files" 1 '*reason=sft-bench: 1 of 2 GPUs answer: Unable to determine*'
else
    echo "ok prolog: fewer GPUs than device files # skip only root makes device files"
fi
fake nvidia-smi 'echo "GPU 0: A"; echo "GPU 1: A"'
prolog 'PORTS="mlx5_0 mlx5_0:1"'
echo "4: ACTIVE" >"$port/state"
echo "5: LinkUp" >"$port/phys_state"
runs "prolog: ports that are up" 0
echo "1: DOWN" >"$port/state"
echo "2: Polling" >"$port/phys_state"
runs "prolog: a port that is down" 1 '*reason=sft-bench: port mlx5_0:1 is DOWN (Polling)'
prolog 'PORTS="mlx5_7:2"'
runs "prolog: a port that is not there" 1 '*reason=sft-bench: no port mlx5_7:2'

epilog() {
    copy "$build/contrib/slurm/epilog.d/50-sft-bench" "SPOOL=$folder/spool" "TMP=$folder/tmp" "SHM=$folder/shm" \
        "DELIVER=$folder/bin/deliver"
}
grep -q "^DELIVER=/.*/sft-bench-deliver$" "$build/contrib/slurm/epilog.d/50-sft-bench" || fail "the command's place"
fake logger 'shift 3; echo "log: $*"'
fake deliver 'echo "$*" >'"$folder/delivered" 'echo "7.0: delivered, to slurmdbd"; exit 1'
epilog
touch "$folder/spool/sft-bench/7.0"
runs "epilog: a record of just now" 0
check "epilog: is left to the plugin" [ ! -e "$folder/delivered" ]
touch -d '-1 hour' "$folder/spool/sft-bench/7.0"
runs "epilog: a record since an outage; a failure drains no node" 0
check "epilog: is delivered" grep -qx -- "--wait 0 $folder/spool/sft-bench" "$folder/delivered"
check "epilog: what was done is logged" grep -qx "log: 7.0: delivered, to slurmdbd" "$folder/out"
old=("spool/pmix.7.0.aside.17.9" "tmp/spmix_appdir_0_7.0.aside.17.9")
new=("spool/pmix.8.0.aside.18.9" "spool/pmix.9.0" "tmp/spmix_appdir_0_9.0" "tmp/other.aside.1.2")
for name in "${old[@]}" "${new[@]}"; do
    mkdir "$folder/$name"
    touch "$folder/$name/file"
    touch -d '-3 days' "$folder/$name"
done
touch "$folder/${new[0]}"
ln -s / "$folder/tmp/spmix_appdir_0_5.0.aside.1.1"
touch -h -d '-3 days' "$folder/tmp/spmix_appdir_0_5.0.aside.1.1"
runs "epilog: leftovers" 0
for name in "${old[@]}"; do check "epilog: $name goes" [ ! -e "$folder/$name" ]; done
for name in "${new[@]}" tmp/spmix_appdir_0_5.0.aside.1.1; do check "epilog: $name stays" [ -e "$folder/$name" ]; done
if [ "$(id -u)" -eq 0 ]; then
    ids=(64123 64124)
    for id in "${ids[@]}"; do
        touch "$folder/shm/vader_segment.n1.$id" "$folder/shm/sm_segment.n1.$id" "$folder/shm/own.$id"
        chown "$id" "$folder/shm"/*."$id"
    done
    setpriv --reuid=64124 --clear-groups sleep 20 &
    SLURM_JOB_UID=64123 runs "epilog: shared memory" 0
    SLURM_JOB_UID=64124 runs "epilog: shared memory of a user who is still here" 0
    kill $!
    check "epilog: what nobody uses goes, no other file" [ "$(cd "$folder/shm" && echo *)" = \
        "own.64123 own.64124 sm_segment.n1.64124 vader_segment.n1.64124" ]
else
    echo "ok epilog: shared memory # skip only root makes other users' files"
fi
exit $failed
