# SPDX-License-Identifier: Apache-2.0
# SFT_COMPILER_OPTIONS: warnings, --enable-werror, --enable-sanitizers, --enable-fuzzing
AC_DEFUN([SFT_COMPILER_OPTIONS], [
  AC_ARG_ENABLE([werror],
    [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [], [enable_werror=no])
  AC_ARG_ENABLE([sanitizers],
    [AS_HELP_STRING([--enable-sanitizers], [build with ASan and UBSan, for tests])],
    [], [enable_sanitizers=no])
  AC_ARG_ENABLE([fuzzing],
    [AS_HELP_STRING([--enable-fuzzing], [build the libFuzzer targets (needs CC=clang)])],
    [], [enable_fuzzing=no])
  SFT_CFLAGS="-Wall -Wextra"
  AS_IF([test "x$enable_werror" = xyes], [SFT_CFLAGS="$SFT_CFLAGS -Werror"])
  AS_IF([test "x$enable_sanitizers" = xyes || test "x$enable_fuzzing" = xyes],
        [sft_sanitize="-g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined"
         SFT_CFLAGS="$SFT_CFLAGS $sft_sanitize"
         SFT_LDFLAGS="$sft_sanitize"])
  AS_IF([test "x$enable_fuzzing" = xyes],
        [sft_save="$CFLAGS"
         CFLAGS="$CFLAGS -fsanitize=fuzzer-no-link"
         AC_MSG_CHECKING([whether $CC has libFuzzer])
         AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
           [AC_MSG_RESULT([yes])],
           [AC_MSG_RESULT([no])
            AC_MSG_ERROR([--enable-fuzzing needs clang: configure CC=clang CXX=clang++ --enable-fuzzing])])
         CFLAGS="$sft_save"
         SFT_CFLAGS="$SFT_CFLAGS -fsanitize=fuzzer-no-link"])
  AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
  AM_CONDITIONAL([SANITIZERS], [test "x$enable_sanitizers" = xyes])
  AC_SUBST([SFT_CFLAGS])
  AC_SUBST([SFT_LDFLAGS])
])
