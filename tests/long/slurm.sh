#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release of Slurm from its public sources, a private cluster on it, and the cluster tests of the main path.
#   tests/long.sh slurm SOURCE    SOURCE: a folder with Slurm's sources, or GIT@BRANCH: a git directory (a clone's or a
#                                 bare one) of https://github.com/SchedMD/slurm and a branch, as slurm.git@slurm-23.11
#   SFT_SLURM_TESTS="NAME ..."    files of tests/cluster [cluster plugin place job trust report]; empty: builds Slurm alone
#   SFT_SLURM_FOLDER=DIR          where all is built, and kept: the next run of a release builds no Slurm [build/slurm]
#   SFT_SLURM_JOBS=N              jobs of make [the machine's processors]
# Installs nothing outside that folder. Says how long each part took, and ends with the counts, as a row of
# doc/slurm-releases.md has them.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
folder=$(realpath -m "${SFT_SLURM_FOLDER:-build/slurm}")
tests=${SFT_SLURM_TESTS-cluster plugin place job trust report}
jobs=${SFT_SLURM_JOBS:-$(nproc)}
TEST_SECONDS=600
# shellcheck source=tests/packages.sh
. tests/packages.sh

fail() {
    echo "tests/long/slurm.sh: $*" >&2
    exit 1
}

# What Slurm needs besides what this project needs itself: headers that configure looks for.
needs_look() {
    local package missing=()
    # shellcheck disable=SC2086
    for package in $PACKAGES_SLURM; do
        grep -q 'ok installed' <<<"$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || fail "missing packages; as root: apt-get install ${missing[*]}"
}

# step LOG COMMAND... : its output goes to the log, whose end is shown if it fails
step() {
    local log=$folder/$1
    shift
    "$@" >>"$log" 2>&1 && return 0
    tail -n 8 "$log" >&2
    fail "failed: $*; its log is $log"
}

release_of() { # release_of META : 23.11
    awk '$1 == "Major:" { major = $2 } $1 == "Minor:" { minor = $2 } END { if (major) print major "." minor }'
}

