#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# loading.sh [GB]: how fast weights= is read from the page cache by one rank, in each type that files have, to bf16 as a
# GPU wants it and to fp32 as the CPU does; of random checkpoints that are made below $TMPDIR, 1 GB where nobody says more.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
program=${SFT_BUILDDIR:-$top/build/dev}/tests/bench/loading
[ -x "$program" ] || { echo "make tests/bench/loading first" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for dtype in BF16 F16 F32; do
    layers=$(awk -v gb="${1:-1}" -v size="$([ $dtype = F32 ] && echo 4 || echo 2)" \
        'BEGIN { n = int((gb * 1e9 / size - 131072000) / 50593792 + 1); print (n > 1 ? n : 1) }') # two tables, and a layer's parameters
    "$top/tests/make_checkpoint.py" "$folder/$dtype" hidden=2048 "layers=$layers" heads=16 kv_heads=16 ffn=5504 vocab=32000 \
        dtype=$dtype >/dev/null
    for format in bf16 fp32; do
        "$program" "$folder/$dtype" $format | sed "1d; s|^[^ ]*|$dtype|"
    done
    rm -rf "${folder:?}/$dtype"
done
