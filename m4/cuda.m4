# SPDX-License-Identifier: Apache-2.0
# SFT_CUDA: the toolkit with cuBLASLt, and cuDNN 9 or later; optional, all or nothing.
# Sets NVCC, CUDA_CPPFLAGS, CUDA_LIBS, CUDA_RPATH (libtool's, for programs), NVCC_GENCODE and the conditional HAVE_CUDA.
AC_DEFUN([SFT_CUDA], [
  AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda=DIR], [CUDA toolkit @<:@/usr/local/cuda@:>@, or no])],
    [], [with_cuda=auto])
  AC_ARG_WITH([cudnn],
    [AS_HELP_STRING([--with-cudnn=DIR], [cuDNN, where it is not in the toolkit or the system])],
    [], [with_cudnn=""])
  AC_ARG_WITH([cuda-rpath],
    [AS_HELP_STRING([--with-cuda-rpath=DIRS], [where programs look for the libraries of CUDA, cuDNN and NCCL, with colons between @<:@the folders they are built with@:>@])],
    [], [with_cuda_rpath=""])
  AC_ARG_VAR([NVCC_GENCODE], [GPUs that kernels are compiled for, as options of nvcc @<:@compute capability 9.0, and its PTX@:>@])
  AS_IF([test -z "$NVCC_GENCODE"],
    [NVCC_GENCODE="-gencode=arch=compute_80,code=sm_80 -gencode=arch=compute_90,code=sm_90 -gencode=arch=compute_90,code=compute_90"])
  AS_IF([test "x$enable_werror" = xyes], [NVCC_WERROR="-Werror all-warnings"])
  AC_SUBST([NVCC_WERROR])
  sft_have_cuda=no
  sft_cuda_missing=""
  AS_CASE([$with_cuda], [no], [sft_cuda_path=""], [auto|yes], [sft_cuda_path="/usr/local/cuda"],
          [sft_cuda_path="$with_cuda"])
  AS_IF([test "x$with_cuda" != xno],
    [AC_PATH_PROG([NVCC], [nvcc], [], [$sft_cuda_path/bin:$PATH])
     AS_IF([test -z "$NVCC"],
       [sft_cuda_missing="nvcc is missing below $sft_cuda_path/bin: name the CUDA toolkit with --with-cuda=DIR"],
       [SFT_CUDA_LIBRARIES])
     AS_IF([test -z "$sft_cuda_missing"],
       [sft_have_cuda=yes
        sft_cuda_version=`"$NVCC" --version | $SED -n 's/^.*release \(@<:@0-9.@:>@*\).*$/\1/p'`],
       [AS_IF([test "x$with_cuda" != xauto],
         [AC_MSG_ERROR([$sft_cuda_missing, or configure --without-cuda])],
         [AC_MSG_NOTICE([no CUDA backend: $sft_cuda_missing])])])])
  AM_CONDITIONAL([HAVE_CUDA], [test $sft_have_cuda = yes])
])

# After SFT_CUDA and SFT_NCCL: the folders that were said in place of those of the build.
AC_DEFUN([SFT_CUDA_RPATH], [
  AS_CASE([$with_cuda_rpath], ["" | no | yes], [],
    [CUDA_RPATH=`AS_ECHO([":$with_cuda_rpath"]) | $SED 's/:/ -R /g'`])
])

# Headers and libraries, by compiling and linking; the first that is missing into sft_cuda_missing.
AC_DEFUN([SFT_CUDA_LIBRARIES], [
  CUDA_CPPFLAGS=""
  sft_cuda_ldflags=""
  sft_cuda_rpath=""
  for sft_dir in "$sft_cuda_path" $with_cudnn; do
    AS_IF([test -d "$sft_dir/include"], [CUDA_CPPFLAGS="$CUDA_CPPFLAGS -isystem $sft_dir/include"])
    for sft_lib in lib64 lib targets/x86_64-linux/lib; do
      AS_IF([test -d "$sft_dir/$sft_lib"],
        [sft_cuda_ldflags="$sft_cuda_ldflags -L$sft_dir/$sft_lib"
         AS_CASE([$sft_dir], [/usr], [],
                 [sft_cuda_rpath="$sft_cuda_rpath -R $sft_dir/$sft_lib"])])
    done
  done
  sft_save_CPPFLAGS="$CPPFLAGS" sft_save_LIBS="$LIBS" sft_save_LDFLAGS="$LDFLAGS"
  CPPFLAGS="$CPPFLAGS $CUDA_CPPFLAGS"
  LDFLAGS="$LDFLAGS $sft_cuda_ldflags"
  AC_CHECK_HEADER([cublasLt.h], [],
    [sft_cuda_missing="cublasLt.h is missing: install libcublas-dev (or the whole toolkit)"])
  AS_IF([test -z "$sft_cuda_missing"],
    [AC_CHECK_HEADER([cudnn.h], [],
      [sft_cuda_missing="cudnn.h is missing: install libcudnn9-dev, or name cuDNN with --with-cudnn=DIR"])])
  AS_IF([test -z "$sft_cuda_missing"],
    [AC_MSG_CHECKING([for cuDNN 9 or later])
     AC_PREPROC_IFELSE([AC_LANG_SOURCE([[#include <cudnn_version.h>
#if CUDNN_MAJOR < 9
#error older
#endif]])], [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        sft_cuda_missing="cuDNN is older than 9: install libcudnn9-dev"])])
  AS_IF([test -z "$sft_cuda_missing"],
    [AC_CHECK_LIB([cudart], [cudaGetDeviceCount], [],
       [sft_cuda_missing="libcudart does not link: is $sft_cuda_path a whole toolkit?"])
     AC_CHECK_LIB([cublasLt], [cublasLtMatmul], [],
       [sft_cuda_missing="libcublasLt does not link: install libcublas-dev"])
     AC_CHECK_LIB([cudnn], [cudnnBackendExecute], [],
       [sft_cuda_missing="libcudnn does not link: install libcudnn9-dev, or use --with-cudnn=DIR"])])
  CPPFLAGS="$sft_save_CPPFLAGS" LIBS="$sft_save_LIBS" LDFLAGS="$sft_save_LDFLAGS"
  CUDA_LIBS="$sft_cuda_ldflags -lcudnn -lcublasLt -lcudart"
  CUDA_RPATH="$sft_cuda_rpath"
  AC_SUBST([CUDA_RPATH])
  AC_SUBST([CUDA_CPPFLAGS])
  AC_SUBST([CUDA_LIBS])
])
