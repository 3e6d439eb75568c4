# The run as a staircase.
noinst_LTLIBRARIES += job/run/librun.la
job_run_librun_la_SOURCES = \
	job/run/account.c job/run/account.h \
	job/run/describe.c job/run/describe.h \
	job/run/explain.c job/run/explain.h \
	job/run/forecast.c job/run/forecast.h \
	job/run/goals.c job/run/goals.h \
	job/run/host.c job/run/host.h \
	job/run/machine.c job/run/machine.h \
	job/run/network.c job/run/network.h \
	job/run/network_now.c \
	job/run/notes.c job/run/notes.h \
	job/run/options.c job/run/options.h \
	job/run/place.c job/run/place.h \
	job/run/placement.c job/run/placement.h \
	job/run/preview.c job/run/preview.h \
	job/run/ranks.c job/run/ranks.h \
	job/run/release.c job/run/release.h \
	job/run/result.c job/run/result.h \
	job/run/run.h \
	job/run/scaling.c job/run/scaling.h \
	job/run/task.c job/run/task.h \
	job/run/train_task.c
job_run_librun_la_LIBADD = $(JANSSON_LIBS)

unit_tests += tests/unit/run/test_explain \
	tests/unit/run/test_forecast \
	tests/unit/run/test_goals \
	tests/unit/run/test_machine \
	tests/unit/run/test_network \
	tests/unit/run/test_place \
	tests/unit/run/test_release \
	tests/unit/run/test_result \
	tests/unit/run/test_scaling
fuzz_targets += tests/fuzz/fuzz_network
dist_pkgdata_DATA += examples/goals.conf
