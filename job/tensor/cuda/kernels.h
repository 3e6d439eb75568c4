/* SPDX-License-Identifier: Apache-2.0 */
/* Our own kernels, one kind of operation a .cu file; the contracts are those of
 * job/tensor/ops.h. `void *` arrays hold bf16 elements. Each function launches on `stream` and
 * returns; the caller asks cudaGetLastError. Arrays are aligned to 16 bytes where their width is a
 * multiple of 8 elements. */
#ifndef SFT_JOB_TENSOR_CUDA_KERNELS_H
#define SFT_JOB_TENSOR_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* elements.cu */
void kernel_to_bf16(cudaStream_t stream, void *to, const float *from, size_t count);
void kernel_to_float(cudaStream_t stream, float *to, const void *from, size_t count);
void kernel_fill_normal(cudaStream_t stream, void *to, size_t count, uint64_t seed, uint64_t first,
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
    void *dx, *dweight, *dbias; /* of the backward pass, as what follows */
    const void *dout;
    int rows, hidden, processors;
    float eps;
    void *scratch; /* kernel_norm_scratch bytes */
};
void kernel_norm_forward(cudaStream_t stream, struct kernel_norm args);
size_t kernel_norm_scratch(int processors, int hidden);
void kernel_norm_backward(cudaStream_t stream, struct kernel_norm args);

/* bias.cu; scratch of kernel_bias_scratch bytes */
void kernel_bias_forward(cudaStream_t stream, void *x, const void *bias, int rows, int width);
size_t kernel_bias_scratch(int width);
void kernel_bias_backward(cudaStream_t stream, void *dbias, const void *dx, int rows, int width,
                          void *scratch);

/* gelu.cu */
void kernel_gelu_forward(cudaStream_t stream, void *out, const void *in, size_t count);
void kernel_gelu_backward(cudaStream_t stream, void *din, const void *dout, const void *in,
                          size_t count);

/* rope.cu */
void kernel_rope(cudaStream_t stream, void *qkv, const int32_t *positions, int rows, int turned,
                 int width, int head_dim, float theta, bool inverse);

/* swiglu.cu */
void kernel_swiglu_forward(cudaStream_t stream, void *out, const void *gate_up, int rows, int ffn);
void kernel_swiglu_backward(cudaStream_t stream, void *dgate_up, const void *dout,
                            const void *gate_up, int rows, int ffn);

/* cross_entropy.cu */
void kernel_cross_entropy(cudaStream_t stream, void *logits, float *loss, const int32_t *targets,
                          int rows, int vocab, float scale);

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

#ifdef __cplusplus
}
#endif

#endif
