# SPDX-License-Identifier: Apache-2.0
# How the scripts of FP8 find programs and count: $build and $only are theirs. Sourced.
# shellcheck shell=bash disable=SC2154
passed=0 failed=0

program() { # in the build tree or, carried, side by side
    local path
    for path in "$build/$1" "$build/$(basename "$1")"; do
        [ -x "$path" ] && echo "$path" && return
    done
    echo "$build/$1"
}
wanted() { [[ " $only " == *" $1 "* ]]; }
tell() { # tell STATUS NAME
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $2"
    else
        failed=$((failed + 1))
        echo "FAILED  $2"
    fi
}
