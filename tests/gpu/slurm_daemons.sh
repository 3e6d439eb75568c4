# SPDX-License-Identifier: Apache-2.0
# Part of slurm.sh: the private Slurm's configuration and daemons, their start and end. The variables are slurm.sh's.
# shellcheck shell=bash disable=SC2034,SC2154

gpus_find() {
    local file spare=(null zero full random urandom) gpu
    for file in $(compgen -G '/dev/nvidia[0-9]*' | sort -V); do
        [ -c "$file" ] && gpu_files+=("$file")
    done
    if [ ${#gpu_files[@]} -gt 0 ]; then
        real=yes
        gpus=${gpus:-${#gpu_files[@]}}
        [ "$gpus" -le ${#gpu_files[@]} ] || die "--gpus $gpus: this machine has ${#gpu_files[@]}"
        gpu_files=("${gpu_files[@]:0:gpus}")
        return
    fi
    [ "$backend" != cuda ] ||
        die "missing /dev/nvidia0: install NVIDIA's driver, or try without a GPU with --backend cpu"
    # A GPU's file must be a character device; nothing is read from it.
    real=no gpus=${gpus:-1}
    for ((gpu = 0; gpu < gpus; gpu++)); do
        file=$work/dev/gpu$gpu
        mknod "$file" c 1 3 2>/dev/null || file=/dev/${spare[gpu]:-null}
        gpu_files+=("$file")
    done
}

ports_find() {
    local try port free
    for ((try = 0; try < 200; try++)); do
        port_base=$((20000 + (RANDOM % 3000) * 4)) free=yes
        for port in 0 1 2; do
            ! (exec 3<>"/dev/tcp/127.0.0.1/$((port_base + port))") 2>/dev/null || free=no
        done
        [ $free = no ] || return 0
    done
    die "no three free ports in a row from 20000 to 32000"
}

# The machine's own shape, or, where Slurm sees another number of CPUs than we may use, only their number.
node_shape() {
    local shape cpus
    cpus=$(nproc)
    shape=$(sl slurmd -C 2>/dev/null | grep -o "CPUs=$cpus .*ThreadsPerCore=[0-9]*")
    echo "${shape:-CPUs=$cpus}"
}

write_conf() {
    local me host gpu accounting
    me=$(id -un) host=$(uname -n)
    if [ $dbd = yes ]; then
        accounting="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((port_base + 1))
AccountingStoragePass=$work/munge.sock
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"
    else
        accounting="AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$logs/jobcomp.txt"
    fi
    cat >"$work/etc/slurm.conf" <<EOF
ClusterName=sftgpu
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port_base
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$work/munge.sock
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld-own.pid
SlurmdPidFile=$work/slurmd-own.pid
SlurmctldLogFile=$logs/slurmctld.log
SlurmdLogFile=$logs/slurmd.log
TmpFS=$work/tmp
${plugins:+PluginDir=$plugins}
PlugStackConfig=$work/etc/plugstack.conf
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
$accounting
KillWait=5
MinJobAge=86400
InactiveLimit=0
ReturnToService=2
SchedulerParameters=sched_min_interval=0
SchedulerType=sched/backfill
MailProg=/bin/true
NodeName=sftgpu NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port_base + 2)) $(node_shape) \
    RealMemory=1024 Gres=gpu:$gpus State=UNKNOWN
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
    echo "CgroupPlugin=cgroup/v1" >"$work/etc/cgroup.conf"
    echo "AutoDetect=off" >"$work/etc/gres.conf"
    for gpu in "${gpu_files[@]}"; do
        echo "NodeName=sftgpu Name=gpu File=$gpu" >>"$work/etc/gres.conf"
    done
    echo "required $prefix/lib/sft-bench/sft_bench.so config=$work/etc/sft-bench.conf" \
        >"$work/etc/plugstack.conf"
    {
        echo "job = $prefix/bin/sft-bench-job"
        if [ -e "$prefix/share/sft-bench/instructions.json" ]; then
            echo "data = $prefix/share/sft-bench/instructions.json"
        else
            echo "data = synthetic"
        fi
    } >"$work/etc/sft-bench.conf"
    cp "$work"/etc/*.conf "$logs"/
}

write_slurmdbd_conf() {
    cat >"$work/etc/slurmdbd.conf" <<EOF
AuthType=auth/munge
AuthInfo=socket=$work/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((port_base + 1))
SlurmUser=$(id -un)
PidFile=$work/slurmdbd-own.pid
LogFile=$logs/slurmdbd.log
${plugins:+PluginDir=$plugins}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
EOF
    chmod 600 "$work/etc/slurmdbd.conf"
}

# background NAME COMMAND... : its process id goes into NAME.pid
background() {
    local name=$1
    shift
    "${slurm_env[@]}" setsid "$@" >>"$logs/$name.out" 2>&1 </dev/null &
    echo $! >"$work/$name.pid"
    disown
}

# start_failed NAME : its last words
start_failed() {
    tail -qn 8 "$logs/$1.out" "$logs/$1.log" 2>/dev/null | sed 's/^/    /' >&2
    die "$1 did not start: $logs/$1.log"
}

munged_start() {
    dd if=/dev/urandom of="$work/munge.key" bs=1 count=128 2>/dev/null
    chmod 600 "$work/munge.key"
    background munged munged --foreground --force --socket="$work/munge.sock" \
        --key-file="$work/munge.key" --pid-file="$work/munged-own.pid" \
        --log-file="$logs/munged.log" --seed-file="$work/munge.seed" --num-threads=2
    wait_until 20 sl munge -n -S "$work/munge.sock" || start_failed munged
}

# With a tmpdir of its own: a mariadbd that starts deletes every #sql* there, another server's in use too.
dbd_start() {
    local base=(${slroot:+"--basedir=$slroot/usr"} "--tmpdir=$work/mysql-tmp")
    log_of mariadb sl mariadb-install-db --no-defaults "${base[@]}" --force --datadir="$work/mysql" --skip-test-db \
        --auth-root-authentication-method=normal || start_failed mariadb
    background mariadb mariadbd --no-defaults "${base[@]}" --user="$(id -un)" --datadir="$work/mysql" \
        --skip-networking --socket="$work/mysql.sock" --pid-file="$work/mariadb-own.pid" \
        --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 --innodb-lock-wait-timeout=900
    wait_until 60 sl mariadb --no-defaults -u root --socket="$work/mysql.sock" -e 'select 1' ||
        start_failed mariadb
    write_slurmdbd_conf
    background slurmdbd slurmdbd -D
    wait_until 60 sl sacctmgr -n list cluster || start_failed slurmdbd
    sl sacctmgr -i add cluster sftgpu >/dev/null 2>&1
}

dbd_find() {
    local tool
    [ $dbd = auto ] || return 0
    dbd=no
    for tool in slurmdbd sacct sacctmgr mariadbd mariadb-install-db mariadb; do
        PATH=$slurm_paths:$PATH command -v $tool >/dev/null || return 0
    done
    dbd=yes
}

slurmctld_is_up() { grep -q 'is UP' <<<"$(sl scontrol ping)"; }
node_is_idle() { [ "$(sl sinfo -h -N -t idle -o %N)" = sftgpu ]; }

slurm_start() {
    local begin=$SECONDS
    ports_find
    write_conf
    munged_start
    [ $dbd = no ] || dbd_start
    background slurmctld slurmctld -D -c
    wait_until 40 slurmctld_is_up || start_failed slurmctld
    background slurmd slurmd -D -N sftgpu ${stepd:+-d "$stepd"}
    wait_until 60 node_is_idle || start_failed slurmd
    say "$(sl srun --version) up in $((SECONDS - begin)) s:" \
        "$(sl sinfo -h -N -o '%c CPUs, %G')$([ $real = yes ] || echo ' (pretended)')," \
        "accounting $([ $dbd = yes ] && echo slurmdbd || echo none)"
}

# Every process that carries our folder in its environment or command line: daemons, steps, tasks. This
# script does not, and the grep has ended when the list is read.
slurm_pids() {
    local files file
    files=$(grep -slaF "$work/" /proc/[0-9]*/environ /proc/[0-9]*/cmdline)
    for file in $files; do
        file=${file%/*}
        [ ! -e "$file/exe" ] || echo "${file##*/}"
    done | sort -un
}

# all_gone PID... : ended, or a zombie that nobody buries
all_gone() {
    local pid
    for pid in "$@"; do
        [ ! -e "/proc/$pid" ] || grep -qs '^State:.Z' "/proc/$pid/status" || return 1
    done
}

no_jobs() { [ -z "$(sl timeout 10 squeue -h)" ]; }
slurm_is_gone() { [ -z "$(slurm_pids)" ]; }

slurm_stop() {
    local name pid pids
    pids=$(slurm_pids)
    if [ -e "$work/slurmctld.pid" ] && ! no_jobs; then
        sl timeout 10 scancel -u "$(id -un)" >/dev/null 2>&1
        wait_until 15 no_jobs
    fi
    for name in slurmd slurmctld slurmdbd mariadb munged; do
        pid=$(cat "$work/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null
        wait_until 10 all_gone "$pid"
    done
    if ! wait_until 3 slurm_is_gone; then
        # shellcheck disable=SC2046
        kill -KILL $(slurm_pids) 2>/dev/null
    fi
    # shellcheck disable=SC2086
    wait_until 10 all_gone $pids
}
