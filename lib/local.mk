# libsft: no Slurm, no CUDA
noinst_LTLIBRARIES += lib/libsft.la
lib_libsft_la_SOURCES = \
	lib/clock.c lib/clock.h \
	lib/error.c lib/error.h \
	lib/fields.c lib/fields.h \
	lib/figures.c lib/figures.h \
	lib/nccl_env.c lib/nccl_env.h \
	lib/number.c lib/number.h \
	lib/params.c lib/params.h lib/params_gpt2.c lib/params_list.h lib/params_llama.c \
	lib/plan.c lib/plan.h \
	lib/preset.c lib/preset.h \
	lib/record.c lib/record.h lib/record_merge.c lib/record_page.c \
	lib/request.c lib/request.h \
	lib/predict.c lib/predict.h \
	lib/roofline.c lib/roofline.h \
	lib/stats.c lib/stats.h \
	lib/timeline.c lib/timeline.h

if HAVE_CMOCKA
LIB_TESTS = tests/unit/lib/test_figures tests/unit/lib/test_params tests/unit/lib/test_preset \
	tests/unit/lib/test_request tests/unit/lib/test_plan tests/unit/lib/test_record tests/unit/lib/test_stats \
	tests/unit/lib/test_predict tests/unit/lib/test_timeline
check_PROGRAMS += $(LIB_TESTS)
tests_unit_lib_test_figures_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_figures_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_preset_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_preset_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_params_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_params_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_request_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_request_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_plan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_plan_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_record_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_record_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_stats_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_stats_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_predict_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_predict_LDADD = lib/libsft.la $(UNIT_LIBS)
tests_unit_lib_test_timeline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_test_timeline_LDADD = lib/libsft.la $(UNIT_LIBS)
endif

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_request tests/fuzz/fuzz_record
tests_fuzz_fuzz_request_LDADD = lib/libsft.la
tests_fuzz_fuzz_request_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_LDADD = lib/libsft.la
tests_fuzz_fuzz_record_LDFLAGS = $(FUZZ_LDFLAGS)
endif
noinst_HEADERS += tests/unit/unit.h
