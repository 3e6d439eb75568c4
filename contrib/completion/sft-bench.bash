# bash completion of --sft-bench=REQUEST for srun, sbatch and salloc         -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
#
# bash-completion reads /etc/bash_completion.d/sft-bench when a shell starts, and that reads this file; without
# bash-completion source it from ~/.bashrc. Whatever completes these commands otherwise goes on to do so for
# every other word; Slurm's own file is loaded when the first such word comes, as bash-completion does it.

# keys: completion
_sft_bench_models="tiny llama-1b llama-7b llama-13b llama-70b llama3-8b llama3-70b gpt2 gpt2-medium gpt2-large gpt2-xl gpt2-smoke lstm tiny-lstm"
_sft_bench_keys="gpus steps seconds epochs warmup seq micro_batch global_batch lr lr_warmup
    weight_decay clip seed peak nvlink_gbs nic_gbs oversubscription leaf_nodes interrupts
    storage_gbs ceilings gpu_model method lora_rank lora_alpha lora_dropout lora_targets base rslora
    device precision scaling optimizer states recompute zero bind timeout weights adapter data skip
    eval eval_every tokenizer template trace save merge checkpoint checkpoint_every checkpoint_keep
    resume requeue out checks history"
declare -gA _sft_bench_values=(
    [gpus]="N"
    [steps]="N"
    [seconds]="SECONDS"
    [epochs]="N"
    [warmup]="N"
    [seq]="N"
    [micro_batch]="N|auto"
    [global_batch]="N"
    [lr]="RATE"
    [lr_warmup]="N"
    [weight_decay]="RATE"
    [clip]="NORM"
    [seed]="N"
    [peak]="TFLOPS"
    [nvlink_gbs]="GB/s"
    [nic_gbs]="GB/s"
    [oversubscription]="RATIO"
    [leaf_nodes]="N"
    [interrupts]="N"
    [storage_gbs]="GB/s"
    [ceilings]="FILE"
    [gpu_model]="GPU"
    [method]="full lora qlora"
    [lora_rank]="N"
    [lora_alpha]="ALPHA"
    [lora_dropout]="PART"
    [lora_targets]="all|attention|qv|NAMES"
    [base]="bf16 fp8 nf4"
    [rslora]="no yes"
    [device]="auto cpu cuda"
    [precision]="auto bf16 fp8 tf32 fp32"
    [scaling]="tensor row"
    [optimizer]="adamw sgd"
    [states]="auto fp32 bf16"
    [recompute]="auto none norms block"
    [zero]="auto 0 1 2 3 hybrid"
    [bind]="auto none"
    [timeout]="SECONDS"
    [weights]="FOLDER|NAME"
    [adapter]="FOLDER|NAME"
    [data]="FILE"
    [skip]="PERCENT"
    [eval]="FILE|PART"
    [eval_every]="N"
    [tokenizer]="FILE"
    [template]="auto alpaca llama2 llama3 llama31 chatml"
    [trace]="FILE"
    [save]="FOLDER"
    [merge]="no yes"
    [checkpoint]="FOLDER"
    [checkpoint_every]="STEPS|TIME"
    [checkpoint_keep]="N"
    [resume]="no yes"
    [requeue]="no yes"
    [out]="DIR"
    [checks]="all|NAMES"
    [history]="DIR"
)
# keys: end

# Complete the request $1. What readline replaces begins behind the last '=' or ':' of the word.
_sft_bench_request()
{
    local request=$1 before word key
    compopt -o nospace +o filenames 2>/dev/null
    if [[ $request != *,* ]]; then
        if [[ $request != *:* ]]; then
            COMPREPLY=($(compgen -W "$_sft_bench_models explain verify" -- "$request"))
        fi
        return
    fi
    before=${request%,*},
    word=${request##*,}
    if [[ $word != *=* ]]; then
        before=${before##*[=:]}
        COMPREPLY=($(compgen -P "$before" -S = -W "$_sft_bench_keys" -- "$word"))
        return
    fi
    key=${word%%=*}
    key=${key//-/_}
    case ${_sft_bench_values[${key:-none}]-} in
    FILE)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "${word#*=}"))
        ;;
    DIR)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "${word#*=}"))
        ;;
    *" "*) COMPREPLY=($(compgen -W "${_sft_bench_values[$key]}" -- "${word#*=}")) ;;
    esac
}

# What completes each of the three besides us; "" where nothing does, unset where nobody has looked yet.
declare -gA _sft_bench_others

# Slurm's other commands: their completions and those of the three are one file, so that whoever loads it for
# one of them takes the three from us.
_sft_bench_siblings="sacct sacctmgr sattach sbcast scancel scontrol scrontab sdiag sinfo slurmrestd sprio squeue
    sreport sshare sstat strigger"

# Stand before what completes the command $1 now, with its options of `complete`.
_sft_bench_wrap()
{
    local entry options=
    if complete -p "$1" &>/dev/null; then
        entry=$(complete -p "$1")
        if [[ $entry =~ \ -F\ ([^ ]+) && ${BASH_REMATCH[1]} != @(_sft_bench_launcher|*_minimal) ]]; then
            _sft_bench_others[$1]=${BASH_REMATCH[1]}
            [[ $entry =~ ^complete\ ((-o\ [a-z]+\ )*) ]] && options=${BASH_REMATCH[1]}
        fi
    fi
    complete -o default $options -F _sft_bench_launcher "$1"
}

# Load Slurm's own completion, of whatever has none yet, and stand before it again.
_sft_bench_load()
{
    local command
    for command in $_sft_bench_siblings; do
        [[ $(complete -p "$command" 2>/dev/null) == *" _sft_bench_sibling "* ]] && complete -r "$command"
    done
    for command in srun sbatch salloc; do
        [[ -v _sft_bench_others[$command] ]] || complete -r "$command" 2>/dev/null
    done
    for command in srun sbatch salloc; do
        complete -p "$command" &>/dev/null && continue
        if declare -F _comp_load >/dev/null; then
            _comp_load "$command" &>/dev/null
        elif declare -F _completion_loader >/dev/null; then
            _completion_loader "$command" &>/dev/null
        fi
    done
    for command in srun sbatch salloc; do
        _sft_bench_wrap "$command"
        : "${_sft_bench_others[$command]=}"
    done
}

# 124: bash looks again who completes the command.
_sft_bench_sibling()
{
    _sft_bench_load
    return 124
}

_sft_bench_launcher()
{
    local line=${COMP_LINE:0:COMP_POINT} command=${1##*/} word
    word=${line##*[[:space:]]}
    COMPREPLY=()
    case $word in
    --sft-bench=*)
        _sft_bench_request "${word#--sft-bench=}"
        return
        ;;
    esac
    if [[ ! -v _sft_bench_others[$command] ]]; then
        _sft_bench_load
        return 124
    fi
    [[ -n ${_sft_bench_others[$command]} ]] && "${_sft_bench_others[$command]}" "$@"
    if [[ $word == --s* && --sft-bench= == "$word"* ]]; then
        compopt -o nospace +o filenames 2>/dev/null # which would quote the "="
        COMPREPLY+=(--sft-bench=)
    fi
}

# A completion that the user made before us is kept; one that is loaded later is found then.
for _sft_bench_command in srun sbatch salloc; do
    _sft_bench_wrap "$_sft_bench_command"
done
for _sft_bench_command in $_sft_bench_siblings; do
    complete -p "$_sft_bench_command" &>/dev/null || complete -F _sft_bench_sibling "$_sft_bench_command"
done
unset _sft_bench_command
