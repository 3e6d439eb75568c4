/* SPDX-License-Identifier: Apache-2.0 */
/* What the CUDA device's own files share; nobody else includes this. */
#ifndef SFT_JOB_TENSOR_CUDA_CUDA_INTERNAL_H
#define SFT_JOB_TENSOR_CUDA_CUDA_INTERNAL_H

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "job/tensor/ops.h"

struct matmul;    /* matmul_cublaslt.c */
struct attention; /* attention_cudnn.c */
struct reading;   /* read_cuda.c */
struct attention_fp32;

struct cuda_events {
    cudaEvent_t *event; /* [count] */
    int count;
};

struct device_cuda {
    struct device table;
    struct sft_error failed;   /* the first failure since the last sync; "" none */
    int processors;            /* multiprocessors */
    cudaStream_t stream;       /* LANE_COMPUTE */
    cudaStream_t lanes[LANES]; /* [LANE_COMPUTE] is stream */
    struct cuda_events marks, stamps;
    int stamp_count;
    void *workspace; /* of cuBLASLt */
    void *scratch; /* grows with what an operation asks for; its content lasts for one operation */
    size_t scratch_bytes;
    char *staging; /* pinned host memory that `write` copies through, so that it need not wait */
    size_t staging_used;
    cudaEvent_t staging_read; /* all copies out of the staging memory before its last reuse ended */
    struct reading *reading;  /* NULL: no large read yet */
    struct matmul *matmul;
    struct attention *attention;           /* of bf16; NULL of fp32 */
    struct attention_fp32 *attention_fp32; /* and the other way round */
    enum device_products products;
};

enum { CUDA_WORKSPACE = 64 << 20 };

/* Keep the first failure for sync; true when `status` is one. `what` names the operation. */
bool cuda_failed(struct device_cuda *cuda, cudaError_t status, const char *what);
/* The same for the last kernel launch. */
void cuda_launched(struct device_cuda *cuda, const char *what);
void cuda_fail(struct device_cuda *cuda, const char *what, const char *why);
/* Device memory for one operation; NULL after a failure. */
void *cuda_scratch(struct device_cuda *cuda, size_t bytes);

/* lanes_cuda.c. Streams for the lanes besides LANE_COMPUTE, which must be there; and the slots of
 * the device's table of these names. */
cudaError_t lanes_create(struct device_cuda *cuda);
void lanes_destroy(struct device_cuda *cuda);
void lanes_mark(struct device *d, enum lane lane, int slot);
void lanes_await(struct device *d, enum lane lane, int slot);
int lanes_stamp(struct device *d, enum lane lane);
double lanes_stamp_time(struct device *d, int number);
void lanes_stamps_clear(struct device *d);
void *lanes_pin(struct device *d, size_t bytes, struct sft_error *err);
void lanes_unpin(struct device *d, void *memory);
void lanes_copy(struct device *d, enum lane lane, void *to, const void *from, size_t bytes);
void *lanes_queue(struct device *d, enum lane lane);

/* cuBLASLt, algorithms timed once a shape. NULL and err on failure. matmul_scalings: of FP8, those
 * that the library has an algorithm for on this GPU, a bit 1 << SCALING_... each. */
struct matmul *matmul_create(struct device_cuda *cuda, struct sft_error *err);
void matmul_destroy(struct matmul *matmul);
/* False: the bias is still to be added to C. */
bool matmul_run(struct device_cuda *cuda, const struct matmul_args *args);
bool matmul_run_fp8(struct device_cuda *cuda, const struct matmul_args *args);
unsigned matmul_scalings(struct matmul *matmul);

/* software_cuda.c: what this program loads by itself before cuDNN; whether cuDNN is of its CUDA,
 * else -1 and err; releases into the device's version. */
void software_load(void);
int software_fits(struct sft_error *err);
void software_describe(struct device *table);

/* cuDNN's fused attention. */
struct attention *attention_create(struct device_cuda *cuda, struct sft_error *err);
void attention_destroy(struct attention *attention);
void attention_run_forward(struct device *d, const struct attention_args *args);
void attention_run_backward(struct device *d, const struct attention_args *args);

/* attention_fp32.c: products of whole squares of scores, softmax between them. */
struct attention_fp32 *attention_fp32_create(struct device_cuda *cuda, struct sft_error *err);
void attention_fp32_destroy(struct attention_fp32 *attention);
void attention_fp32_forward(struct device *d, const struct attention_args *args);
void attention_fp32_backward(struct device *d, const struct attention_args *args);

/* fp8_cuda.c; the slots of the operations' table. */
void cuda_amax(struct device *d, const struct amax_args *args);
void cuda_amax_lines(struct device *d, const struct amax_lines_args *args);
void cuda_scales(struct device *d, const struct scales_args *args);
void cuda_cast(struct device *d, const struct cast_args *args);
void cuda_quantize(struct device *d, const struct quantize_args *args);
void cuda_quantize_nf4(struct device *d, const struct quantize_nf4_args *args);
void cuda_double_quantize(struct device *d, const struct double_quantize_args *args);
void cuda_dequantize(struct device *d, const struct dequantize_args *args);
void cuda_transpose(struct device *d, const struct transpose_args *args);

/* ops_cuda.c */
extern const struct ops cuda_ops, cuda_ops_fp32;

#endif
