/* SPDX-License-Identifier: Apache-2.0 */
/* Causal attention as graphs for cuDNN: the formulas of FlashAttention (Dao, 2023) in the
 * operations whose pattern cuDNN's fused engines know. */
#ifndef SFT_JOB_TENSOR_CUDA_SDPA_GRAPH_H
#define SFT_JOB_TENSOR_CUDA_SDPA_GRAPH_H

#include "job/tensor/cuda/cudnn_graph.h"

/* What a plan is made for. `batches` documents of up to `longest` rows. */
struct sdpa_shape {
    int heads, kv_heads, head_dim;
    int batches, longest;
    bool packed; /* documents of different lengths at any row, else all `longest`, end to end */
};

/* Ids of the tensors outside; lse and offsets as attention_cudnn.c lays them. */
enum sdpa_id {
    SDPA_Q = 1,
    SDPA_K,
    SDPA_V,
    SDPA_OUT,
    SDPA_LSE,
    SDPA_DOUT,
    SDPA_DQ,
    SDPA_DK,
    SDPA_DV,
    SDPA_DQ_SUM,  /* fp32, laid as dq: where the blocks of keys add up */
    SDPA_ROW_SUM, /* fp32, laid as lse: sum of dout * out over a row */
    SDPA_LENGTHS, /* int32 [batches] */
    SDPA_AT_QKV,  /* int64 [batches + 1], first element of each document in qkv, ... */
    SDPA_AT_OUT,  /* ... in out, */
    SDPA_AT_LSE,  /* ... and in lse */
    SDPA_SCALE,   /* float, 1 / sqrt(head_dim) */
    SDPA_MASKED,  /* float, what a masked score becomes */
    SDPA_ONE,     /* float, 1 */
};

void sdpa_forward(struct graph *graph, const struct sdpa_shape *shape);
void sdpa_backward(struct graph *graph, const struct sdpa_shape *shape);

/* -infinity, or the lowest number for libraries before 9.10, whose masks want that. */
float sdpa_masked(void);

#endif
