# backend, model, optimizer
noinst_LTLIBRARIES += job/libsftmodel.la
job_libsftmodel_la_SOURCES = \
	job/backend.h job/backend_cpu.c job/backend_cpu.h job/backend_cpu_attention.c \
	job/batch.h \
	job/model.c job/model.h job/model_initialize.c job/model_internal.h job/model_layout.c \
	job/optim.c job/optim.h
# -fopenmp-simd: vectors where a loop asks for them; no OpenMP runtime
job_libsftmodel_la_CFLAGS = $(AM_CFLAGS) $(BLAS_CFLAGS) -O3 -fopenmp-simd -fno-math-errno
job_libsftmodel_la_LIBADD = job/libsftrandom.la lib/libsft.la $(BLAS_LIBS)

EXTRA_DIST += tests/golden/make_golden.py tests/golden/tied.txt tests/golden/untied.txt
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_golden tests/unit/test_model
tests_unit_test_golden_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_golden_LDADD = job/libsftmodel.la job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_test_model_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_model_LDADD = job/libsftmodel.la job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
endif
