#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/symbols.sh BUILDDIR: Slurm's symbols are in spank/ alone; CUDA's in job/tensor/cuda/, job/collective/*nccl* and the
# sensors; no folder's library needs a later folder's; the plugin exports its own symbols alone. Each list is checked to be
# there first, so that an empty or moved file cannot pass.
set -euo pipefail
build=$1
slurm='^(slurm|spank|slurmdb|plugin_)|^(xmalloc|list_iterator)'
cuda='^(cuda|cublas|cudnn|nccl|nvml|cu[A-Z])'
failed=0

undefined() { # undefined FILE... : names that the files need or define
    nm "$@" 2>/dev/null | awk 'NF >= 2 { print $NF }' | sed 's/@.*//' | sort -u
}

refuse() { # refuse WHAT PATTERN MUST_HAVE FILE... : no name matches the pattern
    local what=$1 pattern=$2 must=$3 names
    shift 3
    names=$(undefined "$@")
    if ! grep -qx "$must" <<<"$names"; then
        echo "$what: $must not found: nothing was checked" >&2
        failed=1
    fi
    if grep -E "$pattern" <<<"$names"; then
        echo "$what: has the symbols above" >&2
        failed=1
    fi
}

objects() { # objects FOLDER [find's conditions] : what libtool made of its files, as part of a shared library or not
    local folder=$1
    shift
    find "$build/$folder" -name '*.o' "$@"
}

mapfile -t plain < <(for folder in lib node accounts report sweep job; do objects $folder; done)
mapfile -t host < <(for folder in lib node spank accounts report sweep; do objects $folder; done
    objects job ! -path '*/job/tensor/cuda/*' ! -name '*collective_nccl*' ! -name '*sensors*')
for must in sft_request_parse sysfs_text bootstrap_start; do
    refuse "all but spank/ and Slurm" "$slurm" $must "${plain[@]}"
    refuse "all but the CUDA backend and CUDA" "$cuda" $must "${host[@]}"
done

# Folder by folder in the design's order: what is undefined there and first defined in a later one, or defined in two.
libraries=(lib/libsft node/libnode node/libaffinity spank/libspank job/control/libcontrol job/tensor/libtensor
    job/tensor/cuda/libcuda job/collective/libcollective job/model/libmodel job/data/libdata job/train/libtrain
    job/run/librun accounts/libaccounts report/libreport sweep/libsweep)
for library in "${libraries[@]}"; do
    archive=$build/${library%/*}/.libs/${library##*/}.a
    [ $library = node/libaffinity ] && [ ! -e "$archive" ] && continue # no hwloc
    nm -g "$archive" | awk -v library=$library 'NF >= 2 { print library, $(NF - 1), $NF }' || failed=1
done >"$build/symbols.txt"
awk '{ if (!($1 in at)) at[$1] = ++libraries }
    $2 ~ /[TDBR]/ && $3 in home && home[$3] != $1 { print $1 " and " home[$3] " both define " $3; twice = 1 }
    $2 != "U" && !($3 in home) { home[$3] = $1 }
    $2 == "U" { needs[$1 " " $3] }
    END {
        for (pair in needs) {
            split(pair, p, " ")
            if (p[2] in home && at[home[p[2]]] > at[p[1]]) { print p[1] " needs " p[2] " of " home[p[2]]; bad = 1 }
        }
        if (libraries < 14) { print "only " libraries " libraries were read"; bad = 1 }
        exit bad || twice
    }' "$build/symbols.txt" >&2 || failed=1

if ldd "$build/sft-bench-job" | grep -E 'libslurm|libcuda\.so|libnvidia-ml'; then
    echo "sft-bench-job: linked with the above" >&2
    failed=1
fi
plugin=$build/spank/.libs/sft_bench.so
if [ -e "$plugin" ]; then
    refuse "spank/ and CUDA" "$cuda" slurm_spank_init "$build"/spank/.libs/*.o
    exported=$(nm -D --defined-only "$plugin" | awk '{ print $3 }' | sed 's/@.*//' | sort -u)
    if ! grep -qx slurm_spank_init <<<"$exported" ||
        grep -vE '^(slurm_spank_[a-z_]+|plugin_(name|type|version)|spank_plugin_version)$' <<<"$exported"; then
        echo "the plugin exports more than its own symbols (above), or not slurm_spank_init" >&2
        failed=1
    fi
    if ldd "$plugin" | grep -E 'libslurm|libcuda|jansson'; then
        echo "the plugin is linked with the above" >&2
        failed=1
    fi
fi
exit $failed
