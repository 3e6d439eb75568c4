/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/golden/training.h"

#include <string.h>

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int threads);
#endif

enum { SEED = 1 };

int training_open(struct training *t, const char *path, int seq, int sequences,
                  struct sft_error *err)
{
    memset(t, 0, sizeof *t);
    t->sequences = sequences;
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
    openblas_set_num_threads(1); /* so small a model gains nothing, and waits on a busy machine */
#endif
    t->options = (struct optim_options){
        .lr = 1e-3,
        .lr_warmup = 10,
        .total_steps = TRAINING_STEPS,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .eps = 1e-8,
        .weight_decay = 0.1,
        .clip = 1,
    };
    t->tokenizer = tokenizer_open("bytes", err);
    if (t->tokenizer == NULL)
        return -1;
    t->data = data_open(path, t->tokenizer, seq, SEED, 1, err);
    if (t->data == NULL || batch_create(&t->batch, sequences * seq, err) < 0)
        return -1;
    t->device = device_create_cpu(err);
    if (t->device == NULL)
        return -1;
    t->model = model_create(t->device, sft_preset_find("tiny"), t->batch.rows, RECOMPUTE_NONE, err);
    if (t->model == NULL)
        return -1;
    model_initialize(t->model, SEED);
    t->optim = optim_create(t->model, t->device, &t->options, err);
    return t->optim == NULL ? -1 : 0;
}

void training_close(struct training *t)
{
    optim_destroy(t->optim);
    model_destroy(t->model);
    if (t->device != NULL)
        t->device->destroy(t->device);
    batch_destroy(&t->batch);
    data_close(t->data);
    tokenizer_close(t->tokenizer);
}

int training_step(struct training *t, int step, double *loss, struct sft_error *err)
{
    double sum = 0;
    data_fill(t->data, (uint64_t)step * (uint64_t)t->sequences, t->sequences, &t->batch);
    if (t->batch.trained == 0)
        return sft_error_set(err, "step %d: no token to train", step);
    model_zero_gradients(t->model);
    if (model_step(t->model, &t->batch, 1.0f / (float)t->batch.trained, &sum, err) < 0 ||
        optim_step(t->optim, step, NULL, err) < 0 || t->device->sync(t->device, err) < 0)
        return -1;
    *loss = sum / (double)t->batch.trained;
    return 0;
}

double training_drop(const double *losses)
{
    double drop = 0;
    for (int i = 0; i < TRAINING_END; i++)
        drop += losses[i] - losses[TRAINING_STEPS - 1 - i];
    return drop / TRAINING_END;
}
