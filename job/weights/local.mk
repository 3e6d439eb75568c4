# A model as Hugging Face's files have it: tensors, shape, names.
noinst_LTLIBRARIES += job/weights/libweights.la
job_weights_libweights_la_SOURCES = \
	job/weights/adapter_config.c job/weights/adapter_config.h \
	job/weights/cache.c job/weights/cache.h \
	job/weights/config.c job/weights/config.h \
	job/weights/merge.c job/weights/merge.h \
	job/weights/save.c job/weights/save.h job/weights/save_internal.h \
	job/weights/save_config.c job/weights/save_config.h \
	job/weights/save_folder.c job/weights/save_folder.h \
	job/weights/save_write.c \
	job/weights/safetensors.c job/weights/safetensors.h job/weights/safetensors_internal.h \
	job/weights/safetensors_header.c \
	job/weights/weights.c job/weights/weights.h job/weights/weights_internal.h \
	job/weights/weights_files.c \
	job/weights/weights_read.c \
	job/weights/weights_wide.c
job_weights_libweights_la_CFLAGS = $(AM_CFLAGS) $(VECTOR_CFLAGS)
job_weights_libweights_la_LIBADD = $(JANSSON_LIBS)

unit_tests += tests/unit/weights/test_config tests/unit/weights/test_safetensors \
	tests/unit/weights/test_weights
fuzz_targets += tests/fuzz/fuzz_adapter_config tests/fuzz/fuzz_config tests/fuzz/fuzz_safetensors
EXTRA_DIST += tests/golden/make_safetensors_golden.py tests/golden/mixed.safetensors tests/golden/make_models.py tests/golden/models
# By hand, and in tests/cli/test_save.sh and test_adapters.sh where python3 has transformers and PEFT, with compare_model.py
# and compare_adapter.py.
EXTRA_DIST += tests/golden/compare_model.py tests/golden/compare_adapter.py tests/golden/compare_logits.py \
	tests/golden/make_adapters.py
check_PROGRAMS += tests/golden/model_loss
# make tests/bench/loading; tests/bench/loading.sh: GB/s of reading a checkpoint from the page cache, of each type.
EXTRA_PROGRAMS += tests/bench/loading
CLEANFILES += tests/bench/loading
EXTRA_DIST += tests/bench/loading.sh
