#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deterministic=yes on a GPU: two runs have the same losses to the last bit, in each precision and method, and what it
# costs beside a run without. Ends with `N passed, N failed`.
#   repeat.sh [-b BUILD] [-o FOLDER] [REQUEST...]
#   -b  a folder that has sft-bench-job [build/gpu]     -o  logs [build/gpu/repeat]
#   REQUEST  keys of one training [precision=bf16, fp8, fp8 by row, method=qlora]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/gpu logs=$PWD/build/gpu/repeat passed=0 failed=0
while getopts b:o: option; do
    case $option in
    b) build=$(realpath "$OPTARG") ;;
    o) logs=$OPTARG ;;
    *) sed -n '3,7s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- precision=bf16 precision=fp8 precision=fp8,scaling=row method=qlora
mkdir -p "$logs"

run() { # run NAME KEYS
    rm -rf "${logs:?}/$1"
    timeout -k 10 120 "$build/sft-bench-job" "llama-1b,data=synthetic,seq=2048,micro_batch=4,global_batch=8,seed=5,steps=20,warmup=4,$2,out=$logs/$1" \
        >"$logs/$1.log" 2>&1 && return
    tail -n 3 "$logs/$1.log" | sed 's/^/    /'
    return 1
}

equal() { # equal KEYS
    python3 - "$1" "$logs" <<'PY'
import json, sys
first, again, fast = (json.load(open(f"{sys.argv[2]}/{name}/result.json")) for name in ("first", "again", "fast"))
a, b, c = first["losses"], again["losses"], fast["losses"]
apart = max(abs(y / x - 1) for x, y in zip(a, c))
print(f"    {sys.argv[1]}: {len(a)} losses, {a[0]:.7f} -> {a[-1]:.7f}; {first['tok_s']:.0f} tok/s, {fast['tok_s']:.0f} without, whose"
      f" losses are at most {100 * apart:.4f}% apart")
sys.exit(not (a == b and len(a) >= 20 and a[-1] < a[0] and first.get("deterministic") == "yes" and apart < 0.01))
PY
}

for keys in "$@"; do
    run first "$keys,deterministic=yes" && run again "$keys,deterministic=yes" && run fast "$keys" && equal "$keys"
    if [ $? -eq 0 ]; then
        passed=$((passed + 1)) && echo "ok      $keys"
    else
        failed=$((failed + 1)) && echo "FAILED  $keys"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
