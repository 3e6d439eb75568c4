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
    char *m, *v;   /* [parameters], float or 16 bits; SGD has no v */
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

size_t optim_plan(size_t parameters, enum format format, enum format states, bool sgd)
{
    return (sgd ? 1 : 2) * aligned(format_bytes(states, parameters)) +
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
    bool sgd = optim->options.sgd;
    optim->bytes = optim_plan(elements, d->format, optim->options.states, sgd);
    optim->arena = d->allocate(d, optim->bytes, err);
    if (optim->arena == NULL)
        return -1;
    optim->m = optim->arena;
    optim->v = sgd ? NULL : optim->m + moment;
    char *behind = optim->m + (sgd ? 1 : 2) * moment;
    optim->master = master > 0 ? (float *)behind : NULL;
    optim->norm2 = (double *)(behind + master);
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

double optim_rate_now(const struct optim *optim, int step)
{
    return optim_rate(&optim->options, step);
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
    return collective_run(optim->collective, optim->device, &sum, err);
}

static void sgd_step(struct device *d, const struct adamw_args *a)
{
    d->ops->sgd(d, &(struct sgd_args){.weight = a->weight,
                                      .grad = a->grad,
                                      .master = a->master,
                                      .m = a->m,
                                      .norm2 = a->norm2,
                                      .clip = a->clip,
                                      .lr = a->lr,
                                      .momentum = a->beta1,
                                      .weight_decay = a->weight_decay});
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
        size_t from, share = shard_part_share(part, t, &from);
        if (share == 0 || !t->param.trains)
            continue;
        size_t inside = from - part->offset, state = at + inside;
        args.weight = array_part(part_weights(optim, number), inside, share);
        args.grad = array_part(part_gradients(optim, number), inside, share);
        args.master = optim->master == NULL ? NULL : optim->master + state;
        args.m = optim->m + state * size;
        args.v = optim->v == NULL ? NULL : optim->v + state * size;
        args.weight_decay = t->param.decays ? (float)optim->options.weight_decay : 0;
        args.first = t->number + (from - t->offset);
        if (optim->options.sgd)
            sgd_step(d, &args);
        else
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

/* The norm of a tensor's gradient as far as the part has it. */
static double tensor_norm(struct optim *optim, size_t number, const struct model_tensor *t)
{
    struct device *d = optim->device;
    const struct shard_part *part = &optim->parts[number];
    size_t from, count = shard_part_share(part, t, &from);
    double norm2 = 0;
    if (count == 0)
        return 0;
    struct array gradient = array_part(part_gradients(optim, number), from - part->offset, count);
    d->zero(d, optim->norm2, sizeof *optim->norm2);
    d->ops->sum(d, &(struct sum_args){optim->norm2, gradient, true});
    d->read(d, &norm2, optim->norm2, sizeof norm2);
    return sqrt(norm2);
}

int optim_check(struct optim *optim, bool *finite, const char **tensor, struct sft_error *err)
{
    struct device *d = optim->device;
    size_t count;
    double norm2 = 0;
    const struct model_tensor *tensors = model_tensors(optim->model, &count);
    d->read(d, &norm2, optim->norm2, sizeof norm2);
    *finite = isfinite(norm2);
    *tensor = NULL;
    for (size_t i = 0; i < optim->count && !*finite; i++)
        for (size_t t = 0; t < count && *tensor == NULL; t++)
            if (!isfinite(tensor_norm(optim, i, &tensors[t])))
                *tensor = tensors[t].name;
    return d->sync(d, err);
}

struct array optim_state(const struct optim *optim, enum optim_state state, size_t offset,
                         size_t count)
{
    size_t at = 0, i = 0;
    for (; offset < optim->parts[i].offset ||
           offset >= optim->parts[i].offset + optim->parts[i].count;
         i++)
        at += (optim->parts[i].count + STEP - 1) / STEP * STEP;
    at += offset - optim->parts[i].offset;
    if (state == OPTIM_MASTER)
        return (struct array){FORMAT_FP32, optim->master == NULL ? NULL : optim->master + at,
                              count};
    char *moments = state == OPTIM_M ? optim->m : optim->v;
    return (struct array){optim->options.states, moments + format_bytes(optim->options.states, at),
                          count};
}

size_t optim_bytes(const struct optim *optim)
{
    return optim->bytes;
}
