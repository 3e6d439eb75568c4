/* SPDX-License-Identifier: Apache-2.0 */
/* The model's units: where their weights and gradients stand. */
#include "job/model/model_internal.h"

void *model_at(const struct model *model, void *array, size_t offset)
{
    return (char *)array + format_bytes(model->format, offset);
}

int model_units(const struct model *model)
{
    return sft_params_units(&model->shape);
}

struct model_unit model_unit(const struct model *model, int unit)
{
    return model->units[unit];
}

const struct model_tensor *model_find(const struct model *model, int unit, enum sft_role role,
                                      bool bias)
{
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct sft_param *p = &model->tensors[i].param;
        if (p->unit == unit && p->role == role && p->bias == bias)
            return &model->tensors[i];
    }
    return NULL;
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

/* A tensor in its unit, which stands at `place`. */
static struct tensor tensor_in(const struct model *model, char *place, const struct model_tensor *t)
{
    size_t inside = t->offset - model->units[t->param.unit].offset;
    return (struct tensor){model->format, t->param.rows, t->param.columns,
                           model_at(model, place, inside)};
}

struct tensor model_weight(const struct model *model, const struct model_tensor *tensor)
{
    return tensor_in(model, model->unit_weights[tensor->param.unit], tensor);
}

struct tensor model_gradient(const struct model *model, const struct model_tensor *tensor)
{
    return tensor_in(model, model->unit_gradients[tensor->param.unit], tensor);
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
        size_t end = t->offset + sft_param_elements(&t->param);
        size_t next = i + 1 < model->tensor_count ? t[1].offset : model->parameters;
        if (model->weights != NULL && end < next)
            d->zero(d, model_at(model, model->weights, end), format_bytes(d->format, next - end));
        if (model->gradients != NULL && end < next)
            d->zero(d, model_at(model, model->gradients, end), format_bytes(d->format, next - end));
    }
}

void model_zero_unit(struct model *model, int unit)
{
    struct device *d = model->device;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        if (t->param.unit == unit && !t->param.overwritten)
            d->zero(d, model_gradient(model, t).data,
                    format_bytes(d->format, sft_param_elements(&t->param)));
    }
}

void model_zero_gradients(struct model *model)
{
    model->fresh = true;
    for (int unit = 0; unit < model_units(model) && model->gradients != NULL; unit++)
        model_zero_unit(model, unit);
}
