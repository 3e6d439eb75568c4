#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What tests/packages/lifecycle.sh does inside its root: /srv has the packages, new/ and old/. Ends with
# `N passed, N failed`.
set -uo pipefail
cd /srv || exit 1
# shellcheck source=tests/packages/checks.sh
. ./checks.sh
CLUSTER="munge mariadb-server-core mariadb-client-core slurmctld slurmd slurmdbd slurm-wlm-mysql-plugin procps util-linux"
OURS="sft-bench sft-bench-slurm-plugin"
SHORT=tiny:2,steps=2,warmup=1
SHORT_OLD=$SHORT
# 0.1.0 cannot start several ranks with Open MPI 5.
# shellcheck disable=SC1091
[ "$(. /etc/os-release && echo "$VERSION_ID")" = 12 ] || SHORT_OLD=tiny:1,steps=2,warmup=1
GET="apt-get -y -qq --no-install-recommends"

debs() { # debs FOLDER : what is installed together
    local name
    for name in $OURS; do
        echo ./"$1/$name"_*.deb
    done
}

# shellcheck disable=SC2086
slurm_install() { apt-get update -qq && $GET install $CLUSTER && useradd -m tester; }
# shellcheck disable=SC2046
debs_install() { $GET install $(debs "$1"); }

# Its ranks share this machine's cores with others: they yield while they wait.
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo
as_user() { runuser -u tester -- env -C /tmp "$@"; }

cluster_works() { # srun without the option, on both nodes
    [ "$(as_user srun -N 2 hostname | sort | tr '\n' ' ')" = "n1 n2 " ]
}

last_record() { sacct -X -n -P -o jobid,state,admincomment | sed -n 's/^\([0-9]*\)|COMPLETED|.*state=complete.*/\1/p' | tail -n 1; }

# The main job, as a user types it, and its record in the accounting.
benchmark_works() { # benchmark_works [REQUEST]
    local before end job
    before=$(last_record)
    as_user srun --sft-bench="${1:-tiny:2}" || return 1
    end=$((SECONDS + 60))
    while job=$(last_record) && [ "$job" = "$before" ] && [ $SECONDS -lt $end ]; do
        sleep 0.5
    done
    sacct -X -P -o jobid,state,admincomment | tail -n 3
    [ "$job" != "$before" ] && sft-report --job "$job" | tee /tmp/report && grep -q tiny /tmp/report
}

is_version() { # is_version VERSION : of both packages, and what the program says
    [ "$(dpkg-query -W -f '${Version} ' $OURS | sed 's/-[^ ]*//g')" = "$1 $1 " ] && grep -qF "$1" <<<"$(sft-report --version)"
}

# One line of the site's, that is its own from then on.
site_edits() { echo "hold_seconds = 77" >>/etc/slurm/sft-bench.conf; }
site_edit_is_there() { [ "$(tail -n 1 /etc/slurm/sft-bench.conf)" = "hold_seconds = 77" ]; }

# shellcheck disable=SC2086
removed() {
    $GET remove $OURS
    ! as_user srun --sft-bench=tiny:2 2>/dev/null && [ -e /etc/slurm/sft-bench.conf ] && [ ! -e /usr/bin/sft-bench-job ]
}

# shellcheck disable=SC2086
purged() { $GET purge $OURS; }

# Files, links and folders by name, wherever they are but in this test's own, and the packages' own list.
nothing_is_left() {
    local left
    left=$(find / -xdev \( -path /proc -o -path /sys -o -path /srv -o -path /var/lib/slurm-private -o -path /tmp \
        -o -path /var/cache/apt \) -prune -o \( -iname '*sft-*' -o -iname '*sft_bench*' \) -print)
    left+=$(while read -r file; do [ -d "$file" ] || [ ! -e "$file" ] || echo " $file"; done </srv/ours)
    echo "$left"
    [ -z "$left" ]
}

# A configuration file that a removed package leaves names a plugin that is gone: "optional", so no job is stopped.
life() {
    check "install from nothing" debs_install new || return
    # shellcheck disable=SC2086
    dpkg -L $OURS >/srv/ours
    check "cluster starts" ./debian_cluster.sh start || return
    check "installed: version" is_version "$(new_version)"
    check "installed: srun --sft-bench=tiny:2" benchmark_works "${SFT_QUICK:+$SHORT}"
    check "installed: srun hostname" cluster_works
    check "removed" removed
    check "removed: srun hostname" cluster_works
    check "purged" purged
    check "purged: srun hostname" cluster_works
    check "purged: nothing is left" nothing_is_left
    check "install 0.1.0" debs_install old || return
    check "0.1.0: version" is_version 0.1.0
    check "0.1.0: srun --sft-bench=${SHORT_OLD%%,*}" benchmark_works "$SHORT_OLD"
    site_edits
    check "upgrade" debs_install new
    check "upgraded: version" is_version "$(new_version)"
    check "upgraded: the site's line is there" site_edit_is_there
    check "upgraded: srun --sft-bench=tiny:2" benchmark_works "$SHORT"
    check "upgraded: srun hostname" cluster_works
    check "cluster starts again" ./debian_cluster.sh restart
    check "upgraded: srun --sft-bench=tiny:2 after a restart" benchmark_works "$SHORT"
    check "purged at once" purged
    check "purged at once: srun hostname" cluster_works
    check "purged at once: nothing is left" nothing_is_left
}
new_version() { dpkg-deb --field ./new/sft-bench_*.deb Version | sed 's/-.*//'; }

check "slurm of this release" slurm_install || checks_end
life
./debian_cluster.sh stop
checks_end
