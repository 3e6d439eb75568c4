# backend, model, optimizer
# omp simd pragmas need no OpenMP runtime. Vectors of sqrt and of selections need the compiler to know
# that nobody reads errno or floating-point exceptions; NaN and infinity keep their meaning.
noinst_LTLIBRARIES += job/libsftmodel.la
job_libsftmodel_la_SOURCES = \
	job/backend.h \
	job/backend_cpu.c job/backend_cpu.h job/backend_cpu_attention.c \
	job/batch.h \
	job/model.c job/model.h job/model_init.c job/model_internal.h \
	job/model_layout.c job/model_layout.h job/model_pass.c \
	job/optim.c job/optim.h
job_libsftmodel_la_CFLAGS = $(AM_CFLAGS) $(BLAS_CFLAGS) \
	-fopenmp-simd -fno-math-errno -fno-trapping-math
job_libsftmodel_la_LIBADD = lib/libsft.la $(BLAS_LIBS)

if HAVE_CMOCKA
noinst_LTLIBRARIES += tests/unit/libmodelsupport.la
tests_unit_libmodelsupport_la_SOURCES = tests/unit/model_support.c tests/unit/model_support.h
tests_unit_libmodelsupport_la_CFLAGS = $(UNIT_CFLAGS)
MODEL_TEST_LIBS = tests/unit/libmodelsupport.la job/libsftmodel.la lib/libsft.la $(UNIT_LIBS)
check_PROGRAMS += tests/unit/test_backend_cpu tests/unit/test_model \
	tests/unit/test_model_gradients tests/unit/test_optim
tests_unit_test_backend_cpu_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_backend_cpu_LDADD = $(MODEL_TEST_LIBS)
tests_unit_test_model_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_model_LDADD = $(MODEL_TEST_LIBS)
tests_unit_test_model_gradients_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_model_gradients_LDADD = $(MODEL_TEST_LIBS)
tests_unit_test_optim_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_optim_LDADD = $(MODEL_TEST_LIBS)
endif
