# sft-bench-job. Convenience libraries, so that tests link what they test:
#   libsftdata   data, tokenizer, batch     libsftmodel  backend, model, optimizer
#   libsftrun    bootstrap, collectives, measurement, record, training loop
#   libsftsensors  what a GPU says about itself
noinst_LTLIBRARIES += job/libsftrandom.la
job_libsftrandom_la_SOURCES = job/random.c job/random.h

include job/data.mk
include job/model.mk
include job/cuda.mk
include job/sensors.mk

WATCHDOG_SOURCES = job/watchdog.c job/watchdog.h job/watchdog_far.c job/watchdog_internal.h \
	job/watchdog_judge.c job/watchdog_judge.h job/watchdog_net.c job/watchdog_net.h job/watchdog_root.c

noinst_LTLIBRARIES += job/libsftrun.la
job_libsftrun_la_SOURCES = \
	job/bootstrap.c job/bootstrap.h \
	job/comm.c job/comm.h job/comm_self.c \
	job/describe.c \
	job/explain.c job/explain.h \
	job/file_write.c job/file_write.h \
	job/fit.c job/fit.h \
	job/forecast.c \
	job/host.c job/host.h \
	job/measure.c job/measure.h \
	job/observe.c job/observe.h \
	job/options.c job/options.h \
	job/network.c job/network.h job/network_now.c \
	job/notes.c job/notes.h \
	job/place.c job/place.h \
	job/placement.c job/placement.h \
	job/progress.c job/progress.h \
	job/result.c job/result.h \
	job/run.h job/scaling.c job/setup.c job/shard.c job/shard.h job/shard_plan.c \
	job/trace.c job/trace.h job/train.c $(WATCHDOG_SOURCES)
job_libsftrun_la_CPPFLAGS = $(AM_CPPFLAGS) $(NCCL_CPPFLAGS)
job_libsftrun_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MPI_CFLAGS) $(PMIX_CFLAGS) -pthread
job_libsftrun_la_LIBADD = job/libsftmodel.la job/libsftcuda.la job/libsftdata.la \
	job/libsftsensors.la lib/libsft.la $(JANSSON_LIBS) -lpthread
if HAVE_PMIX
job_libsftrun_la_SOURCES += job/bootstrap_pmix.c
job_libsftrun_la_LIBADD += $(PMIX_LIBS)
endif
if HAVE_NCCL
job_libsftrun_la_SOURCES += job/comm_nccl.c job/comm_nccl_progress.c job/comm_nccl_progress.h
job_libsftrun_la_LIBADD += $(NCCL_LIBS)
else
EXTRA_DIST += job/comm_nccl.c job/comm_nccl_progress.c job/comm_nccl_progress.h
endif
if HAVE_MPI
job_libsftrun_la_SOURCES += job/comm_mpi.c
job_libsftrun_la_LIBADD += $(MPI_LIBS)
endif

bin_PROGRAMS += sft-bench-job
sft_bench_job_SOURCES = job/main.c
sft_bench_job_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
sft_bench_job_LDADD = job/libsftrun.la $(STDCXX_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_fit
tests_unit_test_fit_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_fit_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/test_explain tests/unit/test_network tests/unit/test_place
tests_unit_test_place_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_place_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_test_network_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_network_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS)
tests_unit_test_explain_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_explain_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/test_file_write tests/unit/test_result
tests_unit_test_file_write_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_file_write_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_test_result_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_result_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_watchdog tests/unit/test_watchdog_judge
tests_unit_test_watchdog_SOURCES = tests/unit/test_watchdog.c tests/unit/watchdog_scene.c \
	tests/unit/watchdog_scene.h $(WATCHDOG_SOURCES)
tests_unit_test_watchdog_CFLAGS = $(UNIT_CFLAGS) -pthread
tests_unit_test_watchdog_LDADD = lib/libsft.la $(UNIT_LIBS) -lpthread
tests_unit_test_watchdog_judge_SOURCES = tests/unit/test_watchdog_judge.c job/watchdog_judge.c \
	job/watchdog_judge.h
tests_unit_test_watchdog_judge_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_watchdog_judge_LDADD = $(UNIT_LIBS)
# Not a test by itself: tests/cli/test_ranks.sh starts it in several ranks.
noinst_PROGRAMS += tests/unit/shard_ranks
tests_unit_shard_ranks_LDADD = job/libsftrun.la $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/test_shard tests/unit/test_shard_lanes
tests_unit_test_shard_lanes_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_shard_lanes_LDADD = $(tests_unit_test_shard_LDADD)
tests_unit_test_shard_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_shard_LDADD = tests/unit/libmodelsupport.la job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
endif

include job/golden.mk

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_network
tests_fuzz_fuzz_network_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_network_LDADD = job/libsftrun.la $(JANSSON_LIBS) $(STDCXX_LIBS)
tests_fuzz_fuzz_network_LDFLAGS = $(FUZZ_LDFLAGS)
endif
