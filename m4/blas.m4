# SPDX-License-Identifier: Apache-2.0
# SFT_BLAS: CBLAS for the CPU backend, required; --with-blas=NAME picks a pkg-config module
AC_DEFUN([SFT_BLAS], [
  AC_ARG_WITH([blas],
    [AS_HELP_STRING([--with-blas=MODULE], [pkg-config module of a CBLAS @<:@openblas@:>@])],
    [], [with_blas=openblas])
  PKG_CHECK_MODULES([BLAS], [$with_blas], [],
    [AC_MSG_ERROR([$with_blas (CBLAS) is missing: install libopenblas-dev (Debian, Ubuntu) or openblas-devel (RHEL), or name another with --with-blas=MODULE])])
  sft_blas_version="$with_blas `$PKG_CONFIG --modversion $with_blas`"
  AC_DEFINE_UNQUOTED([SFT_BLAS_VERSION], ["$sft_blas_version"], [the CBLAS that was built with])
  sft_save_LIBS="$LIBS"
  LIBS="$BLAS_LIBS $LIBS"
  AC_CHECK_FUNCS([openblas_set_num_threads openblas_get_corename])
  LIBS="$sft_save_LIBS"
])
