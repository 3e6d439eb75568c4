#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All tests. On a fresh Debian 12 as root it installs what it needs first. Ends with
# `N passed, N failed[, N skipped]`; exit status 0 when none failed.
#   SFT_FUZZ_SECONDS=N   seconds of each fuzz target (default 5)
#   SFT_ONLY="unit ..."  only these parts: unit lint sanitizers dist symbols shell fuzz cluster
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
top=$PWD
build=$top/build/tests
fuzz_seconds=${SFT_FUZZ_SECONDS:-5}
only=${SFT_ONLY:-unit shell symbols lint sanitizers fuzz dist cluster}
# What hangs fails by itself, with its name, before whoever started this loses patience.
PART_SECONDS=1500 TEST_SECONDS=600
passed=0 failed=0 skipped=0
failures=()
# shellcheck source=tests/packages.sh
. tests/packages.sh

count() { # count PASSED FAILED SKIPPED NAME LOG SECONDS
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    printf '%-34s %4d passed %3d failed %3d skipped  %4d s\n' "$4" "$1" "$2" "$3" "$6"
    [ "$2" -eq 0 ] || failures+=("$4: $5")
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
    (cd "$dir" && timeout -k 30 $PART_SECONDS make check -j2) >"$log" 2>&1 || status=$?
    ok=$(cat "$dir"/tests/unit/*/*.log "$dir"/tests/cli/*.log 2>/dev/null | grep -c '^\[       OK \]\|^ok ')
    bad=$(cat "$dir"/tests/unit/*/*.log "$dir"/tests/cli/*.log 2>/dev/null | grep -c '^\[  FAILED  \] [a-z_A-Z0-9]*$\|^not ok ')
    left=$(cat "$dir"/tests/unit/*/*.log "$dir"/tests/cli/*.log 2>/dev/null | grep -c '^\[  SKIPPED \] [a-z_A-Z0-9]*$\|^ok .*# skip')
    [ $status -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
    [ "$ok" -eq 0 ] && bad=$((bad + 1)) # nothing ran: that is no success
    count "$ok" "$bad" "$left" "$name" "$log" $((SECONDS - begin))
    [ "$bad" -eq 0 ] || grep -hE '^(FAIL|ERROR)|\[  FAILED|Error:|error:|^not ok' "$log" \
        "$dir"/tests/unit/*/*.log | head -n 30 | sed 's/^/    /'
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
    git ls-files '*.sh' .ci/run tests/cluster/sft-cluster 2>/dev/null | xargs shellcheck -x -S warning
}

part() { [[ " $only " == *" $1 "* ]]; }

mkdir -p "$build/log"
# shellcheck disable=SC2086
PACKAGES_LOG=$build/log/apt.log packages_install $PACKAGES_BUILD $PACKAGES_CLUSTER $PACKAGES_TEST || exit 1
[ -x configure ] || check autoreconf autoreconf -fi || exit 1
check "build with gcc -Werror" configure_in "$build/plain" --enable-werror \
    --prefix="$build/root" || exit 1
part unit && check_make unit "$build/plain"
part shell && check "shell scripts" shell_scripts
part symbols && check "symbols of the libraries" symbols
if part lint; then
    check "clang-tidy" tests/lint.py clang-tidy "$build/plain"
    check "gcc -fanalyzer" tests/lint.py gcc "$build/plain"
fi
if part sanitizers || part fuzz; then
    check "build with clang, ASan and UBSan" configure_in "$build/fuzz" CC=clang CXX=clang++ \
        --enable-werror --enable-fuzzing --without-slurm &&
        { part sanitizers && ASAN_OPTIONS=allocator_may_return_null=1 check_make sanitizers "$build/fuzz"; }
fi
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
part dist && check "make distcheck, fewest libraries" make -C "$build/plain" distcheck \
    DISTCHECK_CONFIGURE_FLAGS="--without-cuda --without-slurm --without-mpi --without-pmix --without-sentencepiece"
if part cluster; then
    check "make install" make -C "$build/plain" install
    export SFT_ROOT=$build/root SFT_BUILDDIR=$build/plain
    # In two lanes; each file has clusters of its own. The first has those that mostly wait.
    waiting=() others=()
    for file in tests/cluster/*.bats; do
        case $(basename "$file" .bats) in
        kill | outage | stall | start) waiting+=("$file") ;;
        *) others+=("$file") ;;
        esac
    done
    for file in "${waiting[@]}"; do bats_run "$file"; done &
    for file in "${others[@]}"; do
        bats_run "$file"
        bats_count "$file"
    done
    wait $!
    for file in "${waiting[@]}"; do bats_count "$file"; done
fi
for failure in "${failures[@]}"; do
    echo "FAILED $failure"
done
if [ $skipped -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
