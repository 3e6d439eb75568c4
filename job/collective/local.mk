# Collectives between the ranks' devices.
noinst_LTLIBRARIES += job/collective/libcollective.la
job_collective_libcollective_la_SOURCES = \
	job/collective/collective.c job/collective/collective.h \
	job/collective/collective_self.c \
	job/collective/team.c job/collective/team.h
job_collective_libcollective_la_CPPFLAGS = $(AM_CPPFLAGS) $(NCCL_CPPFLAGS)
job_collective_libcollective_la_CFLAGS = $(AM_CFLAGS) $(MPI_CFLAGS)
job_collective_libcollective_la_LIBADD =
unit_tests += tests/unit/collective/test_across
# Not a test by itself: tests/cli/test_teams.sh starts it in several ranks.
check_PROGRAMS += tests/unit/collective/team_ranks

if HAVE_NCCL
job_collective_libcollective_la_SOURCES += \
	job/collective/collective_nccl.c \
	job/collective/collective_nccl_progress.c job/collective/collective_nccl_progress.h \
	job/collective/collective_nccl_team.c
job_collective_libcollective_la_LIBADD += $(NCCL_LIBS)
endif
if HAVE_MPI
job_collective_libcollective_la_SOURCES += job/collective/collective_mpi.c job/collective/team_mpi.c
job_collective_libcollective_la_LIBADD += $(MPI_LIBS)
endif