# Slurm's sources in $source, the release in $release and $version.
source_find() {
    local git=${1%@*} branch=${1##*@}
    if [ -e "$1/META" ]; then
        source=$(realpath "$1")
        release=$(release_of <"$source/META")
    else
        [[ $1 == ?*@?* ]] || fail "$1 is no folder with Slurm's sources (META is missing): name one, or GIT@BRANCH"
        git -C "$git" rev-parse -q --verify "$branch^{commit}" >/dev/null 2>&1 ||
            fail "$git has no branch '$branch'; it has: $(git -C "$git" branch -a --format='%(refname:short)' \
                --list '*slurm-2*' 2>/dev/null | tail -n 8 | tr '\n' ' ')"
        release=$(git -C "$git" show "$branch:META" | release_of)
        source=$folder/src-$release
    fi
    [ -n "$release" ] || fail "$1: META names no release"
    prefix=$folder/slurm-$release
    if [ ! -e "$source/META" ]; then
        mkdir -p "$source"
        git -C "$git" archive "$branch" | tar -x -C "$source" || fail "cannot unpack $branch of $git"
    fi
    version=$(awk '$1 == "Version:" { print $2 }' "$source/META")
}

# The folder of PMIx: Debian's is not where Slurm looks first.
pmix_find() {
    local place
    for place in "$(pkg-config --variable=prefix pmix 2>/dev/null)" /usr/lib/*/pmix2 /usr; do
        [ -e "$place/include/pmix_server.h" ] && echo "$place" && return 0
    done
    fail "no pmix_server.h: install libpmix-dev"
}

# 21.08's configure leaves PMIx 4 out. Here the change with which Slurm 22.05 took it in (its commit 4182b6dcd468).
pmix4_needs_help() {
    [ "$release" = 21.08 ] && grep -q 'PMIX_VERSION_MAJOR *[4-9]' "$(pmix_find)/include/pmix_version.h"
}

pmix4_help() {
    local pmix=$source/src/plugins/mpi/pmix place key
    place=$(pmix_find)
    grep -q 'mpi/pmix_v4' "$pmix/mpi_pmix.c" ||
        sed -i 's|^const char plugin_type.*"mpi/pmix_v3";|&\n#elif (HAVE_PMIX_VER == 4)\nconst char plugin_type[] = "mpi/pmix_v4";|' \
            "$pmix/mpi_pmix.c"
    grep -q '<pmix.h>' "$pmix/pmixp_common.h" ||
        sed -i '0,/^#include <unistd.h>/s//#include <pmix_server.h>\n#include <pmix.h>\n&/' "$pmix/pmixp_common.h"
    for key in HAVE_PMIX HAVE_PMIX_V4; do
        sed -i -e "s|^S\\[\"${key}_TRUE\"\]=.*|S[\"${key}_TRUE\"]=\"\"|" \
            -e "s|^S\\[\"${key}_FALSE\"\]=.*|S[\"${key}_FALSE\"]=\"#\"|" config.status
    done
    sed -i -e "s|^S\\[\"PMIX_V4_CPPFLAGS\"\]=.*|S[\"PMIX_V4_CPPFLAGS\"]=\"-I$place/include\"|" \
        -e "s|^S\\[\"PMIX_V4_LDFLAGS\"\]=.*|S[\"PMIX_V4_LDFLAGS\"]=\"-Wl,-rpath -Wl,$place/lib -L$place/lib\"|" config.status
    touch -r "$source/configure" config.status # or make would write every Makefile once more
    ./config.status -q src/plugins/mpi/Makefile src/plugins/mpi/pmix/Makefile
}

# Folders that no test needs get a Makefile that does nothing: half of the compiler's work.
build_prune() {
    local part newest keep=" accounting_storage/mysql accounting_storage/slurmdbd
 accounting_storage/ctld_relay auth/munge certgen/script cgroup/v1 cgroup/v2 compress/none 
 cred/munge gpu/generic gres/gpu hash/common_xkcp hash/k12 hash/sha3 
 jobacct_gather/linux launch/slurm mpi/pmix openapi/dbv0.0.37 prep/script priority/basic priority/multifactor proctrack/linuxproc
 route/default sched/backfill sched/builtin select/cons_common select/cons_tres serializer/json serializer/url-encoded
 task/affinity tls/none topology/default topology/flat url_parser/internal "
    keep=${keep//$'\n'/ }
    cd src || return 1
    newest=$(printf '%s\n' plugins/data_parser/v* | sort | tail -n 1)
    for part in s*/ plugins/*/*/; do
        part=${part%/}
        case $part in
        "$newest" | plugins/*/none | plugins/*/common) continue ;;
        plugins/*) [[ $keep != *" ${part#plugins/} "* ]] || continue ;;
        sackd | sattach | sbcast | scrontab | scrun | sdiag | slurmrestd | sprio | sreport | sshare | sstat | strigger | \
            sview | swait) ;;
        *) continue ;;
        esac
        [ ! -e "$part/Makefile" ] || printf 'all install:\n\t@:\n' >"$part/Makefile"
    done
    cd ..
}

slurm_configure() {
    "$source/configure" -q --prefix="$prefix" --sysconfdir="$prefix/etc" --enable-multiple-slurmd --disable-slurmrestd \
        --disable-x11 --disable-sview --disable-gtktest --disable-glibtest --without-readline --without-hdf5 \
        --without-rdkafka --without-libcurl --without-jwt --without-yaml --disable-static \
        --disable-dependency-tracking "$1" && build_prune
}

slurm_build() {
    local begin=$SECONDS
    if [ -e "$prefix/built" ]; then
        echo "Slurm $version was built before: $prefix"
        return 0
    fi
    echo "building Slurm $version in $folder/build-$release ..."
    rm -rf "$folder/build-$release" "$prefix" "$folder/build-$release.log"
    mkdir -p "$folder/build-$release" && cd "$folder/build-$release" || exit 1
    if pmix4_needs_help; then
        step "build-$release.log" slurm_configure --without-pmix
        step "build-$release.log" pmix4_help
    else
        step "build-$release.log" slurm_configure "--with-pmix=$(pmix_find)"
    fi
    local flags="-O0 -g0 -pthread -DNUMA_VERSION1_COMPATIBILITY"
    step "build-$release.log" make -s -j"$jobs" -C src CFLAGS="$flags" LIBTOOLFLAGS=--silent
    step "build-$release.log" make -s -C src install CFLAGS="$flags" LIBTOOLFLAGS=--silent
    step "build-$release.log" make -s install-pkgincludeHEADERS
    touch "$prefix/built"
    cd "$top" || exit 1
    echo "Slurm $version built in $((SECONDS - begin)) s; kept: $prefix"
}

# Ours against it, all in one folder: only what knows Slurm is compiled again for another release.
ours_build() {
    local ours=$folder/ours begin=$SECONDS
    echo "building sft-bench for Slurm $version in $ours ..."
    mkdir -p "$ours" && cd "$ours" || exit 1
    if [ "$(cat of 2>/dev/null)" != "$prefix" ]; then
        step ours.log "$top/configure" -q --without-cuda --enable-werror --with-slurm="$prefix" --prefix="$ours/root"
        rm -rf spank/*.o spank/*.lo spank/*.la spank/.libs sft-bench-deliver root
    fi
    step ours.log make -s -j"$jobs" && step ours.log make -s install
    echo "$prefix" >of
    cd "$top" || exit 1
    echo "sft-bench built in $((SECONDS - begin)) s"
}

# One file of tests; its counts are added to the sums.
tests_run() {
    local name=$1 log=$folder/$release-$1.log begin=$SECONDS good bad left
    BATS_TEST_TIMEOUT=$TEST_SECONDS bats --tap "tests/cluster/$name.bats" >"$log" 2>&1 </dev/null
    good=$(grep '^ok ' "$log" | grep -vc '# skip')
    left=$(grep -c '^ok .*# skip' "$log")
    bad=$(grep -c '^not ok ' "$log")
    [ $((good + left + bad)) -gt 0 ] || bad=1
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    counts+="${counts:+, }$name $good/$bad/$left"
    echo "$name: $good passed, $bad failed, $left skipped, $((SECONDS - begin)) s"
    grep -E -A 12 '^not ok|^ok .*# skip' "$log" | grep -E '^not ok|^#|# skip' | sed 's/^/    /'
}

if [ $# -ne 1 ] || [[ $1 == -* ]]; then
    sed -n '3,9s/^# \{0,1\}//p' "$0"
    exit 2
fi
mkdir -p "$folder"
needs_look
[ -x configure ] || fail "no configure here: autoreconf -fi"
source_find "$1"
slurm_build
[ -n "$tests" ] || exit 0
ours_build
export SFT_SLURM=$prefix SFT_ROOT=$folder/ours/root SFT_BUILDDIR=$folder/ours
passed=0 failed=0 skipped=0 counts=
for name in $tests; do
    [ -e "tests/cluster/$name.bats" ] || fail "no file tests/cluster/$name.bats"
    tests_run "$name"
done
echo "Slurm $version (passed/failed/skipped): $counts; $SECONDS s in all"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
