#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# verify on GPUs: its figures stand beside those of tests/bench/ceilings in the same call, another program on a GPU is
# named, and several GPUs have teams, with busbw beside torch.distributed's where there is one.
#   tests/gpu/verify.sh [BUILD]   a folder with sft-bench-job [build/gpu/build]
set -uo pipefail
here=$(realpath "$(dirname "$0")")
build=$(realpath "${1:-build/gpu/build}")
job=$build/sft-bench-job
passed=0 failed=0 other=''
work=$(mktemp -d)
trap '[ -z "$other" ] || kill "$other"; rm -rf "$work"' EXIT
cd "$work" || exit 1
unset "${!SLURM@}" "${!PMIX@}"
gpus=$(nvidia-smi -L | grep -c '^GPU ') || { echo "verify.sh: no NVIDIA GPU here" >&2 && exit 1; }

check() { # check NAME COMMAND...
    local name=$1 begin=$SECONDS
    shift
    if "$@" >log 2>&1; then
        passed=$((passed + 1))
        printf 'ok      %-50s %4d s\n' "$name" $((SECONDS - begin))
    else
        failed=$((failed + 1))
        printf 'FAILED  %-50s %4d s\n' "$name" $((SECONDS - begin))
        tail -n 12 log | sed 's/^/    /'
    fi
}

json() { # json EXPRESSION over the root v and its only node n
    python3 -c "import json; v = json.load(open('$work/out/verify.json')); n = v['nodes'][0]; assert $1, n"
}

# 0 or 1 of a good GPU whose site has a lower limit; an unknown kind cannot be told.
one() {
    local begin=$SECONDS status=0
    "$job" verify:1,out="$work/out" || status=$?
    [ $status -ne 2 ] && [ $((SECONDS - begin)) -lt 180 ] &&
        json "all(n['checks'][c]['worst'] > 0 for c in ('gemm', 'memory', 'launch', 'h2d', 'd2h', 'h2d-all', 'd2h-all'))" &&
        json "n['ranks'][0]['sm_mhz'] > 0 and n['ranks'][0]['power_w'] > 0" && [ -s out/ceilings.conf ] &&
        "$job" --plan llama-7b:1 --ceilings out/ceilings.conf --gpu-model "$(sed -n 's/^device = //p' out/ceilings.conf)"
}

# Both by the same functions, one after the other: clocks and heat part them by some percent.
ceilings() {
    "$build/tests/bench/ceilings" 0.3 >bench.conf && python3 - <<'PY'
def read(path):
    return dict(l.split(" = ", 1) for l in open(path).read().splitlines() if " = " in l and not l.startswith(("#", "attention", "busbw")))
a, b = read("out/ceilings.conf"), read("bench.conf")
for key in ("matmul_tflops", "memory_gbs"):
    ratio = float(a[key]) / float(b[key])
    print(key, a[key], b[key], ratio)
    assert 0.95 < ratio < 1.05, key
PY
}

# A training on the same GPU, which verify finds before it measures, and as the cause.
in_use() {
    "$job" llama-1b:1,seconds=120,data=synthetic,micro_batch=1 >other.log 2>&1 &
    other=$!
    sleep 25
    local status=0
    "$job" verify:1,checks=gemm+memory,out="$work/out" 2>err || status=$?
    kill "$other"
    wait "$other" 2>/dev/null
    other=''
    cat err
    grep -q 'is in use already' err && [ $status -ne 0 ] && json "n['verdict'] != 'good'"
}

facts() {
    "$job" verify:1,checks=facts,out="$work/out" && json "len(n['ranks']) == $gpus and all(r['bus_id'] for r in n['ranks'])"
}

ranks() {
    local status=0
    mpirun --allow-run-as-root --oversubscribe -n "$gpus" "$job" verify:1,out="$work/out" || status=$?
    [ $status -ne 2 ] && json "len(n['checks']['nvlink']['ranks']) == $gpus and n['checks']['node']['worst'] > 0" &&
        json "max(c['bytes'] for c in v['collectives']) >= 1 << 30" && grep -q '^busbw = 1 ' out/ceilings.conf
}

# A rank that is stopped in a collective costs the others their limit, and NCCL's teams are made again.
stopped() {
    local status=0
    mpirun --allow-run-as-root --oversubscribe -n "$gpus" "$job" verify:1,checks=gemm+collectives,timeout=20,out="$work/out" >run 2>&1 &
    local launcher=$!
    for _ in $(seq 1200); do grep -q 'collectives by size' run && break; sleep 0.1; done
    kill -STOP "$(pgrep -P "$launcher" | tail -n 1)"
    wait "$launcher" || status=$?
    cat run
    grep -q 'did not come back from collectives by size' run && json "n['cause'] == 'hung'"
}

check "one GPU: figures, clocks, ceilings, three minutes" one
[ ! -x "$build/tests/bench/ceilings" ] || check "ceilings beside tests/bench/ceilings" ceilings
check "another program on the GPU is named" in_use
check "facts of all GPUs, without CUDA" facts
if [ "$gpus" -gt 1 ]; then
    check "$gpus GPUs: NVLink, node, collectives" ranks
    python3 -m torch.distributed.run --nproc-per-node "$gpus" "$here/../bench/busbw.py" "$work/out/verify.json" 2>&1 | sed 's/^/    /'
    check "a rank that is stopped in a collective" stopped
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
