#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# po/update.sh [OUT]: the texts of the report's page, from the sources, into po/sft-report.pot (or OUT); then
# msgmerge po/ja.po po/sft-report.pot.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$top/po/sft-report.pot}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    echo '/* by po/update.sh */'
    # states, and lib/figures.c's units that are words
    for word in running partial complete failed unknown language tokens sequences tokens/J samples s; do
        echo "N_(\"$word\")"
    done
} >"$work/words.c"
cd "$top"
# shellcheck disable=SC2046
xgettext --from-code=UTF-8 --language=C --keyword=_ --keyword=N_ --add-location=file --sort-output \
    --package-name=sft-bench --foreign-user -o "$work/pot" \
    lib/figures.c $(ls accounts/*.c report/*.c) "$work/words.c"
sed -e '/^"POT-Creation-Date:/d' -e "s|$work/||" "$work/pot" >"$out"
