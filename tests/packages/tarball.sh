# SPDX-License-Identifier: Apache-2.0
# The tarball that packages are built of. Sourced, with $top and $folder.
# shellcheck shell=bash disable=SC2154

# tarball_make [FILE] : $tarball is FILE, or what `make dist` of $SFT_BUILDDIR makes, or of a build made for it
tarball_make() {
    local build=${SFT_BUILDDIR:-$folder/dist}
    mkdir -p "$folder/tarball"
    if [ -z "$1" ]; then
        if [ ! -e "$build/Makefile" ]; then
            [ -x "$top/configure" ] || (cd "$top" && autoreconf -fi) >"$folder/tarball.log" 2>&1
            mkdir -p "$build" && (cd "$build" && "$top/configure" -q --without-cuda) >>"$folder/tarball.log" 2>&1
        fi
        make -C "$build" dist >>"$folder/tarball.log" 2>&1 || {
            tail -n 15 "$folder/tarball.log" >&2
            return 1
        }
        mv "$build"/sft-bench-*.tar.bz2 "$folder/tarball/"
    else
        cp "$1" "$folder/tarball/"
    fi
    tarball=$(echo "$folder"/tarball/sft-bench-*.tar.bz2)
    [ -e "$tarball" ]
}
