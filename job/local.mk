# sft-bench-job: a convenience library a folder, so that tests link what they test. Here no library needs one that
# stands before it.
JOB_LIBS = job/run/librun.la job/verify/libverify.la job/train/libtrain.la job/model/libmodel.la job/data/libdata.la \
	job/checkpoint/libcheckpoint.la job/weights/libweights.la \
	job/collective/libcollective.la job/tensor/cuda/libcuda.la job/tensor/libtensor.la job/control/libcontrol.la

bin_PROGRAMS += sft-bench-job
sft_bench_job_SOURCES = job/main.c
sft_bench_job_LDFLAGS = $(AM_LDFLAGS) $(CUDA_RPATH)
sft_bench_job_LDADD = $(JOB_LIBS) node/libnode.la lib/libsft.la $(STDCXX_LIBS)
