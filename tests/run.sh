#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests. On a fresh Debian 12 or 13 as root it installs what it needs first. Ends with
# `N passed, N failed[, N skipped]`; exit status 0 when none failed.
#   SFT_FUZZ_SECONDS=N   seconds of each fuzz target (default 5)
#   SFT_ONLY="unit ..."  only these parts: unit shape lint sanitizers dist symbols shell fuzz cluster packages debian13
#   SFT_BATS="place ..." of the part cluster only these files of tests/cluster
#   SFT_QUICK=1          without the unit tests that compute for minutes, as the parts sanitizers and dist do
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD
build=$top/build/tests
fuzz_seconds=${SFT_FUZZ_SECONDS:-5}
only=${SFT_ONLY:-unit shell shape symbols lint sanitizers fuzz dist cluster packages debian13}
# What hangs fails by itself, with its name, before whoever started this loses patience.
PART_SECONDS=1500 TEST_SECONDS=600 DEBIAN13_SECONDS=2400
passed=0 failed=0 skipped=0
failures=()
# shellcheck source=tests/packages.sh
. tests/packages.sh

count() { # count PASSED FAILED SKIPPED NAME LOG SECONDS
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    printf '%-34s %4d passed %3d failed %3d skipped  %4d s\n' "$4" "$1" "$2" "$3" "$6"
    [ "$2" -eq 0 ] || failures+=("$4: $5")
}

# What this system cannot try, and why.
left_out() { # left_out NAME REASON
    count 0 0 1 "$1" - 0
    echo "    $2"
}

# One test that is a command. What runs beside others only leaves its log, with exit status and seconds in
# a file beside it; it is counted after.
check() { # check NAME COMMAND...
    check_run "$@"
    check_count "$1"
}

