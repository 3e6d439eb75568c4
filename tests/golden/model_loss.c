/* SPDX-License-Identifier: Apache-2.0 */
/* model_loss [--logits] FOLDER FILE.golden [ADAPTER [BASE]]: the loss of each document of the
 * file's batch, or all logits, a line each row of the batch, by the model that is saved in the
 * folder, with the adapters of another beside its weights in that format (bf16, which is fp32 here,
 * fp8, nf4); for tests/golden/compare_model.py, compare_adapter.py and compare_logits.py. */
#include <stdio.h>
#include <string.h>

#include "job/train/load.h"
#include "lib/request.h"
#include "tests/golden/golden.h"

static int losses_print(struct model *model, struct batch *batch, struct sft_error *err)
{
    static int32_t targets[4096];
    for (int d = 0; d < batch->documents; d++) {
        double loss = 0;
        for (int row = 0; row < batch->rows && d == 0; row++)
            targets[row] = batch->targets[row];
        for (int row = 0; row < batch->rows; row++)
            batch->targets[row] = row >= batch->start[d] && row < batch->start[d] + batch->length[d]
                                      ? targets[row]
                                      : -1;
        if (model_loss(model, batch, &loss, err) < 0)
            return -1;
        printf("%.9g\n", loss);
    }
    return 0;
}

/* Logits are nowhere once the loss has been taken of them: they are looked at as it is. */
static struct ops watched;
static const struct ops *ops;

static void logits_watch(struct device *d, const struct cross_entropy_args *args)
{
    const float *row = args->logits.data;
    for (int i = 0; i < args->logits.rows; i++, row += args->logits.columns)
        for (int k = 0; k < args->classes; k++)
            printf("%.9g%c", (double)row[k], k + 1 < args->classes ? ' ' : '\n');
    ops->cross_entropy(d, args);
}

static int logits_print(struct model *model, struct batch *batch, struct sft_error *err)
{
    double loss;
    return model_loss(model, batch, &loss, err);
}

static struct device *device;
static struct collective *alone;
static struct control control = {.size = 1};

/* The format's place among sft_base_words. */
static enum sft_base base_named(const char *word)
{
    int base = 0;
    while (sft_base_words[base] != NULL && strcmp(sft_base_words[base], word) != 0)
        base++;
    return (enum sft_base)base;
}

static void device_watch(void)
{
    ops = device->ops;
    watched = *ops;
    watched.cross_entropy = logits_watch;
    device->ops = &watched;
}

static struct model *model_of(const struct weights *weights, const struct weights *adapters,
                              enum sft_base base, int rows, struct sft_error *err)
{
    struct sft_preset shape = *weights_shape(adapters != NULL ? adapters : weights);
    shape.adapters.base = base;
    struct model *model = model_create(device, &shape, rows, RECOMPUTE_NONE, err);
    struct shard *shard =
        model == NULL ? NULL : shard_create(model, device, alone, SFT_ZERO_0, 1, NULL, err);
    const struct load load = {weights, model, shard, device, &control, alone, adapters};
    return shard == NULL || load_weights(&load, err) < 0 ? NULL : model;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct golden golden;
    struct batch batch;
    struct weights *weights, *adapters = NULL;
    struct model *model = NULL;
    bool logits = argc > 1 && strcmp(argv[1], "--logits") == 0;
    argc -= logits;
    argv += logits;
    enum sft_base base = argc > 4 ? base_named(argv[4]) : SFT_BASE_DEVICE;
    if (argc < 3 || argc > 5 || golden_read(&golden, argv[2]) < 0 ||
        golden_batch(&golden, 0, &batch) < 0)
        return 2;
    device = device_create_cpu(&err);
    if (logits)
        device_watch();
    alone = collective_create_self(&err);
    weights = weights_open(argv[1], &err);
    if (weights != NULL && argc > 3)
        adapters = weights_open_adapters(argv[3], weights_shape(weights), &err);
    if (weights != NULL && (argc == 3 || adapters != NULL))
        model = model_of(weights, adapters, base, batch.rows, &err);
    if (model == NULL || (logits ? logits_print : losses_print)(model, &batch, &err) < 0) {
        fprintf(stderr, "model_loss: %s\n", err.text);
        return 1;
    }
    return 0;
}
