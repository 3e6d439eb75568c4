# Devices and their operations: the CPU's, and a stand-in that says so where there is no CUDA.
noinst_LTLIBRARIES += job/tensor/libtensor.la
job_tensor_libtensor_la_SOURCES = \
	job/tensor/device.c job/tensor/device.h \
	job/tensor/dropout.h \
	job/tensor/format.c job/tensor/format.h \
	job/tensor/fp8_scale.h \
	job/tensor/nf4.h \
	job/tensor/ops.h \
	job/tensor/random.c job/tensor/random.h \
	job/tensor/rope.h \
	job/tensor/rounding.h \
	job/tensor/spans.c job/tensor/spans.h \
	job/tensor/tensor.h \
	job/tensor/cpu/activation_cpu.c \
	job/tensor/cpu/adapter_cpu.c \
	job/tensor/cpu/attention_cpu.c \
	job/tensor/cpu/cpu_internal.h \
	job/tensor/cpu/device_cpu.c \
	job/tensor/cpu/fp8_cpu.c \
	job/tensor/cpu/loss_cpu.c \
	job/tensor/cpu/lstm_cpu.c \
	job/tensor/cpu/nf4_cpu.c \
	job/tensor/cpu/norm_cpu.c \
	job/tensor/cpu/ops_cpu.c \
	job/tensor/cpu/optim_cpu.c \
	job/tensor/cpu/rope_cpu.c
if !HAVE_CUDA
job_tensor_libtensor_la_SOURCES += job/tensor/device_none.c
endif
# -fopenmp-simd: vectors where a loop asks for them; no OpenMP runtime. Sanitizers keep clang from
# making some, and it says so. No fused multiply-add where a processor has it: NF4's numbers are the
# same everywhere, to the bit. Vectors of sqrt and of selections need the compiler to know that nobody
# reads errno or the floating-point exceptions; NaN and infinity keep their meaning.
VECTOR_CFLAGS = -O3 -ffp-contract=off -fopenmp-simd -fno-math-errno -fno-trapping-math -Wno-pass-failed
job_tensor_libtensor_la_CFLAGS = $(AM_CFLAGS) $(BLAS_CFLAGS) $(VECTOR_CFLAGS)
job_tensor_libtensor_la_LIBADD = $(BLAS_LIBS)

noinst_HEADERS += tests/golden/fp8.inc tests/golden/nf4.inc tests/golden/rope.inc
EXTRA_DIST += tests/golden/make_fp8_golden.py tests/golden/make_nf4_golden.py tests/golden/make_rope_golden.py
unit_support += tests/unit/tensor/nf4_patterns.h
unit_tests += tests/unit/tensor/test_adapter_cpu \
	tests/unit/tensor/test_format \
	tests/unit/tensor/test_fp8_cpu \
	tests/unit/tensor/test_nf4_cpu \
	tests/unit/tensor/test_matmul_cache \
	tests/unit/tensor/test_matmul_key \
	tests/unit/tensor/test_matmul_search \
	tests/unit/tensor/test_ops_cpu \
	tests/unit/tensor/test_rounding
