# SPDX-License-Identifier: Apache-2.0
# How the tests of the packages count. Sourced.
# shellcheck shell=bash
passed=0 failed=0 skipped=0

check() { # check NAME COMMAND... : what it said is shown where it failed
    local name=$1 log
    shift
    if log=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok $name"
    else
        failed=$((failed + 1))
        echo "not ok $name"
        tail -n 30 <<<"$log" | sed 's/^/    /'
        return 1
    fi
}

check_skip() { # check_skip NAME WHY
    skipped=$((skipped + 1))
    echo "ok $1 # skip $2"
}

checks_end() {
    echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
    [ $failed -eq 0 ]
    exit
}
