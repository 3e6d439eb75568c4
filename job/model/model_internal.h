/* SPDX-License-Identifier: Apache-2.0 */
/* What the model's own files share; nobody else includes this. */
#ifndef SFT_JOB_MODEL_MODEL_INTERNAL_H
#define SFT_JOB_MODEL_MODEL_INTERNAL_H

#include "job/model/model.h"
#include "job/model/need.h"

/* Losses that the call itself returns, and those that wait for model_take_loss. */
enum { LOSS_NOW, LOSS_LATER, LOSS_SUMS };

struct block;

struct model {
    struct device *device;
    struct sft_preset shape;
    int rows;
    enum model_recompute recompute;
    enum format format; /* the device's, or a plan's, as is */
    size_t logits_most;
    bool fresh; /* the next gradients begin a sum */
    size_t parameters, tensor_count;
    struct model_tensor *tensors;
    struct model_unit *units; /* [units] */
    struct block *blocks;     /* [block_count] in the order of the forward pass */
    int block_count;

    void *arena;
    size_t bytes;
    struct model_storage storage;
    void *weights, *gradients; /* [parameters] or NULL */
    struct model_hooks hooks;
    char **unit_weights, **unit_gradients; /* [units] */
    float *loss;                           /* [rows] */
    double *loss_sums;                     /* [LOSS_SUMS], device memory */
    int32_t *tokens, *targets, *positions; /* [rows] */
    void *borrowed[BORROWS];

    /* of the pass that runs; [rows,hidden] */
    struct tensor
        stream; /* the residual stream, which `delta` is still to be added to if `added` */
    struct tensor delta, dstream;
    bool added;
    float scale; /* of the losses' sum */
    struct documents docs;
};

/* Fill tensors, units and blocks from the shape. */
int model_lay_tensors(struct model *model, struct sft_error *err);
void model_free_tensors(struct model *model);
/* The unit's weight, or bias, of that role; NULL if it has none. */
const struct model_tensor *model_find(const struct model *model, int unit, enum sft_role role,
                                      bool bias);
/* Cut all arrays from `base`; with NULL only count. Returns the bytes. */
size_t model_lay_arena(struct model *model, char *base);

/* Where the element `offset` of an array in device memory stands. */
void *model_at(const struct model *model, void *array, size_t offset);
/* A tensor's values, and its gradient, where its unit stands now. */
struct tensor model_weight(const struct model *model, const struct model_tensor *tensor);
struct tensor model_gradient(const struct model *model, const struct model_tensor *tensor);
/* What blocks borrow, [rows,columns]. */
struct tensor model_borrow(const struct model *model, enum borrow what, int columns);
/* Refuses a batch that does not go with the model; else takes it over. */
int model_take_batch(struct model *model, const struct batch *batch, struct sft_error *err);
/* Units stand in the flat arrays that the model keeps; what lies between units there becomes zero.
 */
void model_place_own(struct model *model);
void model_zero_gaps(struct model *model);

#endif
