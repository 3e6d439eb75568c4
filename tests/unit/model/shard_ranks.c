/* SPDX-License-Identifier: Apache-2.0 */
/* A rank of several that share: trains 20 steps with sizes that nothing divides and accumulation,
 * and compares losses and all weights with those of one rank alone. test_ranks.sh runs it.
 *   shard_ranks ZERO RANKS-PER-NODE tied|untied|gpt2|lora|lora_fp8|lora_nf4
 *   shard_ranks ZERO RANKS-PER-NODE fp8-tensor|fp8-row|fp8-gpt2 RECOMPUTE MICRO-BATCHES-A-RANK
 * FP8 has the sizes that it must have, and rounds 1 of 16 where fp32 rounds 1 of 16 million. Where
 * its weights come in FP8, losses and weights are those of as many ranks that gather them in fp32
 * and quantize them whole, to the bit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data.h"
#include "job/tensor/random.h"
#include "job/model/shard.h"
#include "job/train/optim.h"
#include "lib/request.h"

enum { STEPS = 20, DOCUMENTS = 2 };

static int rows = 40, micro_batches = 24; /* of a step, of all ranks */
static struct model_recipe recipe;
static double bound = 1e-5; /* of losses and weights */
static double drop = 0.8;   /* the last loss is at most so much of the first */

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
    struct control *control;
    struct collective *collective;
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
    b->first = ((uint64_t)step * (uint64_t)micro_batches + (uint64_t)number) * (uint64_t)rows;
    b->documents = b->trained = 0;
    b->real = 0;
    for (int row = 0; row < rows; row++) {
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

static void training_make(struct training *t, struct device *b, enum sft_zero zero)
{
    struct sft_error err = {""};
    struct optim_options o = options();
    size_t count;
    t->model = model_create_stored(b, &shape, rows, &recipe,
                                   shard_storage(&shape, zero, t->control->size), &err);
    check(t->model == NULL, &err);
    t->shard = shard_create(t->model, b, t->collective, zero, 11, NULL, &err);
    check(t->shard == NULL, &err);
    const struct shard_part *parts = shard_parts(t->shard, &count);
    t->optim = optim_create_parts(t->model, b, &o, parts, count,
                                  zero == SFT_ZERO_0 ? NULL : t->collective, &err);
    check(t->optim == NULL, &err);
}

static void training_step(struct training *t, struct batch *batch, int step)
{
    struct sft_error err = {""};
    int each = micro_batches / t->control->size;
    double loss = 0;
    shard_begin(t->shard, each);
    for (int i = 0; i < each; i++) {
        batch_fill(batch, step, t->control->rank * each + i);
        check(model_step(t->model, batch, 1.0f / (float)(micro_batches * rows), NULL, &err), &err);
    }
    check(shard_reduce(t->shard, &err), &err);
    check(optim_step(t->optim, step, NULL, &err), &err);
    check(shard_spread(t->shard, &err), &err);
    check(model_take_loss(t->model, &loss, &err), &err);
    check(control_sum(t->control, &loss, 1, &err), &err);
    t->loss[step] = loss;
}

/* Each rank's own parts at their places, and nothing else, summed over the ranks. */
static void training_weights(struct training *t, struct device *b, enum sft_zero zero)
{
    struct sft_error err = {""};
    size_t parts_count, tensor_count;
    const struct shard_part *parts = shard_parts(t->shard, &parts_count);
    const struct model_tensor *tensors = model_tensors(t->model, &tensor_count);
    t->parameters = (size_t)sft_params_trained(&shape);
    t->weights = calloc(t->parameters, sizeof *t->weights);
    for (size_t p = 0; p < parts_count && (zero != SFT_ZERO_0 || t->control->rank == 0); p++)
        for (size_t i = 0; i < tensor_count; i++) {
            size_t elements = sft_param_elements(&tensors[i].param);
            for (size_t j = 0; j < elements && tensors[i].param.trains; j++) {
                size_t at = tensors[i].offset + j;
                if (at >= parts[p].offset && at < parts[p].offset + parts[p].count)
                    t->weights[tensors[i].number + j] =
                        ((const float *)parts[p].weights)[at - parts[p].offset];
            }
        }
    const struct collective_call sum = {.kind = COLLECTIVE_ALL_REDUCE,
                                        .group = COLLECTIVE_WORLD,
                                        .to = t->weights,
                                        .count = t->parameters,
                                        .what = "weights"};
    check(t->collective->run(t->collective, b, &sum, &err), &err);
}

static void training_run(struct training *t, struct device *b, enum sft_zero zero)
{
    struct sft_error err = {""};
    struct batch batch;
    check(batch_create(&batch, rows, &err), &err);
    training_make(t, b, zero);
    for (int step = 0; step < STEPS; step++)
        training_step(t, &batch, step);
    training_weights(t, b, zero);
    batch_destroy(&batch);
}

static void training_join(struct training *t, struct bootstrap *bootstrap)
{
    struct sft_error err = {""};
    t->control = control_start(bootstrap, 60, &err);
    check(t->control == NULL, &err);
    t->collective = collective_create(t->control, -1, 0, &err);
    check(t->collective == NULL, &err);
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
    return one->loss[STEPS - 1] < drop * one->loss[0] && worst < bound && apart < bound ? 0 : 1;
}

static bool is(const char *word, const char *other)
{
    return strcmp(word, other) == 0;
}

static void take_fp8(enum sft_zero zero, const char *kind, const char *level)
{
    rows = shape.hidden = 48;
    shape.head_dim = 12;
    shape.ffn = 32;
    recipe.scaling = is(kind, "fp8-row") ? SCALING_ROW : SCALING_TENSOR;
    recipe.recompute = is(level, "block")   ? RECOMPUTE_BLOCK
                       : is(level, "norms") ? RECOMPUTE_NORMS
                                            : RECOMPUTE_NONE;
    recipe.gathered = shard_gathers_fp8(&shape, zero, recipe.scaling);
    recipe.copies = recipe.gathered ? MODEL_COPIES_NONE : MODEL_COPIES_BOTH;
    bound = 3e-2;
}

/* The same ranks, which gather fp32: every bit. */
static int same_as_whole(const struct training *many, struct device *b, enum sft_zero zero)
{
    struct training whole = {.control = many->control, .collective = many->collective};
    recipe.gathered = false;
    training_run(&whole, b, zero);
    recipe.gathered = true;
    if (memcmp(whole.loss, many->loss, sizeof whole.loss) == 0 &&
        memcmp(whole.weights, many->weights, whole.parameters * sizeof(float)) == 0)
        return 0;
    for (int i = 0; i < STEPS && many->control->rank == 0; i++)
        printf("step %d: %.9g, gathered in fp32 %.9g\n", i, many->loss[i], whole.loss[i]);
    return 1;
}

/* With dropout, whose masks all ranks must agree on. Beside the small frozen weights of a new model
 * adapters learn little. */
static void take_lora(const char *kind)
{
    struct sft_error err = {""};
    shape.adapters = (struct sft_adapters){.rank = 6, .alpha = 60, .dropout = 0.2};
    if (strcmp(kind, "lora_fp8") == 0) { /* sizes that E4M3 must have */
        shape.hidden = 48;
        shape.head_dim = 12;
        shape.ffn = 32;
        shape.adapters.base = SFT_BASE_FP8;
    }
    if (strcmp(kind, "lora_nf4") == 0)
        shape.adapters.base = SFT_BASE_NF4;
    check(sft_adapters_read(&shape, "all", &shape.adapters.targets, &err), &err);
    recipe.seed = 9;
    drop = 0.9;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct bootstrap bootstrap, alone = {.size = 1, .host = "alone"};
    struct training many = {0}, one = {0};
    int zero = 0, status = 0;
    if (argc != 4 && argc != 6)
        return 2;
    while (zero < SFT_ZERO_COUNT && strcmp(argv[1], sft_zero_name((enum sft_zero)zero)) != 0)
        zero++;
    bool adapts = strncmp(argv[3], "lora", 4) == 0;
    shape.tied_head = !is(argv[3], "untied") && !adapts;
    if (strstr(argv[3], "gpt2") != NULL) {
        shape.architecture = SFT_GPT2;
        shape.kv_heads = shape.heads;
    }
    if (argc == 6)
        take_fp8((enum sft_zero)zero, argv[3], argv[4]);
    if (adapts)
        take_lora(argv[3]);
    check(zero == SFT_ZERO_COUNT || bootstrap_start(&bootstrap, &err) < 0, &err);
    if (argc == 6)
        micro_batches = atoi(argv[5]) * bootstrap.size;
    snprintf(bootstrap.host, sizeof bootstrap.host, "node%d", bootstrap.rank / atoi(argv[2]));
    training_join(&many, &bootstrap);
    training_join(&one, &alone);
    struct device *b = device_create_cpu(&err);
    check(b == NULL, &err);
    training_run(&many, b, (enum sft_zero)zero);
    if (recipe.gathered)
        status = same_as_whole(&many, b, (enum sft_zero)zero);
    recipe.gathered = false;
    training_run(&one, b, SFT_ZERO_0);
    if (many.control->rank == 0)
        status |= compare(&many, &one);
    collective_destroy(many.collective, NULL);
    control_stop(many.control);
    bootstrap_stop(&bootstrap);
    return status; /* of rank 0; the memory goes with the process */
}
