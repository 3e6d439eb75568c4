/* SPDX-License-Identifier: Apache-2.0 */
/* A rank of several that share: trains 20 steps with sizes that nothing divides and accumulation,
 * and compares losses and all weights with those of one rank alone. test_ranks.sh runs it.
 *   shard_ranks ZERO RANKS-PER-NODE tied|untied|gpt2 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data.h"
#include "job/tensor/random.h"
#include "job/model/shard.h"
#include "job/train/optim.h"
#include "lib/request.h"

enum { STEPS = 20, MICRO_BATCHES = 24, DOCUMENTS = 2, ROWS = 40 };

static struct sft_preset shape = {.name = "ranks",
                                  .title = "ranks",
                                  .source = "test",
                                  .vocab = 37,
                                  .hidden = 24,
                                  .layers = 3,
                                  .heads = 4,
                                  .kv_heads = 2,
                                  .head_dim = 6,
                                  .ffn = 35,
                                  .context = 256,
                                  .rope_theta = 10000,
                                  .norm_eps = 1e-5};

struct training {
    struct model *model;
    struct shard *shard;
    struct optim *optim;
    struct comm *comm;
    double loss[STEPS];
    float *weights; /* in the order of tensors, without gaps */
    size_t parameters;
};

static void check(int failed, const struct sft_error *err)
{
    if (!failed)
        return;
    fprintf(stderr, "shard_ranks: %s\n", err->text);
    exit(1);
}

/* The numbers of a micro-batch depend on (step, number) alone: whoever trains it. */
static void batch_fill(struct batch *b, int step, int number)
{
    uint64_t seed = random_mix((uint64_t)step, (uint64_t)number);
    b->documents = b->trained = 0;
    b->real = 0;
    for (int row = 0; row < ROWS; row++) {
        b->tokens[row] = (int32_t)(random_mix(seed, (uint64_t)row) % (uint64_t)shape.vocab);
        b->targets[row] = -1;
    }
    for (int d = 0, at = 0; d < DOCUMENTS; d++) {
        int length = 3 + (int)(random_mix(seed, 1000 + (uint64_t)d) % 15);
        b->start[d] = at;
        b->length[d] = length;
        b->documents++;
        for (int i = 0; i < length; i++, at++) {
            b->positions[at] = i;
            if (i + 1 < length) /* something to learn: a shift by a constant */
                b->targets[at] = (b->tokens[at] + 5) % shape.vocab;
        }
    }
}

static struct optim_options options(void)
{
    return (struct optim_options){.lr = 5e-3,
                                  .lr_warmup = 3,
                                  .total_steps = STEPS,
                                  .beta1 = 0.9,
                                  .beta2 = 0.95,
                                  .eps = 1e-8,
                                  .weight_decay = 0.1,
                                  .clip = 1};
}

static void training_make(struct training *t, struct device *b, struct comm *comm,
                          enum sft_zero zero)
{
    struct sft_error err = {""};
    struct optim_options o = options();
    size_t count;
    t->comm = comm;
    check(comm->attach(comm, b, &err), &err);
    t->model =
        model_create_stored(b, &shape, ROWS, RECOMPUTE_NONE, shard_storage(zero, comm->size), &err);
    check(t->model == NULL, &err);
    t->shard = shard_create(t->model, b, comm, zero, 11, NULL, &err);
    check(t->shard == NULL, &err);
    const struct shard_part *parts = shard_parts(t->shard, &count);
    t->optim =
        optim_create_parts(t->model, b, &o, parts, count, zero == SFT_ZERO_0 ? NULL : comm, &err);
    check(t->optim == NULL, &err);
}

static void training_step(struct training *t, struct batch *batch, int step)
{
    struct sft_error err = {""};
    int each = MICRO_BATCHES / t->comm->size;
    double loss = 0;
    shard_begin(t->shard, each);
    for (int i = 0; i < each; i++) {
        batch_fill(batch, step, t->comm->rank * each + i);
        check(model_step(t->model, batch, 1.0f / (MICRO_BATCHES * ROWS), NULL, &err), &err);
    }
    check(shard_reduce(t->shard, &err), &err);
    check(optim_step(t->optim, step, NULL, &err), &err);
    check(shard_spread(t->shard, &err), &err);
    check(model_take_loss(t->model, &loss, &err), &err);
    check(t->comm->sum_double(t->comm, &loss, 1, &err), &err);
    t->loss[step] = loss;
}

