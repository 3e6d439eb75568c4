/* SPDX-License-Identifier: Apache-2.0 */
/* What a device computes: one function an operation, each with its arguments in a structure, so
 * that another kind of an operation is a field there. The model is written once against this table.
 *
 * Arrays, tensors and plain pointers are the device's memory unless a comment says host. Outputs
 * are overwritten unless a comment says accumulated. Operations go to LANE_COMPUTE; what fails is
 * said by the device's sync. Every slot is mandatory. Outputs of norms, activations and attention's
 * backward pass, and what rope leaves, are those whose `amax` is raised where it is not NULL. In
 * the arguments of a backward pass `d...` is the gradient of what is named so without it. */
#ifndef SFT_JOB_TENSOR_OPS_H
#define SFT_JOB_TENSOR_OPS_H

#include <stdbool.h>

#include "job/tensor/device.h"
#include "job/tensor/rope.h"

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

/* Element i becomes value + deviation * random_normal_at(seed, first + i), or random_uniform_at of
 * the same, to the nearest of the format; nothing is drawn where deviation is 0. */
struct fill_args {
    struct array to;
    float value, deviation;
    uint64_t seed, first;
    bool uniform;
};

/* to[i] += from[i] */
struct add_args {
    struct array to, from;
};

/* C[m,n] = op(A)[m,k] op(B)[k,n], or += when accumulate; op transposes when its flag is set, so A
 * is [k,m] then, and B [n,k]. The bias is added to each row of C. In FP8 (A and B both, one of them
 * E4M3, of one scaling; C not) a transposed A is read from `transposed`, as a B is that is not
 * transposed; rows and columns are multiples of 16 on CUDA. */
struct matmul_args {
    struct tensor c, a, b;
    struct tensor bias; /* [1,n], of C's format; no data: none */
    bool transpose_a, transpose_b, accumulate;
    bool fast; /* FP8: sums may lose bits of fp32 for speed */
};

/* Raise *x.amax to the largest magnitude in x: for what has no producer that does. */
struct amax_args {
    struct tensor x;
};

/* rows[i] and columns[j] are raised to the largest magnitudes of x's rows and columns. Where x is a
 * row alone or several whole ones, on CUDA its columns are a multiple of 16. */
struct amax_lines_args {
    struct tensor x;
    float *rows, *columns;
};

/* Largest magnitudes become the scales of a format, in place. */
struct scales_args {
    float *scale;
    size_t count;
    enum format format;
};

/* x, not in FP8, to to.data by scales that are there: to.scale as to.scaling says, or
 * to.scale_transposed, one a column, where by_column. Columns are a multiple of 16 on CUDA. */
struct cast_args {
    struct tensor to, x;
    bool by_column;
};

/* x, not in FP8, to FP8 as `to` wants it: `data`, `transposed` or both, and the scales of each:
 * scaling.h. SCALING_TENSOR: by *x.amax, which holds x's largest magnitude. */
struct quantize_args {
    struct tensor to, x;
};

/* x, neither in FP8 nor in NF4, to NF4: `data`, and an absmax a block in `scale`. `to` is without
 * double quantization, which comes after, so that a matrix may be made by pieces: rows of it, that
 * are whole blocks. */
struct quantize_nf4_args {
    struct tensor to, x;
};

/* An absmax a block, [nf4_blocks], to the scale_codes, scale and scale_mean of `to`, in NF4. The
 * mean is the sum in double precision by its number: of 65536 in a row, by 256 sums of every 256th,
 * halved by adding the upper to the lower half; and of these one after the other. */
struct double_quantize_args {
    struct tensor to;
    const float *absmax;
};

/* NF4, or E4M3 by tensor, to what the device trains with; NF4 to FP8 as `to` wants it, `data`,
 * `transposed` or both, by scales that are there. As from fp32, rounded once. */
struct dequantize_args {
    struct tensor to, from;
};

/* The `transposed` of a tensor in FP8 from its `data`; not its scales. */
struct transpose_args {
    struct tensor x;
};

