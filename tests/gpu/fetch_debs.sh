#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian 12's packages that tests/gpu/slurm.sh --debs wants, into a folder, with `apt-get download`.
# Nothing is installed. Made on a Debian 12 with a network, for a machine that has neither.
# No libc, libstdc++ or libgcc: the target's own are newer, and what is compiled there needs them.
set -uo pipefail

# Slurm itself, and every library of its programs that a bare Ubuntu 24.04 may lack.
SLURM="slurmctld slurmd slurm-client munge libmunge2 slurm-wlm-basic-plugins libslurm38 libpmix2
 libhwloc15 libjson-c5 liblua5.1-0 libyaml-0-2 libnuma1 libevent-core-2.1-7 libevent-pthreads-2.1-7
 liblz4-1 libpam0g libdbus-1-3 libltdl7 libreadline8 libtinfo6 libaudit1 libcap-ng0 libudev1"
# For accounting, without which neither sft-sweep nor sft-report have anything to read.
SLURM+=" slurmdbd slurm-wlm-mysql-plugin libmariadb3 mariadb-server-core mariadb-client-core libaio1 liburing2
 libedit2 libbsd0 libmd0 libncurses6"
# What sft-bench-job links.
RUN="libjansson4 libopenblas0-pthread libgfortran5 libquadmath0 libopenmpi3 libsentencepiece0"
# What building it there needs; a build that is carried (slurm.sh --prefix) needs none.
BUILD="libslurm-dev slurm-wlm-basic-plugins-dev libpmix-dev libjansson-dev zlib1g-dev libopenblas-pthread-dev
 libopenblas-dev libopenmpi-dev libsentencepiece-dev pkgconf pkgconf-bin libpkgconf3"

usage() {
    cat <<'END'
usage: fetch_debs.sh [--run-only] FOLDER   download the packages into FOLDER
       fetch_debs.sh [--run-only] --list   print their names
  --run-only   not those that only a build needs
END
}

packages="$SLURM $RUN $BUILD" folder='' list=no
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --run-only) packages="$SLURM $RUN" ;;
    --list) list=yes ;;
    -*) echo "fetch_debs.sh: unknown option '$1' (see --help)" >&2 && exit 2 ;;
    *) folder=$1 ;;
    esac
    shift
done
if [ $list = yes ]; then
    # shellcheck disable=SC2086
    printf '%s\n' $packages
    exit 0
fi
[ -n "$folder" ] || { usage >&2 && exit 2; }
command -v apt-get >/dev/null || { echo "fetch_debs.sh: no apt-get: run it on a Debian 12" >&2 && exit 1; }
# shellcheck disable=SC1091
release=$(. /etc/os-release 2>/dev/null && echo "${ID:-?} ${VERSION_ID:-?}")
[ "$release" = "debian 12" ] ||
    echo "fetch_debs.sh: this is $release, not debian 12: the packages are this system's" >&2

mkdir -p "$folder" && cd "$folder" || exit 1
# Of a package that is there in this very version nothing is loaded again.
# shellcheck disable=SC2086
if ! log=$(apt-get download -q -o APT::Sandbox::User=root $packages 2>&1); then
    printf '%s\n' "$log" | grep '^E:' >&2
    echo "fetch_debs.sh: apt-get download failed; apt-get update first?" >&2
    exit 1
fi
# Older versions of an earlier call would be unpacked over newer ones.
for name in $packages; do
    # shellcheck disable=SC2012
    ls -t "${name}"_*.deb 2>/dev/null | tail -n +2 | xargs -r rm -f
done
count=$(find . -maxdepth 1 -name '*.deb' | wc -l)
bytes=$(cat ./*.deb | wc -c)
echo "$count packages, $bytes bytes in $PWD"
