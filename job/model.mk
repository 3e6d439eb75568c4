# tensor, model, optimizer
noinst_LTLIBRARIES += job/libsftmodel.la
job_libsftmodel_la_SOURCES = \
	job/tensor/rounding.h job/tensor/format.c job/tensor/format.h job/tensor/tensor.h \
	job/tensor/device.c job/tensor/device.h job/tensor/ops.h job/tensor/cpu/cpu_internal.h \
	job/tensor/cpu/activation_cpu.c job/tensor/cpu/attention_cpu.c job/tensor/cpu/device_cpu.c job/tensor/cpu/loss_cpu.c \
	job/tensor/cpu/norm_cpu.c job/tensor/cpu/ops_cpu.c job/tensor/cpu/optim_cpu.c \
	job/tensor/cpu/rope_cpu.c \
	job/tensor/spans.c job/tensor/spans.h job/data/batch.h \
	job/model/block.h job/model/block_attention.c job/model/block_embedding.c job/model/block_ffn.c \
	job/model/block_head.c job/model/block_list.c job/model/block_norm.c job/model/linear.c job/model/linear.h \
	job/model/gpt2.c job/model/llama.c job/model/model.c job/model/model.h job/model/model_batch.c job/model/model_initialize.c \
	job/model/model_internal.h job/model/model_layout.c job/model/model_pass.c job/model/model_units.c \
	job/model/need.c job/model/need.h \
	job/train/optim.c job/train/optim.h
# -fopenmp-simd: vectors where a loop asks for them; no OpenMP runtime. Sanitizers keep clang from
# making some, and it says so. Vectors of sqrt and of selections need the compiler to know that nobody
# reads errno or the floating-point exceptions; NaN and infinity keep their meaning.
job_libsftmodel_la_CFLAGS = $(AM_CFLAGS) $(BLAS_CFLAGS) -O3 -fopenmp-simd -fno-math-errno \
	-fno-trapping-math -Wno-pass-failed
job_libsftmodel_la_LIBADD = job/libsftrandom.la lib/libsft.la $(BLAS_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/model/test_model
tests_unit_model_test_model_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_model_LDADD = job/libsftmodel.la job/libsftdata.la $(UNIT_LIBS) $(STDCXX_LIBS)

noinst_LTLIBRARIES += tests/unit/libmodelsupport.la
tests_unit_libmodelsupport_la_SOURCES = tests/unit/model/model_support.c tests/unit/model/model_support.h
tests_unit_libmodelsupport_la_CFLAGS = $(UNIT_CFLAGS)
MODEL_TEST_LIBS = tests/unit/libmodelsupport.la job/libsftmodel.la job/libsftdata.la $(UNIT_LIBS) \
	$(STDCXX_LIBS)
check_PROGRAMS += tests/unit/tensor/test_ops_cpu tests/unit/model/test_model_batches \
	tests/unit/model/test_model_gradients tests/unit/model/test_model_params \
	tests/unit/model/test_model_recompute tests/unit/train/test_optim tests/unit/tensor/test_rounding
tests_unit_tensor_test_ops_cpu_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tensor_test_ops_cpu_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_model_batches_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_model_batches_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_model_gradients_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_model_gradients_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_model_params_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_model_params_LDADD = $(MODEL_TEST_LIBS)
tests_unit_model_test_model_recompute_CFLAGS = $(UNIT_CFLAGS)
tests_unit_model_test_model_recompute_LDADD = $(MODEL_TEST_LIBS)
tests_unit_train_test_optim_CFLAGS = $(UNIT_CFLAGS)
tests_unit_train_test_optim_LDADD = $(MODEL_TEST_LIBS)
tests_unit_tensor_test_rounding_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tensor_test_rounding_LDADD = $(MODEL_TEST_LIBS)
endif
