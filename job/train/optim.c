/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/random.h"

enum { ALIGNMENT = 256, STEP = 64 }; /* of each moment, as of an allocation: vectors need it */

struct optim {
    struct model *model;
    struct device *device;
    struct optim_options options;
    struct shard_part *parts; /* [count] */
    size_t count;
    struct collective *collective; /* NULL: the parts are all */
    void *arena;
    size_t bytes;
    float *master; /* [parameters] or NULL */
    char *m, *v;   /* [parameters], float or 16 bits */
    double *norm2; /* one, device memory */
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t master_bytes(size_t parameters, enum format format, enum format states)
{
    bool needed = states == FORMAT_FP32 && format != FORMAT_FP32;
    return needed ? aligned(parameters * sizeof(float)) : 0;
}

size_t optim_plan(size_t parameters, enum format format, enum format states)
{
    return 2 * aligned(format_bytes(states, parameters)) +
           master_bytes(parameters, format, states) + sizeof(double);
}

/* Elements with room behind each part, so that all begin where vectors want them. */
static size_t parts_elements(const struct shard_part *parts, size_t count)
{
    size_t elements = 0;
    for (size_t i = 0; i < count; i++)
        elements += (parts[i].count + STEP - 1) / STEP * STEP;
    return elements;
}

struct optim *optim_create(struct model *model, struct device *device,
                           const struct optim_options *options, struct sft_error *err)
{
    struct shard_part all = {0, model_parameters(model), model_weights(model).data,
                             model_gradients(model).data};
    return optim_create_parts(model, device, options, &all, 1, NULL, err);
}

static int optim_allocate(struct optim *optim, const struct shard_part *parts, size_t count,
                          struct sft_error *err)
{
    struct device *d = optim->device;
    size_t elements = count == 1 ? parts[0].count : parts_elements(parts, count);
    size_t moment = aligned(format_bytes(optim->options.states, elements));
    size_t master = master_bytes(elements, d->format, optim->options.states);
    optim->parts = calloc(count > 0 ? count : 1, sizeof *optim->parts);
    if (optim->parts == NULL)
        return sft_error_set(err, "no memory for the list of an optimizer's parts");
    memcpy(optim->parts, parts, count * sizeof *parts);
    optim->count = count;
    optim->bytes = optim_plan(elements, d->format, optim->options.states);
    optim->arena = d->allocate(d, optim->bytes, err);
    if (optim->arena == NULL)
        return -1;
    optim->m = optim->arena;
    optim->v = optim->m + moment;
    optim->master = master > 0 ? (float *)(optim->v + moment) : NULL;
    optim->norm2 = (double *)(optim->v + moment + master);
    d->zero(d, optim->arena, optim->bytes);
    return 0;
}

struct optim *optim_create_parts(struct model *model, struct device *device,
                                 const struct optim_options *options,
                                 const struct shard_part *parts, size_t count,
                                 struct collective *collective, struct sft_error *err)
{
    struct optim *optim = calloc(1, sizeof *optim);
    if (optim == NULL) {
        sft_error_set(err, "no memory for an optimizer");
        return NULL;
    }
    optim->model = model;
    optim->device = device;
    optim->options = *options;
    optim->collective = collective;
    if (optim_allocate(optim, parts, count, err) < 0) {
        optim_destroy(optim);
        return NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i < count && optim->master != NULL; i++) {
        device->ops->convert(
            device, &(struct convert_args){{FORMAT_FP32, optim->master + at, parts[i].count},
                                           {device->format, parts[i].weights, parts[i].count}});
        at += (parts[i].count + STEP - 1) / STEP * STEP;
    }
    return optim;
}

void optim_destroy(struct optim *optim)
{
    if (optim == NULL)
        return;
    if (optim->arena != NULL)
        optim->device->release(optim->device, optim->arena);
    free(optim->parts);
    free(optim);
}

double optim_rate(const struct optim_options *o, int step)
{
    const double pi = 3.14159265358979323846;
    if (step < o->lr_warmup)
        return o->lr * (step + 1) / o->lr_warmup;
    if (o->total_steps == 0)
        return o->lr;
    int span = o->total_steps - o->lr_warmup;
    double progress = step < o->total_steps ? (double)(step - o->lr_warmup) / span : 1;
    return o->lr * (1 + cos(pi * progress)) / 2;
}

static struct array part_weights(const struct optim *optim, size_t i)
{
    const struct shard_part *part = &optim->parts[i];
    return (struct array){optim->device->format, part->weights, part->count};
}

static struct array part_gradients(const struct optim *optim, size_t i)
{
    const struct shard_part *part = &optim->parts[i];
    return (struct array){optim->device->format, part->gradients, part->count};
}

/* The squares of all gradients, over all ranks that have some. */
static int optim_norm(struct optim *optim, struct sft_error *err)
{
    struct device *d = optim->device;
    d->zero(d, optim->norm2, sizeof *optim->norm2);
    for (size_t i = 0; i < optim->count; i++)
        d->ops->sum(d, &(struct sum_args){optim->norm2, part_gradients(optim, i), true});
    if (optim->collective == NULL)
        return 0;
    const struct collective_call sum = {
        .kind = COLLECTIVE_ALL_REDUCE,
        .group = COLLECTIVE_COMPUTE,
        .type = COLLECTIVE_FP64,
        .to = optim->norm2,
        .count = 1,
        .what = "sum of the gradients' norm",
    };
    return optim->collective->run(optim->collective, optim->device, &sum, err);
}

/* Each tensor that has elements in the part, since some decay and some do not. `at`: the part's
 * first element among the states. */
static void part_step(struct optim *optim, size_t number, size_t at, struct adamw_args args)
{
    struct device *d = optim->device;
    const struct shard_part *part = &optim->parts[number];
    size_t count, size = format_bytes(optim->options.states, 1);
    const struct model_tensor *tensors = model_tensors(optim->model, &count);
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        size_t end = t->offset + sft_param_elements(&t->param);
        size_t from = t->offset > part->offset ? t->offset : part->offset;
        size_t until = end < part->offset + part->count ? end : part->offset + part->count;
        if (from >= until || !t->param.trains)
            continue;
        size_t inside = from - part->offset, state = at + inside;
        args.weight = array_part(part_weights(optim, number), inside, until - from);
        args.grad = array_part(part_gradients(optim, number), inside, until - from);
        args.master = optim->master == NULL ? NULL : optim->master + state;
        args.m = optim->m + state * size;
        args.v = optim->v + state * size;
        args.weight_decay = t->param.decays ? (float)optim->options.weight_decay : 0;
        args.first = t->number + (from - t->offset);
        d->ops->adamw(d, &args);
    }
}

int optim_step(struct optim *optim, int step, double *norm, struct sft_error *err)
{
    struct device *d = optim->device;
    const struct optim_options *o = &optim->options;
    struct adamw_args args = {
        .lr = (float)optim_rate(o, step),
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .eps = (float)o->eps,
        .correction1 = (float)(1 - pow(o->beta1, step + 1)),
        .correction2 = (float)(1 - pow(o->beta2, step + 1)),
        .states = o->states,
        .norm2 = optim->norm2,
        .clip = (float)o->clip,
        .seed = random_mix(o->seed, (uint64_t)step),
    };
    if (optim_norm(optim, err) < 0)
        return -1;
    size_t at = 0;
    for (size_t i = 0; i < optim->count; i++) {
        part_step(optim, i, at, args);
        at += (optim->parts[i].count + STEP - 1) / STEP * STEP;
    }
    if (norm == NULL)
        return 0;
    d->read(d, norm, optim->norm2, sizeof *norm);
    *norm = sqrt(*norm);
    return d->sync(d, err);
}

size_t optim_bytes(const struct optim *optim)
{
    return optim->bytes;
}
