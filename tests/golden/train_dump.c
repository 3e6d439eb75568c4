/* SPDX-License-Identifier: Apache-2.0 */
/* train_dump FILE STEPS: train the tiny model on a file of instructions as bytes, and print all that
 * compare_training.py needs to do the same with Hugging Face's Llama and torch's AdamW: a line each
 * for shape, constants, optimizer, weights before the first step, every step's batch and mean loss;
 * a name, a count and that many numbers, fp32 as %.9g. */
#include <stdio.h>
#include <stdlib.h>

#include "job/data.h"
#include "job/model.h"
#include "job/optim.h"

enum { SEQ = 256, SEQUENCES = 4 };
static const uint64_t seed = 42;

struct training {
    struct tokenizer *tokenizer;
    struct data *data;
    struct backend *backend;
    struct model *model;
    struct optim *optim;
    struct batch batch;
};

static void print_floats(const char *name, const float *values, size_t count)
{
    printf("%s %zu", name, count);
    for (size_t i = 0; i < count; i++)
        printf(" %.9g", (double)values[i]);
    putchar('\n');
}

static void print_integers(const char *name, const int32_t *values, int count)
{
    printf("%s %d", name, count);
    for (int i = 0; i < count; i++)
        printf(" %d", values[i]);
    putchar('\n');
}

static void print_setup(const struct training *t, const struct optim_options *o)
{
    const struct sft_preset *s = model_shape(t->model);
    const int32_t shape[] = { s->vocab,    s->hidden, s->layers,   s->heads, s->kv_heads,
                              s->head_dim, s->ffn,    s->tied_head };
    printf("constants 2 %.17g %.17g\n", s->rope_theta, s->norm_eps);
    printf("optimizer 8 %.17g %d %d %.17g %.17g %.17g %.17g %.17g\n", o->lr, o->lr_warmup,
           o->total_steps, o->beta1, o->beta2, o->eps, o->weight_decay, o->clip);
    print_integers("shape", shape, sizeof shape / sizeof shape[0]);
    printf("seq 1 %d\n", SEQ);
}

static int print_weights(const struct training *t, struct sft_error *err)
{
    size_t count = model_parameters(t->model);
    float *weights = malloc(count * sizeof *weights);
    if (weights == NULL)
        return sft_error_set(err, "no memory for %zu weights", count);
    t->backend->read_act(t->backend, weights, model_weights(t->model), count);
    print_floats("weights", weights, count);
    free(weights);
    return 0;
}

static int training_open(struct training *t, const char *path, const struct optim_options *options,
                         struct sft_error *err)
{
    struct sft_preset shape = *sft_preset_find("tiny");
    t->tokenizer = tokenizer_open(NULL, err);
    if (t->tokenizer == NULL)
        return -1;
    t->data = data_open(path, t->tokenizer, SEQ, seed, err);
    if (t->data == NULL || batch_create(&t->batch, SEQ * SEQUENCES, err) < 0)
        return -1;
    t->backend = backend_create_cpu(err);
    if (t->backend == NULL)
        return -1;
    t->model = model_create(t->backend, &shape, SEQ * SEQUENCES, err);
    if (t->model == NULL)
        return -1;
    model_initialize(t->model, seed);
    t->optim = optim_create(t->model, t->backend, options, err);
    return t->optim == NULL ? -1 : 0;
}

static void training_close(struct training *t)
{
    optim_destroy(t->optim);
    model_destroy(t->model);
    if (t->backend != NULL)
        t->backend->destroy(t->backend);
    batch_destroy(&t->batch);
    data_close(t->data);
    tokenizer_close(t->tokenizer);
}

static int training_step(struct training *t, int step, struct sft_error *err)
{
    struct batch *b = &t->batch;
    double loss;
    data_fill(t->data, (uint64_t)step * SEQUENCES, SEQUENCES, b);
    print_integers("tokens", b->tokens, b->rows);
    print_integers("targets", b->targets, b->rows);
    print_integers("positions", b->positions, b->rows);
    print_integers("start", b->start, b->documents);
    print_integers("length", b->length, b->documents);
    model_zero_gradients(t->model);
    if (model_step(t->model, b, 1 / (float)b->trained, &loss, err) < 0
        || optim_step(t->optim, step, NULL, err) < 0)
        return -1;
    printf("loss 1 %.9g\n", loss / (double)b->trained);
    return 0;
}

int main(int argc, char **argv)
{
    struct sft_error err = { "" };
    struct training t = { 0 };
    struct optim_options o = { .lr = 1e-3, .lr_warmup = 10, .beta1 = 0.9, .beta2 = 0.95,
                               .eps = 1e-8, .weight_decay = 0.1, .clip = 1 };
    int failed;
    if (argc != 3 || (o.total_steps = atoi(argv[2])) < 1) {
        fprintf(stderr, "usage: train_dump FILE STEPS\n");
        return 2;
    }
    failed = training_open(&t, argv[1], &o, &err);
    if (!failed) {
        print_setup(&t, &o);
        failed = print_weights(&t, &err);
    }
    for (int step = 0; step < o.total_steps && !failed; step++)
        failed = training_step(&t, step, &err);
    training_close(&t);
    if (failed)
        fprintf(stderr, "train_dump: %s\n", err.text);
    return failed || fflush(stdout) != 0;
}
