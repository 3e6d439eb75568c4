# What is trained, and which rank keeps which part of it.
noinst_LTLIBRARIES += job/model/libmodel.la
job_model_libmodel_la_SOURCES = \
	job/model/base.c job/model/base.h \
	job/model/block.h \
	job/model/block_attention.c \
	job/model/block_embedding.c \
	job/model/block_ffn.c \
	job/model/block_head.c \
	job/model/block_list.c \
	job/model/block_lstm.c \
	job/model/block_norm.c \
	job/model/gpt2.c \
	job/model/linear.c job/model/linear.h \
	job/model/linear_fp8.c \
	job/model/linear_lora.c \
	job/model/linear_stored.c \
	job/model/llama.c \
	job/model/lstm.c \
	job/model/lstm_layer.c job/model/lstm_layer.h \
	job/model/model.c job/model/model.h \
	job/model/model_batch.c \
	job/model/model_initialize.c \
	job/model/model_internal.h \
	job/model/model_layout.c \
	job/model/model_pass.c \
	job/model/model_units.c \
	job/model/need.c job/model/need.h \
	job/model/shard.c job/model/shard.h job/model/shard_internal.h \
	job/model/shard_cut.c job/model/shard_fp8.c \
	job/model/shard_plan.c \
	job/model/store.c job/model/store.h
job_model_libmodel_la_CFLAGS = $(AM_CFLAGS) $(VECTOR_CFLAGS)

unit_tests += tests/unit/model/test_lora \
	tests/unit/model/test_lora_reference \
	tests/unit/model/test_lstm \
	tests/unit/model/test_lstm_model \
	tests/unit/model/test_model \
	tests/unit/model/test_model_batches \
	tests/unit/model/test_model_fp8 \
	tests/unit/model/test_model_gradients \
	tests/unit/model/test_model_params \
	tests/unit/model/test_model_recompute \
	tests/unit/model/test_reference \
	tests/unit/model/test_shard \
	tests/unit/model/test_shard_lanes \
	tests/unit/model/test_stored \
	tests/unit/model/test_training
unit_support += tests/unit/model/model_support.c tests/unit/model/model_support.h
# Not a test by itself: tests/cli/test_ranks.sh starts it in several ranks.
check_PROGRAMS += tests/unit/model/shard_ranks

# Loss, gradients and training against Hugging Face's Llama and GPT-2. The golden files are made by
# tests/golden/make_reference.py (torch and transformers); the tests read them without Python.
test_support += tests/golden/golden.c tests/golden/golden.h tests/golden/training.c tests/golden/training.h \
	tests/golden/tuning.c tests/golden/tuning.h
noinst_HEADERS += tests/golden/lstm.inc
EXTRA_DIST += \
	tests/golden/compare_training.py \
	tests/golden/golden.py \
	tests/golden/gpt2.golden \
	tests/golden/lora.golden \
	tests/golden/lora_gpt2.golden \
	tests/golden/make_lora.py \
	tests/golden/lstm.golden \
	tests/golden/make_lstm_golden.py \
	tests/golden/make_lstm_model.py \
	tests/golden/make_reference.py \
	tests/golden/tied.golden \
	tests/golden/training.golden \
	tests/golden/untied.golden
# By hand, with compare_training.py: make tests/golden/train_dump
EXTRA_PROGRAMS += tests/golden/train_dump
