#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The completion of --sft-bench= in srun, and that srun's own completion goes on beside it.
set -u
src=${SFT_SRCDIR:?}
failed=0

_own_srun()
{
    COMPREPLY=(own)
}
complete -F _own_srun srun
source "$src/contrib/completion/sft-bench.bash"

# complete_line LINE: what is offered at the line's end
complete_line()
{
    COMP_LINE=$1 COMP_POINT=${#1}
    COMP_WORDS=(srun) COMP_CWORD=0 COMPREPLY=()
    _sft_bench_launcher srun 2>/dev/null
    echo "${COMPREPLY[*]}"
}

expect()
{
    local got
    got=$(complete_line "$1")
    if [ "$got" != "$2" ]; then
        echo "FAIL: '$1' offers '$got', expected '$2'"
        failed=1
    fi
}

expect "srun --sft-bench=ti" "tiny"
expect "srun --sft-bench=llama3" "llama3-8b llama3-70b"
expect "srun --sft-bench=tiny:2" ""
expect "srun --sft-bench=tiny:2,se" "2,seconds= 2,seq= 2,seed="
expect "srun --sft-bench=tiny,seed=7,mi" "7,micro_batch="
expect "srun --sft-bench=tiny,seed=7" ""
expect "srun --sft-bench=tiny,states=" "auto fp32 bf16"
expect "srun --sft-bench=tiny,seed=7,recompute=n" "none norms"
expect "srun --mp" "own"
expect "srun --sf" "own --sft-bench="
expect "srun -N 2 hostn" "own"
exit $failed
