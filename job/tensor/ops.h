/* SPDX-License-Identifier: Apache-2.0 */
/* What a device computes: one function an operation, each with its arguments in a structure, so
 * that another kind of an operation is a field there. The model is written once against this table.
 *
 * Arrays, tensors and plain pointers are the device's memory unless a comment says host. Outputs
 * are overwritten unless a comment says accumulated. Operations go to LANE_COMPUTE; what fails is
 * said by the device's sync. Every slot is mandatory. In the arguments of a backward pass `d...` is
 * the gradient of what is named so without it. */
#ifndef SFT_JOB_TENSOR_OPS_H
#define SFT_JOB_TENSOR_OPS_H

#include <stdbool.h>

#include "job/tensor/device.h"

/* Documents of a micro-batch, in its own row order, not overlapping. Rows outside of every document
 * are padding. */
struct documents {
    int count;
    const int32_t *start;  /* host, [count] first row */
    const int32_t *length; /* host, [count] rows, 1 or more */
    int longest;
};

struct attention_shape {
    int heads, kv_heads, head_dim;
};

/* to = from, to the nearest of the format; one of them is fp32 */
struct convert_args {
    struct array to, from;
};

/* Element i becomes value + deviation * random_normal_at(seed, first + i), to the nearest of the
 * format; nothing is drawn where deviation is 0. */
struct fill_args {
    struct array to;
    float value, deviation;
    uint64_t seed, first;
};

/* to[i] += from[i] */
struct add_args {
    struct array to, from;
};

/* C[m,n] = op(A)[m,k] op(B)[k,n], or += when accumulate; op transposes when its flag is set, so A
 * is [k,m] then, and B [n,k]. */
struct matmul_args {
    struct tensor c, a, b;
    bool transpose_a, transpose_b, accumulate;
};

/* Forward: out[row,:] = table[ids[row],:], or += when accumulate. Backward, of gradients:
 * table[ids[row],:] += out[row,:], in a fixed order. */
struct embed_args {
    struct tensor table, out;
    const int32_t *ids; /* [out.rows] */
    bool accumulate;
};

/* Forward: x[row,:] += bias. Backward: dbias += the sum over the rows of dx, in a fixed order. */
struct bias_args {
    struct tensor x, bias, dx, dbias;
};

enum norm_kind { NORM_RMS, NORM_LAYER };

/* Forward: sum = x + delta (no delta: sum is not written and x is normalized); sum may be x.
 * NORM_RMS: rstd[row] = 1 / sqrt(mean(sum^2) + eps); out = sum * rstd * weight.
 * NORM_LAYER: mean[row] of the sum, rstd of sum - mean; out = (sum - mean) * rstd * weight + bias.
 * Backward, x being what was normalized: dx, dweight and dbias accumulated. */
struct norm_args {
    enum norm_kind kind;
    struct tensor out, sum, x, delta; /* [rows,hidden] */
    struct tensor weight, bias;       /* [1,hidden] */
    struct tensor dout, dx, dweight, dbias;
    float *rstd, *mean; /* [rows] */
    float eps;
};

/* Rotate q and k heads of qkv[rows,(heads+2*kv_heads)*head_dim] in place, halves paired as Hugging
 * Face's Llama does (i with i + head_dim/2), by positions[row]; inverse for backward. */
struct rope_args {
    struct tensor qkv;
    const int32_t *positions;
    struct attention_shape shape;
    float theta;
    bool inverse;
};

/* Causal attention inside each document. qkv as above (q heads, k heads, v heads), out
 * [rows,heads*head_dim], lse = log of the softmax's denominator, heads*rows numbers in the device's
 * own order. Padding rows of out, and of dqkv, are zero. Scale 1/sqrt(head_dim). */
struct attention_args {
    struct tensor qkv, out, dqkv, dout;
    float *lse;
    struct attention_shape shape;
    const struct documents *docs;
};

/* SwiGLU: in[rows,2*ffn], gate in front; out[rows,ffn] = silu(gate) * up.
 * GELU: in[rows,ffn]; out = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
enum activation { ACTIVATION_SWIGLU, ACTIVATION_GELU };

struct activation_args {
    enum activation kind;
    struct tensor in, out, din, dout;
};

/* For each row: loss[row] = -log softmax(logits[row,:])[targets[row]], 0 where targets[row] < 0;
 * logits become d(scale * sum of losses)/d logits, zero in rows without a target. */
struct cross_entropy_args {
    struct tensor logits;
    float *loss;
    const int32_t *targets;
    float scale;
};

/* *sum += the sum of x, or of its squares */
struct sum_args {
    double *sum;
    struct array x;
    bool squares;
};

/* AdamW (Loshchilov and Hutter) as torch.optim.AdamW; gradients are first multiplied with
 * min(1, clip / (sqrt(*norm2) + 1e-6)), as torch's clip_grad_norm_, when clip > 0. */
struct adamw_args {
    struct array weight, grad;
    /* fp32: the states and `master`, which holds the weights in fp32 where they are not (NULL where
     * they are). bf16: no master; states and weights hold bf16 values, stochastically rounded by
     * (seed, element) as in job/tensor/rounding.h. */
    enum format states;
    float *master;
    void *m, *v; /* of `states`, weight.count elements */
    const double *norm2;
    float clip, lr, beta1, beta2, eps, weight_decay;
    float correction1, correction2; /* 1 - beta^t */
    uint64_t seed;                  /* another one for each step */
    uint64_t first;                 /* number of the first element among all */
};

enum op {
    OP_CONVERT, /* to or from that format */
    OP_FILL,
    OP_ADD,
    OP_MATMUL,
    OP_EMBED,
    OP_BIAS,
    OP_NORM,
    OP_ROPE,
    OP_ATTENTION,
    OP_ACTIVATION,
    OP_CROSS_ENTROPY,
    OP_SUM,
    OP_ADAMW, /* of weights in that format */
    OPS
};

struct ops {
    /* Whether the operation, backward too, takes arrays and tensors of that format. */
    bool (*supports)(enum op op, enum format format);

    void (*convert)(struct device *d, const struct convert_args *args);
    void (*fill)(struct device *d, const struct fill_args *args);
    void (*add)(struct device *d, const struct add_args *args);
    void (*matmul)(struct device *d, const struct matmul_args *args);
    void (*embed_forward)(struct device *d, const struct embed_args *args);
    void (*embed_backward)(struct device *d, const struct embed_args *args);
    void (*bias_forward)(struct device *d, const struct bias_args *args);
    void (*bias_backward)(struct device *d, const struct bias_args *args);
    void (*norm_forward)(struct device *d, const struct norm_args *args);
    void (*norm_backward)(struct device *d, const struct norm_args *args);
    void (*rope)(struct device *d, const struct rope_args *args);
    void (*attention_forward)(struct device *d, const struct attention_args *args);
    void (*attention_backward)(struct device *d, const struct attention_args *args);
    void (*activation_forward)(struct device *d, const struct activation_args *args);
    void (*activation_backward)(struct device *d, const struct activation_args *args);
    void (*cross_entropy)(struct device *d, const struct cross_entropy_args *args);
    void (*sum)(struct device *d, const struct sum_args *args);
    void (*adamw)(struct device *d, const struct adamw_args *args);
};

#endif
