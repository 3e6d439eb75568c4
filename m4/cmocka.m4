# SPDX-License-Identifier: Apache-2.0
# SFT_CMOCKA: unit tests; optional, `make check` says when they are left out
AC_DEFUN([SFT_CMOCKA], [
  sft_have_cmocka=no
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5],
    [sft_have_cmocka=yes
     sft_cmocka_version="cmocka `$PKG_CONFIG --modversion cmocka`"],
    [AC_MSG_NOTICE([no cmocka: unit tests are not built; install libcmocka-dev])])
  AM_CONDITIONAL([HAVE_CMOCKA], [test $sft_have_cmocka = yes])
])
