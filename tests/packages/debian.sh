#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian's packages of what git has committed: built in a clean folder, read by lintian, their contents looked at.
#   tests/packages/debian.sh [FOLDER]    the packages are left there [a temporary folder]
#   SFT_CUDA12=DIR SFT_CUDA13=DIR ...    the jobs for CUDA, too, as contrib/debian/build.sh has it
#   SFT_DEBS=DIR    look at the packages there, in place of building them
# A line a check, `ok NAME` or `not ok NAME`; ends with `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/packages/checks.sh
. tests/packages/checks.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/sft-debs.XXXXXX")
trap 'rm -rf "$work"' EXIT
folder=${1:-$work/debs}
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
slurm=$(dpkg-query -W -f '${Version}' libslurm-dev | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')

deb() { # deb PACKAGE : its file
    local files=("$folder/$1"_*.deb)
    [ -e "${files[0]}" ] && echo "${files[0]}"
}

contents() { dpkg-deb --contents "$(deb "$1")" | awk '{ print $6 }' | sed 's/^\.//'; }
control() { dpkg-deb --field "$(deb "$1")" "$2"; }
conffiles() { dpkg-deb --info "$(deb "$1")" conffiles; }
has() { grep -qxF "$2" <<<"$(contents "$1")" || { echo "$1 has no $2" && return 1; }; }

build() {
    DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck parallel=$(nproc)}" contrib/debian/build.sh "$folder"
}

