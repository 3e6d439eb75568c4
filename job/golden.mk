# Loss, gradients and training against Hugging Face's Llama and GPT-2. The golden files are made by
# tests/golden/make_reference.py (torch and transformers); the tests read them without Python.
noinst_HEADERS += tests/golden/golden.h tests/golden/training.h
EXTRA_DIST += \
	tests/golden/compare_training.py \
	tests/golden/golden.py \
	tests/golden/gpt2.golden \
	tests/golden/make_reference.py \
	tests/golden/tied.golden \
	tests/golden/training.golden \
	tests/golden/untied.golden

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/model/test_reference tests/unit/model/test_training
tests_unit_model_test_reference_SOURCES = tests/unit/model/test_reference.c tests/golden/golden.c
tests_unit_model_test_reference_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_reference_LDADD = job/libsftmodel.la job/libsftdata.la $(STDCXX_LIBS) $(UNIT_LIBS)
tests_unit_model_test_training_SOURCES = tests/unit/model/test_training.c tests/golden/golden.c \
	tests/golden/training.c
tests_unit_model_test_training_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_training_LDADD = job/libsftmodel.la job/libsftdata.la $(STDCXX_LIBS) $(UNIT_LIBS)
endif

# By hand, with compare_training.py: make tests/golden/train_dump
EXTRA_PROGRAMS += tests/golden/train_dump
tests_golden_train_dump_SOURCES = tests/golden/train_dump.c tests/golden/training.c
tests_golden_train_dump_LDADD = job/libsftmodel.la job/libsftdata.la $(STDCXX_LIBS)
