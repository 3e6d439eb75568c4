# The training loop's parts: optimizer, fit, measurement, observers.
noinst_LTLIBRARIES += job/train/libtrain.la
job_train_libtrain_la_SOURCES = \
	job/train/curve.c job/train/curve.h \
	job/train/fit.c job/train/fit.h job/train/fit_advice.c job/train/fit_choose.c job/train/fit_internal.h \
	job/train/halts.c job/train/halts.h \
	job/train/keep.c job/train/keep.h \
	job/train/load.c job/train/load.h job/train/load_base.c job/train/load_internal.h \
	job/train/measure.c \
	job/train/observe_eval.c \
	job/train/observe_sensors.c \
	job/train/observe_stragglers.c \
	job/train/observer.c job/train/observer.h \
	job/train/optim.c job/train/optim.h \
	job/train/progress.c \
	job/train/save_merged.c job/train/save_weights.c job/train/save_weights.h \
	job/train/sensors.c job/train/sensors.h \
	job/train/straggler.c job/train/straggler.h job/train/straggler_series.c \
	job/train/straggler_text.c job/train/straggler_text.h \
	job/train/state.c job/train/state.h \
	job/train/trace.c \
	job/train/train.c job/train/train.h \
	job/train/training.c job/train/training.h \
	job/train/workload.c job/train/workload.h
# What a GPU says about itself, by NVML: opened at run time, nothing to configure.
job_train_libtrain_la_LIBADD = -ldl

unit_tests += tests/unit/train/test_curve tests/unit/train/test_eval \
	tests/unit/train/test_fit \
	tests/unit/train/test_fit_choose \
	tests/unit/train/test_load \
	tests/unit/train/test_measure \
	tests/unit/train/test_observer \
	tests/unit/train/test_optim \
	tests/unit/train/test_progress \
	tests/unit/train/test_save \
	tests/unit/train/test_sensors \
	tests/unit/train/test_straggler \
	tests/unit/train/test_straggler_run \
	tests/unit/train/test_state \
	tests/unit/train/test_tuning

# NVML as the test scripts it, and once more as an old driver has it. -rpath makes a shared library
# of what is not installed.
if HAVE_CMOCKA
check_LTLIBRARIES += tests/unit/train/libnvidia-ml-fake.la tests/unit/train/libnvidia-ml-old.la
endif
FAKE_NVML_LDFLAGS = $(SFT_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_unit_train_libnvidia_ml_fake_la_SOURCES = tests/unit/train/fake_nvml.c tests/unit/train/fake_nvml.h
tests_unit_train_libnvidia_ml_fake_la_LDFLAGS = $(FAKE_NVML_LDFLAGS)
tests_unit_train_libnvidia_ml_old_la_SOURCES = tests/unit/train/fake_nvml.c tests/unit/train/fake_nvml.h
tests_unit_train_libnvidia_ml_old_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAKE_NVML_OLD
tests_unit_train_libnvidia_ml_old_la_LDFLAGS = $(FAKE_NVML_LDFLAGS)
