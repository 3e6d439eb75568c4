# SPDX-License-Identifier: Apache-2.0
# SFT_NLS: gettext's msgfmt, for the report in Japanese; optional. Sets sft_nls_version, MSGFMT and ENABLE_NLS (config.h
# and conditional). What it makes is read by report/catalogue.c.
AC_DEFUN([SFT_NLS], [
  AC_ARG_ENABLE([nls],
    [AS_HELP_STRING([--disable-nls], [reports in English alone, without gettext])],
    [], [enable_nls=auto])
  AC_PATH_PROG([MSGFMT], [msgfmt])
  sft_nls_version=""
  AS_IF([test "x$enable_nls" != xno],
    [AS_IF([test -n "$MSGFMT"], [sft_nls_version="gettext, ja"],
       [AS_CASE([$enable_nls],
         [yes], [AC_MSG_ERROR([gettext is missing: install gettext, or configure --disable-nls])],
         [AC_MSG_NOTICE([reports in English alone: gettext's msgfmt is missing, install gettext])])])])
  AS_IF([test -n "$sft_nls_version"],
    [AC_DEFINE([ENABLE_NLS], [1], [Texts of the report are translated by gettext])])
  AM_CONDITIONAL([ENABLE_NLS], [test -n "$sft_nls_version"])
])
