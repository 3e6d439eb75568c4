#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rpm.sh [TARBALL] : the RPMs of contrib/rpm, built in a clean folder out of `make dist`'s tarball with Debian's rpmbuild,
# and what is in them. Not tried here: a system that has RPM packages, so the build takes Debian's libraries
# (--nodeps). Ends with `N passed, N failed`; exit status 0 when none failed.
#   SFT_BUILDDIR=DIR   a configured build that makes the tarball [one of its own]
#   SFT_PACKAGES=DIR   where the RPMs are left [nowhere]
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d /tmp/sft-rpm.XXXXXX)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
# shellcheck source=tests/packages/checks.sh
. "$top/tests/packages/checks.sh"
# shellcheck source=tests/packages/tarball.sh
. "$top/tests/packages/tarball.sh"

for tool in rpmbuild rpmlint rpm2cpio cpio; do
    command -v $tool >/dev/null || {
        echo "rpm.sh: $tool is missing: apt-get install rpm rpmlint cpio" >&2
        exit 2
    }
done

# The release that Slurm's headers here are of: 22.05.
slurm_release() {
    local number
    number=$(sed -n 's/^#define SLURM_VERSION_NUMBER //p' /usr/include/slurm/slurm_version.h)
    printf '%d.%02d' $((number >> 16)) $((number >> 8 & 255))
}

# Whole answers are searched: a grep that ends at its first find kills the program that still writes to it.
about() { rpm -qp --nosignature "$@" 2>/dev/null; }
files() { about -l "$1" | grep -v '/\.build-id'; }
has() { grep -qx -- "$2" <<<"$(files "$1")"; }
has_not() { ! grep -q -- "$2" <<<"$(files "$1")"; }
requires() { grep -qx -- "$2" <<<"$(about -R "$1")"; }
configured() { grep -qx -- "$2" <<<"$(about -c "$1")"; }

# Nobody owns a file of the other's.
apart() { [ -z "$(sort <(files "$1") <(files "$2") | uniq -d)" ]; }

# Installed, as far as the files go, and removed again.
installed() {
    mkdir "$folder/root"
    rpm --root "$folder/root" --initdb &&
        rpm --root "$folder/root" -i --nodeps --noscripts --nosignature "$main" "$plugin" &&
        [ -e "$folder/root/usr/lib64/sft-bench/sft_bench.so" ]
}

runs() { "$folder/root/usr/libexec/sft-bench/cpu/sft-bench-job" llama-7b --plan >"$folder/plan" && "$folder/root/usr/bin/sft-report" --version; }

removed() {
    rpm --root "$folder/root" -e --nodeps --noscripts sft-bench sft-bench-slurm-plugin &&
        [ -z "$(find "$folder/root" -name '*sft[-_]*')" ]
}

# lint_clean COMMAND... : it found no error and no warning
lint_clean() {
    local said
    said=$("$@" 2>&1)
    echo "$said"
    ! grep -qE ': [EW]: ' <<<"$said" && grep -q 'checked; 0 errors, 0 warnings' <<<"$said"
}

names() { # names OPTION... : of the packages that the specification makes
    rpmspec -q "$@" --qf '%{name}-%{version}-%{release} ' "$folder/sft-bench.spec" 2>/dev/null
}

tarball_make "${1:-}" || exit 1
version=${tarball##*/sft-bench-} version=${version%.tar.bz2} slurm=$(slurm_release)
tar xOjf "$tarball" "sft-bench-$version/contrib/rpm/sft-bench.spec" >"$folder/sft-bench.spec"
check "names carry version and Slurm's release" [ "$(names)" = \
    "sft-bench-$version-1 sft-bench-slurm-plugin-$version-1.slurm$slurm " ]
check "CUDA's only with a switch" [ "$(names --with cuda12 --with cuda13)" = "$(names)sft-bench-cuda12-$version-1 sft-bench-cuda13-$version-1 " ]
check "another Slurm, another name" [ "$(names --define 'slurm 24.11')" = "sft-bench-$version-1 sft-bench-slurm-plugin-$version-1.slurm24.11 " ]
check "rpmbuild, which refuses files that are in no package" rpmbuild -tb --nodeps --without check --define "_topdir $folder/top" "$tarball" || checks_end
main=$(echo "$folder"/top/RPMS/*/sft-bench-"$version"-1.*.rpm)
plugin=$(echo "$folder"/top/RPMS/*/sft-bench-slurm-plugin-"$version"-1.slurm"$slurm".*.rpm)
check "two packages, named so" [ "$(cd "$folder/top/RPMS" && find . -name '*.rpm' | wc -l)" = 2 -a -e "$main" -a -e "$plugin" ]
for file in /usr/bin/sft-bench-job /usr/bin/sft-report /usr/bin/sft-sweep /usr/libexec/sft-bench/cpu/sft-bench-job \
    /usr/share/man/man1/sft-{bench-job,report,sweep}.1.gz /usr/share/man/man7/sft-{bench,verify}.7.gz /usr/share/sft-bench/instructions.json /etc/bash_completion.d/sft-bench \
    /usr/share/doc/sft-bench/INSTALL.md /usr/share/licenses/sft-bench-"$version"/COPYING; do
    check "sft-bench has $file" has "$main" "$file"
done
for file in /usr/lib64/sft-bench/sft_bench.so /usr/sbin/sft-bench-deliver /usr/share/man/man8/sft-bench-deliver.8.gz; do
    check "sft-bench-slurm-plugin has $file" has "$plugin" "$file"
done
for file in /etc/slurm/sft-bench.conf /etc/slurm/plugstack.conf.d/sft-bench.conf; do
    check "sft-bench-slurm-plugin has $file, the site's own" configured "$plugin" "$file"
done
check "nothing of libtool's" has_not "$main" '\.la$'
check "nor in the plugin's" has_not "$plugin" '\.la$'
check "no file in both" apart "$main" "$plugin"
check "the plugin wants Slurm $slurm or later" requires "$plugin" "slurm >= $slurm"
check "and earlier than the next release" requires "$plugin" "slurm < $(echo "$slurm" | awk -F. '{ printf "%d.%02d", $1, $2 + 1 }')"
check "and sft-bench of the same build" requires "$plugin" "sft-bench(.*) = $version-1"
check "the files install into a root" installed
check "plugstack.conf.d names the plugin" grep -qx 'optional /usr/lib64/sft-bench/sft_bench.so' \
    "$folder/root/etc/slurm/plugstack.conf.d/sft-bench.conf"
check "its programs run" runs
check "and go without a trace" removed
check "rpmlint has nothing to say that has no reason" lint_clean rpmlint -c "$top/tests/packages/rpmlint.toml" \
    "$main" "$plugin" "$folder/sft-bench.spec"
[ -z "${SFT_PACKAGES:-}" ] || { mkdir -p "$SFT_PACKAGES" && cp "$main" "$plugin" "$SFT_PACKAGES"; }
checks_end
