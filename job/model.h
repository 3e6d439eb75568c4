/* SPDX-License-Identifier: Apache-2.0 */
/* A Llama: parameters, forward and backward, written once against the backend's table. */
#ifndef SFT_JOB_MODEL_H
#define SFT_JOB_MODEL_H

#include "job/backend.h"
#include "job/batch.h"
#include "lib/preset.h"

/* One parameter tensor: rows * columns elements from `offset` on in the flat arrays. Linear layers
 * are [out,in], as Hugging Face stores them; qkv is q_proj, k_proj and v_proj stacked, gate_up is
 * gate_proj and up_proj stacked. */
struct model_tensor {
    char name[48]; /* "embed", "layers.0.qkv", "layers.0.attention_norm", ..., "norm", "head" */
    size_t offset; /* elements */
    int rows, columns;
    bool decays; /* weight decay applies: matrices yes, norms no */
};

/* What the backward pass computes again rather than keeps, each saving more memory than the one
 * before: nothing; the norms' outputs and SwiGLU's, which cost no matrix product; all of a block but
 * its input, which costs its whole forward pass. */
enum model_recompute { RECOMPUTE_NONE, RECOMPUTE_NORMS, RECOMPUTE_BLOCK };

struct model;

/* Allocates weights, gradients and the activations of a micro-batch of `rows` rows, 1 or more, in one
 * arena. The shape's numbers must be consistent (see sft_preset); fails otherwise or without memory.
 * `shape` is copied. */
struct model *model_create(struct backend *backend, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err);
/* Bytes of the arena that model_create would allocate; 0 for a shape that is not consistent. */
size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  size_t act_size, size_t logits);
void model_destroy(struct model *model);

/* Normal(0, 0.02) matrices and unit norms, the same for every rank and backend: element i of tensor
 * t depends on (seed, t, i) alone. */
void model_initialize(struct model *model, uint64_t seed);

const struct model_tensor *model_tensors(const struct model *model, size_t *count);
size_t model_parameters(const struct model *model); /* elements of the flat arrays */
act *model_weights(struct model *model);
act *model_gradients(struct model *model);
const struct sft_preset *model_shape(const struct model *model);
size_t model_bytes(const struct model *model); /* of the arena */

/* The next model_step begins a sum. Gradients of matrices are then overwritten, not cleared first. */
void model_zero_gradients(struct model *model);

/* Forward and backward of one micro-batch: adds d(scale * sum of token losses) to the gradients and
 * returns the plain sum of the token losses in *loss_sum. With loss_sum NULL it returns when the work
 * is enqueued, and the sum is added to what model_take_loss gives. Fails on another number of rows, an id
 * outside of the vocabulary, and documents that overlap, leave the batch or are not in row order. */
int model_step(struct model *model, const struct batch *batch, float scale, double *loss_sum,
               struct sft_error *err);

/* Sum of the token losses of the steps since the last call that were not given one; waits. */
int model_take_loss(struct model *model, double *loss_sum, struct sft_error *err);

/* The same forward pass, no gradients. */
int model_loss(struct model *model, const struct batch *batch, double *loss_sum,
               struct sft_error *err);

#endif
