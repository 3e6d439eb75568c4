/* SPDX-License-Identifier: Apache-2.0 */
/* Our own kernels, one kind of operation a .cu file; the contracts are those of
 * job/tensor/ops.h. `void *` arrays hold bf16 elements, those of the functions with another name
 * for it fp32 where SFT_FP32 is defined (bf16.cuh); `amax` is that of a tensor, or NULL. Each
 * function launches on `stream` and returns; the caller asks cudaGetLastError. Arrays are aligned
 * to 16 bytes where their width is a multiple of 8 elements. */
#ifndef SFT_JOB_TENSOR_CUDA_KERNELS_H
#define SFT_JOB_TENSOR_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "job/tensor/rope.h"

#ifdef SFT_FP32
#define kernel_fill_normal kernel_fill_normal_fp32
#define kernel_fill_uniform kernel_fill_uniform_fp32
#define kernel_fill kernel_fill_fp32
#define kernel_add kernel_add_fp32
#define kernel_zero_rows kernel_zero_rows_fp32
#define kernel_embed_forward kernel_embed_forward_fp32
#define kernel_embed_scratch kernel_embed_scratch_fp32
#define kernel_embed_backward kernel_embed_backward_fp32
#define kernel_norm_forward kernel_norm_forward_fp32
#define kernel_norm_scratch kernel_norm_scratch_fp32
#define kernel_norm_backward kernel_norm_backward_fp32
#define kernel_bias_forward kernel_bias_forward_fp32
#define kernel_bias_scratch kernel_bias_scratch_fp32
#define kernel_bias_backward kernel_bias_backward_fp32
#define kernel_gelu_forward kernel_gelu_forward_fp32
#define kernel_gelu_backward kernel_gelu_backward_fp32
#define kernel_lstm_forward kernel_lstm_forward_fp32
#define kernel_lstm_backward kernel_lstm_backward_fp32
#define kernel_rope kernel_rope_fp32
#define kernel_swiglu_forward kernel_swiglu_forward_fp32
#define kernel_swiglu_backward kernel_swiglu_backward_fp32
#define kernel_cross_entropy kernel_cross_entropy_fp32
#define kernel_adamw kernel_adamw_fp32
#define kernel_sgd kernel_sgd_fp32
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* elements.cu */
void kernel_to_bf16(cudaStream_t stream, void *to, const float *from, size_t count);
void kernel_to_float(cudaStream_t stream, float *to, const void *from, size_t count);
void kernel_fill_normal(cudaStream_t stream, void *to, size_t count, uint64_t seed, uint64_t first,
                        float value, float deviation);
void kernel_fill_uniform(cudaStream_t stream, void *to, size_t count, uint64_t seed, uint64_t first,
                         float value, float deviation);
void kernel_fill(cudaStream_t stream, void *to, size_t count, float value);
/* to += from, each 16-byte aligned */
void kernel_add(cudaStream_t stream, void *to, const void *from, size_t count);
/* Zero the rows [start[i], start[i] + length[i]) of out[.,width], i below count; longest >= length
 */
void kernel_zero_rows(cudaStream_t stream, void *out, int width, const int32_t *start,
                      const int32_t *length, int count, int longest);

/* embed.cu; scratch of kernel_embed_scratch bytes */
void kernel_embed_forward(cudaStream_t stream, void *out, const void *table, const int32_t *ids,
                          int rows, int hidden, bool accumulate);
size_t kernel_embed_scratch(int rows);
void kernel_embed_backward(cudaStream_t stream, void *dtable, const void *dout, const int32_t *ids,
                           int rows, int hidden, void *scratch);

