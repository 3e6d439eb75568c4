# SPDX-License-Identifier: Apache-2.0
# SFT_HWLOC: which cores and memory are near a GPU; optional (--without-hwloc), without it no task is pinned
AC_DEFUN([SFT_HWLOC], [
  AC_ARG_WITH([hwloc], [AS_HELP_STRING([--without-hwloc], [do not pin tasks near their GPU])])
  sft_have_hwloc=no
  AS_IF([test "x$with_hwloc" != xno],
    [PKG_CHECK_MODULES([HWLOC], [hwloc >= 2.1],
      [sft_have_hwloc=yes
       sft_hwloc_version="hwloc `$PKG_CONFIG --modversion hwloc`"],
      [SFT_PKG_BROKEN([HWLOC], [hwloc], [--without-hwloc])
       AS_IF([test "x$with_hwloc" = xyes],
        [AC_MSG_ERROR([hwloc (2.1 or later) is missing: install libhwloc-dev (Debian, Ubuntu) or hwloc-devel (RHEL)])])
       AC_MSG_NOTICE([no hwloc: tasks are not pinned near their GPU; install libhwloc-dev])])])
  AS_IF([test $sft_have_hwloc = yes],
    [AC_DEFINE([HAVE_HWLOC], [1], [hwloc 2.1 or later])])
  AM_CONDITIONAL([HAVE_HWLOC], [test $sft_have_hwloc = yes])
])
