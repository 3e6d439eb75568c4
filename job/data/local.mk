# Records, tokenizers, packing.
noinst_LTLIBRARIES += job/data/libdata.la
job_data_libdata_la_SOURCES = \
	job/data/batch.c job/data/batch.h \
	job/data/chat.c job/data/chat.h \
	job/data/chat_read.c \
	job/data/data.c job/data/data.h \
	job/data/data_alpaca.c \
	job/data/data_faults.c job/data/data_faults.h \
	job/data/data_files.c job/data/data_files.h \
	job/data/data_internal.h \
	job/data/data_keys.c job/data/data_keys.h \
	job/data/data_labelled.c \
	job/data/data_kind.c job/data/data_kind.h \
	job/data/data_pack.c \
	job/data/data_record.c job/data/data_record.h \
	job/data/data_split.c \
	job/data/data_synthetic.c \
	job/data/document.c job/data/document.h \
	job/data/input.c job/data/input.h \
	job/data/scan.c job/data/scan.h \
	job/data/tokenizer.c job/data/tokenizer.h \
	job/data/tokenizer_bpe.c job/data/tokenizer_bpe.h \
	job/data/tokenizer_bpe_internal.h \
	job/data/tokenizer_bpe_json.c \
	job/data/tokenizer_bpe_pairs.c \
	job/data/tokenizer_bpe_parts.c \
	job/data/tokenizer_bpe_split.c \
	job/data/tokenizer_bpe_tiktoken.c \
	job/data/tokenizer_bpe_vocab.c \
	job/data/tokenizer_bpe_word.c \
	job/data/tokenizer_path.c job/data/tokenizer_path.h \
	job/data/tokenizer_sentencepiece.h
job_data_libdata_la_CFLAGS = $(AM_CFLAGS) $(PCRE2_CFLAGS)
job_data_libdata_la_LIBADD = $(PCRE2_LIBS) $(JANSSON_LIBS)
if HAVE_SENTENCEPIECE
job_data_libdata_la_SOURCES += job/data/tokenizer_sentencepiece.cc
job_data_libdata_la_CXXFLAGS = $(AM_CXXFLAGS) $(SENTENCEPIECE_CFLAGS)
job_data_libdata_la_LIBADD += $(SENTENCEPIECE_LIBS)
# libtool leaves this out of a convenience library: every program with libdata names it
STDCXX_LIBS = -lstdc++
endif

unit_tests += tests/unit/data/test_chat \
	tests/unit/data/test_data \
	tests/unit/data/test_data_faults \
	tests/unit/data/test_data_files \
	tests/unit/data/test_data_kind \
	tests/unit/data/test_pack \
	tests/unit/data/test_scan \
	tests/unit/data/test_split \
	tests/unit/data/test_tokenizer \
	tests/unit/data/test_tokenizer_bpe
noinst_HEADERS += tests/fuzz/fuzz_bpe.h
fuzz_targets += tests/fuzz/fuzz_data tests/fuzz/fuzz_kind tests/fuzz/fuzz_messages tests/fuzz/fuzz_tiktoken tests/fuzz/fuzz_tokenizer \
	tests/fuzz/fuzz_tokenizer_json
noinst_HEADERS += tests/golden/tokenizer.inc tests/golden/bpe/bpe.inc tests/golden/chat.inc
EXTRA_DIST += tests/golden/make_tokenizer_golden.py tests/golden/make_bpe_golden.py tests/golden/make_chat_golden.py tests/golden/bpe/tokenizer.json \
	tests/golden/bpe/ranks.tiktoken
dist_pkgdata_DATA += examples/instructions.json
# make tests/bench/tokenizer; tests/bench/tokenizer.py: ids and speed beside PyPI's tokenizers and tiktoken.
EXTRA_PROGRAMS += tests/bench/tokenizer
CLEANFILES += tests/bench/tokenizer
EXTRA_DIST += tests/bench/tokenizer.py
