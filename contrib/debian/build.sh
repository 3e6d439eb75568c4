#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian packages of the release that is built on, in a clean folder; they stand in FOLDER at the end.
#   contrib/debian/build.sh FOLDER [TARBALL]   of `make dist`'s TARBALL [what git has committed here, or an unpacked one]
#   SFT_CUDA12=DIR SFT_CUDA13=DIR              the jobs for CUDA, too, with these toolkits;
#   SFT_CUDNN12=DIR SFT_NCCL12=DIR ...         cuDNN and NCCL, where they are not in the toolkit
#   DEB_BUILD_OPTIONS="nocheck parallel=2"     dpkg-buildpackage's own, as always
# The version gets the system's name (0.2.0-1~deb12): an upgrade of the system brings the plugin of its Slurm.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] && [ $# -le 2 ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" && exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd) tarball=${2:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/sft-debian.XXXXXX")
trap 'rm -rf "$work"' EXIT

source_make() { # into $work/sft-bench
    if [ -n "$tarball" ]; then
        mkdir "$work/sft-bench"
        tar -xf "$tarball" -C "$work/sft-bench" --strip-components=1
    elif git -C "$top" rev-parse -q --verify HEAD >/dev/null 2>&1; then
        git -C "$top" archive --prefix=sft-bench/ HEAD | tar -x -C "$work"
    else # a tarball that was unpacked
        mkdir "$work/sft-bench"
        tar -C "$top" --exclude=./build --exclude=./debian -c . | tar -x -C "$work/sft-bench"
    fi
}

# Of this system, and, where the source is of another version than the changelog's first, of that version.
version_set() {
    local version system
    version=$(sed -n 's/^AC_INIT(\[sft-bench\], \[\([^]]*\)\].*/\1/p' configure.ac)
    # shellcheck disable=SC1091
    system=$(. /etc/os-release && echo "$ID$VERSION_ID" | sed 's/^debian/deb/')
    sed -i "1s/(.*)/($version-1~$system)/" debian/changelog
}

# A function: the file may be another by the time that the build is done.
main() {
    command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null ||
        { echo "build.sh: install dpkg-dev and debhelper (Debian, Ubuntu)" >&2 && exit 1; }
    source_make
    cd "$work/sft-bench"
    local own=$work/sft-bench profiles=
    [ -d contrib/debian ] || own=$top # an older release
    cp -r "$own/contrib/debian" debian
    version_set
    [ -z "${SFT_CUDA12:-}" ] || profiles=pkg.sft-bench.cuda12
    [ -z "${SFT_CUDA13:-}" ] || profiles=${profiles:+$profiles,}pkg.sft-bench.cuda13
    # What only tests need is not asked for where there are none.
    [[ " ${DEB_BUILD_OPTIONS:-} " != *" nocheck "* ]] || profiles=${profiles:+$profiles,}nocheck
    dpkg-buildpackage -b -us -uc ${profiles:+-P"$profiles"}
    mv ../*.deb ../*.buildinfo ../*.changes "$folder"/
    exit
}

main
