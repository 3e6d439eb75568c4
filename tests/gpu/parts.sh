#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tests and comparisons that want a GPU, one after the other, each with a time limit: what does not end is stopped,
# and the rest goes on. For a machine that is lent for minutes (tests/gpu/pack.sh). Each part has its log; ends with
# `N passed, N failed`.
#   parts.sh [-b BUILD] [-d DEBS] [-o FOLDER] [PART...]   -b  [$SFT_BUILD, else build/gpu]   -d  as slurm.sh's --debs
#   parts.sh --list                                       -o  logs [build/gpu/parts]
# Those of two GPUs are left out where there is one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
SMALL=states=bf16,data=synthetic:2048,seconds=20
# name | GPUs | seconds | command; $build, $logs and $debs are known
PARTS=(
    'operations|1|150|SFT_ONLY=operations tests/gpu/run.sh -b $build -o $logs'
    'fp8|1|60|$build/tests/gpu/test_fp8_cuda'
    'models|1|60|$build/tests/gpu/test_models_cuda'
    'sanitizer|1|240|SFT_ONLY=sanitizer tests/gpu/run.sh -b $build -o $logs'
    'checkpoint|1|240|tests/gpu/checkpoint.sh -b $build -o $logs/checkpoint'
    'ranks|1|300|SFT_RANKS="2 4" SFT_ONLY="losses memory" tests/gpu/ranks.sh -j $build/sft-bench-job -o $logs/ranks'
    'ranks-adapters|1|240|SFT_WITH=method=qlora SFT_LR=1e-2 SFT_RANKS="2 4" SFT_ZERO="0 1 3" SFT_ONLY="losses memory" tests/gpu/ranks.sh -j $build/sft-bench-job -o $logs/ranks-adapters'
    'ranks-fp8|1|400|SFT_ONLY=ranks SFT_RANKS="2 4" SFT_RANKS_ZERO="1 3 hybrid" tests/gpu/fp8_shards.sh -b $build -o $logs/ranks-fp8'
    'verify|1|150|tests/gpu/verify.sh $build'
    'smoke|1|280|tests/bench/smoke.sh -j $build/sft-bench-job -s 10'
    'losses|1|300|SFT_ONLY=losses tests/gpu/run.sh -b $build -o $logs'
    'peer-qlora|1|300|SFT_ONLY=peer tests/gpu/bases.sh -b $build -o $logs/bases -n 120'
    'slurm|1|500|tests/gpu/slurm.sh --prefix $build/root ${debs:+--debs $debs} llama-7b:1,method=lora,$SMALL llama-13b:1,method=qlora,$SMALL llama-70b:1,method=qlora,$SMALL --command "PATH=$build/root/bin:$PATH sft-report"'
    'quickstart|1|200|tests/bench/quickstart.sh -j $build/sft-bench-job -s 10'
    'two-losses|2|120|SFT_ONLY=losses tests/gpu/fp8_shards.sh -b $build -o $logs/two-losses'
    'two-speed|2|500|SFT_ONLY=speed tests/gpu/fp8_shards.sh -b $build -o $logs/two-speed -s 10'
    'two-peer|2|300|SFT_ONLY=peer tests/gpu/fp8_shards.sh -b $build -o $logs/two-peer'
    'two-verify|2|150|tests/gpu/verify.sh $build'
    'node|2|550|tests/gpu/node.sh -p $build/root ${debs:+-d $debs} -o $logs/node -s 10'
)
build=${SFT_BUILD:-$PWD/build/gpu} debs='' logs=$PWD/build/gpu/parts passed=0 failed=0
[ "${1:-}" != --list ] || { printf '%s\n' "${PARTS[@]}" && exit 0; }
while getopts b:d:o: option; do
    case $option in
    b) build=$OPTARG ;;
    d) debs=$OPTARG ;;
    o) logs=$OPTARG ;;
    *) sed -n '3,8s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
mkdir -p "$logs"
gpus=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU ') || { echo "parts.sh: no NVIDIA GPU here" >&2 && exit 1; }
nvidia-smi -L
export build debs logs SMALL

part() { # part NAME GPUS SECONDS COMMAND
    local begin=$SECONDS status
    if [ "$2" -gt "$gpus" ]; then
        echo "skipped $1: $gpus GPU"
        return
    fi
    timeout -k 10 "$3" bash -c "$4" >"$logs/$1.log" 2>&1 </dev/null
    status=$?
    if [ $status -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-8s %-16s %4d s%s\n' "$([ $status -eq 0 ] && echo ok || echo FAILED)" "$1" $((SECONDS - begin)) \
        "$([ $status -ne 124 ] || echo ", its limit")"
    tail -n "$([ $status -eq 0 ] && echo 6 || echo 15)" "$logs/$1.log" | sed 's/^/    /'
}

for name in "$@"; do
    printf '%s\n' "${PARTS[@]}" | grep "^$name|" >/dev/null || { echo "parts.sh: no part $name: see --list" >&2 && exit 2; }
done
for line in "${PARTS[@]}"; do
    IFS='|' read -r name needs seconds command <<<"$line"
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    part "$name" "$needs" "$seconds" "$command"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
