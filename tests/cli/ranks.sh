# SPDX-License-Identifier: Apache-2.0
# Real ranks of tests/unit/model/shard_ranks, over several "nodes", beside one rank. Sourced.
# shellcheck shell=bash disable=SC2034
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

ranks() { # ranks ZERO RANKSxNODE KIND...
    local zero=$1 ranks=${2%x*} node=${2#*x} said status
    shift 2
    number=$((number + 1))
    said=$(timeout 120 mpirun --oversubscribe -n "$ranks" "$program" "$zero" "$node" "$@" 2>&1)
    status=$?
    [ $status -eq 0 ] || { failed=1 && printf 'not '; }
    echo "ok $number zero=$zero on $ranks ranks, $node a node, $*: ${said##*$'\n'}"
    [ $status -eq 0 ] || sed 's/^/# /' <<<"$said"
}
