# SPDX-License-Identifier: Apache-2.0
# SFT_NCCL: collectives between GPUs, 2.18 or later; optional, and only with CUDA. After SFT_CUDA.
# Sets NCCL_CPPFLAGS, NCCL_LIBS, sft_have_nccl, sft_nccl_version, HAVE_NCCL (config.h and conditional).
AC_DEFUN([SFT_NCCL], [
  AC_ARG_WITH([nccl],
    [AS_HELP_STRING([--with-nccl=DIR], [NCCL, where it is not in the toolkit or the system, or no])],
    [], [with_nccl=auto])
  sft_have_nccl=no
  NCCL_CPPFLAGS="$CUDA_CPPFLAGS"
  NCCL_LIBS=""
  AS_CASE([$with_nccl], [no|auto|yes], [],
    [NCCL_CPPFLAGS="-isystem $with_nccl/include $NCCL_CPPFLAGS"
     for sft_lib in lib lib64; do
       AS_IF([test -d "$with_nccl/$sft_lib"],
         [NCCL_LIBS="$NCCL_LIBS -L$with_nccl/$sft_lib"
          CUDA_RPATH="$CUDA_RPATH -R $with_nccl/$sft_lib"])
     done])
  AS_IF([test $sft_have_cuda = yes && test "x$with_nccl" != xno],
    [sft_save_CPPFLAGS="$CPPFLAGS" sft_save_LIBS="$LIBS"
     CPPFLAGS="$CPPFLAGS $NCCL_CPPFLAGS"
     LIBS="$NCCL_LIBS -lnccl $CUDA_LIBS $LIBS"
     AC_MSG_CHECKING([for NCCL 2.18 or later])
     AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <nccl.h>
#if NCCL_VERSION_CODE < NCCL_VERSION(2, 18, 0)
#error older
#endif]], [[ncclComm_t comm = 0; return ncclCommSplit(comm, 0, 0, &comm, 0);]])],
       [sft_have_nccl=yes
        NCCL_LIBS="$NCCL_LIBS -lnccl"
        sft_nccl_version=`printf '#include <nccl.h>\nsft NCCL_MAJOR.NCCL_MINOR.NCCL_PATCH\n' |
          $CPP -P $CPPFLAGS - 2>/dev/null | tr -d ' \n' | $SED 's/^.*sft//'`])
     AC_MSG_RESULT([$sft_have_nccl])
     CPPFLAGS="$sft_save_CPPFLAGS" LIBS="$sft_save_LIBS"
     AS_IF([test $sft_have_nccl = no],
       [AS_CASE([$with_nccl], [auto],
         [AC_MSG_NOTICE([one GPU a job only: NCCL is missing, install libnccl-dev, or name it with --with-nccl=DIR])],
         [AC_MSG_ERROR([NCCL is missing: install libnccl-dev, name it with --with-nccl=DIR, or configure --without-nccl])])])])
  AS_IF([test $sft_have_nccl = yes],
    [AC_DEFINE([HAVE_NCCL], [1], [Collectives between GPUs by NCCL])
     sft_nccl_code=`echo "$sft_nccl_version" | $AWK -F. '{ print 10000 * $[]1 + 100 * $[]2 + $[]3 }'`
     AC_DEFINE_UNQUOTED([SFT_NCCL_VERSION], [$sft_nccl_code], [Version of NCCL, as NCCL_VERSION_CODE has it])],
    [NCCL_CPPFLAGS="" NCCL_LIBS=""])
  AC_SUBST([NCCL_CPPFLAGS])
  AC_SUBST([NCCL_LIBS])
  AM_CONDITIONAL([HAVE_NCCL], [test $sft_have_nccl = yes])
])
