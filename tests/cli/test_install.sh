#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install` brings what a site needs, with this build's folders in it, and `make uninstall` leaves nothing of it.
set -u
src=${SFT_SRCDIR:?} build=${SFT_BUILDDIR:?}
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        echo "ok $name"
    else
        echo "not ok $name"
        failed=1
    fi
}

variable() { # variable NAME : of this build's Makefile, with what it is made of
    make -s -C "$build" -f - show <<<"include Makefile
show: ; @echo '\$($1)'"
}

pkglib=$(variable pkglibdir) pkgdata=$(variable pkgdatadir) doc=$(variable docdir) start=$(variable bashstartdir)
examples=$pkgdata/examples
make -C "$build" install DESTDIR="$folder" >"$folder/log" 2>&1
check "make install" [ $? -eq 0 ]
check "no hint for a package's folder" [ -z "$(grep plugstack.conf, "$folder/log")" ]
mv "$folder/log" "$folder.log"
trap 'rm -rf "$folder" "$folder.log"' EXIT
check "plugstack.conf's example has this build's path" grep -qx "optional $pkglib/sft_bench.so" \
    "$folder$examples/slurm/plugstack.conf.d/sft-bench.conf"
if [ "$(variable NO_PLUGIN)" != yes ]; then
    check "where the plugin is" [ -e "$folder$pkglib/sft_bench.so" ]
    check "the closing hint has the line" grep -qx "    optional $pkglib/sft_bench.so" <(make -s -C "$build" install-data-hook)
fi
check "a site's file" cmp -s "$src/contrib/slurm/sft-bench.conf" "$folder$examples/slurm/sft-bench.conf"
check "prolog" [ -x "$folder$examples/slurm/prolog.d/50-sft-bench" ]
check "epilog, with this build's path" grep -qx "DELIVER=$(variable sbindir)/sft-bench-deliver" \
    "$folder$examples/slurm/epilog.d/50-sft-bench"
check "production" [ -x "$folder$examples/production.sbatch" ]
check "container" [ -x "$folder$examples/container/run-in-image" ]
check "no name of the build is left" [ -z "$(grep -rl '@[a-z]*dir@' "$folder")" ]
check "completion is found" grep -q " \. $pkgdata/sft-bench.bash" "$folder$start/sft-bench"
for page in README.md INSTALL.md UPGRADE.md NEWS; do
    check "$page" [ -s "$folder$doc/$page" ]
done
for page in "$src"/man/*.[1-8]; do
    check "$(basename "$page")" [ -s "$folder$(variable mandir)/man${page##*.}/$(basename "$page")" ]
done
touch "$folder$pkgdata/site.json"
make -C "$build" uninstall DESTDIR="$folder" >"$folder.log" 2>&1
check "make uninstall" [ $? -eq 0 ]
check "another's file stays" [ "$(find "$folder" -type f -o -type l)" = "$folder$pkgdata/site.json" ]
rm "$folder$pkgdata/site.json"
make -C "$build" uninstall DESTDIR="$folder" >"$folder.log" 2>&1
for ours in "$pkglib" "$pkgdata" "$doc"; do
    check "$ours is gone" [ ! -e "$folder$ours" ]
done
exit $failed
