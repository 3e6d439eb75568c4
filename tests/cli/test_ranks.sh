#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each way of sharing on 1, 2, 3, 4, 6 and 8 real ranks over up to 4 "nodes", sizes that nothing divides,
# gradient accumulation: losses and weights after 20 steps as one rank's, to fp32 rounding.
set -u
program=$SFT_BUILDDIR/tests/unit/model/shard_ranks
command -v mpirun >/dev/null && [ -x "$program" ] && grep -q '^#define HAVE_MPI 1' "$SFT_BUILDDIR/config.h" &&
    grep -q '^#define HAVE_PMIX 1' "$SFT_BUILDDIR/config.h" || {
    echo "ok 1 # skip no mpirun, or built without MPI and PMIx"
    exit 77
}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} # Open MPI and PMIx keep some memory to the end
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo
failed=0 number=0
for zero in 0 1 2 3 hybrid; do
    for layout in 1x1 2x2 3x3 4x2 6x3 6x2 8x2 8x8; do
        ranks=${layout%x*} node=${layout#*x}
        heads=(tied untied gpt2)
        head=${heads[number % 3]}
        number=$((number + 1))
        said=$(timeout 120 mpirun --oversubscribe -n "$ranks" "$program" $zero "$node" $head 2>&1)
        status=$?
        [ $status -eq 0 ] || { failed=1 && printf 'not '; }
        echo "ok $number zero=$zero on $ranks ranks, $node a node, $head: ${said##*$'\n'}"
        [ $status -eq 0 ] || sed 's/^/# /' <<<"$said"
    done
done
exit $failed
