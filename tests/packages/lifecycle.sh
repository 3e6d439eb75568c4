#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A life of Debian's packages, from a Debian that debootstrap makes: built there, installed, run on a private Slurm with
# Debian's own paths, upgraded from 0.1.0, removed, purged; the cluster works after each and nothing is left. Then, in
# another root, debian/tests by autopkgtest. As root.
#   tests/packages/lifecycle.sh [SUITE]   bookworm, trixie [this system's]
#   SFT_DEBS=DIR        packages of that release, as tests/packages/debian.sh leaves them, in place of building them
#   SFT_DEBS_OLD=DIR    those of 0.1.0, just so
#   SFT_ROOTS=DIR       where debootstrap's and apt's downloads are kept [/var/cache/sft-bench]
#   SFT_QUICK=1         short runs alone, where the machine is busy
#   SFT_PORT=N          the first of four ports [26817]: two of these at once need their own
#   SFT_KEEP=1          keep the folders
# A line a check, `ok NAME` or `not ok NAME`; ends with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/packages/roots.sh
. tests/packages/roots.sh
# shellcheck source=tests/packages/checks.sh
. tests/packages/checks.sh
# shellcheck disable=SC1091
suite=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
root_can_be || exit 2
kept=${SFT_ROOTS:-/var/cache/sft-bench}
work=$(mktemp -d "${TMPDIR:-/tmp}/sft-life.XXXXXX")
[ -n "${SFT_KEEP:-}" ] || trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
OLD=0.1.0

# The last commit of a version: its tag, else the one before the number changed.
commit_of() { # commit_of VERSION
    git rev-parse -q --verify "v$1^{commit}" 2>/dev/null && return
    local bump
    bump=$(git log -n 1 --format=%H -S"[sft-bench], [$1]" -- configure.ac)
    if grep -qF "[sft-bench], [$1]" configure.ac; then git rev-parse HEAD; else git rev-parse -q --verify "$bump^"; fi
}

# A copy of the release that stands in $kept; what apt fetches is kept there, too.
root_variables=(LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
root_binds=("$kept/archives-$suite:/var/cache/apt/archives")
root_make() { # root_make FOLDER
    root_debootstrap "$suite" "$kept/$suite" "$kept/cache" && cp -a "$kept/$suite" "$1" && root_prepare "$1" &&
        mkdir -p "$kept/archives-$suite/partial"
}

build_root() {
    root_make "$work/build" || return 1
    mkdir -p "$work/build/srv/control/debian"
    cp contrib/debian/control "$work/build/srv/control/debian/"
    cp contrib/debian/changelog "$work/build/srv/control/debian/"
    root_enter "$work/build" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends build-essential \
        dpkg-dev && apt-get build-dep -y -qq --no-install-recommends -P nocheck /srv/control'
}

build_debs() { # build_debs COMMIT NAME
    local srv=$work/build/srv
    mkdir -p "$srv/tool/contrib"
    cp -r contrib/debian "$srv/tool/contrib/"
    git archive --prefix=sft-bench/ "$1" >"$srv/$2.tar" || return 1
    root_enter "$work/build" env DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" \
        /srv/tool/contrib/debian/build.sh "/srv/$2" "/srv/$2.tar" && cp -r "$srv/$2" "$work/$2"
}

debs_make() {
    local commit
    if [ -n "${SFT_DEBS:-}" ]; then cp -r "$SFT_DEBS" "$work/new"; fi
    if [ -n "${SFT_DEBS_OLD:-}" ]; then cp -r "$SFT_DEBS_OLD" "$work/old"; fi
    [ -d "$work/new" ] && [ -d "$work/old" ] && return
    check "$suite: a root to build in" build_root || return
    [ -d "$work/new" ] || check "$suite: packages of this commit" build_debs HEAD new || return
    [ -d "$work/old" ] && return
    commit=$(commit_of $OLD)
    check "$suite: packages of $OLD" build_debs "$commit" old
}

# By Debian's autopkgtest, in a root that is used up: it is the container that the test asks for.
autopkgtest_run() {
    local srv=$work/autopkgtest/srv said
    root_make "$work/autopkgtest" && mkdir -p "$srv/sft-bench" && git archive HEAD | tar -x -C "$srv/sft-bench" &&
        cp -r contrib/debian "$srv/sft-bench/debian" && cp "$work"/new/*.deb "$srv/" || return 1
    # shellcheck disable=SC2016
    said=$(root_enter "$work/autopkgtest" env SFT_PORT="${SFT_PORT:-26817}" sh -c 'apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends autopkgtest dpkg-dev && cd /srv && autopkgtest --no-built-binaries \
            --env="SFT_PORT=$SFT_PORT" --ignore-restrictions=isolation-container,breaks-testbed *.deb ./sft-bench -- null' 2>&1)
    echo "$said"
    grep -q '^private-cluster *PASS$' <<<"$said"
}

begin=$SECONDS
debs_make || checks_end
check "$suite: a root from nothing" root_make "$work/root" || checks_end
cp -r "$work/new" "$work/old" tests/packages/checks.sh tests/packages/debian_cluster.sh \
    tests/packages/lifecycle_inside.sh "$work/root/srv/"
# Its own checks count here.
while IFS= read -r line; do
    case $line in
    "ok "*) passed=$((passed + 1)) ;;
    "not ok "*) failed=$((failed + 1)) ;;
    *" passed, "*" failed") ended=yes && continue ;;
    esac
    echo "$line" | sed "s/^\(ok\|not ok\) /&$suite: /"
done < <(root_enter "$work/root" env SFT_QUICK="${SFT_QUICK:-}" SFT_PORT="${SFT_PORT:-26817}" \
    bash /srv/lifecycle_inside.sh 2>&1)
[ "${ended:-no}" = yes ] || { failed=$((failed + 1)) && echo "not ok $suite: it ended early"; }
check "$suite: autopkgtest" autopkgtest_run
echo "$((SECONDS - begin)) s"
checks_end
