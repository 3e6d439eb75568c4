#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# source.sh [TARBALL] : INSTALL.md's own commands, "From source" in the folder of a release, into a folder that stands for
# the system; then that everything is where its table says, "Is it there?" in a private cluster, and that nothing is
# left. Ends with `N passed, N failed`; exit status 0 when none failed.
#   SFT_BUILDDIR=DIR   a configured build that makes the tarball [one of its own]
#   SFT_CHECK=yes      make check, too: minutes
set -uo pipefail
umask 022 # the configuration is read only where nobody else may write it
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d /tmp/sft-src.XXXXXX)
trap '[ ! -d "$folder/c" ] || "$top/tests/cluster/sft-cluster" stop "$folder/c"; chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
# shellcheck source=tests/packages/checks.sh
. "$top/tests/packages/checks.sh"
# shellcheck source=tests/packages/tarball.sh
. "$top/tests/packages/tarball.sh"

# commands_of HEADING [TEXT] : the indented lines below the heading, behind the line with that text
commands_of() {
    awk -v heading="## $1" -v text="${2:-}" '/^## / { inside = $0 == heading; begun = text == "" }
        inside && !begun { begun = index($0, text) > 0; next }
        inside && begun && /^    / { print substr($0, 5); some = 1; next }
        inside && begun && some && text != "" { exit }' "$page"
}

# The folders of the table that an installation from source has.
table_has() {
    local path missing=0
    for path in $(sed -n 's/^| `\([^|]*\) |.*/\1/p' "$page" | tr -d '\`,' | tr ' ' '\n' | grep '^/' | grep -v '^/etc/slurm/'); do
        [ -e "$DESTDIR$path" ] || { echo "$path is not there" && missing=1; }
    done
    [ $missing = 0 ]
}

# One of Debian's packages each: a name that apt knows.
packages_known() {
    local package words
    words=$(commands_of "From source" "What is needed" | tr -d '\\' | sed 's/^apt install//')
    [ "$(wc -w <<<"$words")" -gt 10 ] || return 1
    for package in $words; do
        apt-cache show "$package" >/dev/null 2>&1 || dpkg-query -s "$package" >/dev/null || return 1
    done
}

cluster_of_page() {
    printf 'job = %s/usr/bin/sft-bench-job\ndata = %s/usr/share/sft-bench/instructions.json\n' "$DESTDIR" "$DESTDIR" >"$folder/sft-bench.conf"
    "$top/tests/cluster/sft-cluster" start "$folder/c" --nodes 2 --cpus 1 --gpus 0 \
        --plugin "$DESTDIR/usr/lib/sft-bench/sft_bench.so" --plugin-args "config=$folder/sft-bench.conf"
}

# The plugin as if it were built for Slurm 30.11.5: its version stands in it as a number.
other_slurm() {
    python3 - "$DESTDIR/usr/lib/sft-bench/sft_bench.so" "$folder/other.so" <<'PY'
import re, struct, sys
text = open("/usr/include/slurm/slurm_version.h").read()
number = struct.pack("<I", int(re.search(r"SLURM_VERSION_NUMBER (0x[0-9a-f]+)", text).group(1), 16))
plugin = open(sys.argv[1], "rb").read()
assert plugin.count(number) == 1
open(sys.argv[2], "wb").write(plugin.replace(number, struct.pack("<I", 30 << 16 | 11 << 8 | 5)))
PY
    echo "$1 $folder/other.so" >"$folder/c/etc/plugstack.conf"
}

# What INSTALL.md says of it, word for word, with that release.
told_of_other_slurm() {
    other_slurm optional && srun -N1 true >"$folder/other.out" 2>&1 &&
        grep -q "Incompatible Slurm plugin $folder/other.so version (30.11.5)" "$folder/other.out" &&
        grep -q 'Incompatible Slurm plugin ... version (22.05.8)' "$page" || return 1
    srun --sft-bench=help >"$folder/other.out" 2>&1
    grep -q "unrecognized option '--sft-bench=help'" "$folder/other.out" || return 1
    other_slurm required && ! srun -N1 true
}

tarball_make "${1:-}" || exit 1
cd "$folder" && tar xjf "$tarball" && cd sft-bench-* || exit 1
page=$PWD/INSTALL.md
export DESTDIR=$folder/system CONFIG_SITE=$folder/config.site
echo 'with_cuda=no' >"$CONFIG_SITE" # minutes, where nvcc is
mapfile -t commands < <(commands_of "From source" "In the folder of a release")
check "INSTALL.md has configure, make, make check, make install" [ "${commands[*]%% *}" = "./configure make make make" ]
check "its packages are Debian's" packages_known
for command in "${commands[@]}"; do
    if [ "$command" = "make check" ] && [ "${SFT_CHECK:-no}" != yes ]; then continue; fi
    [ "$command" != make ] || command="make -j$(nproc)"
    check "$command" bash -c "$command" || checks_end
done
check "everything is where its table says" table_has
check "its line for plugstack.conf names the plugin" [ -e "$DESTDIR$(commands_of "From source" 'ends with the line' | cut -d' ' -f2)" ]
check "the example's line is the same" grep -qx "$(commands_of "From source" 'ends with the line')" \
    "$DESTDIR/usr/share/sft-bench/examples/slurm/plugstack.conf.d/sft-bench.conf"
if [ "$(id -u)" -eq 0 ] && command -v slurmctld mariadbd munged >/dev/null; then
    check "a private cluster with it" cluster_of_page || checks_end
    # shellcheck disable=SC1091
    . "$folder/c/env"
    mapfile -t commands < <(commands_of "Is it there?")
    check "its commands are four" [ ${#commands[@]} = 4 ]
    for command in "${commands[@]}"; do
        check "$(sed 's/ *#.*//' <<<"$command")" env PATH="$DESTDIR/usr/bin:$PATH" timeout 300 bash -c "$command"
    done
    check "another Slurm than it was built for is told as the page says" told_of_other_slurm
else
    echo "# no private cluster here: \"Is it there?\" is left out"
fi
check "make uninstall" bash -c "$(commands_of "Removing it" "it was built in")"
check "nothing is left" [ -z "$(find "$DESTDIR" -type f -o -type l -o -name '*sft-bench*')" ]
checks_end
