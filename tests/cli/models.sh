# SPDX-License-Identifier: Apache-2.0
# How the tests of models in files run ranks, and tell. Sourced.
# shellcheck shell=bash disable=SC2034
export OPENBLAS_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-} # Open MPI and PMIx keep some memory to the end
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=lo
failed=0 number=0

report() { # report WHAT STATUS [SAID]
    number=$((number + 1))
    [ "$2" -eq 0 ] || { failed=1 && printf 'not '; }
    echo "ok $number $1"
    [ "$2" -eq 0 ] || sed 's/^/# /' <<<"${3-}"
}

expect() { # expect WHAT PATTERN COMMAND...: it fails with one line that has the pattern
    local what=$1 pattern=$2 said status
    shift 2
    said=$(timeout 120 "$@" 2>&1)
    status=$?
    [ $status -ne 0 ] && [[ $said == *$pattern* ]]
    report "$what" $? "$said"
}
