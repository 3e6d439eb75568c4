/* SPDX-License-Identifier: Apache-2.0 */
#include "job/optim.h"

#include <math.h>
#include <stdlib.h>

struct optim {
    struct model *model;
    struct backend *backend;
    struct optim_options options;
    float *m, *v;  /* backend memory [parameters], one allocation; norm2 stands behind them */
    double *norm2; /* backend memory [1] */
    size_t bytes;
    int updates;
};

/* m and v each rounded up to 256 bytes, so that v and the norm are aligned as an allocation is. */
static size_t moment_bytes(const struct model *model)
{
    return (model_parameters(model) * sizeof(float) + 255) / 256 * 256;
}

static int options_check(const struct optim_options *o, struct sft_error *err)
{
    if (!(o->lr >= 0) || !(o->eps > 0) || !(o->weight_decay >= 0) || !(o->clip >= 0))
        return sft_error_set(err,
                             "AdamW: lr %g, eps %g, weight_decay %g, clip %g: must not be "
                             "negative, eps must be positive",
                             o->lr, o->eps, o->weight_decay, o->clip);
    if (!(o->beta1 >= 0 && o->beta1 < 1 && o->beta2 >= 0 && o->beta2 < 1))
        return sft_error_set(err, "AdamW: beta1 %g and beta2 %g must be in [0, 1)", o->beta1,
                             o->beta2);
    return 0;
}

struct optim *optim_create(struct model *model, const struct optim_options *options,
                           struct sft_error *err)
{
    struct optim *o;
    size_t moment = moment_bytes(model);
    char *memory;
    if (options_check(options, err) < 0)
        return NULL;
    o = calloc(1, sizeof *o);
    if (o == NULL) {
        sft_error_set(err, "no memory for the optimizer");
        return NULL;
    }
    o->model = model;
    o->backend = model_backend(model);
    o->options = *options;
    o->bytes = 2 * moment + sizeof *o->norm2;
    memory = o->backend->allocate(o->backend, o->bytes, err);
    if (memory == NULL) {
        sft_error_prefix(err, "the optimizer's moments");
        free(o);
        return NULL;
    }
    o->backend->zero(o->backend, memory, o->bytes);
    o->m = (float *)memory;
    o->v = (float *)(memory + moment);
    o->norm2 = (double *)(memory + 2 * moment);
    return o;
}

void optim_destroy(struct optim *optim)
{
    if (optim == NULL)
        return;
    optim->backend->release(optim->backend, optim->m);
    free(optim);
}

double optim_rate(const struct optim_options *o, int step)
{
    if (step < o->lr_warmup)
        return o->lr * (step + 1) / o->lr_warmup;
    if (step >= o->total_steps)
        return 0;
    return o->lr * (1 + cos(M_PI * (step - o->lr_warmup) / (o->total_steps - o->lr_warmup))) / 2;
}

static void update(struct optim *o, struct adamw_args args)
{
    struct backend *b = o->backend;
    size_t count;
    const struct model_tensor *tensors = model_tensors(o->model, &count);
    char *weights = model_weights(o->model), *gradients = model_gradients(o->model);
    for (size_t t = 0; t < count; t++) {
        size_t at = tensors[t].offset, bytes = at * b->act_size;
        args.weight_decay = tensors[t].decays ? (float)o->options.weight_decay : 0;
        b->adamw(b, weights + bytes, gradients + bytes, o->m + at, o->v + at,
                 (size_t)tensors[t].rows * (size_t)tensors[t].columns, o->norm2,
                 (float)o->options.clip, args);
    }
}

int optim_step(struct optim *optim, int step, double *norm, struct sft_error *err)
{
    const struct optim_options *o = &optim->options;
    struct backend *b = optim->backend;
    double norm2 = 0;
    optim->updates++;
    struct adamw_args args = {
        .lr = (float)optim_rate(o, step),
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .eps = (float)o->eps,
        .correction1 = (float)(1 - pow(o->beta1, optim->updates)),
        .correction2 = (float)(1 - pow(o->beta2, optim->updates)),
    };
    b->zero(b, optim->norm2, sizeof *optim->norm2);
    b->sum_squares(b, optim->norm2, model_gradients(optim->model), model_parameters(optim->model));
    update(optim, args);
    if (norm == NULL)
        return 0;
    b->read(b, &norm2, optim->norm2, sizeof norm2);
    if (b->sync(b, err) < 0)
        return -1;
    *norm = sqrt(norm2);
    return 0;
}

size_t optim_bytes(const struct optim *optim)
{
    return optim->bytes;
}
