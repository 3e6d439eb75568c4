# Collectives between the ranks' devices.
noinst_LTLIBRARIES += job/collective/libcollective.la
job_collective_libcollective_la_SOURCES = \
	job/collective/comm.c job/collective/comm.h \
	job/collective/comm_self.c
job_collective_libcollective_la_CPPFLAGS = $(AM_CPPFLAGS) $(NCCL_CPPFLAGS)
job_collective_libcollective_la_CFLAGS = $(AM_CFLAGS) $(MPI_CFLAGS)
job_collective_libcollective_la_LIBADD =
if HAVE_NCCL
job_collective_libcollective_la_SOURCES += \
	job/collective/comm_nccl.c \
	job/collective/comm_nccl_progress.c job/collective/comm_nccl_progress.h
job_collective_libcollective_la_LIBADD += $(NCCL_LIBS)
endif
if HAVE_MPI
job_collective_libcollective_la_SOURCES += job/collective/comm_mpi.c
job_collective_libcollective_la_LIBADD += $(MPI_LIBS)
endif
