#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long the first step takes, on a GPU: with no choice of an algorithm anywhere, with another shape's, with a table of
# the site and with the own file; and what the quick choice costs: the speed beside a build that searches long, in turn,
# twice, medians. Wanted of llama-7b: under 8 s without, under 2 s with the own file, and at most 1% slower.
#   quickstart.sh [-j SFT-BENCH-JOB] [-r REFERENCE-JOB] [-o FOLDER] [-s SECONDS] [-m MODEL] [-p "PRECISION..."]
#   -r  an older build's program, whose search was long: without it its speed is not compared
#   -s  measured of each speed [15]    -m [llama-7b]    -p [fp8 bf16]    -o  logs [build/gpu/quickstart]
# Prints a line for each; nothing is judged but that runs end.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
job=sft-bench-job reference='' out=$PWD/build/gpu/quickstart seconds=15 model=llama-7b precisions='fp8 bf16'
while getopts j:r:o:s:m:p: option; do
    case $option in
    j) job=$OPTARG ;;
    r) reference=$OPTARG ;;
    o) out=$OPTARG ;;
    s) seconds=$OPTARG ;;
    m) model=$OPTARG ;;
    p) precisions=$OPTARG ;;
    *) sed -n '3,10s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
job=$(command -v "$job") || { echo "quickstart.sh: no sft-bench-job: build it, or name it with -j" >&2 && exit 2; }
mkdir -p "$out"
nvidia-smi -L || { echo "quickstart.sh: no NVIDIA GPU here" >&2 && exit 1; }
failed=0

run() { # run NAME JOB CACHE TUNED REQUEST : result in $out/NAME/result.json
    rm -rf "${out:?}/$1"
    SFT_BENCH_CACHE=$3 SFT_BENCH_TUNED=$4 "$2" "$5,out=$out/$1" >"$out/$1.log" 2>&1 && return
    failed=1
    echo "$1 FAILED: $(tail -n 1 "$out/$1.log")"
    return 1
}
figure() { # figure NAME KEY
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], float("nan")))' "$out/$1/result.json" "$2"
}
request_of() { # request_of ROWS-A-MICRO-BATCH PRECISION STEPS
    echo "$model,data=synthetic:4096,seq=4096,micro_batch=$1,global_batch=$((8 / $1 * $1)),states=bf16,precision=$2,$3"
}
first() { # first NAME WHAT
    python3 - "$2" "$(figure "$1" first_ms)" "$(figure "$1" step_ms)" <<'PY'
import sys
what, first, step = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
print(f"    {what:40s} first step {first / 1e3:6.2f} s, of it over a step's time {(first - step) / 1e3:6.2f} s", flush=True)
PY
}
for precision in $precisions; do
    short=$(request_of 4 "$precision" steps=3,warmup=1) other=$(request_of 2 "$precision" steps=3,warmup=1)
    for time in 1 2; do
        echo "$model $precision, time $time"
        rm -rf "${out:?}/cache" "${out:?}/site" "${out:?}/new"
        mkdir -p "$out/site"
        run none "$job" "$out/cache" '' "$short" && first none "nothing is known"
        run own "$job" "$out/cache" '' "$short" && first own "the own file"
        run rows "$job" "$out/new" "$out/site" "$other" && rm -rf "${out:?}/new" && mkdir -p "$out/new"
        cp "$out/site"/* "$out/new/" 2>/dev/null
        run rows "$job" "$out/new" '' "$short" && first rows "the own file, of half the rows"
        rm -rf "${out:?}/site" && mkdir -p "$out/site" && cp "$out/cache"/* "$out/site/"
        run site "$job" "$out/nothing-$time" "$out/site" "$short" && first site "a table of the site"
        rm -rf "${out:?}/nothing-$time"
    done
    [ -n "$reference" ] || continue
    long=$(request_of 4 "$precision" "seconds=$seconds,warmup=4")
    rm -rf "${out:?}/cache-new" "${out:?}/cache-old"
    for time in 1 2; do # each chooses anew in its own run, twice
        rm -rf "${out:?}/cache-new" "${out:?}/cache-old"
        run "new-$time" "$job" "$out/cache-new" '' "$long"
        run "old-$time" "$reference" "$out/cache-old" '' "$long"
    done
    python3 - "$precision" "$(figure new-1 step_ms)" "$(figure new-2 step_ms)" "$(figure old-1 step_ms)" "$(figure old-2 step_ms)" <<'PY'
import statistics, sys
new, old = [float(x) for x in sys.argv[2:4]], [float(x) for x in sys.argv[4:6]]
off = 100 * (statistics.median(new) / statistics.median(old) - 1)
print(f"    {sys.argv[1]}: median steps {new[0]:.1f} and {new[1]:.1f} ms, searched long {old[0]:.1f} and {old[1]:.1f} ms: {off:+.2f}%")
PY
done
exit $failed