/* norm.cu; hidden at most KERNEL_NORM_WIDEST */
#define KERNEL_NORM_WIDEST 16384
struct kernel_norm {
    bool layer; /* with mean, bias and dbias; else RMS */
    void *out, *sum;
    const void *x, *delta, *weight, *bias;
    float *rstd, *mean;
    void *dx, *dweight, *dbias; /* of the backward pass, as what follows; NULL: not wanted */
    const void *dout;
    float *amax; /* of out, or of dx */
    int rows, hidden, processors;
    float eps;
    void *scratch; /* kernel_norm_scratch bytes */
};
void kernel_norm_forward(cudaStream_t stream, struct kernel_norm args);
size_t kernel_norm_scratch(int processors, int hidden);
void kernel_norm_backward(cudaStream_t stream, struct kernel_norm args);

/* bias.cu; scratch of kernel_bias_scratch bytes; `bias` at any address */
void kernel_bias_forward(cudaStream_t stream, void *x, const void *bias, int rows, int width);
size_t kernel_bias_scratch(int width);
void kernel_bias_backward(cudaStream_t stream, void *dbias, const void *dx, int rows, int width,
                          void *scratch);

/* adapter.cu; up to three blocks, of rows [first[i], first[i] + rows[i]) of wide */
struct kernel_adapter {
    void *wide, *b;
    int out, rank, count;
    int first[3], rows[3];
    float scale;
    bool accumulate; /* gather */
};
void kernel_adapter_spread(cudaStream_t stream, struct kernel_adapter args);
void kernel_adapter_gather(cudaStream_t stream, struct kernel_adapter args);
struct kernel_dropout {
    void *out;
    const void *x;
    int rows, columns;
    float part;
    uint64_t seed, first;
    bool accumulate;
};
void kernel_dropout(cudaStream_t stream, struct kernel_dropout args);

/* gelu.cu */
void kernel_gelu_forward(cudaStream_t stream, void *out, const void *in, size_t count, float *amax);
void kernel_gelu_backward(cudaStream_t stream, void *din, const void *dout, const void *in,
                          size_t count, float *amax);

/* lstm.cu; struct lstm_args */
struct kernel_lstm {
    void *gates, *out, *carried, *dgates;
    const void *bias_in, *bias_state;
    const void *dout, *dcarried;
    const float *cell_before;
    float *cell, *dcell;
    const int32_t *positions, *positions_after;
    int rows, hidden;
};
void kernel_lstm_forward(cudaStream_t stream, struct kernel_lstm args);
void kernel_lstm_backward(cudaStream_t stream, struct kernel_lstm args);

/* attention_fp32.cu, of fp32 alone. Heads of `count` planes [padded,dim], numbered from `first` on
 * document by document: plane p is of document p / heads and head p % heads. Of a matrix
 * [rows,width] head h stands at column `column` + h / shared * dim. Rows behind a document's length
 * are zero in a plane. */
struct kernel_planes {
    float *planes;
    float *matrix;
    const int32_t *start, *length; /* of all documents */
    int first, count, heads, padded, dim;
    int width, column, shared;
};
/* Planes of a matrix; and back, where `shared` planes are added up. */
void kernel_planes_split(cudaStream_t stream, struct kernel_planes args);
void kernel_planes_join(cudaStream_t stream, struct kernel_planes args);
/* scores [count,padded,padded] become their softmax, causally, or with dscores, the gradient of
 * that, both: what they were becomes the softmax, by lse, and dscores scale times their gradient.
 * lse of head h of a document stands at heads * start + h * length. */
struct kernel_softmax {
    float *scores, *dscores, *lse;
    const int32_t *start, *length;
    int first, count, heads, padded;
    float scale;
};
void kernel_softmax_forward(cudaStream_t stream, struct kernel_softmax args);
void kernel_softmax_backward(cudaStream_t stream, struct kernel_softmax args);

/* rope.cu */
struct kernel_rope {
    void *qkv;
    const int32_t *positions;
    int rows, turned, width, head_dim; /* heads that turn; elements of a row */
    float theta;
    struct rope_scaling scaling;
    bool inverse;
    float *amax; /* of whole rows */
};
void kernel_rope(cudaStream_t stream, struct kernel_rope args);

