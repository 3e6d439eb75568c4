#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a GPU machine wants that has CUDA but neither a network nor our libraries: programs without their symbols, the
# libraries of this system that they link, scripts, records. Packed here, unpacked in a clone there:
#   pack.sh [-b BUILD] [-m MIB] FILE.tgz    -m  the most it may be [64]
#   -b  a tree configured with CUDA, with an installed one in BUILD/root where Slurm is wanted [build/gpu]
#   there: tar xzf FILE.tgz && . .carry/env.sh
# env.sh puts the libraries that the machine lacks on LD_LIBRARY_PATH (its own go first: their GPU driver is newer), and
# sets SFT_BUILD (a BUILD for the scripts' -b), SFT_BENCH_CACHE, SFT_DATA and SFT_TOKENIZER.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$PWD/build/gpu most=64
while getopts b:m: option; do
    case $option in
    b) build=$(realpath "$OPTARG") ;;
    m) most=$OPTARG ;;
    *) sed -n '3,9s/^# //p' "$0" >&2 && exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || { sed -n '5,7s/^# *//p' "$0" >&2 && exit 2; }
[ -x "$build/sft-bench-job" ] || { echo "pack.sh: $build has no sft-bench-job: configure with CUDA and make it" >&2 && exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/sft-pack.XXXXXX")
trap 'rm -rf "$work"' EXIT
pack=$work/.carry
mkdir -p "$pack/build/tests/gpu" "$pack/build/tests/bench" "$pack/lib" "$pack/data"

# The driver's, CUDA's and the C library's are the machine's own.
FOREIGN='^(libc|libm|libpthread|librt|libdl|ld-linux.*|libstdc\+\+|libgcc_s|libcuda|libcudart|libcublas.*|libcudnn.*|libnccl|libcupti|libnvidia.*)\.so'
programs=0
for file in "$build"/sft-bench-job "$build"/tests/gpu/* "$build"/tests/bench/*; do
    [ -f "$file" ] && [ -x "$file" ] && [[ $(head -c 4 "$file") == $'\x7fELF' ]] || continue
    strip -o "$pack/build/${file#"$build"/}" "$file" && programs=$((programs + 1))
    ldd "$file"
done >"$work/libraries" || exit 1
if [ -d "$build/root" ]; then # make install's, for slurm.sh --prefix
    cp -r "$build/root" "$pack/build/root" && rm -rf "$pack/build/root/share/man" && ln -f "$pack/build/sft-bench-job" \
        "$pack/build/root/bin/sft-bench-job" && find "$pack/build/root" -name '*.so*' -type f -exec strip {} + || exit 1
fi
awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' "$work/libraries" | sort -u | grep -vE "$FOREIGN" |
    while read -r name path; do
        cp -L "$path" "$pack/lib/$name" || exit 1
    done || exit 1
# mpirun and what it loads by itself come with the machine's Open MPI.
for file in ../shared/data/sft-roleplay.json ../shared/data/llama2-tokenizer.model; do
    [ ! -r "$file" ] || cp "$file" "$pack/data/"
done
cat >"$pack/env.sh" <<'END'
carry=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p /tmp/sft-lib
for file in "$carry"/lib/*; do
    ldconfig -p | awk '{ print $1 }' | grep -xF "$(basename "$file")" >/dev/null || ln -sf "$file" /tmp/sft-lib/
done
export LD_LIBRARY_PATH=/tmp/sft-lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} SFT_BUILD=$carry/build
export SFT_BENCH_CACHE=${SFT_BENCH_CACHE:-/tmp/sft-cache} NCCL_NVLS_ENABLE=0
[ ! -r "$carry/data/sft-roleplay.json" ] || export SFT_DATA=$carry/data/sft-roleplay.json
[ ! -r "$carry/data/llama2-tokenizer.model" ] || export SFT_TOKENIZER=$carry/data/llama2-tokenizer.model
END
tar -C "$work" -cf - .carry | gzip -6 >"$work/file" || exit 1
size=$(($(stat -c %s "$work/file") >> 20))
[ "$size" -le "$most" ] || { echo "pack.sh: $size MiB, more than $most: take programs away from $build, or say -m" >&2 && exit 1; }
mv "$work/file" "$1" && echo "$programs programs, $(find "$pack/lib" -type f | wc -l) libraries, $size MiB: $1"
