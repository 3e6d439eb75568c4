# The run as a staircase.
noinst_LTLIBRARIES += job/run/librun.la
job_run_librun_la_SOURCES = \
	job/run/describe.c \
	job/run/explain.c job/run/explain.h \
	job/run/forecast.c \
	job/run/host.c job/run/host.h \
	job/run/network.c job/run/network.h \
	job/run/network_now.c \
	job/run/notes.c job/run/notes.h \
	job/run/options.c job/run/options.h \
	job/run/place.c job/run/place.h \
	job/run/placement.c job/run/placement.h \
	job/run/result.c job/run/result.h \
	job/run/run.h \
	job/run/scaling.c \
	job/run/setup.c
job_run_librun_la_LIBADD = $(JANSSON_LIBS)
# It includes run.h and needs what stands here.
job_run_librun_la_SOURCES += job/train/train.c

unit_tests += tests/unit/run/test_explain tests/unit/run/test_network tests/unit/run/test_place \
	tests/unit/run/test_result
fuzz_targets += tests/fuzz/fuzz_network
