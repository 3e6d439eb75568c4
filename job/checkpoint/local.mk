# Checkpoints: index, files of ranks, folder.
noinst_LTLIBRARIES += job/checkpoint/libcheckpoint.la
job_checkpoint_libcheckpoint_la_SOURCES = \
	job/checkpoint/checkpoint.c job/checkpoint/checkpoint.h \
	job/checkpoint/folder.c job/checkpoint/folder.h \
	job/checkpoint/index.c \
	job/checkpoint/pieces.c \
	job/checkpoint/snapshot.c job/checkpoint/snapshot.h
job_checkpoint_libcheckpoint_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
job_checkpoint_libcheckpoint_la_LIBADD = $(ZLIB_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/checkpoint/test_checkpoint
fuzz_targets += tests/fuzz/fuzz_checkpoint
