# SPDX-License-Identifier: Apache-2.0
# SFT_PMIX: how ranks find each other under srun; optional
AC_DEFUN([SFT_PMIX], [
  AC_ARG_WITH([pmix],
    [AS_HELP_STRING([--without-pmix], [build the job without PMIx])], [], [with_pmix=auto])
  sft_have_pmix=no
  AS_IF([test "x$with_pmix" != xno],
    [PKG_CHECK_MODULES([PMIX], [pmix >= 3.0],
       [sft_have_pmix=yes
        sft_pmix_version=`$PKG_CONFIG --modversion pmix`],
       [SFT_PKG_BROKEN([PMIX], [PMIx], [--without-pmix])
       AS_IF([test "x$with_pmix" = xyes],
         [AC_MSG_ERROR([PMIx (3.0 or later) is missing: install libpmix-dev (Debian, Ubuntu) or pmix-devel (RHEL), or configure --without-pmix])],
         [AC_MSG_NOTICE([no PMIx: the job will run alone or not at all; install libpmix-dev for several ranks])])])])
  AS_IF([test $sft_have_pmix = yes], [AC_DEFINE([HAVE_PMIX], [1], [PMIx is there])])
  AM_CONDITIONAL([HAVE_PMIX], [test $sft_have_pmix = yes])
])
