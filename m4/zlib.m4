# SPDX-License-Identifier: Apache-2.0
# SFT_ZLIB: sums of checkpoints, required
AC_DEFUN([SFT_ZLIB], [
  PKG_CHECK_MODULES([ZLIB], [zlib >= 1.2.9], [],
    [AC_MSG_ERROR([zlib (1.2.9 or later) is missing: install zlib1g-dev (Debian, Ubuntu) or zlib-devel (RHEL)])])
])
