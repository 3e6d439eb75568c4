/* SPDX-License-Identifier: Apache-2.0 */
#include "job/optim.h"

#include <math.h>
#include <stdlib.h>

#include "job/random.h"

enum { ALIGNMENT = 256 }; /* of each moment, as of an allocation: vectors need it */

struct optim {
    struct model *model;
    struct backend *backend;
    struct optim_options options;
    void *arena;
    size_t bytes;
    float *master; /* [parameters] or NULL */
    char *m, *v;   /* [parameters], float or 16 bits */
    double *norm2; /* one, backend memory */
};

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t moment_size(enum optim_states states)
{
    return states == OPTIM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t master_bytes(size_t parameters, size_t act_size, enum optim_states states)
{
    bool needed = states == OPTIM_FP32 && act_size < sizeof(float);
    return needed ? aligned(parameters * sizeof(float)) : 0;
}

size_t optim_plan(size_t parameters, size_t act_size, enum optim_states states)
{
    return 2 * aligned(parameters * moment_size(states))
           + master_bytes(parameters, act_size, states) + sizeof(double);
}

struct optim *optim_create(struct model *model, struct backend *backend,
                           const struct optim_options *options, struct sft_error *err)
{
    size_t count = model_parameters(model);
    struct optim *optim = calloc(1, sizeof *optim);
    if (optim == NULL) {
        sft_error_set(err, "no memory for an optimizer");
        return NULL;
    }
    optim->model = model;
    optim->backend = backend;
    optim->options = *options;
    size_t moment = aligned(count * moment_size(options->states));
    size_t master = master_bytes(count, backend->act_size, options->states);
    optim->bytes = optim_plan(count, backend->act_size, options->states);
    optim->arena = backend->allocate(backend, optim->bytes, err);
    if (optim->arena == NULL) {
        free(optim);
        return NULL;
    }
    optim->m = optim->arena;
    optim->v = optim->m + moment;
    optim->master = master > 0 ? (float *)(optim->v + moment) : NULL;
    optim->norm2 = (double *)(optim->v + moment + master);
    backend->zero(backend, optim->arena, optim->bytes);
    if (optim->master != NULL)
        backend->widen(backend, optim->master, model_weights(model), count);
    return optim;
}

void optim_destroy(struct optim *optim)
{
    if (optim == NULL)
        return;
    optim->backend->release(optim->backend, optim->arena);
    free(optim);
}

double optim_rate(const struct optim_options *o, int step)
{
    const double pi = 3.14159265358979323846;
    if (step < o->lr_warmup)
        return o->lr * (step + 1) / o->lr_warmup;
    int span = o->total_steps - o->lr_warmup;
    double progress = step < o->total_steps ? (double)(step - o->lr_warmup) / span : 1;
    return o->lr * (1 + cos(pi * progress)) / 2;
}

int optim_step(struct optim *optim, int step, double *norm, struct sft_error *err)
{
    struct backend *b = optim->backend;
    const struct optim_options *o = &optim->options;
    struct adamw_args args = {
        .lr = (float)optim_rate(o, step),
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .eps = (float)o->eps,
        .correction1 = (float)(1 - pow(o->beta1, step + 1)),
        .correction2 = (float)(1 - pow(o->beta2, step + 1)),
        .bf16_states = o->states == OPTIM_BF16,
        .seed = random_mix(o->seed, (uint64_t)step),
    };
    size_t count;
    const struct model_tensor *tensors = model_tensors(optim->model, &count);
    char *weights = model_weights(optim->model), *gradients = model_gradients(optim->model);
    b->zero(b, optim->norm2, sizeof *optim->norm2);
    b->sum_squares(b, optim->norm2, gradients, model_parameters(optim->model));
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        size_t at = t->offset * b->act_size, moment = t->offset * moment_size(o->states);
        args.weight_decay = t->decays ? (float)o->weight_decay : 0;
        args.first = t->offset;
        b->adamw(b, weights + at, gradients + at,
                 optim->master == NULL ? NULL : optim->master + t->offset, optim->m + moment,
                 optim->v + moment, (size_t)t->rows * (size_t)t->columns, optim->norm2,
                 (float)o->clip, args);
    }
    if (norm == NULL)
        return 0;
    b->read(b, norm, optim->norm2, sizeof *norm);
    *norm = sqrt(*norm);
    return b->sync(b, err);
}

size_t optim_bytes(const struct optim *optim)
{
    return optim->bytes;
}
