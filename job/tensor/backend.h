/* SPDX-License-Identifier: Apache-2.0 */
/* Compute and memory: one table of functions a backend, every slot mandatory.
 *
 * The model is written once against this table (model.c). All matrices are row-major and
 * contiguous. "act" is the backend's activation and weight type (fp32 on the CPU); `float`,
 * `int32_t` and `double` are what they say on every backend. Pointers are the backend's own memory
 * unless a comment says host. Operations are enqueued in order and may be asynchronous: `sync`
 * waits and reports what failed. Outputs are overwritten unless a comment says accumulated. */
#ifndef SFT_JOB_TENSOR_BACKEND_H
#define SFT_JOB_TENSOR_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

typedef void act; /* elements of backend.act_size bytes */

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

struct adamw_args {
    float lr, beta1, beta2, eps, weight_decay;
    float correction1, correction2; /* 1 - beta^t */
    /* false: m and v are float, and master holds the weights in float where act is no float (NULL
     * where it is). true: no master; m, v and the weights hold bf16 values, stochastically rounded
     * by (seed, element) as in job/tensor/rounding.h; m and v are arrays of 16-bit elements. */
    bool bf16_states;
    uint64_t seed;  /* another one for each step */
    uint64_t first; /* number of the first element among all */
};

/* Queues of work. The operations go to LANE_COMPUTE; collectives of backend memory
 * (job/collective/collective.h) go each to their group's. A lane does its work in order, lanes
 * beside each other. On the CPU everything is done when the call returns. */
enum backend_lane { LANE_COMPUTE, LANE_WORLD, LANE_NODE, LANE_ACROSS, LANES };

struct backend {
    const char *name;      /* "cpu" */
    const char *precision; /* "fp32" */
    char device[128];      /* the device's name as the machine says it */
    char version[128];     /* of the libraries it runs on, for records; "" when not its own */
    size_t act_size;       /* bytes of one act element */
    size_t logits;         /* elements of logits worth having at once */
    void *state;

    void (*destroy)(struct backend *b);
    /* Memory, aligned to 256 bytes, not initialized; NULL and err when there is none. */
    void *(*allocate)(struct backend *b, size_t bytes, struct sft_error *err);
    void (*release)(struct backend *b, void *memory);
    void (*zero)(struct backend *b, void *memory, size_t bytes);
    /* bytes, raw, between host and backend */
    void (*write)(struct backend *b, void *to, const void *host, size_t bytes);
    void (*read)(struct backend *b, void *host, const void *from, size_t bytes);
    /* host floats to and from act elements */
    void (*write_act)(struct backend *b, act *to, const float *host, size_t count);
    void (*read_act)(struct backend *b, float *host, const act *from, size_t count);
    /* The same numbers in float, both in backend memory. */
    void (*widen)(struct backend *b, float *to, const act *from, size_t count);
    int (*sync)(struct backend *b, struct sft_error *err); /* of LANE_COMPUTE */
    /* Slot (0, 1, ...) remembers all that the lane was given so far. What `lane` is given from now
     * on waits for what the slot remembers, nothing where it was never marked. */
    void (*mark)(struct backend *b, enum backend_lane lane, int slot);
    void (*await)(struct backend *b, enum backend_lane lane, int slot);
    /* Remember the moment when the lane gets here: its number, from 0; -1 after a failure. Its time
     * in seconds since stamp 0, once the lane's work is done. stamps_clear begins again with 0. */
    int (*stamp)(struct backend *b, enum backend_lane lane);
    double (*stamp_time)(struct backend *b, int number);
    void (*stamps_clear)(struct backend *b);
    /* The lane as its own libraries know it, a cudaStream_t; NULL where work is done at once. */
    void *(*queue)(struct backend *b, enum backend_lane lane);
    /* Bytes of the device's memory: in use by anyone, and all; 0 where it has none of its own. */
    void (*memory)(struct backend *b, size_t *used, size_t *all);
    /* Element i becomes deviation * random_normal_at(seed, first + i), to the rounding of act. */
    void (*fill_normal)(struct backend *b, act *to, size_t count, uint64_t seed, uint64_t first,
                        float deviation);
    void (*fill)(struct backend *b, act *to, size_t count, float value);

    /* to = from, on a lane; they do not overlap, or are the same */
    void (*copy)(struct backend *b, enum backend_lane lane, act *to, const act *from, size_t count);
    /* to[i] += from[i] */
    void (*add)(struct backend *b, act *to, const act *from, size_t count);

