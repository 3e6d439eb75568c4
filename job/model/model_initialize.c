/* SPDX-License-Identifier: Apache-2.0 */
/* First weights: drawn by a counter, so that any part can be made alone, in any order, anywhere. */
#include "job/model/base.h"

#include "job/tensor/random.h"

/* First values of a tensor's elements from `from` on. */
static void tensor_fill(struct model *model, const struct model_tensor *t, uint64_t seed,
                        struct array to, size_t from)
{
    struct fill_args args = {.to = to, .value = t->param.init == SFT_INIT_ONES ? 1 : 0};
    if (t->param.init == SFT_INIT_NORMAL || t->param.init == SFT_INIT_UNIFORM) {
        args.uniform = t->param.init == SFT_INIT_UNIFORM;
        args.deviation = t->param.spread;
        args.seed = random_mix(seed, t->draw);
        args.first = from;
    }
    model->device->ops->fill(model->device, &args);
}

/* Of what trains, or of the base: elements [offset, offset + count), those of a tensor from its
 * place on. */
static void part_fill(struct model *model, uint64_t seed, bool trains, struct array part,
                      size_t offset)
{
    size_t size = format_bytes(part.format, 1);
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct model_tensor *t = &model->tensors[i];
        size_t begin = trains ? t->offset : t->offset / size;
        size_t end = begin + sft_param_elements(&t->param);
        size_t from = begin > offset ? begin : offset;
        size_t until = end < offset + part.count ? end : offset + part.count;
        if (t->param.trains == trains && t->param.stored == SFT_BASE_DEVICE && from < until)
            tensor_fill(model, t, seed, array_part(part, from - offset, until - from),
                        from - begin);
    }
}

void model_initialize_part(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t count)
{
    part_fill(model, seed, true, (struct array){model->device->format, to, count}, offset);
}

struct drawn {
    struct model *model;
    const struct model_tensor *tensor;
    uint64_t seed;
};

static void drawn_take(void *user, struct array to, size_t first)
{
    const struct drawn *drawn = user;
    tensor_fill(drawn->model, drawn->tensor, drawn->seed, to, first);
}

/* Of a unit in few bits all, at its place: a scale is of a whole tensor. */
static void unit_make(struct model *model, uint64_t seed, int unit)
{
    for (size_t i = 0; i < model->tensor_count; i++) {
        struct drawn drawn = {model, &model->tensors[i], seed};
        const struct model_source source = {&drawn, drawn_take};
        if (!drawn.tensor->param.trains && drawn.tensor->param.unit == unit)
            base_make(model, drawn.tensor, &source);
    }
}

static void stored_initialize(struct model *model, uint64_t seed, char *to, size_t offset,
                              size_t bytes)
{
    struct device *d = model->device;
    for (int unit = 0; unit < model_units(model); unit++) {
        const struct model_unit *u = &model->units[unit];
        size_t from = u->base > offset ? u->base : offset;
        size_t until = u->base + u->bytes < offset + bytes ? u->base + u->bytes : offset + bytes;
        if (from >= until)
            continue;
        unit_make(model, seed, unit);
        d->copy(d, LANE_COMPUTE, to + (from - offset), model->unit_base[unit] + (from - u->base),
                until - from);
    }
}

void model_initialize_base(struct model *model, uint64_t seed, void *to, size_t offset,
                           size_t bytes)
{
    enum format format = model->device->format;
    size_t size = format_bytes(format, 1);
    if (model->shape.adapters.base != SFT_BASE_DEVICE)
        stored_initialize(model, seed, to, offset, bytes);
    else
        part_fill(model, seed, false, (struct array){format, to, bytes / size}, offset / size);
}

void model_freeze(struct model *model, const struct model_tensor *tensor,
                  const struct model_source *source)
{
    base_make(model, tensor, source);
}

void model_thaw(struct model *model, const struct model_tensor *tensor, struct array to)
{
    base_read(model, tensor, to);
}

void model_show(struct model *model, const struct model_tensor *tensor, struct model_sink *sink)
{
    base_show(model, tensor, sink);
}

void model_initialize(struct model *model, uint64_t seed)
{
    if (model->weights != NULL)
        model_initialize_part(model, seed, model->weights, 0, model->parameters);
    if (model->base != NULL)
        model_initialize_base(model, seed, model->base, 0, model->base_bytes);
}
