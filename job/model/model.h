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
    size_t offset;             /* elements in the flat arrays; of a frozen one bytes in the base */
    size_t number;             /* of its first element among all tensors' that train */
    size_t draw;   /* its number among the first values drawn: with adapters the others' stay */
    size_t place;  /* of it in what model_place has for its unit's weights, elements */
    bool fp8;      /* its unit's weights come in FP8, it among them */
    size_t scales; /* of FP8: its first one among model_scales, those of its rows in
                      front, then those of its columns */
};

/* What the backward pass computes again rather than keeps, each saving more memory than the one
 * before: nothing; the norms' outputs and SwiGLU's, which cost no matrix product; all of a block
 * but its input, which costs its whole forward pass. */
enum model_recompute { RECOMPUTE_NONE, RECOMPUTE_NORMS, RECOMPUTE_BLOCK };

/* Copies in FP8 that stay from one step's first pass to its last, others being made for each use:
 * none; of the weights; of their transpose, too. Each takes a byte a parameter of linear layers. */
enum model_copies { MODEL_COPIES_NONE, MODEL_COPIES_ONE, MODEL_COPIES_BOTH };

/* How a model computes. */
struct model_recipe {
    enum model_recompute recompute;
    enum tensor_scaling scaling; /* of FP8 in linear layers but the head; SCALING_NONE: they compute
                                    as the device does. In FP8 rows, and the widths of these layers,
                                    are multiples of 16. */
    enum model_copies copies;    /* of FP8 */
    uint64_t seed;               /* of dropout; the shape says the rest of adapters */
    bool gathered; /* weights of layers come in FP8: hooks place them (model_place_fp8), and of the
                      rest of a layer's weights model_place gets them one behind the other */
};

struct model;

enum model_pass { MODEL_FORWARD, MODEL_BACKWARD };

/* A unit of the parameters (lib/params.h). What of it trains is contiguous in the flat arrays, what
 * is frozen in the base, and each ends with zeros up to the storage's multiple. */
struct model_unit {
    size_t offset, count; /* elements */
    size_t base, bytes;   /* of the base: where it begins there, and its size */
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

/* What a model keeps itself; the rest is placed by hooks. Weights and gradients are those of what
 * trains. A gradient that it does not keep begins anew with each micro-batch. Units' elements are
 * rounded up to the multiple, so that slices are equal, and so are their bytes of the base. */
struct model_storage {
    bool weights, gradients;
    size_t multiple; /* 0: as 1 */
    bool base_elsewhere;
    size_t base_multiple; /* bytes, 0: as 1 */
};

/* Allocates weights, gradients and the activations of a micro-batch of `rows` rows, 1 or more, in
 * one arena. The shape's numbers must be consistent (see sft_preset); fails otherwise or without
 * memory. `shape` is copied. */
struct model *model_create(struct device *device, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err);
struct model *model_create_stored(struct device *device, const struct sft_preset *shape, int rows,
                                  const struct model_recipe *recipe, struct model_storage storage,
                                  struct sft_error *err);
/* Bytes of the arena that model_create, or model_create_stored, would allocate; 0 for a shape that
 * is not consistent. */
size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  enum format format, size_t logits);
size_t model_plan_stored(const struct sft_preset *shape, int rows,
                         const struct model_recipe *recipe, struct model_storage storage,
                         enum format format, size_t logits);
void model_destroy(struct model *model);

/* First values as the parameters say, the same for every rank and device: element i of tensor t
 * depends on (seed, t, i) alone. */
void model_initialize(struct model *model, uint64_t seed);

int model_units(const struct model *model);
/* Elements that a unit takes, with the zeros at its end; and bytes of its base. */
size_t model_unit_room(const struct sft_preset *shape, int unit, size_t multiple);
size_t model_unit_base(const struct sft_preset *shape, int unit, enum format format,
                       size_t multiple);
struct model_unit model_unit(const struct model *model, int unit);
/* The backward pass ends behind this unit: nothing trains before it. */
int model_first_trained(const struct model *model);
void model_hook(struct model *model, const struct model_hooks *hooks);
/* Where the unit's weights or gradient stand from now on; NULL leaves the one as it is. */
void model_place(struct model *model, int unit, void *weights, void *gradient);
void model_place_base(struct model *model, int unit, void *base);
/* Of weights that come in FP8: where the unit's elements stand, a byte each at its offset in the
 * unit, as the forward pass reads them, which the backward pass does where a block is computed
 * again, and as the backward pass does. By tensor both are the same; by row the second are by the
 * scales of columns. */
struct model_fp8 {
    void *forward, *backward;
};
void model_place_fp8(struct model *model, int unit, struct model_fp8 place);
/* The scales of weights that come in FP8, fp32; whoever places the weights fills them in. */
struct array model_scales(const struct model *model);
/* Elements of a layer's weights that do not come in FP8 where the others do. */
size_t model_unit_rest(const struct sft_preset *shape, int unit);
const struct model_recipe *model_recipe(const struct model *model);
/* Clears what of a unit's gradient no matrix product overwrites, before its backward pass. */
void model_zero_unit(struct model *model, int unit);
/* First weights of elements [offset, offset + count) of the flat array, and of bytes [offset,
 * offset + bytes) of the base, which are whole elements. */
void model_initialize_part(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t count);
void model_initialize_base(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t bytes);

/* A frozen tensor's values from elsewhere, into the base where the model keeps it: `take` leaves
 * elements [first, first + to.count) in `to`, in the device's format; it is asked piece by piece,
 * of FP8 twice for each. */
struct model_source {
    void *user;
    void (*take)(void *user, struct array to, size_t first);
};
void model_freeze(struct model *model, const struct model_tensor *tensor,
                  const struct model_source *source);
/* What a frozen tensor means, all of it to an array in the device's format. */
void model_thaw(struct model *model, const struct model_tensor *tensor, struct array to);

/* The same piece by piece: each is some rank's, by turns, whoever calls with the same tensors. */
enum { MODEL_PIECE = 1 << 24 }; /* elements of a piece, at most */
struct model_sink {
    void *user;
    size_t rank, ranks, turn; /* turn begins with 0 */
    void (*give)(void *user, struct array piece, size_t first);
};
void model_show(struct model *model, const struct model_tensor *tensor, struct model_sink *sink);

const struct model_tensor *model_tensors(const struct model *model, size_t *count);
size_t model_parameters(const struct model *model); /* elements of the flat arrays, gaps too */
/* The flat arrays; no data when it does not keep them. */
struct array model_weights(const struct model *model);
struct array model_gradients(const struct model *model);
/* Frozen weights: NULL and 0 where all trains, NULL when it does not keep them. */
void *model_base(const struct model *model, size_t *bytes);
const struct sft_preset *model_shape(const struct model *model);
size_t model_bytes(const struct model *model); /* of the arena */

/* The next model_step begins a sum, with weights that may be others. Gradients of matrices are then
 * overwritten, not cleared first.
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
