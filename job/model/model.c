/* SPDX-License-Identifier: Apache-2.0 */
/* A model: its making and its parts. Its passes are in model_pass.c. */
#include "job/model/model.h"

#include <stdlib.h>

#include "job/model/model_internal.h"

struct model *model_create(struct device *device, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err)
{
    const struct model_recipe recipe = {.recompute = recompute};
    struct model_storage all = {.weights = true, .gradients = true};
    return model_create_stored(device, shape, rows, &recipe, all, err);
}

struct model *model_create_stored(struct device *device, const struct sft_preset *shape, int rows,
                                  const struct model_recipe *recipe, struct model_storage storage,
                                  struct sft_error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        sft_error_set(err, "no memory for a model");
        return NULL;
    }
    model->device = device;
    model->shape = *shape;
    model->rows = rows;
    model->recipe = *recipe;
    model->storage = storage;
    model->changed = true;
    model->format = device->format;
    model->logits_most = device->logits;
    if (rows < 1) {
        sft_error_set(err, "a model for %d rows: there must be 1 or more", rows);
        goto failed;
    }
    if (model_lay_tensors(model, err) < 0 || model_check_recipe(model, err) < 0)
        goto failed;
    model->bytes = model_lay_arena(model, NULL);
    model->arena = device->allocate(device, model->bytes, err);
    if (model->arena == NULL)
        goto failed;
    model_lay_arena(model, model->arena);
    model_place_own(model);
    model_zero_gaps(model);
    device->zero(device, model->loss_sums, LOSS_SUMS * sizeof *model->loss_sums);
    model_zero_gradients(model);
    return model;
failed:
    model_destroy(model);
    return NULL;
}

void model_destroy(struct model *model)
{
    if (model == NULL)
        return;
    if (model->arena != NULL)
        model->device->release(model->device, model->arena);
    model_free_tensors(model);
    free(model);
}

const struct model_tensor *model_tensors(const struct model *model, size_t *count)
{
    *count = model->tensor_count;
    return model->tensors;
}

size_t model_parameters(const struct model *model)
{
    return model->parameters;
}

struct array model_weights(const struct model *model)
{
    return (struct array){model->device->format, model->weights, model->parameters};
}

struct array model_gradients(const struct model *model)
{
    return (struct array){model->device->format, model->gradients, model->parameters};
}

void *model_base(const struct model *model, size_t *bytes)
{
    *bytes = model->base_bytes;
    return model->base;
}

const struct sft_preset *model_shape(const struct model *model)
{
    return &model->shape;
}

const struct model_recipe *model_recipe(const struct model *model)
{
    return &model->recipe;
}

size_t model_bytes(const struct model *model)
{
    return model->bytes;
}