/* Forward: out[row,:] = table[ids[row],:], or += when accumulate. Backward, of gradients:
 * table[ids[row],:] += out[row,:], in a fixed order. */
struct embed_args {
    struct tensor table, out;
    const int32_t *ids; /* [out.rows] */
    bool accumulate;
};

/* dbias += the sum over the rows of dx, in a fixed order */
struct bias_args {
    struct tensor dx, dbias;
};

enum norm_kind { NORM_RMS, NORM_LAYER };

/* Forward: sum = x + delta (no delta: sum is not written and x is normalized); sum may be x.
 * NORM_RMS: rstd[row] = 1 / sqrt(mean(sum^2) + eps); out = sum * rstd * weight.
 * NORM_LAYER: mean[row] of the sum, rstd of sum - mean; out = (sum - mean) * rstd * weight + bias.
 * Backward, x being what was normalized: dx, dweight and dbias accumulated; no dweight, nor dbias:
 * they are not wanted. */
struct norm_args {
    enum norm_kind kind;
    struct tensor out, sum, x, delta; /* [rows,hidden] */
    struct tensor weight, bias;       /* [1,hidden] */
    struct tensor dout, dx, dweight, dbias;
    float *rstd, *mean; /* [rows] */
    float eps;
};

/* Rotate q and k heads of qkv[rows,(heads+2*kv_heads)*head_dim] in place, halves paired as Hugging
 * Face's Llama does (i with i + head_dim/2), by positions[row] times pair i's frequency, which is
 * theta^(-2i/head_dim), scaled; inverse for backward. */
struct rope_args {
    struct tensor qkv;
    const int32_t *positions;
    struct attention_shape shape;
    float theta;
    bool inverse;
    struct rope_scaling scaling;
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

/* One step of an LSTM (Hochreiter and Schmidhuber, as torch.nn.LSTM) for rows that are each of
 * another sequence. gates[rows,4*hidden] hold the sums of input, forget, cell and output gate, and
 * then, of these and both biases (no data: none), the gates: sigmoid, sigmoid, tanh, sigmoid. cell
 * = f cell_before + i g; out = o tanh(cell); where positions[row] is 0 (positions NULL: in no row)
 * there is no cell before, and where cell_before is NULL in no row. carried (no data: none) is out,
 * but 0 where positions_after[row] is 0: what the next step's sums are made of. Backward: dgates,
 * of the sums, out of dout and dcarried (no data: nothing comes after; nor does it where
 * positions_after[row] is 0); dcell, the gradient of cell times f, is taken from the step after,
 * and left for the one before. */
struct lstm_args {
    struct tensor gates, out, carried; /* [rows,4*hidden], [rows,hidden] */
    struct tensor bias_in, bias_state; /* [1,4*hidden] */
    struct tensor dgates, dout, dcarried;
    const float *cell_before; /* [rows,hidden], as what follows */
    float *cell, *dcell;
    const int32_t *positions, *positions_after; /* [rows] */
};

/* For each row: loss[row] = -log softmax(logits[row,:])[targets[row]], 0 where targets[row] < 0;
 * logits become d(scale * sum of losses)/d logits, zero in rows without a target. Only the first
 * `classes` of the columns are logits, the others become zero. */
struct cross_entropy_args {
    struct tensor logits;
    int classes;
    float *loss;
    const int32_t *targets;
    float scale;
};

/* Rows of a layer's output that are one projection's. */
struct adapter_block {
    int first, rows;
};

enum { ADAPTER_BLOCKS = 3 };

/* Adapters of several projections that share an input: `b` has the rows of block 0, of block 1, ...
 * [rows of all blocks,rank], `wide` [out,count*rank] has block i's at its rows and in the i-th rank
 * columns, so that one product serves all. Spread: wide = scale * b, elsewhere 0. Gather, of
 * gradients: b = scale * wide, or += when accumulate. */
struct adapter_args {
    struct tensor wide, b;
    struct adapter_block block[ADAPTER_BLOCKS];
    int count;
    float scale;
    bool accumulate;
};

/* out[row,column] = x / (1 - part) where the element is kept, else 0, or += when accumulate; out
 * may be x. Kept is what dropout_keeps says of the row first + row: job/tensor/dropout.h. */
struct dropout_args {
    struct tensor out, x;
    float part;
    uint64_t seed, first;
    bool accumulate;
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

/* SGD with Nesterov's momentum as torch.optim.SGD; gradients are clipped as AdamW's are:
 * g += weight_decay * w; m = momentum * m + g; w -= lr * (g + momentum * m). */
struct sgd_args {
    struct array weight, grad;
    float *master, *m; /* fp32; master as AdamW's */
    const double *norm2;
    float clip, lr, momentum, weight_decay;
};

enum op {
    OP_CONVERT, /* to or from that format */
    OP_FILL,
    OP_ADD,
    OP_MATMUL,
    OP_AMAX,       /* of rows and columns, too */
    OP_QUANTIZE,   /* to that format; scales and cast, too; NF4: quantize_nf4 and double_quantize */
    OP_DEQUANTIZE, /* to that format */
    OP_TRANSPOSE,
    OP_EMBED,
    OP_BIAS,
    OP_NORM,
    OP_ROPE,
    OP_ATTENTION,
    OP_ACTIVATION,
    OP_LSTM,
    OP_CROSS_ENTROPY,
    OP_ADAPTER,
    OP_DROPOUT,
    OP_SUM,
    OP_ADAMW, /* of weights in that format */
    OP_SGD,   /* the same */
    OPS
};

struct ops {
    /* Whether the operation, backward too, takes arrays and tensors of that format. */
    bool (*supports)(enum op op, enum format format);

