/* SPDX-License-Identifier: Apache-2.0 */
/* The model's units: where their weights and gradients stand. */
#include "job/model/base.h"

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
        if (p->unit == unit && p->role == role && p->bias == bias && p->adapter == SFT_ADAPTER_NONE)
            return &model->tensors[i];
    }
    return NULL;
}

const struct model_tensor *model_find_adapter(const struct model *model, int unit,
                                              enum sft_role role, enum sft_adapter adapter)
{
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct sft_param *p = &model->tensors[i].param;
        if (p->unit == unit && p->role == role && p->adapter == adapter)
            return &model->tensors[i];
    }
    return NULL;
}

int model_first_trained(const struct model *model)
{
    int unit = 0;
    while (unit < model_units(model) - 1 && model->units[unit].count == 0)
        unit++;
    return unit;
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

void model_place_base(struct model *model, int unit, void *base)
{
    model->unit_base[unit] = base;
}

void model_place_fp8(struct model *model, int unit, struct model_fp8 place)
{
    model->unit_fp8[unit] = place;
}

struct array model_scales(const struct model *model)
{
    return (struct array){FORMAT_FP32, model->scales, model->scale_count};
}

/* Of a tensor's elements in its unit. */
static size_t inside_unit(const struct model *model, const struct model_tensor *t)
{
    return t->offset - model->units[t->param.unit].offset;
}

/* A tensor whose unit's array it begins at `first` of. */
static struct tensor tensor_in(const struct model *model, char *array, size_t first,
                               const struct model_tensor *t)
{
    return tensor_of(model->format, t->param.rows, t->param.columns, model_at(model, array, first));
}

static char *frozen_place(const struct model *model, const struct model_tensor *t)
{
    int unit = t->param.unit;
    return model->unit_base[unit] + (t->offset - model->units[unit].base);
}

float *model_scale8(const struct model *model, const struct model_tensor *t)
{
    return base_scale8(&t->param, frozen_place(model, t));
}

struct tensor model_weight(const struct model *model, const struct model_tensor *tensor)
{
    if (!tensor->param.trains)
        return base_tensor(&tensor->param, model->format, frozen_place(model, tensor));
    return tensor_in(model, model->unit_weights[tensor->param.unit], tensor->place, tensor);
}

struct tensor model_gradient(const struct model *model, const struct model_tensor *tensor)
{
    return tensor_in(model, model->unit_gradients[tensor->param.unit], inside_unit(model, tensor),
                     tensor);
}

struct tensor model_weight_fp8(const struct model *model, const struct model_tensor *tensor,
                               bool backward)
{
    const struct model_fp8 *place = &model->unit_fp8[tensor->param.unit];
    char *bytes = backward ? place->backward : place->forward;
    struct tensor t = tensor_of(FORMAT_E4M3, tensor->param.rows, tensor->param.columns,
                                bytes == NULL ? NULL : bytes + inside_unit(model, tensor));
    t.scaling = model->recipe.scaling;
    t.scale = model->scales + tensor->scales;
    if (t.scaling == SCALING_ROW)
        t.scale_transposed = t.scale + t.rows;
    return t;
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
        if (model->base != NULL)
            model->unit_base[unit] = (char *)model->base + model->units[unit].base;
    }
}

/* Where the tensors of a unit end in its flat array, or in its base. */
static size_t unit_end(const struct model *model, int unit, bool trains)
{
    size_t end = trains ? model->units[unit].offset : model->units[unit].base;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        size_t size = sft_param_elements(&t->param);
        if (t->param.unit == unit && t->param.trains == trains)
            end = t->offset + (trains ? size : base_size(&t->param, model->format));
    }
    return end;
}

/* Behind units that do not fill their multiple: collectives move and sum them. */
void model_zero_gaps(struct model *model)
{
    struct device *d = model->device;
    for (int unit = 0; unit < model_units(model); unit++) {
        const struct model_unit *u = &model->units[unit];
        size_t end = unit_end(model, unit, true), base = unit_end(model, unit, false);
        size_t gap = format_bytes(d->format, u->offset + u->count - end);
        if (model->weights != NULL && gap > 0)
            d->zero(d, model_at(model, model->weights, end), gap);
        if (model->gradients != NULL && gap > 0)
            d->zero(d, model_at(model, model->gradients, end), gap);
        if (model->base != NULL && base < u->base + u->bytes)
            d->zero(d, (char *)model->base + base, u->base + u->bytes - base);
    }
}

void model_zero_unit(struct model *model, int unit)
{
    struct device *d = model->device;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        if (t->param.unit == unit && t->param.trains && !t->param.overwritten)
            d->zero(d, model_gradient(model, t).data,
                    format_bytes(d->format, sft_param_elements(&t->param)));
    }
}

void model_zero_gradients(struct model *model)
{
    model->fresh = true;
    model->changed |= model->shape.adapters.rank == 0; /* else only adapters are others */
    for (int unit = 0; unit < model_units(model) && model->gradients != NULL; unit++)
        model_zero_unit(model, unit);
}
