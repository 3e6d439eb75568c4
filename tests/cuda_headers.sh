#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does it compile with the oldest CUDA, cuDNN and NCCL that it claims, and with others' than this machine's?
# Headers come out of NVIDIA's packages on PyPI: about 4 GB to download once, of which 120 MB stay in FOLDER
# [$TMPDIR/sft-cuda-headers]. C files are read by gcc; kernels by clang 16 or later ($CLANG, or the newest here),
# since those packages hold CUDA's assembler but no nvcc, and assembled by that version's ptxas.
#   cuda_headers.sh [FOLDER]
# Ends with `N passed, N failed[, N skipped]`; exit status 0 when none failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
folder=${1:-${TMPDIR:-/tmp}/sft-cuda-headers}
passed=0 failed=0 skipped=0

fetch() { # fetch PACKAGE VERSION : into FOLDER/PACKAGE-VERSION, unless it is there
    local to=$folder/$1-$2 from
    [ -d "$to" ] && return
    from=$(mktemp -d "$folder/download-XXXXXX") || return
    # unzip's 11: a pattern that this package has nothing for
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d "$from" "$1==$2" &&
        { unzip -qq "$from"/*.whl '*/include/*' '*/bin/ptxas' '*/libdevice/*' -d "$from/all" 2>/dev/null || [ $? -eq 11 ]; } &&
        chmod -R u+rwX "$from/all" && mv "$from/all/nvidia" "$to"
    rm -rf "$from"
    [ -d "$to" ] && return
    failed=$((failed + 1))
    echo "FAILED  no $1 $2 from PyPI"
    return 1
}

check() { # check NAME COMMAND...
    local name=$1 log
    shift
    if log=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        echo "FAILED  $name"
        head -n 20 <<<"$log" | sed 's/^/    /'
    fi
}

toolkit() { # toolkit CUDA CUBLAS NVCC : FOLDER/cuda-CUDA, laid out as a toolkit
    local to=$folder/cuda-$1 part
    [ -d "$to" ] && return
    fetch nvidia-cuda-runtime-cu12 "$1" && fetch nvidia-cublas-cu12 "$2" && fetch nvidia-cuda-nvcc-cu12 "$3" || return
    mkdir -p "$to.new/include" "$to.new/bin" "$to.new/nvvm"
    for part in nvidia-cuda-runtime-cu12-"$1"/cuda_runtime nvidia-cublas-cu12-"$2"/cublas \
        nvidia-cuda-nvcc-cu12-"$3"/cuda_nvcc; do
        cp -r "$folder/$part/include/." "$to.new/include/" || return
    done
    part=$folder/nvidia-cuda-nvcc-cu12-$3/cuda_nvcc
    cp "$part/bin/ptxas" "$to.new/bin/" && chmod +x "$to.new/bin/ptxas" &&
        cp -r "$part/nvvm/libdevice" "$to.new/nvvm/" && mv "$to.new" "$to"
}

read_c() { # read_c CUDA FLAGS FILE...
    local cuda=$1 flags=$2
    shift 2
    # shellcheck disable=SC2086
    gcc -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -D_GNU_SOURCE -I. -I"$folder/config" \
        -isystem "$folder/cuda-$cuda/include" $flags "$@"
}

find_clang() { # the newest, of 16 or later
    local clang version
    for clang in ${CLANG:-clang-21 clang-20 clang-19 clang-18 clang-17 clang-16 clang}; do
        version=$("$clang" -dumpversion 2>/dev/null | cut -d. -f1)
        [ "${version:-0}" -ge 16 ] && echo "$clang" && return
    done
    return 1
}

compile_kernels() { # compile_kernels CLANG CUDA ARCHITECTURE FILE...
    local clang=$1 cuda=$2 architecture=$3 kernel
    shift 3
    for kernel in "$@"; do
        "$clang" -x cuda --cuda-path="$folder/cuda-$cuda" --cuda-gpu-arch="$architecture" --cuda-device-only \
            -Wno-unknown-cuda-version -std=c++17 -O2 -Wall -Werror -I. -c -o /dev/null "$kernel" || return
    done
}

with_cuda() { # with_cuda CUDA CUBLAS NVCC
    local cuda=${1%.*} clang architecture dnn nccl
    toolkit "$@" || return
    for dnn in 9.1.0.70 9.6.0.74; do
        fetch nvidia-cudnn-cu12 $dnn && check "CUDA $cuda, cuDNN $dnn" \
            read_c "$1" "-isystem $folder/nvidia-cudnn-cu12-$dnn/cudnn/include" job/tensor/cuda/*.c
    done
    for nccl in 2.18.1 2.21.5; do
        fetch nvidia-nccl-cu12 $nccl && check "CUDA $cuda, NCCL $nccl" \
            read_c "$1" "-isystem $folder/nvidia-nccl-cu12-$nccl/nccl/include" job/collective/*nccl*.c
    done
    for architecture in sm_80 sm_90; do
        if clang=$(find_clang); then
            check "CUDA $cuda, kernels for $architecture by $clang and ptxas" \
                compile_kernels "$clang" "$1" $architecture job/tensor/cuda/*.cu
        else
            skipped=$((skipped + 1))
            echo "skipped CUDA $cuda, kernels for $architecture: no clang 16 or later, and no nvcc of CUDA $cuda"
        fi
    done
}

mkdir -p "$folder/config" && : >"$folder/config/config.h" || exit 1
with_cuda 12.1.105 12.1.3.1 12.1.105
with_cuda 12.4.127 12.4.5.8 12.4.131
echo "$passed passed, $failed failed$([ $skipped -gt 0 ] && echo ", $skipped skipped")"
[ $failed -eq 0 ]
