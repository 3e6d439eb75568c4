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
    struct model_recipe recipe;
    enum format format; /* the device's, or a plan's, as is */
    size_t logits_most;
    bool fresh; /* the next gradients begin a sum */
    size_t parameters, tensor_count;
    size_t base_bytes;
    size_t numbered, drawn_adapters; /* while tensors are listed: elements; tensors */
    bool trains; /* while blocks are listed: something does in those that were; then: always */
    struct model_tensor *tensors;
    struct model_unit *units; /* [units] */
    struct block *blocks;     /* [block_count] in the order of the forward pass */
    int block_count;

    void *arena;
    size_t bytes;
    struct model_storage storage;
    void *weights, *gradients; /* [parameters] or NULL */
    void *base;                /* [base_bytes] or NULL */
    struct model_hooks hooks;
    char **unit_weights, **unit_gradients, **unit_base; /* [units] */
    struct model_fp8 *unit_fp8;                         /* [units] */
    float *scales;                                      /* [scale_count], of FP8 that comes */
    size_t scale_count;
    float *loss;                           /* [rows] */
    double *loss_sums;                     /* [LOSS_SUMS], device memory */
    int32_t *tokens, *targets, *positions; /* [rows] */
    void *borrowed[BORROWS];
    int fp8_count;              /* linear layers in FP8 */
    float *amax, *amax_weights; /* [2 * fp8_count] of a pass, [fp8_count] of a step: linear_fp8.c */
    long version;               /* of the weights */
    long base_version;          /* of the frozen ones */
    bool changed;               /* they are others since the last pass */
    bool drops;                 /* dropout is on: in a pass that trains */
    uint64_t first;             /* number of the batch's first row in the run */

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
/* Refuses a number of rows, or a shape, that the recipe cannot do. After model_lay_tensors. */
int model_check_recipe(const struct model *model, struct sft_error *err);
/* The unit's weight, or bias, of that role, and its adapter; NULL if it has none. */
const struct model_tensor *model_find(const struct model *model, int unit, enum sft_role role,
                                      bool bias);
const struct model_tensor *model_find_adapter(const struct model *model, int unit,
                                              enum sft_role role, enum sft_adapter adapter);
/* Cut all arrays from `base`; with NULL only count. Returns the bytes. */
size_t model_lay_arena(struct model *model, char *base);

/* Neither the embedding's nor the head's. */
static inline bool model_is_layer(const struct model *model, int unit)
{
    return unit > 0 && unit < sft_params_units(&model->shape) - 1;
}

/* Where the element `offset` of an array in device memory stands. */
void *model_at(const struct model *model, void *array, size_t offset);
/* A tensor's values, and the gradient of one that trains, where its unit stands now. */
struct tensor model_weight(const struct model *model, const struct model_tensor *tensor);
/* The scale in E4M3 of a frozen one in FP8 or NF4. */
float *model_scale8(const struct model *model, const struct model_tensor *tensor);
struct tensor model_gradient(const struct model *model, const struct model_tensor *tensor);
/* The bytes and scales of a weight that comes in FP8, as that pass reads it; no transpose. */
struct tensor model_weight_fp8(const struct model *model, const struct model_tensor *tensor,
                               bool backward);
/* What blocks borrow, [rows,columns]. */
struct tensor model_borrow(const struct model *model, enum borrow what, int columns);
/* Refuses a batch that does not go with the model; else takes it over. */
int model_take_batch(struct model *model, const struct batch *batch, struct sft_error *err);
/* Units stand in the flat arrays that the model keeps; what lies between units there becomes zero.
 */
void model_place_own(struct model *model);
void model_zero_gaps(struct model *model);

#endif
