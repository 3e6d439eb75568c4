# sft-bench-job. Convenience libraries, so that tests link what they test:
#   libsftdata   data, tokenizer, batch     libsftmodel  tensor, model, optimizer
#   libsftrun    bootstrap, collectives, measurement, record, training loop
#   libsftsensors  what a GPU says about itself
noinst_LTLIBRARIES += job/libsftrandom.la
job_libsftrandom_la_SOURCES = job/tensor/random.c job/tensor/random.h

include job/data.mk
include job/model.mk
include job/cuda.mk
include job/sensors.mk

WATCHDOG_SOURCES = job/control/watchdog.c job/control/watchdog.h job/control/watchdog_far.c job/control/watchdog_internal.h \
	job/control/watchdog_judge.c job/control/watchdog_judge.h job/control/watchdog_net.c job/control/watchdog_net.h job/control/watchdog_root.c

noinst_LTLIBRARIES += job/libsftrun.la
job_libsftrun_la_SOURCES = \
	job/control/bootstrap.c job/control/bootstrap.h \
	job/collective/comm.c job/collective/comm.h job/collective/comm_self.c \
	lib/file_write.c lib/file_write.h \
	job/model/shard.c job/model/shard.h job/model/shard_plan.c \
	job/train/fit.c job/train/fit.h \
	job/train/measure.c \
	job/train/observe_sensors.c \
	job/train/observer.c job/train/observer.h \
	job/train/progress.c \
	job/train/trace.c \
	job/train/train.c job/train/train.h \
	job/train/training.c job/train/training.h \
	job/run/account.c job/run/account.h \
	job/run/describe.c job/run/describe.h \
	job/run/explain.c job/run/explain.h \
	job/run/forecast.c job/run/forecast.h \
	job/run/host.c job/run/host.h \
	job/run/machine.c job/run/machine.h \
	job/run/network.c job/run/network.h job/run/network_now.c \
	job/run/notes.c job/run/notes.h \
	job/run/options.c job/run/options.h \
	job/run/place.c job/run/place.h \
	job/run/placement.c job/run/placement.h \
	job/run/preview.c job/run/preview.h \
	job/run/ranks.c job/run/ranks.h \
	job/run/result.c job/run/result.h \
	job/run/run.h \
	job/run/scaling.c job/run/scaling.h \
	job/run/task.c job/run/task.h job/run/train_task.c $(WATCHDOG_SOURCES)
job_libsftrun_la_CPPFLAGS = $(AM_CPPFLAGS) $(NCCL_CPPFLAGS)
job_libsftrun_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MPI_CFLAGS) $(PMIX_CFLAGS) -pthread
job_libsftrun_la_LIBADD = job/libsftmodel.la job/libsftcuda.la job/libsftdata.la \
	job/libsftsensors.la lib/libsft.la $(JANSSON_LIBS) -lpthread
if HAVE_PMIX
job_libsftrun_la_SOURCES += job/control/bootstrap_pmix.c
job_libsftrun_la_LIBADD += $(PMIX_LIBS)
endif
if HAVE_NCCL
job_libsftrun_la_SOURCES += job/collective/comm_nccl.c job/collective/comm_nccl_progress.c job/collective/comm_nccl_progress.h
job_libsftrun_la_LIBADD += $(NCCL_LIBS)
else
EXTRA_DIST += job/collective/comm_nccl.c job/collective/comm_nccl_progress.c job/collective/comm_nccl_progress.h
endif
if HAVE_MPI
job_libsftrun_la_SOURCES += job/collective/comm_mpi.c
job_libsftrun_la_LIBADD += $(MPI_LIBS)
endif

bin_PROGRAMS += sft-bench-job
sft_bench_job_SOURCES = job/main.c
sft_bench_job_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
sft_bench_job_LDADD = job/libsftrun.la $(STDCXX_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/train/test_fit
tests_unit_train_test_fit_CFLAGS = $(UNIT_CFLAGS)
tests_unit_train_test_fit_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/train/test_observer
tests_unit_train_test_observer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_train_test_observer_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/run/test_explain tests/unit/run/test_network tests/unit/run/test_place
tests_unit_run_test_place_CFLAGS = $(UNIT_CFLAGS)
tests_unit_run_test_place_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_run_test_network_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_run_test_network_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS)
tests_unit_run_test_explain_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_run_test_explain_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/lib/test_file_write tests/unit/run/test_result
tests_unit_lib_test_file_write_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_file_write_LDADD = job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_run_test_result_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_run_test_result_LDADD = job/libsftrun.la $(UNIT_LIBS) $(JANSSON_LIBS) $(STDCXX_LIBS) -lpthread
check_PROGRAMS += tests/unit/control/test_watchdog tests/unit/control/test_watchdog_judge
tests_unit_control_test_watchdog_SOURCES = tests/unit/control/test_watchdog.c tests/unit/control/watchdog_scene.c \
	tests/unit/control/watchdog_scene.h $(WATCHDOG_SOURCES)
tests_unit_control_test_watchdog_CFLAGS = $(UNIT_CFLAGS) -pthread
tests_unit_control_test_watchdog_LDADD = lib/libsft.la $(UNIT_LIBS) -lpthread
tests_unit_control_test_watchdog_judge_SOURCES = tests/unit/control/test_watchdog_judge.c job/control/watchdog_judge.c \
	job/control/watchdog_judge.h
tests_unit_control_test_watchdog_judge_CFLAGS = $(UNIT_CFLAGS)
tests_unit_control_test_watchdog_judge_LDADD = $(UNIT_LIBS)
# Not a test by itself: tests/cli/test_ranks.sh starts it in several ranks.
noinst_PROGRAMS += tests/unit/model/shard_ranks
tests_unit_model_shard_ranks_LDADD = job/libsftrun.la $(STDCXX_LIBS)
check_PROGRAMS += tests/unit/model/test_shard tests/unit/model/test_shard_lanes
tests_unit_model_test_shard_lanes_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_shard_lanes_LDADD = $(tests_unit_model_test_shard_LDADD)
tests_unit_model_test_shard_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_shard_LDADD = tests/unit/libmodelsupport.la job/libsftrun.la $(UNIT_LIBS) $(STDCXX_LIBS)
endif

include job/golden.mk

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_network
tests_fuzz_fuzz_network_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_network_LDADD = job/libsftrun.la $(JANSSON_LIBS) $(STDCXX_LIBS)
tests_fuzz_fuzz_network_LDFLAGS = $(FUZZ_LDFLAGS)
endif
