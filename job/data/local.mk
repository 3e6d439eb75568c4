# Records, tokenizers, packing.
noinst_LTLIBRARIES += job/data/libdata.la
job_data_libdata_la_SOURCES = \
	job/data/batch.c job/data/batch.h \
	job/data/data.c job/data/data.h \
	job/data/data_alpaca.c \
	job/data/data_faults.c job/data/data_faults.h \
	job/data/data_internal.h \
	job/data/data_keys.c job/data/data_keys.h \
	job/data/data_kind.c job/data/data_kind.h \
	job/data/data_pack.c \
	job/data/data_record.c job/data/data_record.h \
	job/data/data_synthetic.c \
	job/data/input.c job/data/input.h \
	job/data/scan.c job/data/scan.h \
	job/data/tokenizer.c job/data/tokenizer.h \
	job/data/tokenizer_sentencepiece.h
if HAVE_SENTENCEPIECE
job_data_libdata_la_SOURCES += job/data/tokenizer_sentencepiece.cc
job_data_libdata_la_CXXFLAGS = $(AM_CXXFLAGS) $(SENTENCEPIECE_CFLAGS)
job_data_libdata_la_LIBADD = $(SENTENCEPIECE_LIBS)
# libtool leaves this out of a convenience library: every program with libdata names it
STDCXX_LIBS = -lstdc++
endif

unit_tests += tests/unit/data/test_data \
	tests/unit/data/test_data_faults \
	tests/unit/data/test_data_kind \
	tests/unit/data/test_pack \
	tests/unit/data/test_scan \
	tests/unit/data/test_tokenizer
fuzz_targets += tests/fuzz/fuzz_data tests/fuzz/fuzz_kind tests/fuzz/fuzz_tokenizer
noinst_HEADERS += tests/golden/tokenizer.inc
EXTRA_DIST += tests/golden/make_tokenizer_golden.py
dist_pkgdata_DATA += examples/instructions.json
