#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/symbols.sh BUILDDIR: lib/ and job/ use no symbol of Slurm, spank/ none of CUDA, and the plugin
# exports its own symbols alone. Each list is checked to be there first, so that an empty or moved
# file cannot pass.
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

refuse "lib/ and Slurm" "$slurm" sft_request_parse "$build"/lib/.libs/*.o
refuse "lib/ and CUDA" "$cuda" sft_request_parse "$build"/lib/.libs/*.o
mapfile -t job < <(find "$build/job" -name '*.o' ! -path '*/job/tensor/cuda/*' ! -name 'libsftcuda_la-*' \
    ! -name '*collective_nccl*')
refuse "job/ and Slurm" "$slurm" bootstrap_start "${job[@]}"
refuse "job/ and CUDA" "$cuda" bootstrap_start "${job[@]}"
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
