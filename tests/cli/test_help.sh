#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# --help, manual page and completion of each program have the same long options, and every key of
# `sft-report --keys` is in sft-record(5). (tests/unit/lib/test_manual.c holds lib's tables to the manual.)
set -u
src=${SFT_SRCDIR:?} build=${SFT_BUILDDIR:?}
failed=0

# The long options in a text, one a line.
options_in()
{
    grep -oE -- '(^|[^A-Za-z0-9_-])--[a-z][a-z-]*' | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

from_man()
{
    # options of the page's list, not those of other programs in its text
    sed -n 's/^\.It \(Fl .*\)/\1/p' "$1" | sed 's/Fl Fl /--/g' | options_in
}

from_completion()
{
    bash -c 'source "$1"; COMP_WORDS=("$2" --) COMP_CWORD=1; "$3"; printf "%s\n" "${COMPREPLY[@]}"' \
        - "$src/contrib/completion/$1" "$1" "$2" | options_in
}

compare()
{
    if ! diff -u --label "$1" --label "$2" <(echo "$3") <(echo "$4"); then
        echo "FAIL: $1 and $2 differ"
        failed=1
    fi
}

check_program()
{
    local program=$1 function=$2 help
    if [ ! -x "$build/$program" ]; then
        echo "$program is not built: left out"
        return
    fi
    # options stand at the beginning of a line of --help, a short form may come before
    help=$("$build/$program" --help | grep -E '^ +(-.,? +)?--[a-z]' |
        sed -E 's/^ +(-., +)?(--[a-z-]+).*/\2/' | sort -u)
    compare "$program --help" "$program(1)" "$help" "$(from_man "$src/man/$program.1")"
    compare "$program --help" "$program's completion" "$help" "$(from_completion "$program" "$function")"
}

check_program sft-report _sft_report
check_program sft-sweep _sft_sweep
check_program sft-bench-job _sft_bench_job

keys=$("$build/sft-report" --keys | awk 'NR > 1 { print $1 }' | sort)
compare "sft-report --keys" "sft-record(5)" "$keys" \
    "$(sed -n 's/^\.It Va \([a-z0-9_]*\) Pq.*/\1/p' "$src/man/sft-record.5" | sort)"
[ -n "$keys" ] || failed=1
exit $failed
