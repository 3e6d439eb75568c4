# The CUDA backend; without CUDA a stand-in that says so.
noinst_LTLIBRARIES += job/libsftcuda.la
EXTRA_DIST += job/cuda/bf16.cuh
cuda_kernels = job/cuda/cross_entropy.cu job/cuda/elements.cu job/cuda/embed.cu job/cuda/norm.cu \
	job/cuda/optim.cu job/cuda/rope.cu job/cuda/swiglu.cu
cuda_private = job/cuda/cuda_internal.h job/cuda/cudnn_graph.h job/cuda/kernels.h \
	job/cuda/matmul_cache.h job/cuda/sdpa_graph.h
if HAVE_CUDA
job_libsftcuda_la_SOURCES = $(cuda_kernels) $(cuda_private) job/backend_cuda.c \
	job/cuda/attention_cudnn.c job/cuda/cudnn_graph.c job/cuda/lanes_cuda.c job/cuda/matmul_cache.c \
	job/cuda/matmul_cublaslt.c job/cuda/sdpa_graph.c
job_libsftcuda_la_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS)
job_libsftcuda_la_LIBADD = lib/libsft.la $(CUDA_LIBS)
EXTRA_DIST += job/backend_none.c
else
job_libsftcuda_la_SOURCES = job/backend_none.c
EXTRA_DIST += $(cuda_kernels) $(cuda_private) job/backend_cuda.c job/cuda/attention_cudnn.c job/cuda/lanes_cuda.c \
	job/cuda/cudnn_graph.c job/cuda/matmul_cache.c job/cuda/matmul_cublaslt.c \
	job/cuda/sdpa_graph.c
endif

# libtool passes -fPIC and -DPIC; nvcc hands what it does not know to the host's compiler.
NVCC_OPTIONS = -std=c++17 -O3 -lineinfo $(NVCC_GENCODE) --forward-unknown-to-host-compiler \
	-Wall -Wextra $(NVCC_WERROR)
SUFFIXES = .cu
.cu.lo:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(LIBTOOL) $(AM_V_lt) --tag=CC --mode=compile $(NVCC) \
		$(NVCC_OPTIONS) -I$(top_srcdir) -c -o $@ $<
job/cuda/cross_entropy.lo job/cuda/elements.lo job/cuda/embed.lo job/cuda/norm.lo \
	job/cuda/optim.lo job/cuda/rope.lo job/cuda/swiglu.lo: job/cuda/bf16.cuh job/cuda/kernels.h \
	job/rounding.h

if HAVE_CMOCKA
# Skip themselves where there is no GPU.
check_PROGRAMS += tests/gpu/test_backend_cuda
tests_gpu_test_backend_cuda_SOURCES = tests/gpu/test_backend_cuda.c tests/gpu/backend_twin.c tests/gpu/backend_twin.h
tests_gpu_test_backend_cuda_CFLAGS = $(UNIT_CFLAGS)
tests_gpu_test_backend_cuda_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_gpu_test_backend_cuda_LDADD = job/libsftmodel.la job/libsftcuda.la $(STDCXX_LIBS) \
	$(UNIT_LIBS)
# Needs no CUDA: from its source, whatever this build has.
check_PROGRAMS += tests/unit/test_matmul_cache
tests_unit_test_matmul_cache_SOURCES = tests/unit/test_matmul_cache.c job/cuda/matmul_cache.c \
	job/cuda/matmul_cache.h
tests_unit_test_matmul_cache_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_matmul_cache_LDADD = $(UNIT_LIBS)
endif

# By hand, with tests/bench/peer_losses.py: make tests/gpu/train_losses
EXTRA_PROGRAMS += tests/gpu/train_losses
tests_gpu_train_losses_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_gpu_train_losses_LDADD = job/libsftmodel.la job/libsftdata.la job/libsftcuda.la $(STDCXX_LIBS)

# By hand: make tests/bench/ceilings
EXTRA_PROGRAMS += tests/bench/ceilings
tests_bench_ceilings_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
tests_bench_ceilings_LDADD = job/libsftrun.la $(STDCXX_LIBS)
