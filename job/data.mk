# data, tokenizer
noinst_LTLIBRARIES += job/libsftdata.la
job_libsftdata_la_SOURCES = \
	job/batch.c job/batch.h \
	job/data.c job/data.h job/data_alpaca.c job/data_internal.h job/data_pack.c \
	job/data_synthetic.c \
	job/tokenizer.c job/tokenizer.h job/tokenizer_sentencepiece.h
job_libsftdata_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
job_libsftdata_la_LIBADD = job/libsftrandom.la lib/libsft.la $(JANSSON_LIBS)
if HAVE_SENTENCEPIECE
job_libsftdata_la_SOURCES += job/tokenizer_sentencepiece.cc
job_libsftdata_la_CXXFLAGS = $(AM_CXXFLAGS) $(SENTENCEPIECE_CFLAGS)
job_libsftdata_la_LIBADD += $(SENTENCEPIECE_LIBS)
# libtool leaves this out of a convenience library: every program with libsftdata names it
STDCXX_LIBS = -lstdc++
endif
