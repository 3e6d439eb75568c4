# SPDX-License-Identifier: Apache-2.0
# SFT_SLURM: headers for the SPANK plugin; optional. The plugin fits the one Slurm release whose
# headers it was built with. The plugin does not link libslurm: its symbols are in srun and slurmstepd;
# sft-bench-deliver does.
AC_DEFUN([SFT_SLURM], [
  AC_ARG_WITH([slurm],
    [AS_HELP_STRING([--with-slurm=DIR], [Slurm's prefix (DIR/include/slurm/spank.h), or no])],
    [], [with_slurm=auto])
  sft_have_slurm=no
  AS_CASE([$with_slurm],
    [no], [],
    [auto|yes], [SLURM_CFLAGS=""],
    [SLURM_CFLAGS="-I$with_slurm/include"])
  AS_IF([test "x$with_slurm" != xno],
    [sft_save="$CPPFLAGS"
     CPPFLAGS="$CPPFLAGS $SLURM_CFLAGS"
     AC_CHECK_HEADER([slurm/spank.h], [sft_have_slurm=yes], [], [AC_INCLUDES_DEFAULT])
     AS_IF([test $sft_have_slurm = yes],
       [AC_MSG_CHECKING([the release of Slurm])
        AC_COMPUTE_INT([sft_slurm_number], [SLURM_VERSION_NUMBER], [#include <slurm/slurm_version.h>],
          [sft_slurm_number=0])
        sft_slurm_major=$(($sft_slurm_number / 65536))
        sft_slurm_minor=$(($sft_slurm_number / 256 % 256))
        sft_slurm_version="Slurm $sft_slurm_major.`printf %02d $sft_slurm_minor`"
        AC_MSG_RESULT([$sft_slurm_version])
        AS_IF([test $sft_slurm_number -lt $((21 * 65536 + 8 * 256))],
          [AC_MSG_ERROR([Slurm 21.08 or later is needed, found $sft_slurm_major.$sft_slurm_minor: name another with --with-slurm=DIR or configure --without-slurm])])],
       [AS_IF([test "x$with_slurm" = xauto],
         [AC_MSG_NOTICE([no slurm/spank.h: the plugin is not built; install libslurm-dev])],
         [AC_MSG_ERROR([slurm/spank.h is missing: install libslurm-dev (Debian, Ubuntu) or slurm-devel (RHEL), name its prefix with --with-slurm=DIR, or configure --without-slurm])])])
     CPPFLAGS="$sft_save"])
  sft_have_libslurm=no
  AS_IF([test $sft_have_slurm = yes],
    [AS_CASE([$with_slurm], [auto|yes], [], [SLURM_LDFLAGS="-L$with_slurm/lib"])
     sft_save_ld="$LDFLAGS"
     LDFLAGS="$LDFLAGS $SLURM_LDFLAGS"
     AC_CHECK_LIB([slurm], [slurmdb_job_modify],
       [sft_have_libslurm=yes SLURM_LIBS="$SLURM_LDFLAGS -lslurm"],
       [AC_MSG_WARN([no libslurm: sft-bench-deliver is not built, and records that slurmctld does not take in time are lost])])
     LDFLAGS="$sft_save_ld"])
  AC_SUBST([SLURM_LIBS])
  AM_CONDITIONAL([HAVE_LIBSLURM], [test $sft_have_libslurm = yes])
  AC_SUBST([SLURM_CFLAGS])
  AM_CONDITIONAL([HAVE_SLURM], [test $sft_have_slurm = yes])
])
