# data, tokenizer
noinst_LTLIBRARIES += job/libsftdata.la
job_libsftdata_la_SOURCES = \
	job/data/batch.c job/data/batch.h \
	job/data/data.c job/data/data.h job/data/data_alpaca.c job/data/data_faults.c job/data/data_faults.h job/data/data_internal.h \
	job/data/data_keys.c job/data/data_keys.h job/data/data_kind.c job/data/data_kind.h job/data/data_pack.c \
	job/data/data_record.c job/data/data_record.h job/data/data_synthetic.c \
	job/data/input.c job/data/input.h \
	lib/file_read.c lib/file_read.h job/data/scan.c job/data/scan.h \
	job/data/tokenizer.c job/data/tokenizer.h job/data/tokenizer_sentencepiece.h
job_libsftdata_la_LIBADD = job/libsftrandom.la lib/libsft.la
if HAVE_SENTENCEPIECE
job_libsftdata_la_SOURCES += job/data/tokenizer_sentencepiece.cc
job_libsftdata_la_CXXFLAGS = $(AM_CXXFLAGS) $(SENTENCEPIECE_CFLAGS)
job_libsftdata_la_LIBADD += $(SENTENCEPIECE_LIBS)
# libtool leaves this out of a convenience library: every program with libsftdata names it
STDCXX_LIBS = -lstdc++
endif

dist_pkgdata_DATA += examples/instructions.json
EXTRA_DIST += tests/golden/make_tokenizer_golden.py tests/fuzz/corpus
noinst_HEADERS += tests/golden/tokenizer.inc
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/data/test_data tests/unit/data/test_pack tests/unit/data/test_tokenizer
check_PROGRAMS += tests/unit/data/test_data_faults tests/unit/data/test_data_kind tests/unit/data/test_scan
tests_unit_data_test_data_faults_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_data_faults_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_data_test_data_kind_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_data_kind_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_data_test_scan_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_scan_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_data_test_data_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_data_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_data_test_pack_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_pack_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
tests_unit_data_test_tokenizer_CFLAGS = $(UNIT_CFLAGS)
tests_unit_data_test_tokenizer_LDADD = job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)
endif

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_data tests/fuzz/fuzz_kind tests/fuzz/fuzz_tokenizer
tests_fuzz_fuzz_kind_LDADD = job/libsftdata.la $(STDCXX_LIBS)
tests_fuzz_fuzz_kind_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_data_LDADD = job/libsftdata.la $(STDCXX_LIBS)
tests_fuzz_fuzz_data_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_tokenizer_LDADD = job/libsftdata.la $(STDCXX_LIBS)
tests_fuzz_fuzz_tokenizer_LDFLAGS = $(FUZZ_LDFLAGS)
endif
