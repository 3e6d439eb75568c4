# SPDX-License-Identifier: Apache-2.0
# SFT_PKG_BROKEN(PREFIX, LIBRARY, WITHOUT): for PKG_CHECK_MODULES' case of nothing found. A library that is installed without
# one that it needs itself ends configure: who has installed it does not expect to go without. pkgconf says of a module that
# is missing itself that 'virtual:world' asks for it.
AC_DEFUN([SFT_PKG_BROKEN], [
  AS_CASE(["$$1_PKG_ERRORS"],
    [*"required by 'virtual:world'"*], [],
    [*"required by"*],
      [sft_broken=`AS_ECHO(["$$1_PKG_ERRORS"]) | sed -n "/required by/{p;q;}"`
       AC_MSG_ERROR([$2 is installed, but not all that it needs: $sft_broken: install that (protobuf: libprotobuf-dev), or configure $3])])
])