check_run() { # check_run NAME COMMAND...
    local log=$build/log/${1//[^a-z0-9]/-}.log begin=$SECONDS
    shift
    "$@" >"$log" 2>&1
    echo $? $((SECONDS - begin)) >"$log.end"
}

check_count() { # check_count NAME
    local log=$build/log/${1//[^a-z0-9]/-}.log status seconds
    read -r status seconds <"$log.end"
    if [ "$status" -eq 0 ]; then
        count 1 0 0 "$1" "$log" "$seconds"
    else
        count 0 1 0 "$1" "$log" "$seconds"
        tail -n 25 "$log" | sed 's/^/    /'
        return 1
    fi
}

# Automake's test programs: one count a cmocka test, from the programs' own logs.
check_make() { # check_make NAME BUILDDIR
    local name=$1 dir=$2 log=$build/log/$1.log begin=$SECONDS status=0 ok bad left
    (cd "$dir" && timeout -k 30 $PART_SECONDS make check -j3) >"$log" 2>&1 || status=$?
    cat "$dir"/tests/unit/*/*.log "$dir"/tests/cli/*.log >"$log.tests" 2>/dev/null
    ok=$(grep -c '^\[       OK \]\|^ok ' "$log.tests")
    bad=$(grep -c '^\[  FAILED  \] [a-z_A-Z0-9]*$\|^not ok ' "$log.tests")
    left=$(grep -c '^\[  SKIPPED \] [a-z_A-Z0-9]*$\|^ok .*# skip' "$log.tests")
    [ $status -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$ok" -eq 0 ] && bad=$((bad + 1)) # nothing ran: that is no success
    count "$ok" "$bad" "$left" "$name" "$log" $((SECONDS - begin))
    [ "$bad" -eq 0 ] || grep -hE '^(FAIL|ERROR)|\[  FAILED|Error:|error:|^not ok' "$log" \
        "$log.tests" | head -n 30 | sed 's/^/    /'
}

bats_run() { # bats_run FILE : its log and exit status, beside it its seconds
    local log begin=$SECONDS
    log=$build/log/$(basename "$1").log
    BATS_TEST_TIMEOUT=$TEST_SECONDS timeout -k 30 $PART_SECONDS bats --tap "$1" >"$log" 2>&1
    echo $? $((SECONDS - begin)) >"$log.end"
}

bats_count() { # bats_count FILE
    local log ok bad left status seconds
    log=$build/log/$(basename "$1").log
    read -r status seconds <"$log.end"
    ok=$(grep '^ok ' "$log" | grep -vc '# skip')
    left=$(grep -c '^ok .*# skip' "$log")
    bad=$(grep -c '^not ok ' "$log")
    [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    count "$ok" "$bad" "$left" "cluster/$(basename "$1" .bats)" "$log" "$seconds"
    [ "$bad" -eq 0 ] || grep -A 12 '^not ok' "$log" | head -n 60 | sed 's/^/    /'
}

configure_in() { # configure_in DIR ARGUMENT...
    local dir=$1
    shift
    mkdir -p "$dir"
    # shellcheck disable=SC2015
    (cd "$dir" && { [ -e Makefile ] || "$top/configure" "$@"; } && make -j"$(nproc)")
}

fuzz_one() { # fuzz_one PROGRAM
    local name corpus
    name=$(basename "$1")
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    cp "$top/tests/fuzz/corpus/${name#fuzz_}"/* "$corpus"/ 2>/dev/null
    (cd "$build/log" && "$1" -max_total_time="$fuzz_seconds" -rss_limit_mb=2048 -timeout=10 \
        -print_final_stats=1 "$corpus")
}

fuzz_lane() { # fuzz_lane SOURCE...
    local source
    for source in "$@"; do
        check_run "$(fuzz_name "$source")" fuzz_one "$build/fuzz/${source%.c}"
    done
}

fuzz_name() { echo "fuzz $(basename "$1" .c) $fuzz_seconds s"; }

symbols() { tests/symbols.sh "$build/plain"; }
shell_scripts() {
    local files
    # a copy of the sources may be no clone
    files="$(git ls-files '*.sh' 2>/dev/null || find . -name '*.sh' ! -path './build*') .ci/run tests/cluster/sft-cluster"
    # shellcheck disable=SC2086
    # SC2319, of newer ones: `report NAME $? SAID` is meant to tell the condition before it
    shellcheck -x -S warning -e SC2319 $files && whole_answers $files && jobs_by_number tests/cluster/*.bats
}

# Under pipefail a pipe into `grep -q` fails now and then: it ends at its first find, and who still writes is killed.
whole_answers() { # whole_answers FILE... : none has one
    ! grep -nE '[^|]\| *grep -[a-zA-Z]*q' "$@"
}

# bats counts a test's time limit in a job of the test's own shell: the first one, whose sleep would outlive it and hold
# bats back until the limit is over.
jobs_by_number() { # jobs_by_number FILE... : none is killed or waited for
    ! grep -nE '(kill|wait)( -[A-Z0-9]+)* %' "$@"
}

# Debian 12's, whose clang-format and analyzers the sources go by.
shape() {
    if command -v clang-format-14 >/dev/null; then
        check "shape of the sources" tests/shape.py
    else
        check "shape of the sources" tests/shape.py --no-style
        left_out "style of the sources" "$(packages_system) has no clang-format-14: other versions break lines elsewhere"
    fi
}

lint() {
    if [ "$(packages_system)" = "debian 12" ]; then
        check "clang-tidy" tests/lint.py clang-tidy "$build/plain"
        check "gcc -fanalyzer" tests/lint.py gcc "$build/plain"
    else
        left_out "clang-tidy, gcc -fanalyzer" "tests/lint.reasons are for Debian 12's, this is $(packages_system)"
    fi
}

# The main path on Debian 13, from Debian 12; its own sums are added. Begun beside the fuzz targets, whose time is the
# clock's.
debian13_begin() {
    [ "$(packages_system)" != "debian 13" ] && [ "$(id -u)" -eq 0 ] || return 0
    check_run debian13 env -u SFT_ONLY -u SFT_BATS timeout -k 30 $DEBIAN13_SECONDS tests/debian13.sh &
    debian13_lane=$!
}

debian13_end() {
    if [ -z "${debian13_lane:-}" ]; then
        left_out debian13 "wants root on a Debian 12, for debootstrap and its mounts"
        return
    fi
    wait "$debian13_lane"
    sums_count debian13
}

# Packages; their own sums are added.
packages() {
    check_run packages/debian timeout -k 30 $PART_SECONDS tests/packages/debian.sh "$build/packages"
    sums_count packages/debian
    check_run packages/rpm env SFT_BUILDDIR="$build/plain" timeout -k 30 $PART_SECONDS tests/packages/rpm.sh
    sums_count packages/rpm
}

# What check_run ran counts by itself. Without sums it did not come to its end: that is a failure, and the log's last
# lines say why.
sums_count() { # sums_count NAME
    local log=$build/log/${1//[^a-z0-9]/-}.log status seconds ok bad left
    read -r status seconds <"$log.end"
    read -r ok bad left < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\?$/\1 \2 \4/p' "$log" |
        tail -n 1)
    [ "$status" -ne 0 ] && [ "${bad:-1}" -eq 0 ] && bad=1
    count "${ok:-0}" "${bad:-1}" "${left:-0}" "$1" "$log" "$seconds"
    [ "${bad:-1}" -eq 0 ] || { grep -A 12 '^ *not ok' "$log" | head -n 60; tail -n 40 "$log"; } | sed 's/^/    /'
}

part() { [[ " $only " == *" $1 "* ]]; }

mkdir -p "$build/log"
PACKAGES_LOG=$build/log/apt.log packages_install BUILD CLUSTER TEST || exit 1
[ -x configure ] || check autoreconf autoreconf -fi || exit 1
check "build with gcc -Werror" configure_in "$build/plain" --enable-werror \
    --prefix="$build/root" || exit 1
if part cluster; then
    check "make install" make -C "$build/plain" install
    export SFT_ROOT=$build/root SFT_BUILDDIR=$build/plain
    # In two lanes; each file has clusters of its own. The first has those that mostly wait: beside all that computes,
    # which yields to them.
    waiting=() others=()
    for file in tests/cluster/*.bats; do
        name=$(basename "$file" .bats)
        [[ " ${SFT_BATS:-$name} " == *" $name "* ]] || continue
        case $name in
        kill | outage | stall | start | checkpoint | sites) waiting+=("$file") ;;
        *) others+=("$file") ;;
        esac
    done
    for file in "${waiting[@]}"; do bats_run "$file"; done &
    waiting_lane=$!
    renice -n 10 -p $$ >/dev/null
fi
part unit && check_make unit "$build/plain"
part shell && check "shell scripts" shell_scripts
part shape && shape
part symbols && check "symbols of the libraries" symbols
part lint && lint
if part sanitizers || part fuzz; then
    check "build with clang, ASan and UBSan" configure_in "$build/fuzz" CC=clang CXX=clang++ \
        --enable-werror --enable-fuzzing --without-slurm &&
        { part sanitizers && SFT_QUICK=1 ASAN_OPTIONS=allocator_may_return_null=1 check_make sanitizers "$build/fuzz"; }
fi
part debian13 && debian13_begin
if part fuzz; then
    # With SentencePiece too where its model is at hand (third-party data, not in this repository).
    pieces=$top/../shared/data/llama2-tokenizer.model
    if [ -e "$pieces" ]; then export SFT_TOKENIZER=${SFT_TOKENIZER:-$pieces}; fi
    # In two lanes. By source, so that a target which is not built fails.
    targets=(tests/fuzz/fuzz_*.c) half=$((${#targets[@]} / 2))
    fuzz_lane "${targets[@]:0:half}" &
    fuzz_lane "${targets[@]:half}"
    wait $!
    for target in "${targets[@]}"; do
        check_count "$(fuzz_name "$target")"
    done
fi
part dist && check "make distcheck, fewest libraries" env SFT_QUICK=1 make -C "$build/plain" -j3 distcheck \
    DISTCHECK_CONFIGURE_FLAGS="--without-cuda --without-slurm --without-mpi --without-pmix --without-sentencepiece --without-pcre2"
if part cluster; then
    for file in "${others[@]}"; do
        bats_run "$file"
        bats_count "$file"
    done
    wait "$waiting_lane"
    for file in "${waiting[@]}"; do bats_count "$file"; done
fi
part packages && packages
part debian13 && debian13_end
for failure in "${failures[@]}"; do
    echo "FAILED $failure"
done
if [ $skipped -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
