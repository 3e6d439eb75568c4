#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One node, under a private Slurm (slurm.sh): each request on 1, 2, 4 and 8 of its GPUs, the forecast before, and a table
# of both: tokens/s, scaling, waiting, memory. Then goals, a comparison and the report in both languages.
#   node.sh [-p PREFIX] [-d DEBS] [-g "1 2 4 8"] [-o FOLDER] [-b BACKEND] [-s SECONDS] [REQUEST...]
#   -p, -d, -b  slurm.sh's --prefix, --debs, --backend [cuda]   -g  numbers of GPUs [1, 2, 4, 8, as many as there are]
#   -o  logs and report [build/gpu/node]                        -s  measured of each run [20]
#   REQUEST  a model and keys, without nodes, for all numbers of GPUs, or with @N for N alone: llama-70b,precision=fp8@8
#            [7B and 13B in bf16 and FP8 on all, 70B with adapters on one, and on eight whole too, verify]
# Ends with slurm.sh's `N passed, N failed`; the forecast is not judged here.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
prefix='' debs='' gpus='' logs=$PWD/build/gpu/node backend=cuda seconds=20
while getopts p:d:g:o:b:s: option; do
    case $option in
    p) prefix=$(realpath "$OPTARG") ;;
    d) debs=$(realpath "$OPTARG") ;;
    g) gpus=$OPTARG ;;
    o) logs=$OPTARG ;;
    b) backend=$OPTARG ;;
    s) seconds=$OPTARG ;;
    *) sed -n '3,11s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ -n "$prefix" ] || { echo "node.sh: -p: an installed sft-bench" >&2 && exit 2; }
mkdir -p "$logs" && logs=$(realpath "$logs") || exit 1
here=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU ')
[ -n "$gpus" ] || gpus=$(for n in 1 2 4 8; do [ $n -gt "$here" ] || echo $n; done)
[ -n "$gpus" ] || { echo "node.sh: no NVIDIA GPU here (-g and -b cpu try the script alone)" >&2 && exit 1; }
most=$(printf '%s\n' $gpus | sort -n | tail -n 1)
if [ $# -eq 0 ]; then
    set -- llama-7b llama-7b,precision=fp8 llama-13b llama-13b,precision=fp8 llama-70b,method=qlora@1 llama-70b,method=lora,base=fp8@1 \
        llama-70b,zero=3@8 llama-70b,zero=3,precision=fp8@8 llama-70b,method=qlora@8 llama-70b,method=lora,seq=8192@8
fi
requests=()
for one in "$@"; do
    for count in $gpus; do
        [[ $one != *@* || ${one#*@} = "$count" ]] || continue
        model=${one%%,*} keys=${one#"${one%%,*}"}
        requests+=("${model%@*}:1,gpus=$count${keys%@*},seconds=$seconds")
    done
done
[ ${#requests[@]} -gt 0 ] || { echo "node.sh: nothing to run on $gpus GPUs" >&2 && exit 1; }

echo "forecast:"
for request in "${requests[@]}"; do
    "$prefix/bin/sft-bench-job" --plan "$request" >"$logs/plan.txt" 2>&1 && plan=$(sed -n 's/^ *predicted *//p' "$logs/plan.txt" | grep -m 1 .)
    printf '    %-60s %s\n' "$request" "${plan:-$(tail -n 1 "$logs/plan.txt")}"
    unset plan
done

cat >"$logs/table.py" <<'PY'
import glob, re, sys
rows = []
for path in sorted(glob.glob(sys.argv[1] + "/slurm/run-*.job"), key=lambda p: int(re.search(r"run-(\d+)", p).group(1))):
    record = re.findall(r"sft2\{([^}]*)\}", open(path).read())
    if record and "task=verify" not in record[0]:
        rows.append(dict(pair.split("=", 1) for pair in record[0].split() if "=" in pair))
number = lambda row, key: float(row.get(key, "nan"))
key = lambda row: re.sub(r"gpus=\d+,?", "", row.get("request", ""))
one = {key(r): number(r, "tok_s") for r in rows if number(r, "ranks") == 1}
print(f"{'request':58s} {'GPUs':>4s} {'tok/s':>9s} {'forecast':>9s} {'':>6s} {'scaling':>8s} {'waiting':>9s} {'GiB':>7s} {'planned':>8s}")
for r in rows:
    tokens, plan, base, ranks = number(r, "tok_s"), number(r, "tok_s_plan"), one.get(key(r), float("nan")), number(r, "ranks")
    print(f"{key(r)[:58]:58s} {ranks:4.0f} {tokens:9.0f} {plan:9.0f} {100 * tokens / plan - 100:+5.1f}% {100 * tokens / ranks / base:7.1f}%"
          f" {number(r, 'exposed_ms'):6.1f} ms {number(r, 'mem_gib'):7.2f} {number(r, 'mem_plan_gib'):8.2f}")
PY
report="python3 $logs/table.py $logs; sft-report; for lang in en ja; do sft-report --format html --lang \$lang"
report+=" --goals examples/goals.conf --output $logs/report.\$lang.html || exit 1; done"
exec tests/gpu/slurm.sh --prefix "$prefix" ${debs:+--debs "$debs"} --backend "$backend" --gpus "$most" --logs "$logs/slurm" \
    --command "PATH=$prefix/bin:\$PATH; $report" "${requests[@]}" "verify:1,gpus=$most"