    void (*convert)(struct device *d, const struct convert_args *args);
    void (*fill)(struct device *d, const struct fill_args *args);
    void (*add)(struct device *d, const struct add_args *args);
    void (*matmul)(struct device *d, const struct matmul_args *args);
    void (*amax)(struct device *d, const struct amax_args *args);
    void (*amax_lines)(struct device *d, const struct amax_lines_args *args);
    void (*quantize)(struct device *d, const struct quantize_args *args);
    void (*quantize_nf4)(struct device *d, const struct quantize_nf4_args *args);
    void (*double_quantize)(struct device *d, const struct double_quantize_args *args);
    void (*dequantize)(struct device *d, const struct dequantize_args *args);
    void (*scales)(struct device *d, const struct scales_args *args);
    void (*cast)(struct device *d, const struct cast_args *args);
    void (*transpose)(struct device *d, const struct transpose_args *args);
    void (*embed_forward)(struct device *d, const struct embed_args *args);
    void (*embed_backward)(struct device *d, const struct embed_args *args);
    void (*bias_backward)(struct device *d, const struct bias_args *args);
    void (*norm_forward)(struct device *d, const struct norm_args *args);
    void (*norm_backward)(struct device *d, const struct norm_args *args);
    void (*rope)(struct device *d, const struct rope_args *args);
    void (*attention_forward)(struct device *d, const struct attention_args *args);
    void (*attention_backward)(struct device *d, const struct attention_args *args);
    void (*activation_forward)(struct device *d, const struct activation_args *args);
    void (*activation_backward)(struct device *d, const struct activation_args *args);
    void (*lstm_forward)(struct device *d, const struct lstm_args *args);
    void (*lstm_backward)(struct device *d, const struct lstm_args *args);
    void (*cross_entropy)(struct device *d, const struct cross_entropy_args *args);
    void (*adapter_spread)(struct device *d, const struct adapter_args *args);
    void (*adapter_gather)(struct device *d, const struct adapter_args *args);
    void (*dropout)(struct device *d, const struct dropout_args *args);
    void (*sum)(struct device *d, const struct sum_args *args);
    void (*adamw)(struct device *d, const struct adamw_args *args);
    void (*sgd)(struct device *d, const struct sgd_args *args);
};

#endif
