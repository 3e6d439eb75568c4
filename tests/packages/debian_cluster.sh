#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Slurm of two nodes on this machine with Debian's own paths: /etc/slurm, Debian's munge, a MariaDB, accounting; its
# daemons are started by hand. It writes /etc/slurm/{slurm,slurmdbd,cgroup}.conf and nothing of sft-bench's. As root,
# and only where this machine, or this root folder, may be used up: autopkgtest's testbed, tests/packages/lifecycle.sh's.
#   debian_cluster.sh start      up, and both nodes idle
#   debian_cluster.sh restart    the daemons of Slurm, after an upgrade
#   debian_cluster.sh stop
set -uo pipefail
LOG=/var/log/slurm-private
STATE=/var/lib/slurm-private
PORT=${SFT_PORT:-26817}

fail() {
    echo "debian_cluster.sh: $1" >&2
    [ -z "${2:-}" ] || { grep -iE -m 4 'error|fatal' "$2"; tail -n 8 "$2"; } >&2
    exit 1
}

wait_until() { # wait_until SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

background() { # background NAME COMMAND...
    local name=$1
    shift
    setsid "$@" >>"$LOG/$name.out" 2>&1 </dev/null &
    echo $! >"$STATE/$name.pid"
}

configuration_write() {
    cat >/etc/slurm/slurm.conf <<EOF
ClusterName=private
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=slurm
SlurmdUser=root
StateSaveLocation=$STATE/ctld
SlurmdSpoolDir=$STATE/spool-%n
SlurmctldPidFile=$STATE/own-slurmctld.pid
SlurmdPidFile=$STATE/own-slurmd-%n.pid
SlurmctldLogFile=$LOG/slurmctld.log
SlurmdLogFile=$LOG/slurmd-%n.log
TmpFS=$STATE/tmp-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT + 1))
AccountingStoreFlags=job_comment
ReturnToService=2
MailProg=/bin/true
NodeName=n[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((PORT + 2))-$((PORT + 3)) CPUs=2 RealMemory=1000
PartitionName=all Nodes=ALL Default=YES State=UP
EOF
    cat >/etc/slurm/slurmdbd.conf <<EOF
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((PORT + 1))
SlurmUser=slurm
PidFile=$STATE/own-slurmdbd.pid
LogFile=$LOG/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
EOF
    echo "CgroupPlugin=cgroup/v1" >/etc/slurm/cgroup.conf
    chown slurm: /etc/slurm/slurmdbd.conf && chmod 600 /etc/slurm/slurmdbd.conf
}

munge_start() {
    install -d -o munge -g munge -m 755 /run/munge
    [ -s /etc/munge/munge.key ] || fail "no /etc/munge/munge.key: Debian's package munge makes it"
    background munged runuser -u munge -- munged --foreground --force
    wait_until 20 munge -n || fail "munged did not start" "$LOG/munged.out"
}

database_start() {
    mkdir -p /run/mysqld "$STATE/mysql"
    [ -d "$STATE/mysql/mysql" ] ||
        mariadb-install-db --no-defaults --force --user=root --datadir="$STATE/mysql" --skip-test-db \
            --auth-root-authentication-method=normal >"$LOG/mariadb-install.log" 2>&1 ||
        fail "no database" "$LOG/mariadb-install.log"
    background mariadb mariadbd --no-defaults --user=root --datadir="$STATE/mysql" --skip-networking \
        --socket=/run/mysqld/mysqld.sock --innodb-buffer-pool-size=64M --innodb-flush-log-at-trx-commit=0 \
        --innodb-lock-wait-timeout=900 --character-set-server=utf8mb4
    # Slurm asks a question before it makes its database, which MariaDB 11 answers only to who has chosen one.
    wait_until 40 mariadb --no-defaults -u root --socket=/run/mysqld/mysqld.sock -e "create database if not exists slurm" ||
        fail "MariaDB did not start" "$LOG/mariadb.out"
}

nodes_are_idle() { [ "$(sinfo -h -N -t idle -o %N | sort -u | wc -l)" -eq 2 ]; }
controller_is_up() { grep -q 'is UP' <<<"$(scontrol ping)"; }

slurm_start() {
    local node
    background slurmdbd runuser -u slurm -- slurmdbd -D
    wait_until 40 sacctmgr -n list cluster || fail "slurmdbd did not start" "$LOG/slurmdbd.log"
    sacctmgr -i add cluster private >/dev/null 2>&1
    background slurmctld runuser -u slurm -- slurmctld -D
    wait_until 30 controller_is_up || fail "slurmctld did not start" "$LOG/slurmctld.log"
    for node in n1 n2; do
        mkdir -p "$STATE/spool-$node" "$STATE/tmp-$node"
        # shellcheck disable=SC2016
        background "slurmd-$node" unshare --uts sh -c 'hostname "$1"; exec slurmd -D -N "$1"' sh $node
    done
    wait_until 60 nodes_are_idle || fail "not both nodes are idle: $(sinfo -h -N)" "$LOG/slurmd-n1.log"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

daemons_end() { # daemons_end NAME...
    local name pid
    for name in "$@"; do
        pid=$(cat "$STATE/$name.pid" 2>/dev/null) && [ -n "$pid" ] || continue
        kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null
        wait_until 10 gone "$pid" || kill -KILL -- "-$pid" 2>/dev/null
    done
}

SLURM=(slurmd-n1 slurmd-n2 slurmctld slurmdbd)
case ${1:-} in
start)
    mkdir -p "$LOG" "$STATE/ctld"
    chown -R slurm: "$LOG" "$STATE/ctld"
    configuration_write
    chmod 755 "$STATE"
    munge_start
    database_start
    slurm_start
    ;;
restart) daemons_end "${SLURM[@]}" && slurm_start ;;
stop) daemons_end "${SLURM[@]}" mariadb munged ;;
*) sed -n '3,9s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
