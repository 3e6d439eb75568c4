#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# po/update.sh SFT_REPORT [OUT]: the texts of the report's page, from the sources and, for the keys that the page
# defines, from `sft-report --keys`, into po/sft-report.pot (or OUT); then msgmerge po/ja.po po/sft-report.pot.
set -eu
report=$1
top=$(cd "$(dirname "$0")/.." && pwd)
out=${2:-$top/po/sft-report.pot}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
keys=$(sed -n '/static const char \*const keys\[\] = {/,/};/p' "$top/report/page_method.c" |
    grep -o '"[a-z_]*"' | tr -d '"')
{
    echo '/* by po/update.sh */'
    for key in $keys; do
        "$report" --keys | sed -n "s/^$key  *[^ ]*  *[a-z]*  *\\(.*\\)\$/N_(\"\\1\")/p"
    done
    for word in 'tokens/s' samples/s running partial complete failed unknown language; do
        echo "N_(\"$word\")"
    done
} >"$work/record-keys.c"
cd "$top"
# shellcheck disable=SC2046
xgettext --from-code=UTF-8 --language=C --keyword=_ --keyword=N_ --add-location=file --sort-output \
    --package-name=sft-bench --foreign-user -o "$work/pot" \
    $(ls accounts/*.c report/*.c) "$work/record-keys.c"
sed -e '/^"POT-Creation-Date:/d' -e "s|$work/||" "$work/pot" >"$out"
