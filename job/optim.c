/* SPDX-License-Identifier: Apache-2.0 */
#include "job/optim.h"

#include <math.h>
#include <stdlib.h>

enum { ALIGNMENT = 256 }; /* of each moment, as of an allocation: vectors need it */

struct optim {
    struct model *model;
    struct backend *backend;
    struct optim_options options;
    void *arena;
    size_t bytes;
    float *m, *v;  /* [parameters] */
    double *norm2; /* one, backend memory */
};

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
    size_t moment = (count * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    optim->bytes = 2 * moment + sizeof *optim->norm2;
    optim->arena = backend->allocate(backend, optim->bytes, err);
    if (optim->arena == NULL) {
        free(optim);
        return NULL;
    }
    optim->m = optim->arena;
    optim->v = (float *)((char *)optim->arena + moment);
    optim->norm2 = (double *)((char *)optim->arena + 2 * moment);
    backend->zero(backend, optim->arena, optim->bytes);
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
    };
    size_t count;
    const struct model_tensor *tensors = model_tensors(optim->model, &count);
    char *weights = model_weights(optim->model), *gradients = model_gradients(optim->model);
    b->zero(b, optim->norm2, sizeof *optim->norm2);
    b->sum_squares(b, optim->norm2, gradients, model_parameters(optim->model));
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        size_t at = t->offset * b->act_size;
        args.weight_decay = t->decays ? (float)o->weight_decay : 0;
        b->adamw(b, weights + at, gradients + at, optim->m + t->offset, optim->v + t->offset,
                 (size_t)t->rows * (size_t)t->columns, optim->norm2, (float)o->clip, args);
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
