# SPDX-License-Identifier: Apache-2.0
# SFT_NLS: gettext, for the report in Japanese; optional. Sets sft_nls_version, MSGFMT, ENABLE_NLS (config.h and
# conditional) and LIBINTL.
AC_DEFUN([SFT_NLS], [
  AC_ARG_ENABLE([nls],
    [AS_HELP_STRING([--disable-nls], [reports in English alone, without gettext])],
    [], [enable_nls=auto])
  AC_PATH_PROG([MSGFMT], [msgfmt])
  sft_nls_version=""
  LIBINTL=""
  AS_IF([test "x$enable_nls" != xno],
    [sft_save_LIBS="$LIBS"
     AC_SEARCH_LIBS([bind_textdomain_codeset], [intl],
       [AS_IF([test -n "$MSGFMT"], [sft_nls_version="gettext, ja"])])
     AS_IF([test "x$LIBS" != "x$sft_save_LIBS"], [LIBINTL=-lintl])
     LIBS="$sft_save_LIBS"
     AS_IF([test -z "$sft_nls_version"],
       [AS_CASE([$enable_nls],
         [yes], [AC_MSG_ERROR([gettext is missing: install gettext, or configure --disable-nls])],
         [AC_MSG_NOTICE([reports in English alone: gettext's msgfmt is missing, install gettext])])])])
  AS_IF([test -n "$sft_nls_version"],
    [AC_DEFINE([ENABLE_NLS], [1], [Texts of the report are translated by gettext])])
  AC_SUBST([LIBINTL])
  AM_CONDITIONAL([ENABLE_NLS], [test -n "$sft_nls_version"])
])