    /* C[m,n] = op(A)[m,k] op(B)[k,n], or += when accumulate; op transposes when its flag is set, so
     * A is stored [k,m] then, and B [n,k]. */
    void (*matmul)(struct backend *b, act *c, const act *a, bool transpose_a, const act *bm,
                   bool transpose_b, int m, int n, int k, bool accumulate);

    /* out[rows,hidden] = table[ids[row],:] */
    void (*embed_forward)(struct backend *b, act *out, const act *table, const int32_t *ids,
                          int rows, int hidden);
    /* dtable[ids[row],:] += dout[row,:]; deterministic order */
    void (*embed_backward)(struct backend *b, act *dtable, const act *dout, const int32_t *ids,
                           int rows, int hidden);

    /* sum[rows,hidden] = x + delta (delta NULL: sum is not written and x is normalized);
     * rstd[row] = 1 / sqrt(mean(sum^2) + eps); out = sum * rstd * weight. sum may be x. */
    void (*norm_forward)(struct backend *b, act *out, float *rstd, act *sum, const act *x,
                         const act *delta, const act *weight, int rows, int hidden, float eps);
    /* dx[rows,hidden] accumulated; dweight[hidden] accumulated. x is what was normalized. */
    void (*norm_backward)(struct backend *b, act *dx, act *dweight, const act *dout, const act *x,
                          const act *weight, const float *rstd, int rows, int hidden);

    /* Rotate q and k heads of qkv[rows,(heads+2*kv_heads)*head_dim] in place, halves paired as
     * Hugging Face's Llama does (i with i + head_dim/2), by positions[row]; inverse for backward.
     */
    void (*rope)(struct backend *b, act *qkv, const int32_t *positions, int rows,
                 struct attention_shape shape, float theta, bool inverse);

    /* Causal attention inside each document. qkv as above (q heads, k heads, v heads), out
     * [rows,heads*head_dim], lse = log of the softmax's denominator, heads*rows numbers in the
     * backend's own order. Padding rows of out are zero. Scale 1/sqrt(head_dim). */
    void (*attention_forward)(struct backend *b, act *out, float *lse, const act *qkv, int rows,
                              struct attention_shape shape, const struct documents *docs);
    /* dqkv[rows,(heads+2*kv_heads)*head_dim]; padding rows zero. */
    void (*attention_backward)(struct backend *b, act *dqkv, const act *dout, const act *out,
                               const float *lse, const act *qkv, int rows,
                               struct attention_shape shape, const struct documents *docs);

    /* gate_up[rows,2*ffn]: gate in front; out[rows,ffn] = silu(gate) * up */
    void (*swiglu_forward)(struct backend *b, act *out, const act *gate_up, int rows, int ffn);
    void (*swiglu_backward)(struct backend *b, act *dgate_up, const act *dout, const act *gate_up,
                            int rows, int ffn);

    /* For each row: loss[row] = -log softmax(logits[row,:])[targets[row]], 0 where targets[row] <
     * 0; logits become d(scale * sum of losses)/d logits, zero in rows without a target. */
    void (*cross_entropy)(struct backend *b, act *logits, float *loss, const int32_t *targets,
                          int rows, int vocab, float scale);

    /* *sum (double, backend memory) += sum of squares of x[count] */
    void (*sum_squares)(struct backend *b, double *sum, const act *x, size_t count);
    /* *sum (double, backend memory) += sum of x[count] */
    void (*sum_floats)(struct backend *b, double *sum, const float *x, size_t count);
    /* AdamW (Loshchilov and Hutter) as torch.optim.AdamW; gradients are first multiplied with
     * min(1, clip / (sqrt(*norm2) + 1e-6)), as torch's clip_grad_norm_, when clip > 0. */
    void (*adamw)(struct backend *b, act *weight, const act *grad, float *master, void *m, void *v,
                  size_t count, const double *norm2, float clip, struct adamw_args args);
};

/* fp32 on the CPU through CBLAS: the readable reference. NULL and err on failure. */
struct backend *backend_create_cpu(struct sft_error *err);

/* act_size and logits of the CUDA backend, for plans without a GPU. */
enum { BACKEND_CUDA_ACT = 2, BACKEND_CUDA_LOGITS = 256 << 20 };

/* bf16 with fp32 sums on the GPU that stands first in CUDA_VISIBLE_DEVICES + `device`; matrix
 * products by cuBLASLt, attention by cuDNN. NULL and err on failure, and where this build has no
 * CUDA. */
struct backend *backend_create_cuda(int device, struct sft_error *err);
/* GPUs that this process may use; 0 without CUDA, a driver or a GPU. */
int backend_cuda_devices(void);
/* "0000:1b:00.0", for NVML; "" when it is no CUDA backend. */
void backend_cuda_bus_id(const struct backend *b, char text[32]);

#endif