read_by_lintian() {
    local out status=0
    out=$(lintian --allow-root --no-tag-display-limit --tag-display-limit 0 --fail-on error,warning "$folder"/*.changes 2>&1) ||
        status=$?
    echo "$out"
    return $status
}

# A line here that says why, for each that lintian is told to leave out.
overrides_have_reasons() {
    local file
    for file in contrib/debian/*.lintian-overrides contrib/debian/*.lintian-overrides.in; do
        [ ! -e "$file" ] || awk -v file="$file" '/^#/ { reason = 1; next } NF && !reason { print file ": " $0; bad = 1 }
            !NF { reason = 0 } END { exit bad }' "$file" || return 1
    done
}

plugin_in_slurms_folder() {
    has sft-bench-slurm-plugin "/usr/lib/$triplet/slurm-wlm/sft_bench.so" &&
        has sft-bench-slurm-plugin "/usr/lib/$triplet/slurm-wlm/sft_bench_node.so" &&
        has sft-bench-slurm-plugin /usr/sbin/sft-bench-deliver &&
        ! contents sft-bench-slurm-plugin | grep "/usr/lib/$triplet/sft-bench"
}

plugin_of_one_release() {
    local next depends
    next=$(awk -F. '{ printf "%s.%02d", $1, $2 + 1 }' <<<"$slurm")
    depends=$(control sft-bench-slurm-plugin Depends)
    echo "$depends"
    [[ $depends == *"slurm-client (>= $slurm), slurm-client (<< $next~)"* ]] &&
        [[ $depends == *"sft-bench (= $(control sft-bench Version))"* ]]
}

plugin_conffiles() {
    diff <(conffiles sft-bench-slurm-plugin | sort) - <<'EOF' || return 1
/etc/slurm/plugstack.conf.d/sft-bench.conf
/etc/slurm/sft-bench.conf
EOF
    dpkg-deb --fsys-tarfile "$(deb sft-bench-slurm-plugin)" | tar -xO ./etc/slurm/plugstack.conf.d/sft-bench.conf |
        grep -qx 'optional sft_bench.so'
}

# Whoever has the programs has their manuals, and Japanese.
programs_and_manuals() {
    local page
    for page in man1/sft-bench-job.1 man1/sft-report.1 man1/sft-sweep.1 man5/sft-ceilings.5 man5/sft-checkpoint.5 \
        man5/sft-goals.5 man5/sft-record.5 man5/sft-suite.5 man7/sft-bench.7 man7/sft-verify.7; do
        has sft-bench "/usr/share/man/$page.gz" || return 1
    done
    has sft-bench /usr/bin/sft-report && has sft-bench /usr/bin/sft-sweep &&
        has sft-bench /usr/lib/sft-bench/cpu/sft-bench-job && has sft-bench /usr/share/sft-bench/instructions.json &&
        has sft-bench /usr/share/locale/ja/LC_MESSAGES/sft-report.mo &&
        has sft-bench /usr/share/bash-completion/completions/sft-report &&
        has sft-bench-slurm-plugin /usr/share/man/man5/sft-bench.conf.5.gz &&
        has sft-bench-slurm-plugin /usr/share/man/man8/sft-bench-deliver.8.gz
}

nothing_in_two_packages() {
    local twice
    twice=$(for file in "$folder"/sft-bench*_*.deb; do dpkg-deb --contents "$file"; done |
        grep -v ^d | awk '{ print $6 }' | sort | uniq -d)
    echo "$twice"
    [ -z "$twice" ]
}

nothing_of_libtool_or_local() {
    local file bad=0
    for file in "$folder"/*.deb; do
        dpkg-deb --contents "$file" | grep -E '\.la$| \./usr/local|/build-deb|\./tmp' && bad=1
    done
    return $bad
}

# The job of MAJOR finds CUDA's libraries of that major alone, in folders that only root writes to.
cuda_job() { # cuda_job MAJOR
    local job=$work/cuda$1
    dpkg-deb --fsys-tarfile "$(deb "sft-bench-cuda$1")" | tar -xO "./usr/lib/sft-bench/cuda$1/sft-bench-job" >"$job" || return 1
    readelf -d "$job" | grep -E 'NEEDED|PATH' >"$job.needs"
    cat "$job.needs"
    grep -q "\[libcublasLt.so.$1\]" "$job.needs" && grep -q "\[libcudart.so.$1\]" "$job.needs" &&
        grep -q "\[libcudnn.so.9\]" "$job.needs" && grep -q "\[libnccl.so.2\]" "$job.needs" &&
        grep -q "RUNPATH.*/usr/local/cuda-$1/lib64:" "$job.needs" &&
        [ -z "$(sed -n 's/.*\[\(.*:.*\)\]/\1/p' "$job.needs" | tr : '\n' | grep -vE '^(/usr/(local/)?lib/|/usr/local/cuda|/etc/sft-bench/)')" ]
}

# A driver of the CUDA before is a stand-in here: it says its version and no more.
driver_too_old() { # driver_too_old MAJOR
    local toolkit=SFT_CUDA$1 fake=$work/driver$1 said status=0
    mkdir -p "$fake" && printf '%s\n' "int cuDriverGetVersion(int *version) { *version = ($1 - 1) * 1000 + 80; return 0; }" \
        "int cuInit(unsigned flags) { return (int)flags; }" >"$fake/driver.c" || return 1
    gcc -shared -fPIC -o "$fake/libcuda.so.1" "$fake/driver.c" && chmod +x "$work/cuda$1" || return 1
    said=$(LD_LIBRARY_PATH=$fake:${!toolkit}/lib64:${!toolkit}/lib "$work/cuda$1" tiny,steps=2,warmup=1 \
        --data examples/instructions.json 2>&1) || status=$?
    echo "$said"
    [ $status -ne 0 ] && [ "$(wc -l <<<"$said")" -eq 1 ] &&
        [[ $said == *"NVIDIA's driver here is for CUDA $(($1 - 1)).8 and this program for CUDA $1"* ]]
}

begin=$SECONDS
if [ -n "${SFT_DEBS:-}" ]; then
    folder=$SFT_DEBS
else
    check build build || checks_end
fi
check lintian read_by_lintian
check overrides_have_reasons overrides_have_reasons
check plugin_in_slurms_folder plugin_in_slurms_folder
check plugin_of_one_release plugin_of_one_release
check plugin_conffiles plugin_conffiles
check programs_and_manuals programs_and_manuals
check nothing_in_two_packages nothing_in_two_packages
check nothing_of_libtool_or_local nothing_of_libtool_or_local
for major in 12 13; do
    toolkit=SFT_CUDA$major
    [ -z "${!toolkit:-}" ] || { check "cuda${major}_job" cuda_job $major && check "cuda${major}_driver_too_old" driver_too_old $major; }
done
echo "$((SECONDS - begin)) s"
checks_end
