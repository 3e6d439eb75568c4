# SPDX-License-Identifier: Apache-2.0
# Debian 12's packages, and how both commands of the README install them. Sourced.
# shellcheck shell=bash disable=SC2034

PACKAGES_BUILD="autoconf automake libtool pkg-config make gcc g++ libc6-dev gettext
 libhwloc-dev libjansson-dev libopenblas-dev libpmix-dev libopenmpi-dev openmpi-bin libsentencepiece-dev
 libslurm-dev"
PACKAGES_CLUSTER="munge mariadb-server-core mariadb-client-core slurmctld slurmd slurmdbd
 slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin python3-minimal procps util-linux"
PACKAGES_TEST="bats libcmocka-dev clang clang-format-14 clang-tidy universal-ctags llvm libclang-rt-14-dev valgrind
 shellcheck mandoc git xz-utils
 bzip2 python3 binutils gnuplot-nox chromium poppler-utils fonts-dejavu-core fonts-noto-cjk fonts-morisawa-bizud-gothic"

# packages_install PACKAGE... : what is missing, with apt-get, as root; else one line that says it.
packages_install() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
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
