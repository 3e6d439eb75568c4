#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does it compile with the oldest CUDA, cuDNN and NCCL that it claims, and with others' than this machine's?
# Headers come out of NVIDIA's packages on PyPI: about 4 GB to download once, of which 120 MB stay in FOLDER
# [$TMPDIR/sft-cuda-headers]. C files are read by gcc; kernels by clang 16 or later ($CLANG, or the newest here),
# since those packages hold CUDA's assembler but no nvcc, and assembled by that version's ptxas.
#   cuda_headers.sh [FOLDER]
#   cuda_headers.sh --build [FOLDER]   the job, compiled and linked against CUDA 12.1's libraries, cuDNN 9.1 and NCCL 2.18
#                                      out of those packages (1.2 GB to download, 1.3 GB stay); FOLDER/toolkit-12.1 does for
#                                      `configure --with-cuda=`, and for SFT_CUDA12 of contrib/debian/build.sh
# Ends with `N passed, N failed[, N skipped]`; exit status 0 when none failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
mode=headers
[ "${1:-}" != --build ] || { mode=build && shift; }
folder=${1:-${TMPDIR:-/tmp}/sft-cuda-headers}
# shellcheck source=tests/packages/checks.sh
. tests/packages/checks.sh

fetch() { # fetch PACKAGE VERSION : into FOLDER/PACKAGE-VERSION, unless it is there
    local to=$folder/$1-$2 from
    [ -d "$to" ] && return
    from=$(mktemp -d "$folder/download-XXXXXX") || return
    # unzip's 11: a pattern that this package has nothing for
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d "$from" "$1==$2" &&
        { unzip -qq "$from"/*.whl '*/include/*' '*/bin/ptxas' '*/libdevice/*' -d "$from/all" 2>/dev/null || [ $? -eq 11 ]; } &&
        chmod -R u+rwX "$from/all" && mv "$from/all/nvidia" "$to"
    rm -rf "$from"
    check "$1 $2 from PyPI" [ -d "$to" ]
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
            check_skip "CUDA $cuda, kernels for $architecture" "no clang 16 or later, and no nvcc of CUDA $cuda"
        fi
    done
}

# A whole toolkit for building: libraries, too, each with the name that it is linked by, and tests/nvcc_clang.py for
# nvcc. What of cuDNN is only loaded at run time, its kernels, is left out.
libraries() { # libraries TOOLKIT PACKAGE==VERSION...
    local to=$1 from part name
    shift
    [ -d "$to" ] && return
    from=$(mktemp -d "$folder/download-XXXXXX") || return
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d "$from" "$@" || return
    for part in "$from"/*.whl; do
        unzip -qqo "$part" -x '*/libcudnn_adv*' '*engines_precompiled*' -d "$from/all" || return
    done
    rm -rf "$to.new" && mkdir -p "$to.new" && chmod -R u+rwX "$from/all" && find "$from/all" -name '__init__.py' -delete || return
    for part in "$from"/all/nvidia/*/; do
        cp -rl "$part." "$to.new/" || return
    done
    for part in "$to.new"/lib/*.so.*; do
        name=$(basename "$part")
        ln -sf "$name" "$to.new/lib/${name%%.so*}.so"
    done
    chmod +x "$to.new/bin/ptxas" && ln -sf "$PWD/tests/nvcc_clang.py" "$to.new/bin/nvcc" && rm -rf "$from" &&
        mv "$to.new" "$to"
}

build_job() { # build_job TOOLKIT
    local build
    build=$(mktemp -d "$folder/build-XXXXXX") && cd "$build" || return
    "$OLDPWD/configure" -q --enable-werror --without-slurm --with-cuda="$1" --with-nccl="$1" &&
        make -j"$(nproc)" sft-bench-job && ldd sft-bench-job | grep cublasLt.so.12 &&
        ./sft-bench-job tiny,steps=2,warmup=1 --data "$OLDPWD/examples/instructions.json" && rm -rf "$build"
}

mkdir -p "$folder/config" && : >"$folder/config/config.h" || exit 1
case $mode in
build)
    [ -x configure ] || { echo "cuda_headers.sh: autoreconf -fi first" >&2 && exit 1; }
    check "libraries of CUDA 12.1 from PyPI" libraries "$folder/toolkit-12.1" nvidia-cuda-runtime-cu12==12.1.105 \
        nvidia-cublas-cu12==12.1.3.1 nvidia-cuda-nvcc-cu12==12.1.105 nvidia-cudnn-cu12==9.1.0.70 nvidia-nccl-cu12==2.18.1 \
        nvidia-cuda-nvrtc-cu12==12.1.105 &&
        check "the job, compiled and linked against CUDA 12.1" build_job "$folder/toolkit-12.1"
    ;;
headers)
    with_cuda 12.1.105 12.1.3.1 12.1.105
    with_cuda 12.4.127 12.4.5.8 12.4.131
    ;;
esac
checks_end
