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

expect "srun --sft-bench=ti" "tiny tiny-lstm"
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

# In a real shell: bash-completion, which reads our file when it starts and Slurm's, one for all its commands, when
# one of them is completed first. FAKE is Slurm's in a folder of its own, for a machine without Slurm and for forms
# of it that differ (Debian 12's sbatch has -o filenames, Debian 13's all have -o nospace).
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/share/bash-completion/completions" "$folder/start"
sed "s|@pkgdatadir@|$src/contrib/completion|g" "$src/contrib/bash_completion.d/sft-bench.in" >"$folder/start/sft-bench"
cat >"$folder/share/bash-completion/completions/slurm-wlm" <<'FAKE'
_fake() { [[ ${COMP_WORDS[COMP_CWORD]} == --e* ]] && COMPREPLY=(--exclusive); }
complete -F _fake srun
complete -o filenames -F _fake sbatch
complete -o nospace -F _fake salloc
complete -F _fake squeue
FAKE
for name in srun sbatch salloc squeue; do
    ln -s slurm-wlm "$folder/share/bash-completion/completions/$name"
done
main=/usr/share/bash-completion/bash_completion # a copy looks for others beside itself
[ ! -e $main ] || cp $main "$folder/share/bash-completion/"
cat >"$folder/rc" <<RC
PS1='ready> '
export XDG_DATA_DIRS=$folder/share BASH_COMPLETION_USER_DIR=$folder/none BASH_COMPLETION_USER_FILE=/dev/null
BASH_COMPLETION_COMPAT_DIR=$folder/start
. $folder/share/bash-completion/bash_completion
RC

# typed NAME KEYS LINE... : in one new shell, each KEYS becomes LINE
typed()
{
    local name=$1 keys=() lines=() got
    shift
    while [ $# -gt 0 ]; do
        keys+=("$1") lines+=("$2")
        shift 2
    done
    got=$(python3 "$src/tests/cli/complete_line.py" "$folder/rc" "${keys[@]}" 2>&1)
    if [ "$got" != "$(printf '%s\n' "${lines[@]}")" ]; then
        printf 'FAIL: %s: in a shell these lines came out:\n%s\n' "$name" "$got"
        failed=1
    fi
}

if [ -e $main ] && command -v python3 >/dev/null; then
    typed "all three" 'srun --sft-b\t' 'srun --sft-bench=' 'sbatch --sft-b\t' 'sbatch --sft-bench=' \
        'salloc --sft-b\t' 'salloc --sft-bench=' 'sbatch --sft-bench=gpt2-m\t' 'sbatch --sft-bench=gpt2-medium' \
        'salloc --sft-bench=tiny,ste\t' 'salloc --sft-bench=tiny,steps='
    typed "Slurm's own goes on" 'srun --e\t' 'srun --exclusive ' 'sbatch --e\t' 'sbatch --exclusive ' \
        'salloc --e\t' 'salloc --exclusive' 'srun --sft-b\t' 'srun --sft-bench='
    typed "another of Slurm's commands first" 'squeue --e\t' 'squeue --exclusive ' 'srun --sft-b\t' 'srun --sft-bench=' \
        'srun --e\t' 'srun --exclusive ' 'sbatch --sft-bench=tin\t' 'sbatch --sft-bench=tiny'
    typed "a command that Slurm's file has not" 'sinfo --e\t' 'sinfo --e' 'srun --sft-bench=tin\t' 'srun --sft-bench=tiny'
    rm -r "$folder/share/bash-completion/completions"
    typed "no completion of Slurm's" 'squeue --e\t' 'squeue --e' 'srun --sft-b\t' 'srun --sft-bench=' 'srun --e\t' 'srun --e'
    rm "$folder/start/sft-bench"
    printf '[ -r /nonexistent/sft-bench.bash ] && . /nonexistent/sft-bench.bash\n' >"$folder/start/sft-bench"
    typed "the package is removed, its start file is left" 'srun --sft-b\t' 'srun --sft-b'
else
    echo "bash-completion or python3 is not here: its shell is left out"
fi
exit $failed
