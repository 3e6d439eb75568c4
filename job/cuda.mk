# The CUDA device; without CUDA a stand-in that says so.
noinst_LTLIBRARIES += job/libsftcuda.la
EXTRA_DIST += job/tensor/cuda/bf16.cuh job/tensor/cuda/shares.cuh
cuda_kernels = job/tensor/cuda/bias.cu job/tensor/cuda/cross_entropy.cu job/tensor/cuda/elements.cu job/tensor/cuda/embed.cu job/tensor/cuda/gelu.cu job/tensor/cuda/norm.cu \
	job/tensor/cuda/optim.cu job/tensor/cuda/rope.cu job/tensor/cuda/swiglu.cu
cuda_private = job/tensor/cuda/cuda_internal.h job/tensor/cuda/cudnn_graph.h job/tensor/cuda/kernels.h \
	job/tensor/cuda/sdpa_graph.h
# Choices of algorithms: need no CUDA, and are tested and fuzzed from their sources, whatever this build has.
matmul_cache = job/tensor/cuda/matmul_cache.c job/tensor/cuda/matmul_cache.h job/tensor/cuda/matmul_key.c \
	job/tensor/cuda/matmul_key.h
cuda_matmul = $(matmul_cache) job/tensor/cuda/matmul_cublaslt.c job/tensor/cuda/matmul_cublaslt.h \
	job/tensor/cuda/matmul_product.c job/tensor/cuda/matmul_tune.c
if HAVE_CUDA
job_libsftcuda_la_SOURCES = $(cuda_kernels) $(cuda_private) job/tensor/cuda/device_cuda.c job/tensor/cuda/ops_cuda.c \
	job/tensor/cuda/attention_cudnn.c job/tensor/cuda/cudnn_graph.c job/tensor/cuda/lanes_cuda.c $(cuda_matmul) \
	job/tensor/cuda/sdpa_graph.c
job_libsftcuda_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
job_libsftcuda_la_LIBADD = lib/libsft.la $(CUDA_LIBS)
EXTRA_DIST += job/tensor/device_none.c
else
job_libsftcuda_la_SOURCES = job/tensor/device_none.c
EXTRA_DIST += $(cuda_kernels) $(cuda_private) job/tensor/cuda/device_cuda.c job/tensor/cuda/ops_cuda.c job/tensor/cuda/attention_cudnn.c job/tensor/cuda/lanes_cuda.c \
	job/tensor/cuda/cudnn_graph.c $(cuda_matmul) job/tensor/cuda/sdpa_graph.c
endif

# libtool passes -fPIC and -DPIC; nvcc hands what it does not know to the host's compiler.
NVCC_OPTIONS = -std=c++17 -O3 -lineinfo $(NVCC_GENCODE) --forward-unknown-to-host-compiler \
	-Wall -Wextra $(NVCC_WERROR)
SUFFIXES = .cu
.cu.lo:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(LIBTOOL) $(AM_V_lt) --tag=CC --mode=compile $(NVCC) \
		$(NVCC_OPTIONS) -I$(top_srcdir) -c -o $@ $<
job/tensor/cuda/bias.lo job/tensor/cuda/cross_entropy.lo job/tensor/cuda/elements.lo job/tensor/cuda/embed.lo job/tensor/cuda/gelu.lo job/tensor/cuda/norm.lo \
	job/tensor/cuda/optim.lo job/tensor/cuda/rope.lo job/tensor/cuda/swiglu.lo: job/tensor/cuda/bf16.cuh job/tensor/cuda/kernels.h \
	job/tensor/cuda/shares.cuh 	job/tensor/rounding.h

if HAVE_CMOCKA
# Skip themselves where there is no GPU.
check_PROGRAMS += tests/gpu/test_ops_cuda
tests_gpu_test_ops_cuda_SOURCES = tests/gpu/test_ops_cuda.c tests/gpu/device_twin.c tests/gpu/device_twin.h
tests_gpu_test_ops_cuda_CFLAGS = $(UNIT_CFLAGS)
tests_gpu_test_ops_cuda_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_gpu_test_ops_cuda_LDADD = job/libsftmodel.la job/libsftcuda.la $(STDCXX_LIBS) \
	$(UNIT_LIBS)
check_PROGRAMS += tests/unit/tensor/test_matmul_cache tests/unit/tensor/test_matmul_key
tests_unit_tensor_test_matmul_cache_SOURCES = tests/unit/tensor/test_matmul_cache.c $(matmul_cache)
tests_unit_tensor_test_matmul_cache_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tensor_test_matmul_cache_LDADD = $(UNIT_LIBS)
tests_unit_tensor_test_matmul_key_SOURCES = tests/unit/tensor/test_matmul_key.c $(matmul_cache)
tests_unit_tensor_test_matmul_key_CFLAGS = $(UNIT_CFLAGS)
tests_unit_tensor_test_matmul_key_LDADD = $(UNIT_LIBS)
if HAVE_CUDA
check_PROGRAMS += tests/gpu/test_matmul_cuda
tests_gpu_test_matmul_cuda_SOURCES = tests/gpu/test_matmul_cuda.c tests/gpu/device_twin.c tests/gpu/device_twin.h
tests_gpu_test_matmul_cuda_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
tests_gpu_test_matmul_cuda_CFLAGS = $(UNIT_CFLAGS)
tests_gpu_test_matmul_cuda_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_gpu_test_matmul_cuda_LDADD = $(tests_gpu_test_ops_cuda_LDADD)
else
EXTRA_DIST += tests/gpu/test_matmul_cuda.c
endif
endif

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_matmul_cache
tests_fuzz_fuzz_matmul_cache_SOURCES = tests/fuzz/fuzz_matmul_cache.c $(matmul_cache)
tests_fuzz_fuzz_matmul_cache_LDFLAGS = $(FUZZ_LDFLAGS)
endif

# By hand, with tests/bench/peer_losses.py: make tests/gpu/train_losses
EXTRA_PROGRAMS += tests/gpu/train_losses
tests_gpu_train_losses_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_gpu_train_losses_LDADD = job/libsftmodel.la job/libsftdata.la job/libsftcuda.la $(STDCXX_LIBS)

# By hand: make tests/bench/ceilings
EXTRA_PROGRAMS += tests/bench/ceilings
tests_bench_ceilings_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_bench_ceilings_LDADD = job/libsftrun.la $(STDCXX_LIBS)

# By hand: make tests/bench/matmul_host
EXTRA_PROGRAMS += tests/bench/matmul_host
tests_bench_matmul_host_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_bench_matmul_host_LDADD = job/libsftmodel.la job/libsftcuda.la $(STDCXX_LIBS)
