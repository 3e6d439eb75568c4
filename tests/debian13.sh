#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sft-bench on Debian 13 (Slurm 24.11, MariaDB 11.8, Open MPI 5, gcc 14), in a folder that debootstrap makes, as root:
# builds it there and runs its tests on a private cluster there. Ends with tests/run.sh's `N passed, N failed`.
#   tests/debian13.sh               the cluster tests of the main path
#   tests/debian13.sh --all         all of tests/run.sh
#   tests/debian13.sh -- COMMAND... this, in the copy of the sources there
#   SFT_DEBIAN13=DIR                the folder, kept from run to run [/var/cache/sft-bench/debian13]
#   SFT_ONLY, SFT_BATS, SFT_FUZZ_SECONDS   as for tests/run.sh
# Mounts and processes are in namespaces of their own and end with this script, however it ends.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=${SFT_DEBIAN13:-/var/cache/sft-bench/debian13}
MAIN_PATH="cluster plugin place job trust"
# shellcheck source=tests/packages/roots.sh
. tests/packages/roots.sh

die() {
    echo "tests/debian13.sh: $*" >&2
    exit 1
}

can_start() {
    root_can_be || exit 1
    [ "$(df --output=avail -k "$(dirname "$root")" | tail -n 1)" -gt 6000000 ] || [ -d "$root" ] ||
        die "$(dirname "$root") has less than 6 GB free: name another folder with SFT_DEBIAN13"
}

# Once a day its packages are brought up to date. Without a network those that are there do.
folder_update() {
    root_prepare "$root"
    [ -z "$(find "$root/var/lib/apt/periodic" -name sft-bench -mtime -1 2>/dev/null)" ] || return 0
    echo "updating $root ..."
    if root_folder=/ root_enter "$root" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get upgrade -y -qq' \
        >"$root.log" 2>&1; then
        touch "$root/var/lib/apt/periodic/sft-bench"
    else
        echo "not updated (no network?), going on with what is there; the log: $root.log"
    fi
}

# Tracked files and new ones, with their times, so that make builds what has changed; what is gone here goes there.
sources_copy() {
    local there=$root/srv/sft-bench file
    mkdir -p "$there"
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [ ! -e "$file" ] || printf '%s\0' "$file"
    done | sort -z >"$root.files" || die "no list of files: git ls-files failed"
    [ -s "$root.files" ] || die "no list of files: is this a clone?"
    if [ -e "$there.files" ]; then
        comm -z -23 "$there.files" "$root.files" | (cd "$there" && xargs -0 -r rm -f --)
    fi
    tar --null -T "$root.files" -c | tar -x -C "$there" && mv "$root.files" "$there.files" ||
        die "the sources could not be copied to $there"
}

# In the sources' copy; ../shared is there where it is here.
root_folder=/srv/sft-bench
[ ! -d ../shared ] || root_binds=("$(realpath ../shared):/srv/shared:ro")
root_variables=(TERM="${TERM:-dumb}")
for name in http_proxy https_proxy no_proxy SFT_ONLY SFT_BATS SFT_FUZZ_SECONDS; do
    [ -z "${!name:-}" ] || root_variables+=("$name=${!name}")
done
case ${1:-} in
'')
    [ -n "${SFT_ONLY:-}" ] || root_variables+=("SFT_ONLY=cluster")
    [ -n "${SFT_BATS:-}" ] || root_variables+=("SFT_BATS=$MAIN_PATH")
    set -- tests/run.sh
    ;;
--all) set -- tests/run.sh ;;
--) shift ;;
*) sed -n '3,10s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
mkdir -p "$(dirname "$root")" || exit 1
can_start
exec 9>"$root.lock"
flock -n 9 || die "another run uses $root: wait for it, or name another folder with SFT_DEBIAN13"
[ -d "$root" ] || echo "debootstrap of Debian 13 in $root ..."
root_debootstrap trixie "$root" "$root.debs" || exit 1
folder_update
sources_copy
root_enter "$root" "$@" 9>&-
