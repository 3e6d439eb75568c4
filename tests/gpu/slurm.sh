#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole path on a machine with NVIDIA GPUs and a real Slurm: builds and installs sft-bench into a
# folder, starts a private Slurm of one node with the machine's GPUs as gres, runs
# `srun --sft-bench=REQUEST` for each request and looks for the record in the job's comment, in its
# admin comment and, where slurmdbd is there, in the accounting. Ends with `N passed, N failed`; exit
# status 0 only if every run left a complete record of the wanted backend.
set -uo pipefail
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

# --- Slurm: installed, or unpacked -------------------------------------------------------------------

# sl COMMAND... : with this Slurm's programs, libraries and configuration. Only for it and its jobs: the
# system's own programs keep their own libraries.
sl() { "${slurm_env[@]}" "$@"; }

slurm_env_make() {
    slurm_env=(env "PATH=$slurm_paths:$PATH" "SLURM_CONF=$work/etc/slurm.conf" "SFT_GPU_SLURM=$work/"
        "MYSQL_UNIX_PORT=$work/mysql.sock" OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_mpi_yield_when_idle=1)
    [ -z "$slroot" ] || slurm_env+=("OPAL_PREFIX=$slroot/usr"
        OMPI_MCA_mca_base_component_show_load_errors=0 "PMIX_LIBDIR=$slroot/usr/lib/$triplet/pmix2/lib"
        "LD_LIBRARY_PATH=$slurm_libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
}

slurm_installed() {
    local tool missing=()
    slurm_paths=/usr/sbin:/usr/local/sbin:/sbin
    for tool in munged munge slurmctld slurmd srun scontrol sinfo; do
        PATH=$slurm_paths:$PATH command -v $tool >/dev/null || missing+=("$tool")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing ${missing[*]}: apt-get install munge slurmctld slurmd slurm-client" \
            "slurm-wlm-basic-plugins, or fetch the packages elsewhere with tests/gpu/fetch_debs.sh" \
            "and name the folder with --debs"
}

debs_check() {
    local name missing=()
    command -v dpkg >/dev/null || die "missing dpkg, which unpacks --debs: install dpkg"
    # Of the libraries libraries_check knows better.
    for name in slurmctld slurmd slurm-client munge libmunge2 slurm-wlm-basic-plugins libpmix2; do
        compgen -G "$debs/${name}_*.deb" >/dev/null || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing in $debs: ${missing[*]}: on a Debian 12, tests/gpu/fetch_debs.sh FOLDER"
}

# slroot_link LINK TARGET : both below the root. What update-alternatives would have done.
slroot_link() {
    [ -e "$slroot/$2" ] || die "$slroot/$2 is missing after unpacking $debs"
    [ -e "$slroot/$1" ] || ln -s "$slroot/$2" "$slroot/$1"
}

slroot_unpack() {
    local deb list
    slroot=$(realpath -m "${SFT_SLROOT:-/opt/slroot}")
    case $slroot in
    / | /usr | /usr/* | /lib* | /etc | /etc/* | /bin | /sbin | /opt | /home | /root | /tmp | /var)
        die "SFT_SLROOT=$slroot is the system's: name a folder of its own"
        ;;
    esac
    debs_check
    list=$(cd "$debs" && ls ./*.deb)
    if [ "$(cat "$slroot/.sft-debs" 2>/dev/null)" != "$list" ]; then
        say "unpacking $(wc -l <<<"$list") packages into $slroot"
        mkdir -p "$slroot"
        [ -w "$slroot" ] || die "cannot write $slroot: set SFT_SLROOT to a folder"
        rm -f "$slroot/.sft-debs"
        for deb in "$debs"/*.deb; do
            log_of unpack dpkg -x "$deb" "$slroot" || die "dpkg -x $deb failed: fetch the packages again"
        done
        echo "$list" >"$slroot/.sft-debs"
    fi
    slroot_enter
}

# Slurm's PMIx plugin opens /usr/lib/TRIPLET/pmix2/lib/libpmix.so and nothing else. There may be none, or
# another release; so the unpacked copy gets, in as many bytes, a path below the root.
slroot_pmix() {
    local old=/usr/lib/$triplet/pmix2/lib new=$slroot/pmix file
    slroot_link pmix "usr/lib/$triplet/pmix2/lib"
    slroot_link "usr/lib/$triplet/pmix2/lib/libpmix.so" "usr/lib/$triplet/pmix2/lib/libpmix.so.2"
    [ ${#new} -le ${#old} ] || die "SFT_SLROOT=$slroot: longer than $((${#old} - 5)) characters"
    while [ ${#new} -lt ${#old} ]; do new+=/; done
    for file in "$slroot/usr/lib/$triplet"/slurm-wlm/mpi_pmix*.so; do
        [ -L "$file" ] || ! grep -qaF "$old" "$file" || LC_ALL=C sed -i "s|$old|$new|" "$file"
    done
}

slroot_enter() {
    local folder
    triplet=$(basename "$(dirname "$(find "$slroot/usr/lib" -maxdepth 2 -name slurm-wlm | head -n 1)")")
    slroot_link usr/sbin/slurmctld usr/sbin/slurmctld-wlm
    slroot_link usr/sbin/slurmd usr/sbin/slurmd-wlm
    slroot_link usr/sbin/slurmstepd usr/sbin/slurmstepd-wlm
    slroot_pmix
    slurm_paths=$slroot/usr/bin:$slroot/usr/sbin:/usr/sbin:/sbin
    for folder in "usr/lib/$triplet" "lib/$triplet" "usr/lib/$triplet/slurm-wlm" \
        "usr/lib/$triplet/pmix2/lib" "usr/lib/$triplet/openblas-pthread" "usr/lib/$triplet/openmpi/lib"; do
        [ ! -d "$slroot/$folder" ] || slurm_libraries+=${slurm_libraries:+:}$slroot/$folder
    done
    plugins=$slroot/usr/lib/$triplet/slurm-wlm
    stepd=$slroot/usr/sbin/slurmstepd
}

# Libraries that the programs want and nobody has, in one line.
libraries_check() {
    local file missing
    missing=$(for file in slurmctld slurmd srun scontrol munged $([ $dbd = no ] || echo slurmdbd mariadbd mariadb); do
        file=$(PATH=$slurm_paths:$PATH command -v $file) && sl ldd "$file" 2>&1
    done
    for file in "$plugins"/{mpi_pmix,auth_munge,gres_gpu,accounting_storage_mysql}.so "$prefix/bin/sft-bench-job"; do
        [ ! -e "$file" ] || sl ldd "$file" 2>&1
    done)
    missing=$(sed -n 's/^\t\(.*\) => not found.*/\1/p; s/.*\(version .[A-Z_0-9.]*. not found.*\)/\1/p' \
        <<<"$missing" | sort -u | tr '\n' ' ')
    [ -z "$missing" ] ||
        die "missing libraries: ${missing% }: install their packages${debs:+ or add them to $debs}"
}

# --- sft-bench ---------------------------------------------------------------------------------------

build_tools_check() {
    local tool missing=() also=''
    for tool in gcc g++ make pkg-config; do
        PATH=$slurm_paths:$PATH command -v $tool >/dev/null || missing+=("$tool")
    done
    [ -x "$top/configure" ] || for tool in autoconf automake libtoolize; do
        command -v $tool >/dev/null || missing+=("${tool/libtoolize/libtool}")
    done
    [ "$backend" != cuda ] || command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] ||
        also="CUDA's nvcc (the CUDA toolkit)"
    [ ${#missing[@]} -eq 0 ] && [ -z "$also" ] && return 0
    [ ${#missing[@]} -eq 0 ] || also="${missing[*]} (apt-get install ${missing[*]})${also:+ and $also}"
    die "missing to build: $also; or bring a tree after autoreconf -fi; or a build, named with --prefix"
}

build() {
    local object=$top/build/gpu-slurm/obj how keep=()
    build_tools_check
    prefix=$top/build/gpu-slurm/root
    say "building into $prefix"
    mkdir -p "$object" || die "cannot write $object"
    [ -x "$top/configure" ] || (cd "$top" && log_of autoreconf autoreconf -fi) || die "autoreconf failed"
    how="$slroot|${SFT_CONFIGURE:-}"
    if [ "$(cat "$object/.how" 2>/dev/null)" != "$how" ]; then
        rm -rf "$object" "$prefix" && mkdir -p "$object"
        # shellcheck disable=SC2086
        (cd "$object" && log_of configure build_env "$top/configure" --prefix="$prefix" ${SFT_CONFIGURE:-}) ||
            die "configure failed, its last line says what to install; or carry a build: --prefix"
        echo "$how" >"$object/.how"
    fi
    # A tree that was copied may have lost the order of its times: nothing is remade without automake.
    command -v automake >/dev/null || keep=(ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=:)
    (cd "$object" && log_of make build_env make -j"$(nproc)" "${keep[@]}" &&
        log_of install build_env make install "${keep[@]}") ||
        die "make failed: $logs/make.log"
}

# build_env COMMAND... : headers and libraries of the unpacked packages, if that is the Slurm
build_env() {
    if [ -z "$slroot" ]; then
        "$@"
        return
    fi
    local lib=$slroot/usr/lib/$triplet
    sl env PKG_CONFIG_SYSROOT_DIR="$slroot" CPPFLAGS="-I$slroot/usr/include ${CPPFLAGS:-}" \
        PKG_CONFIG_LIBDIR="$lib/pkgconfig:$lib/openblas-pthread/pkgconfig:$slroot/usr/share/pkgconfig" "$@"
}

prefix_check() {
    local file missing=()
    for file in bin/sft-bench-job lib/sft-bench/sft_bench.so; do
        [ -e "$prefix/$file" ] || missing+=("$file")
    done
    [ ${#missing[@]} -eq 0 ] ||
        die "missing in $prefix: ${missing[*]}: install sft-bench there" \
            "(the plugin wants libslurm-dev when it is built)"
}

# --- the private Slurm -------------------------------------------------------------------------------

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
TmpFS=/tmp
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

slurmctld_is_up() { sl scontrol ping | grep -q 'is UP'; }
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
    record=$(grep -o 'sft1{[^}]*}' <<<"$2" | tail -n 1)
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
    sl sacct -X -n -P -j "$1" -o admincomment,comment >"$2" && grep -q 'sft1{.*state=complete' "$2"
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
    if sl srun --help 2>&1 | grep -q -- --sft-bench; then
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
    work=$(mktemp -d /tmp/sft-gpu.XXXXXX) && mkdir "$work"/{etc,state,spool,dev,mysql,mysql-tmp} || exit 1
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
