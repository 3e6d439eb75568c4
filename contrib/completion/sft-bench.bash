# bash completion of --sft-bench=REQUEST for srun, sbatch and salloc         -*- shell-script -*-
#
# Source this from ~/.bashrc or /etc/bash_completion.d. Whatever completes these commands otherwise
# goes on to do so for every other word; it is looked up when the first such word comes, as
# bash-completion loads it only then.

# keys: completion
_sft_bench_models="tiny llama-1b llama-7b llama-13b llama-70b llama3-8b llama3-70b gpt2 gpt2-medium gpt2-large gpt2-xl"
_sft_bench_keys="gpus steps seconds warmup seq micro_batch global_batch lr lr_warmup weight_decay
    clip seed peak nvlink_gbs nic_gbs ceilings gpu_model device states recompute zero bind timeout
    data skip tokenizer trace out"
declare -gA _sft_bench_values=(
    [gpus]="N"
    [steps]="N"
    [seconds]="SECONDS"
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
    [ceilings]="FILE"
    [gpu_model]="GPU"
    [device]="auto cpu cuda"
    [states]="auto fp32 bf16"
    [recompute]="auto none norms block"
    [zero]="auto 0 1 2 3 hybrid"
    [bind]="auto none"
    [timeout]="SECONDS"
    [data]="FILE"
    [skip]="PERCENT"
    [tokenizer]="FILE"
    [trace]="FILE"
    [out]="DIR"
)
# keys: end

# Complete the request $1. What readline replaces begins behind the last '=' or ':' of the word.
_sft_bench_request()
{
    local request=$1 before word key
    compopt -o nospace 2>/dev/null
    if [[ $request != *,* ]]; then
        if [[ $request != *:* ]]; then
            COMPREPLY=($(compgen -W "$_sft_bench_models explain" -- "$request"))
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

# What completes the command besides us; asked for once a command.
declare -A _sft_bench_others
_sft_bench_other()
{
    local command=$1 entry
    if [[ ! -v _sft_bench_others[$command] ]]; then
        complete -r "$command" 2>/dev/null
        if declare -F _comp_load >/dev/null; then
            _comp_load "$command" >/dev/null 2>&1
        elif declare -F _completion_loader >/dev/null; then
            _completion_loader "$command" >/dev/null 2>&1
        fi
        entry=$(complete -p "$command" 2>/dev/null)
        [[ $entry =~ \ -F\ ([^ ]+) ]] && entry=${BASH_REMATCH[1]} || entry=
        [[ $entry == _sft_bench_launcher || $entry == _minimal ]] && entry=
        _sft_bench_others[$command]=$entry
        complete -o default -F _sft_bench_launcher srun sbatch salloc
    fi
    [[ -n ${_sft_bench_others[$command]} ]] && "${_sft_bench_others[$command]}" "$@"
}

_sft_bench_launcher()
{
    local line=${COMP_LINE:0:COMP_POINT} word
    word=${line##*[[:space:]]}
    COMPREPLY=()
    case $word in
    --sft-bench=*)
        _sft_bench_request "${word#--sft-bench=}"
        return
        ;;
    esac
    _sft_bench_other "$@"
    if [[ $word == --s* && --sft-bench= == "$word"* ]]; then
        compopt -o nospace 2>/dev/null
        COMPREPLY+=(--sft-bench=)
    fi
}

# A completion that the user made before us is kept; one that is loaded later is found then.
for _sft_bench_command in srun sbatch salloc; do
    if [[ $(complete -p "$_sft_bench_command" 2>/dev/null) =~ \ -F\ ([^ ]+) &&
        ${BASH_REMATCH[1]} != _sft_bench_launcher ]]; then
        _sft_bench_others[$_sft_bench_command]=${BASH_REMATCH[1]}
    fi
done
unset _sft_bench_command
complete -o default -F _sft_bench_launcher srun sbatch salloc