/* Each rank's own parts at their places, and nothing else, summed over the ranks. */
static void training_weights(struct training *t, enum sft_zero zero)
{
    struct sft_error err = {""};
    size_t parts_count, tensor_count;
    const struct shard_part *parts = shard_parts(t->shard, &parts_count);
    const struct model_tensor *tensors = model_tensors(t->model, &tensor_count);
    t->parameters = (size_t)sft_params_count(&shape);
    t->weights = calloc(t->parameters, sizeof *t->weights);
    for (size_t p = 0; p < parts_count && (zero != SFT_ZERO_0 || t->comm->rank == 0); p++)
        for (size_t i = 0; i < tensor_count; i++) {
            size_t elements = sft_param_elements(&tensors[i].param);
            for (size_t j = 0; j < elements; j++) {
                size_t at = tensors[i].offset + j;
                if (at >= parts[p].offset && at < parts[p].offset + parts[p].count)
                    t->weights[tensors[i].number + j] =
                        ((const float *)parts[p].weights)[at - parts[p].offset];
            }
        }
    check(t->comm->all_reduce(t->comm, COMM_WORLD, t->weights, t->parameters, "weights", &err),
          &err);
}

static void training_run(struct training *t, struct device *b, struct comm *comm,
                         enum sft_zero zero)
{
    struct sft_error err = {""};
    struct batch batch;
    check(batch_create(&batch, ROWS, &err), &err);
    training_make(t, b, comm, zero);
    for (int step = 0; step < STEPS; step++)
        training_step(t, &batch, step);
    training_weights(t, zero);
    batch_destroy(&batch);
}

static int compare(const struct training *many, const struct training *one)
{
    double difference = 0, norm = 0, worst = 0;
    for (int i = 0; i < STEPS; i++)
        worst = fmax(worst, fabs(many->loss[i] / one->loss[i] - 1));
    for (size_t i = 0; i < one->parameters; i++) {
        double d = (double)many->weights[i] - (double)one->weights[i];
        difference += d * d;
        norm += (double)one->weights[i] * (double)one->weights[i];
    }
    double apart = sqrt(difference / norm);
    printf("losses %.4g -> %.4g, at most %.2g apart, weights %.2g\n", one->loss[0],
           one->loss[STEPS - 1], worst, apart);
    return one->loss[STEPS - 1] < 0.8 * one->loss[0] && worst < 1e-5 && apart < 1e-5 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct bootstrap bootstrap;
    struct training many = {0}, one = {0};
    int zero = 0, status = 0;
    if (argc != 4)
        return 2;
    while (zero < SFT_ZERO_COUNT && strcmp(argv[1], sft_zero_name((enum sft_zero)zero)) != 0)
        zero++;
    shape.tied_head = strcmp(argv[3], "untied") != 0;
    if (strcmp(argv[3], "gpt2") == 0) {
        shape.architecture = SFT_GPT2;
        shape.kv_heads = shape.heads;
    }
    check(zero == SFT_ZERO_COUNT || bootstrap_start(&bootstrap, &err) < 0, &err);
    snprintf(bootstrap.host, sizeof bootstrap.host, "node%d", bootstrap.rank / atoi(argv[2]));
    struct comm *comm = comm_create(&bootstrap, -1, 60, &err), *self = comm_create_self(&err);
    struct device *b = device_create_cpu(&err);
    check(comm == NULL || self == NULL || b == NULL, &err);
    training_run(&many, b, comm, (enum sft_zero)zero);
    training_run(&one, b, self, SFT_ZERO_0);
    if (comm->rank == 0)
        status = compare(&many, &one);
    comm->destroy(comm);
    bootstrap_stop(&bootstrap);
    return status; /* of rank 0; the memory goes with the process */
}
