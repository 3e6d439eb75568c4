# Devices and their operations: the CPU's, and a stand-in that says so where there is no CUDA.
noinst_LTLIBRARIES += job/tensor/libtensor.la
job_tensor_libtensor_la_SOURCES = \
	job/tensor/device.c job/tensor/device.h \
	job/tensor/format.c job/tensor/format.h \
	job/tensor/ops.h \
	job/tensor/random.c job/tensor/random.h \
	job/tensor/rounding.h \
	job/tensor/spans.c job/tensor/spans.h \
	job/tensor/tensor.h \
	job/tensor/cpu/activation_cpu.c \
	job/tensor/cpu/attention_cpu.c \
	job/tensor/cpu/cpu_internal.h \
	job/tensor/cpu/device_cpu.c \
	job/tensor/cpu/loss_cpu.c \
	job/tensor/cpu/norm_cpu.c \
	job/tensor/cpu/ops_cpu.c \
	job/tensor/cpu/optim_cpu.c \
	job/tensor/cpu/rope_cpu.c
if !HAVE_CUDA
job_tensor_libtensor_la_SOURCES += job/tensor/device_none.c
endif
# -fopenmp-simd: vectors where a loop asks for them; no OpenMP runtime. Sanitizers keep clang from
# making some, and it says so. Vectors of sqrt and of selections need the compiler to know that nobody
# reads errno or the floating-point exceptions; NaN and infinity keep their meaning.
VECTOR_CFLAGS = -O3 -fopenmp-simd -fno-math-errno -fno-trapping-math -Wno-pass-failed
job_tensor_libtensor_la_CFLAGS = $(AM_CFLAGS) $(BLAS_CFLAGS) $(VECTOR_CFLAGS)
job_tensor_libtensor_la_LIBADD = $(BLAS_LIBS)

unit_tests += tests/unit/tensor/test_matmul_cache \
	tests/unit/tensor/test_matmul_key \
	tests/unit/tensor/test_ops_cpu \
	tests/unit/tensor/test_rounding
