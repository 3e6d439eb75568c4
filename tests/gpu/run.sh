#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# All that needs a GPU, in one command: builds, then each operation against the CPU's, memory checks,
# training beside Hugging Face's Llama (where python3 has torch and transformers) and a run under a
# private Slurm (tests/gpu/slurm.sh). Ends with `N passed, N failed`; exit status 0 when none failed.
#   run.sh [-b BUILD] [-d DEBS] [-o FOLDER]
#   -b  a folder that has sft-bench-job and tests/gpu's programs: nothing is built
#   -d  Slurm's packages, as slurm.sh --debs takes them      -o  logs [build/gpu/log]
#   SFT_ONLY="operations sanitizer losses slurm": only these
#   SFT_DATA, SFT_TOKENIZER: records and SentencePiece model of the losses [../shared/data's]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build='' debs='' logs=$PWD/build/gpu/log passed=0 failed=0
only=${SFT_ONLY:-operations sanitizer losses slurm}
data=${SFT_DATA:-../shared/data/sft-roleplay.json}
tokenizer=${SFT_TOKENIZER:-../shared/data/llama2-tokenizer.model}
while getopts b:d:o: option; do
    case $option in
    b) build=$OPTARG ;;
    d) debs=$OPTARG ;;
    o) logs=$OPTARG ;;
    *) sed -n '3,11s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
mkdir -p "$logs"
check() { # check NAME COMMAND...
    local name=$1 log=$logs/${1// /-}.log begin=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %-44s %4d s\n' "$name" $((SECONDS - begin))
    else
        failed=$((failed + 1))
        printf 'FAILED  %-44s %4d s  %s\n' "$name" $((SECONDS - begin)) "$log"
        tail -n 8 "$log" | sed 's/^/    /'
    fi
}
wanted() { [[ " $only " == *" $1 "* ]]; }
make_all() {
    [ -x configure ] || autoreconf -fi || return 1
    mkdir -p build/gpu/build && cd build/gpu/build || return 1
    ../../../configure --enable-werror && make -j"$(nproc)" \
        && make -j"$(nproc)" tests/gpu/test_ops_cuda tests/gpu/test_matmul_cuda \
            tests/gpu/test_nf4_cuda tests/gpu/test_adapters_cuda tests/gpu/train_losses
}
nvidia-smi -L || { echo "run.sh: no NVIDIA GPU here" >&2 && exit 1; }
if [ -z "$build" ]; then
    check build make_all
    build=$PWD/build/gpu/build
fi
find_program() { # the test programs lie in the build tree or, carried, side by side
    local path
    for path in "$build/$1" "$build/$(basename "$1")"; do
        [ -x "$path" ] && echo "$path" && return
    done
    echo "$build/$1"
}
job=$(find_program sft-bench-job)
operations=$(find_program tests/gpu/test_ops_cuda)
products=$(find_program tests/gpu/test_matmul_cuda)
adapters=$(find_program tests/gpu/test_adapters_cuda)
four_bits=$(find_program tests/gpu/test_nf4_cuda)
train=$(find_program tests/gpu/train_losses)
tiny=tiny,data=examples/instructions.json,steps=2,warmup=1,seed=1

# The libraries' kernels wait on mbarriers, which racecheck does not follow: only ours count, whose
# names begin with sft_.
race() {
    compute-sanitizer --tool racecheck "$@"
    local output=$logs/racecheck-of-our-own-kernels.log
    echo "hazards by kernel:"
    grep -o ' in [^+]*' "$output" | sed 's/<.*//; s/(.*//' | sort | uniq -c | sort -rn | head -n 20
    grep -q 'RACECHECK SUMMARY' "$output" && ! grep -q 'Race.*sft_\|in .*sft_' "$output"
}
if wanted operations; then
    check "each operation against the CPU" "$operations"
    check "adapters' operations against the CPU" "$adapters"
    check "matrix products of every kind" "$products"
    check "NF4 against the CPU" "$four_bits"
fi
if wanted sanitizer; then
    if command -v compute-sanitizer >/dev/null; then
        check "memcheck of the tiny model" compute-sanitizer --tool memcheck --error-exitcode 9 \
            "$job" "$tiny"
        check "memcheck of NF4" compute-sanitizer --tool memcheck --error-exitcode 9 "$four_bits"
        check "racecheck of our own kernels" race "$job" tiny,data=examples/instructions.json,steps=1,warmup=0
    else
        echo "skipped sanitizer: no compute-sanitizer"
    fi
fi
losses() { # losses STATES PRECISION BOUND
    rm -rf "$logs/losses" && mkdir -p "$logs/losses" \
        && "$train" llama-1b "$data" "$tokenizer" 2048 4 2 100 1e-4 "$1" "$logs/losses" \
        && python3 tests/bench/peer_losses.py "$logs/losses" --seq 2048 --micro 4 --accumulation 2 \
            --states "$1" --precision "$2" --bound "$3"
    local status=$?
    rm -rf "$logs/losses"
    return $status
}
if wanted losses; then
    if python3 -c 'import torch, transformers' 2>/dev/null && [ -r "$data" ]; then
        check "1B losses, fp32 states, with the peer's" losses fp32 bf16 0.01
        check "1B losses, bf16 states, with an fp32 peer's" losses bf16 fp32 0.03
    else
        echo "skipped losses: no torch and transformers, or no $data (SFT_DATA)"
    fi
fi
if wanted slurm; then
    prefix=$build/root
    [ -d "$prefix" ] || check "install" make -C "$build" install prefix="$prefix"
    check "srun --sft-bench under a private Slurm" tests/gpu/slurm.sh --prefix "$prefix" \
        ${debs:+--debs "$debs"} tiny:1 llama-7b:1,steps=4,warmup=3,micro_batch=4,global_batch=8,states=bf16,data=synthetic:4096
    grep -h 'admincomment\|AdminComment' "$logs"/srun*.log | head -n 4
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
