/* SPDX-License-Identifier: Apache-2.0 */
/* A model: parameters, forward and backward, written once against the device's operations. */
#ifndef SFT_JOB_MODEL_MODEL_H
#define SFT_JOB_MODEL_MODEL_H

#include "job/tensor/ops.h"
#include "job/data/batch.h"
#include "lib/params.h"

/* One parameter and its place in the flat arrays. */
struct model_tensor {
    struct sft_param param;
    char name[SFT_PARAM_NAME]; /* "embed", "layers.0.qkv", "layers.0.attention_norm", ... */
    size_t offset;             /* elements */
    size_t number;             /* of its first element among all tensors' */
};

/* What the backward pass computes again rather than keeps, each saving more memory than the one
 * before: nothing; the norms' outputs and SwiGLU's, which cost no matrix product; all of a block
 * but its input, which costs its whole forward pass. */
enum model_recompute { RECOMPUTE_NONE, RECOMPUTE_NORMS, RECOMPUTE_BLOCK };

struct model;

enum model_pass { MODEL_FORWARD, MODEL_BACKWARD };

/* A unit of the parameters (lib/params.h). It is contiguous in the flat arrays, and ends with zeros
 * up to the storage's multiple. */
struct model_unit {
    size_t offset, count; /* elements */
};

/* Called around the use of a unit, in the order of the passes. enter makes the unit's weights, and
 * in the backward pass its gradient, be where model_place last put them; leave with MODEL_BACKWARD
 * says that the micro-batch's gradient is complete. A tied head enters unit 0 once more. Failures
 * end the step. */
struct model_hooks {
    void *user;
    int (*enter)(void *user, int unit, enum model_pass pass, struct sft_error *err);
    int (*leave)(void *user, int unit, enum model_pass pass, struct sft_error *err);
};

/* What a model keeps itself; the rest is placed by hooks. A gradient that it does not keep begins
 * anew with each micro-batch. Units' elements are rounded up to the multiple, so that slices are
 * equal. */
struct model_storage {
    bool weights, gradients;
    size_t multiple; /* 0: as 1 */
};

/* Allocates weights, gradients and the activations of a micro-batch of `rows` rows, 1 or more, in
 * one arena. The shape's numbers must be consistent (see sft_preset); fails otherwise or without
 * memory. `shape` is copied. */
struct model *model_create(struct device *device, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err);
struct model *model_create_stored(struct device *device, const struct sft_preset *shape, int rows,
                                  enum model_recompute recompute, struct model_storage storage,
                                  struct sft_error *err);
/* Bytes of the arena that model_create, or model_create_stored, would allocate; 0 for a shape that
 * is not consistent. */
size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  enum format format, size_t logits);
size_t model_plan_stored(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                         struct model_storage storage, enum format format, size_t logits);
void model_destroy(struct model *model);

/* First values as the parameters say, the same for every rank and device: element i of tensor t
 * depends on (seed, t, i) alone. */
void model_initialize(struct model *model, uint64_t seed);

int model_units(const struct model *model);
/* Elements that a unit takes, with the zeros at its end. */
size_t model_unit_room(const struct sft_preset *shape, int unit, size_t multiple);
struct model_unit model_unit(const struct model *model, int unit);
void model_hook(struct model *model, const struct model_hooks *hooks);
/* Where the unit's weights or gradient stand from now on; NULL leaves the one as it is. */
void model_place(struct model *model, int unit, void *weights, void *gradient);
/* Clears what of a unit's gradient no matrix product overwrites, before its backward pass. */
void model_zero_unit(struct model *model, int unit);
/* First weights of elements [offset, offset + count) of the flat array. */
void model_initialize_part(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t count);

const struct model_tensor *model_tensors(const struct model *model, size_t *count);
size_t model_parameters(const struct model *model); /* elements of the flat arrays, gaps too */
/* The flat arrays; no data when it does not keep them. */
struct array model_weights(const struct model *model);
struct array model_gradients(const struct model *model);
const struct sft_preset *model_shape(const struct model *model);
size_t model_bytes(const struct model *model); /* of the arena */

/* The next model_step begins a sum. Gradients of matrices are then overwritten, not cleared first.
 */
void model_zero_gradients(struct model *model);

/* Forward and backward of one micro-batch: adds d(scale * sum of token losses) to the gradients and
 * returns the plain sum of the token losses in *loss_sum. With loss_sum NULL it returns when the
 * work is enqueued, and the sum is added to what model_take_loss gives. Fails on another number of
 * rows, an id outside of the vocabulary, and documents that overlap, leave the batch or are not in
 * row order. */
int model_step(struct model *model, const struct batch *batch, float scale, double *loss_sum,
               struct sft_error *err);

/* Sum of the token losses of the steps since the last call that were not given one; waits. */
int model_take_loss(struct model *model, double *loss_sum, struct sft_error *err);

/* The same forward pass, no gradients. */
int model_loss(struct model *model, const struct batch *batch, double *loss_sum,
               struct sft_error *err);

#endif
