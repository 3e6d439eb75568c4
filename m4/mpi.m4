# SPDX-License-Identifier: Apache-2.0
# SFT_MPI: collectives of the CPU backend; optional. --with-mpi=MODULE picks a pkg-config module.
AC_DEFUN([SFT_MPI], [
  AC_ARG_WITH([mpi],
    [AS_HELP_STRING([--with-mpi=MODULE], [pkg-config module of an MPI @<:@ompi-c, then mpich@:>@, or no])],
    [], [with_mpi=auto])
  sft_have_mpi=no
  AS_CASE([$with_mpi], [auto|yes], [sft_mpi_modules="ompi-c mpich"], [no], [sft_mpi_modules=""],
          [sft_mpi_modules="$with_mpi"])
  for sft_module in $sft_mpi_modules; do
    AS_IF([test $sft_have_mpi = no],
      [PKG_CHECK_MODULES([MPI], [$sft_module],
        [sft_have_mpi=yes
         sft_mpi_version="$sft_module `$PKG_CONFIG --modversion $sft_module`"],
        [SFT_PKG_BROKEN([MPI], [MPI ($sft_module)], [--without-mpi])])])
  done
  AS_IF([test $sft_have_mpi = no && test "x$with_mpi" != xno],
    [AS_IF([test "x$with_mpi" = xauto],
      [AC_MSG_NOTICE([no MPI: several ranks on the CPU are not possible; install libopenmpi-dev])],
      [AC_MSG_ERROR([MPI is missing: install libopenmpi-dev (Debian, Ubuntu) or openmpi-devel (RHEL), or configure --without-mpi])])])
  AS_IF([test $sft_have_mpi = yes], [AC_DEFINE([HAVE_MPI], [1], [MPI is there])])
  AM_CONDITIONAL([HAVE_MPI], [test $sft_have_mpi = yes])
])
