/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/tuning.h"

#include <stdlib.h>

enum { SEED = 1 };

struct part {
    const struct tuning *tuning;
    struct model *model;
    struct optim *optim;
    struct batch batch;
};

static void part_close(struct part *p)
{
    optim_destroy(p->optim);
    model_destroy(p->model);
    batch_destroy(&p->batch);
}

/* Its first weights are drawn, or those. */
static int part_open(struct part *p, const struct model_recipe *recipe, const float *weights,
                     int steps, struct sft_error *err)
{
    const struct tuning *t = p->tuning;
    const struct model_storage all = {.weights = true, .gradients = true, .multiple = 1};
    const struct optim_options options = {.lr = weights == NULL ? t->lr : t->lr_after,
                                          .lr_warmup = 10,
                                          .total_steps = steps,
                                          .beta1 = 0.9,
                                          .beta2 = 0.95,
                                          .eps = 1e-8,
                                          .weight_decay = 0.1,
                                          .clip = 1,
                                          .seed = SEED};
    int rows = t->micro * t->seq;
    if (batch_create(&p->batch, rows, err) < 0)
        return -1;
    p->model = model_create_stored(t->device, t->shape, rows, recipe, all, err);
    if (p->model == NULL)
        return -1;
    if (weights == NULL)
        model_initialize(p->model, SEED);
    else
        device_write_floats(t->device, model_weights(p->model), weights);
    p->optim = optim_create(p->model, t->device, &options, err);
    return p->optim == NULL ? -1 : 0;
}

/* Sequences that are trained on, by turns. */
static void part_fill(struct part *p, uint64_t number)
{
    const struct tuning *t = p->tuning;
    uint64_t trained = (uint64_t)(data_facts(t->data).packs - t->held) / (uint64_t)t->micro;
    data_fill(t->data, number % trained * (uint64_t)t->micro, t->micro, &p->batch);
}

static int part_step(struct part *p, int step, uint64_t first, struct sft_error *err)
{
    const struct tuning *t = p->tuning;
    double trained = 0, sum;
    for (int i = 0; i < t->accumulation; i++) {
        part_fill(p, first + (uint64_t)i);
        trained += (double)p->batch.trained;
    }
    model_zero_gradients(p->model);
    for (int i = 0; i < t->accumulation; i++) {
        part_fill(p, first + (uint64_t)i);
        if (model_step(p->model, &p->batch, (float)(1 / trained), NULL, err) < 0)
            return -1;
    }
    return optim_step(p->optim, step, NULL, err) < 0 ? -1 : model_take_loss(p->model, &sum, err);
}

/* `first`: the step's number among all, whose batches it sees. */
static int part_train(struct part *p, int first, int steps, struct sft_error *err)
{
    for (int step = 0; step < steps; step++)
        if (part_step(p, step, (uint64_t)(first + step) * (uint64_t)p->tuning->accumulation, err) <
            0)
            return -1;
    return 0;
}

static int part_judge(struct part *p, double *loss, struct sft_error *err)
{
    const struct tuning *t = p->tuning;
    uint64_t begin = (uint64_t)(data_facts(t->data).packs - t->held);
    double all = 0, trained = 0, sum;
    for (int i = 0; i + t->micro <= t->held; i += t->micro) {
        data_fill(t->data, begin + (uint64_t)i, t->micro, &p->batch);
        if (model_loss(p->model, &p->batch, &sum, err) < 0)
            return -1;
        all += sum;
        trained += (double)p->batch.trained;
    }
    *loss = all / trained;
    return 0;
}

/* Train it and say its loss; it is left open. */
static int part_run(struct part *p, const struct model_recipe *recipe, const float *weights,
                    double *loss, struct sft_error *err)
{
    const struct tuning *t = p->tuning;
    int before = weights == NULL ? 0 : t->before, steps = weights == NULL ? t->before : t->steps;
    if (part_open(p, recipe, weights, steps, err) < 0 || part_train(p, before, steps, err) < 0)
        return -1;
    return part_judge(p, loss, err);
}

static float *weights_take(const struct part *p, struct sft_error *err)
{
    struct array all = model_weights(p->model);
    float *weights = malloc(all.count * sizeof *weights);
    if (weights == NULL)
        sft_error_set(err, "no memory for the weights");
    else
        device_read_floats(p->tuning->device, weights, all);
    return weights;
}

int tuning_run(const struct tuning *t, const struct model_recipe *recipes, int count, double *first,
               double *losses, struct sft_error *err)
{
    const struct model_recipe plain = {.recompute = RECOMPUTE_NORMS};
    struct part p = {.tuning = t};
    float *weights = NULL;
    if (data_facts(t->data).packs < t->held + (long)t->micro)
        return sft_error_set(err, "%ld sequences are too few to hold %d out",
                             data_facts(t->data).packs, t->held);
    int failed = part_run(&p, &plain, NULL, first, err) < 0;
    if (!failed)
        failed = (weights = weights_take(&p, err)) == NULL;
    part_close(&p);
    for (int i = 0; i < count && !failed; i++) {
        p = (struct part){.tuning = t};
        failed = part_run(&p, &recipes[i], weights, &losses[i], err) < 0;
        part_close(&p);
    }
    free(weights);
    return failed ? -1 : 0;
}
