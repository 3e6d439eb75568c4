# The CUDA device. What needs no CUDA is in every build, for the tests.
noinst_LTLIBRARIES += job/tensor/cuda/libcuda.la
cuda_kernels = \
	job/tensor/cuda/adapter.cu \
	job/tensor/cuda/attention_fp32.cu \
	job/tensor/cuda/bias.cu \
	job/tensor/cuda/bias_fp32.cu \
	job/tensor/cuda/cross_entropy.cu \
	job/tensor/cuda/cross_entropy_fp32.cu \
	job/tensor/cuda/elements.cu \
	job/tensor/cuda/elements_fp32.cu \
	job/tensor/cuda/embed.cu \
	job/tensor/cuda/embed_fp32.cu \
	job/tensor/cuda/gelu.cu \
	job/tensor/cuda/gelu_fp32.cu \
	job/tensor/cuda/lstm.cu \
	job/tensor/cuda/lstm_fp32.cu \
	job/tensor/cuda/nf4.cu \
	job/tensor/cuda/nf4_back.cu \
	job/tensor/cuda/norm.cu \
	job/tensor/cuda/norm_fp32.cu \
	job/tensor/cuda/optim.cu \
	job/tensor/cuda/optim_fp32.cu \
	job/tensor/cuda/quantize.cu \
	job/tensor/cuda/rope.cu \
	job/tensor/cuda/rope_fp32.cu \
	job/tensor/cuda/swiglu.cu \
	job/tensor/cuda/swiglu_fp32.cu
job_tensor_cuda_libcuda_la_SOURCES = \
	job/tensor/cuda/matmul_cache.c job/tensor/cuda/matmul_cache.h \
	job/tensor/cuda/matmul_key.c job/tensor/cuda/matmul_key.h \
	job/tensor/cuda/matmul_search.c job/tensor/cuda/matmul_search.h \
	job/tensor/cuda/read_cuda.h
if HAVE_CUDA
job_tensor_cuda_libcuda_la_SOURCES += $(cuda_kernels) \
	job/tensor/cuda/attention_cudnn.c \
	job/tensor/cuda/attention_fp32.c \
	job/tensor/cuda/cuda_internal.h \
	job/tensor/cuda/cudnn_graph.c job/tensor/cuda/cudnn_graph.h \
	job/tensor/cuda/device_cuda.c job/tensor/cuda/software_cuda.c \
	job/tensor/cuda/fp8_cuda.c \
	job/tensor/cuda/kernels.h \
	job/tensor/cuda/lanes_cuda.c \
	job/tensor/cuda/matmul_cublaslt.c job/tensor/cuda/matmul_cublaslt.h \
	job/tensor/cuda/matmul_fp8.c \
	job/tensor/cuda/matmul_product.c \
	job/tensor/cuda/matmul_tune.c \
	job/tensor/cuda/ops_cuda.c \
	job/tensor/cuda/ops_cuda_fp32.c \
	job/tensor/cuda/read_cuda.c \
	job/tensor/cuda/sdpa_graph.c job/tensor/cuda/sdpa_graph.h
job_tensor_cuda_libcuda_la_LIBADD = $(CUDA_LIBS) -ldl
endif
job_tensor_cuda_libcuda_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)

# libtool passes -fPIC and -DPIC; nvcc hands what it does not know to the host's compiler.
NVCC_OPTIONS = -std=c++17 -O3 -lineinfo $(NVCC_GENCODE) --forward-unknown-to-host-compiler \
	-Wall -Wextra $(NVCC_WERROR)
SUFFIXES = .cu
.cu.lo:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(LIBTOOL) $(AM_V_lt) --tag=CC --mode=compile $(NVCC) \
		$(NVCC_OPTIONS) -I$(top_srcdir) -c -o $@ $<
kernel_headers = job/tensor/cuda/amax.cuh job/tensor/cuda/bf16.cuh job/tensor/cuda/fp8_tile.cuh job/tensor/cuda/nf4.cuh \
	job/tensor/cuda/shares.cuh job/tensor/cuda/kernels.h job/tensor/dropout.h job/tensor/rounding.h job/tensor/fp8_scale.h job/tensor/nf4.h
EXTRA_DIST += job/tensor/cuda/amax.cuh job/tensor/cuda/bf16.cuh job/tensor/cuda/fp8_tile.cuh job/tensor/cuda/nf4.cuh \
	job/tensor/cuda/shares.cuh
$(cuda_kernels:.cu=.lo): $(kernel_headers)
# Compiled once more, of fp32.
job/tensor/cuda/elements_fp32.lo: job/tensor/cuda/elements.cu
job/tensor/cuda/embed_fp32.lo: job/tensor/cuda/embed.cu
job/tensor/cuda/norm_fp32.lo: job/tensor/cuda/norm.cu
job/tensor/cuda/bias_fp32.lo: job/tensor/cuda/bias.cu
job/tensor/cuda/gelu_fp32.lo: job/tensor/cuda/gelu.cu
job/tensor/cuda/swiglu_fp32.lo: job/tensor/cuda/swiglu.cu
job/tensor/cuda/rope_fp32.lo: job/tensor/cuda/rope.cu
job/tensor/cuda/lstm_fp32.lo: job/tensor/cuda/lstm.cu
job/tensor/cuda/cross_entropy_fp32.lo: job/tensor/cuda/cross_entropy.cu
job/tensor/cuda/optim_fp32.lo: job/tensor/cuda/optim.cu

# Skip themselves where there is no GPU.
unit_tests += tests/gpu/test_adapters_cuda tests/gpu/test_ops_cuda tests/gpu/test_fp8_cuda tests/gpu/test_models_cuda tests/gpu/test_nf4_cuda
unit_support += tests/gpu/device_twin.c tests/gpu/device_twin.h
if HAVE_CUDA
unit_tests += tests/gpu/test_matmul_cuda
endif
tests_gpu_test_matmul_cuda_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
fuzz_targets += tests/fuzz/fuzz_matmul_cache

# Choices of algorithms that come with the program, a file a GPU and release of cuBLASLt: contrib/tuned.py makes them.
tuneddir = $(pkgdatadir)/tuned
dist_tuned_DATA = contrib/tuned/README
EXTRA_DIST += contrib/tuned.py

# By hand, with tests/bench/peer_losses.py: make tests/gpu/train_losses; make tests/bench/ceilings tests/bench/matmul_host tests/bench/nf4
EXTRA_PROGRAMS += tests/gpu/train_losses tests/gpu/tune_fp8 tests/bench/ceilings tests/bench/matmul_host tests/bench/nf4
