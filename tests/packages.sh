# SPDX-License-Identifier: Apache-2.0
# The packages of Debian 12 and 13, and how both commands of the README install them. Sourced.
# shellcheck shell=bash disable=SC2034

# "debian 12": what this system calls itself.
packages_system() {
    # shellcheck disable=SC1091
    (. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-of no number}") || echo unknown
}

PACKAGES_BUILD="autoconf automake libtool pkg-config make gcc g++ libc6-dev gettext
 libhwloc-dev libjansson-dev libopenblas-dev libpmix-dev libopenmpi-dev openmpi-bin libsentencepiece-dev
 libpcre2-dev zlib1g-dev
 libslurm-dev"
PACKAGES_CLUSTER="munge mariadb-server-core mariadb-client-core slurmctld slurmd slurmdbd
 slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin python3-minimal procps util-linux"
PACKAGES_TEST="bats libcmocka-dev clang clang-tidy universal-ctags llvm valgrind
 shellcheck mandoc git xz-utils
 debhelper dpkg-dev lintian rpm rpmlint cpio bash-completion
 bzip2 python3 binutils gnuplot-nox chromium poppler-utils fonts-dejavu-core fonts-noto-cjk fonts-morisawa-bizud-gothic"
case $(packages_system) in
"debian 12") PACKAGES_TEST+=" clang-format-14 libclang-rt-14-dev debootstrap libprotobuf-dev" ;;
"debian 13")
    PACKAGES_BUILD+=" libprotobuf-dev" # sentencepiece.pc asks for it, its package does not
    PACKAGES_TEST+=" libclang-rt-19-dev"
    ;;
esac
# For tests/long.sh slurm: what Slurm's own sources need besides.
PACKAGES_SLURM="make gcc libc6-dev pkg-config libmunge-dev libmariadb-dev libjson-c-dev libhwloc-dev libpmix-dev"

# What is looked for on another system, where nobody knows the packages' names: commands, pkg-config's modules, headers.
WANTED_BUILD="autoreconf automake libtoolize pkg-config make gcc g++ msgfmt
 hwloc.pc jansson.pc zlib.pc openblas.pc pmix.pc ompi-c.pc sentencepiece.pc libpcre2-8.pc slurm/spank.h"
WANTED_CLUSTER="munged mariadbd mariadb-install-db mariadb slurmctld slurmd slurmdbd srun sacct python3 ps unshare"
WANTED_TEST="bats cmocka.pc clang clang-tidy ctags llvm-symbolizer valgrind
 shellcheck mandoc git xz bzip2 nm gnuplot chromium pdftotext"

wanted_is_here() { # wanted_is_here COMMAND|MODULE.pc|HEADER.h
    case $1 in
    *.pc) pkg-config --exists "${1%.pc}" 2>/dev/null ;;
    *.h) echo "#include <$1>" | gcc -E -x c - >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# packages_look WHAT... : on another system than Debian 12 and 13: all is here, or one line that says what is not
packages_look() {
    local set wanted missing=()
    for set in "$@"; do
        set=WANTED_$set
        for wanted in ${!set}; do
            wanted_is_here "$wanted" || missing+=("$wanted")
        done
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "$0: this is $(packages_system), not Debian 12 or 13, whose packages are known here; missing: ${missing[*]}:" \
        "install them, and run this again" >&2
    return 1
}

# packages_install BUILD|CLUSTER|TEST... : what is missing of those lists, with apt-get, as root; else one line that
# says it.
packages_install() {
    case $(packages_system) in
    "debian 12" | "debian 13") ;;
    *)
        packages_look "$@"
        return
        ;;
    esac
    local package set missing=()
    for set in "$@"; do
        set=PACKAGES_$set
        for package in ${!set}; do
            grep -q 'ok installed' <<<"$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" ||
                missing+=("$package")
        done
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "missing packages; as root: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${#missing[@]} packages with apt-get ..."
    # The daemons must not start: the cluster is our own, private one.
    local policy=/usr/sbin/policy-rc.d made=0
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
        made=1
    fi
    local status=0
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends "${missing[@]}"; } >"${PACKAGES_LOG:-/tmp/sft-bench-apt.log}" 2>&1 ||
        status=$?
    [ $made = 1 ] && rm -f $policy
    [ $status -eq 0 ] || {
        tail -n 5 "${PACKAGES_LOG:-/tmp/sft-bench-apt.log}" >&2
        echo "apt-get failed; its log: ${PACKAGES_LOG:-/tmp/sft-bench-apt.log}" >&2
    }
    return $status
}
