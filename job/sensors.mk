# What a GPU says about itself, by NVML. The library is opened at run time: nothing to configure.
noinst_LTLIBRARIES += job/libsftsensors.la
job_libsftsensors_la_SOURCES = job/train/sensors.c job/train/sensors.h
job_libsftsensors_la_CFLAGS = $(AM_CFLAGS) -pthread
job_libsftsensors_la_LIBADD = lib/libsft.la -ldl -lpthread

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/train/test_sensors
tests_unit_train_test_sensors_CFLAGS = $(UNIT_CFLAGS)
tests_unit_train_test_sensors_LDADD = job/libsftsensors.la $(UNIT_LIBS) -ldl -lpthread

# NVML as the test scripts it, and once more as an old driver has it. -rpath makes a shared library
# of what is not installed.
check_LTLIBRARIES = tests/unit/libnvidia-ml-fake.la tests/unit/libnvidia-ml-old.la
FAKE_NVML_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_unit_libnvidia_ml_fake_la_SOURCES = tests/unit/node/fake_nvml.c tests/unit/node/fake_nvml.h
tests_unit_libnvidia_ml_fake_la_LDFLAGS = $(FAKE_NVML_LDFLAGS)
tests_unit_libnvidia_ml_old_la_SOURCES = tests/unit/node/fake_nvml.c tests/unit/node/fake_nvml.h
tests_unit_libnvidia_ml_old_la_CPPFLAGS = $(AM_CPPFLAGS) -DFAKE_NVML_OLD
tests_unit_libnvidia_ml_old_la_LDFLAGS = $(FAKE_NVML_LDFLAGS)
endif
