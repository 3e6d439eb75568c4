# libsft: no Slurm, no CUDA
noinst_LTLIBRARIES += lib/libsft.la
lib_libsft_la_SOURCES = \
	lib/adapters.c lib/adapters.h \
	lib/ceilings.c lib/ceilings.h lib/ceilings_read.c \
	lib/checks.c lib/checks.h \
	lib/checksum.c lib/checksum.h \
	lib/clock.c lib/clock.h \
	lib/error.c lib/error.h \
	lib/every.c lib/every.h \
	lib/fields.c lib/fields.h \
	lib/figures.c lib/figures.h \
	lib/file_read.c lib/file_read.h \
	lib/file_write.c lib/file_write.h \
	lib/goals.c lib/goals.h \
	lib/goodput.c lib/goodput.h \
	lib/nccl_env.c lib/nccl_env.h \
	lib/nccl_time.c lib/nccl_time.h \
	lib/nearest.c lib/nearest.h \
	lib/number.c lib/number.h \
	lib/parallel.c lib/parallel.h \
	lib/params.c lib/params.h lib/params_adapters.c lib/params_gpt2.c lib/params_internal.h lib/params_llama.c lib/params_lstm.c \
	lib/plan.c lib/plan.h \
	lib/preset.c lib/preset.h \
	lib/record.c lib/record.h lib/record_ceiling.c lib/record_merge.c lib/record_page.c \
	lib/request.c lib/request.h lib/request_help.c lib/request_help.h lib/request_defaults.c \
	lib/request_words.c lib/request_write.c \
	lib/predict.c lib/predict.h lib/predict_internal.h lib/predict_lstm.c \
	lib/roofline.c lib/roofline.h \
	lib/stats.c lib/stats.h \
	lib/timeline.c lib/timeline.h \
	lib/words.c lib/words.h \
	lib/writer.c lib/writer.h

unit_tests += tests/unit/lib/test_adapters tests/unit/lib/test_ceilings tests/unit/lib/test_figures tests/unit/lib/test_file_write tests/unit/lib/test_goals tests/unit/lib/test_manual tests/unit/lib/test_many_nodes tests/unit/lib/test_parallel tests/unit/lib/test_params tests/unit/lib/test_plan \
	tests/unit/lib/test_predict tests/unit/lib/test_preset tests/unit/lib/test_record tests/unit/lib/test_request \
	tests/unit/lib/test_stats tests/unit/lib/test_timeline tests/unit/lib/test_writer
fuzz_targets += tests/fuzz/fuzz_ceilings tests/fuzz/fuzz_goals tests/fuzz/fuzz_record tests/fuzz/fuzz_request
