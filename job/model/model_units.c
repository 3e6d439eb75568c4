/* SPDX-License-Identifier: Apache-2.0 */
/* The model's units: where their weights and gradients stand. */
#include "job/model/model_internal.h"

void *model_at(const struct model *model, void *array, size_t offset)
{
    return (char *)array + format_bytes(model->device->format, offset);
}

int model_units(const struct model *model)
{
    return model->shape.layers + 2;
}

struct model_unit model_unit(const struct model *model, int unit)
{
    size_t first = model->offsets[0].attention_norm;
    size_t each = (model->norm - first) / (size_t)model->shape.layers;
    if (unit == 0)
        return (struct model_unit){0, first};
    if (unit <= model->shape.layers)
        return (struct model_unit){first + (size_t)(unit - 1) * each, each};
    return (struct model_unit){model->norm, model->parameters - model->norm};
}

static int unit_of(const struct model *model, size_t offset)
{
    size_t first = model->offsets[0].attention_norm;
    if (offset < first)
        return 0;
    if (offset >= model->norm)
        return model->shape.layers + 1;
    return 1 + (int)((offset - first) / model_unit(model, 1).count);
}

void model_hook(struct model *model, const struct model_hooks *hooks)
{
    model->hooks = *hooks;
}

void model_place(struct model *model, int unit, void *weights, void *gradient)
{
    if (weights != NULL)
        model->unit_weights[unit] = weights;
    if (gradient != NULL)
        model->unit_gradients[unit] = gradient;
}

void *model_weight(const struct model *model, size_t offset)
{
    int unit = unit_of(model, offset);
    return model_at(model, model->unit_weights[unit], offset - model_unit(model, unit).offset);
}

void *model_gradient(const struct model *model, size_t offset)
{
    int unit = unit_of(model, offset);
    return model_at(model, model->unit_gradients[unit], offset - model_unit(model, unit).offset);
}

/* Units inside of the flat arrays that the model keeps. */
void model_place_own(struct model *model)
{
    for (int unit = 0; unit < model_units(model); unit++) {
        size_t offset = model_unit(model, unit).offset;
        if (model->weights != NULL)
            model->unit_weights[unit] = model_at(model, model->weights, offset);
        if (model->gradients != NULL)
            model->unit_gradients[unit] = model_at(model, model->gradients, offset);
    }
}

/* Behind units that do not fill their multiple: collectives move and sum them. */
void model_zero_gaps(struct model *model)
{
    struct device *d = model->device;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        size_t end = t->offset + (size_t)t->rows * (size_t)t->columns;
        size_t next = i + 1 < model->tensor_count ? t[1].offset : model->parameters;
        if (model->weights != NULL && end < next)
            d->zero(d, model_at(model, model->weights, end), format_bytes(d->format, next - end));
        if (model->gradients != NULL && end < next)
            d->zero(d, model_at(model, model->gradients, end), format_bytes(d->format, next - end));
    }
}

/* What matrix products do not overwrite: norms, and an embedding table that is no head. */
void model_zero_unit(struct model *model, int unit)
{
    struct device *d = model->device;
    struct model_unit place = model_unit(model, unit);
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        if (t->offset < place.offset || t->offset >= place.offset + place.count)
            continue;
        if (!t->decays || (t->offset == model->embed && model->head != model->embed))
            d->zero(d, model_gradient(model, t->offset),
                    format_bytes(d->format, (size_t)t->rows * (size_t)t->columns));
    }
}

void model_zero_gradients(struct model *model)
{
    model->fresh = true;
    for (int unit = 0; unit < model_units(model) && model->gradients != NULL; unit++)
        model_zero_unit(model, unit);
}
