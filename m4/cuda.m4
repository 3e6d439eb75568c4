# SPDX-License-Identifier: Apache-2.0
# SFT_CUDA: the toolkit; optional. Nothing is built with it yet.
AC_DEFUN([SFT_CUDA], [
  AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda=DIR], [CUDA toolkit @<:@/usr/local/cuda@:>@, or no])],
    [], [with_cuda=auto])
  sft_have_cuda=no
  AS_CASE([$with_cuda], [no], [sft_cuda_path=""], [auto|yes], [sft_cuda_path="/usr/local/cuda"],
          [sft_cuda_path="$with_cuda"])
  AS_IF([test "x$with_cuda" != xno],
    [AC_PATH_PROG([NVCC], [nvcc], [], [$sft_cuda_path/bin:$PATH])
     AS_IF([test -n "$NVCC"],
       [sft_have_cuda=yes
        sft_cuda_version=`"$NVCC" --version | $SED -n 's/^.*release \(@<:@0-9.@:>@*\).*$/\1/p'`],
       [AS_IF([test "x$with_cuda" != xauto],
         [AC_MSG_ERROR([nvcc is missing below $sft_cuda_path/bin: name the CUDA toolkit with --with-cuda=DIR or configure --without-cuda])])])])
  AM_CONDITIONAL([HAVE_CUDA], [test $sft_have_cuda = yes])
])