/* swiglu.cu */
void kernel_swiglu_forward(cudaStream_t stream, void *out, const void *gate_up, int rows, int ffn,
                           float *amax);
void kernel_swiglu_backward(cudaStream_t stream, void *dgate_up, const void *dout,
                            const void *gate_up, int rows, int ffn, float *amax);

/* quantize.cu; rows and columns are multiples of 16. By rows scratch of kernel_quantize_scratch
 * bytes. */
void kernel_amax(cudaStream_t stream, float *amax, const void *x, size_t count, int processors);
/* E4M3 by its scale; count is a multiple of 8 */
void kernel_fp8_to_bf16(cudaStream_t stream, void *to, const void *from, const float *scale,
                        size_t count);
struct kernel_quantize {
    void *data, *transposed; /* bytes; NULL: not wanted */
    const void *x;
    float *scale, *scale_transposed;
    const float *amax;
    int rows, columns;
    bool e5m2, by_row;
};
size_t kernel_quantize_scratch(int rows, int columns);
void kernel_quantize(cudaStream_t stream, struct kernel_quantize args, void *scratch);
/* Rows alone may be any number. */
void kernel_amax_lines(cudaStream_t stream, float *of_rows, float *of_columns, const void *x,
                       int rows, int columns);
void kernel_scales(cudaStream_t stream, float *scale, size_t count, bool e5m2);
/* To `data` by scales that are there: one; with by_row, one a row, or one a column. Rows may be any
 * number. */
void kernel_cast(cudaStream_t stream, struct kernel_quantize args, bool by_column);
void kernel_transpose(cudaStream_t stream, void *transposed, const void *data, int rows,
                      int columns);

/* nf4.cu: a matrix in NF4, aligned to 16 bytes, and its scales (tensor.h). */
struct kernel_nf4 {
    void *data;
    float *scale;
    uint8_t *scale_codes; /* NULL: no double quantization */
    float *scale_mean;
    size_t count; /* elements */
};
void kernel_quantize_nf4(cudaStream_t stream, struct kernel_nf4 to, const void *x);
/* scratch of kernel_double_quantize_scratch bytes */
size_t kernel_double_quantize_scratch(size_t count);
void kernel_double_quantize(cudaStream_t stream, struct kernel_nf4 to, const float *absmax,
                            void *scratch);
void kernel_nf4_to_bf16(cudaStream_t stream, void *to, struct kernel_nf4 from);
/* To E4M3; x and amax of `to` are not used. */
void kernel_nf4_to_fp8(cudaStream_t stream, struct kernel_quantize to, struct kernel_nf4 from);

/* cross_entropy.cu */
void kernel_cross_entropy(cudaStream_t stream, void *logits, float *loss, const int32_t *targets,
                          int rows, int columns, int vocab, float scale);

/* optim.cu; scratch of kernel_sum_scratch bytes */
size_t kernel_sum_scratch(int processors);
/* `floats`: x is fp32; `squares`: of x's squares */
void kernel_sum(cudaStream_t stream, double *sum, const void *x, size_t count, bool floats,
                bool squares, int processors, void *scratch);

struct kernel_adamw {
    void *weight;
    const void *grad;
    float *master; /* NULL with bf16 states */
    void *m, *v;   /* float, or bf16 with bf16 states */
    size_t count;
    const double *norm2;
    float clip, rate, keep, beta1, beta2, eps, root; /* root: 1 / sqrt(1 - beta2^t) */
    bool bf16_states;
    uint64_t seed, first;
};
void kernel_adamw(cudaStream_t stream, struct kernel_adamw args);
struct kernel_sgd {
    void *weight;
    const void *grad;
    float *master, *m;
    size_t count;
    const double *norm2;
    float clip, lr, momentum, weight_decay;
};
void kernel_sgd(cudaStream_t stream, struct kernel_sgd args);

#ifdef __cplusplus
}
#endif

#endif
