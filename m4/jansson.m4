# SPDX-License-Identifier: Apache-2.0
# SFT_JANSSON: JSON, required
AC_DEFUN([SFT_JANSSON], [
  PKG_CHECK_MODULES([JANSSON], [jansson >= 2.10], [],
    [AC_MSG_ERROR([jansson (JSON library, 2.10 or later) is missing: install libjansson-dev (Debian, Ubuntu) or jansson-devel (RHEL)])])
])
