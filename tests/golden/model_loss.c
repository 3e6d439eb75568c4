/* SPDX-License-Identifier: Apache-2.0 */
/* model_loss FOLDER FILE.golden [ADAPTER [BASE]]: the loss of each document of the file's batch, by
 * the model that is saved in the folder, with the adapters of another beside its weights in that
 * format (bf16, which is fp32 here, fp8, nf4); for tests/golden/compare_model.py and
 * compare_adapter.py. */
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
    enum sft_base base = argc > 4 ? base_named(argv[4]) : SFT_BASE_DEVICE;
    if (argc < 3 || argc > 5 || golden_read(&golden, argv[2]) < 0 ||
        golden_batch(&golden, 0, &batch) < 0)
        return 2;
    device = device_create_cpu(&err);
    alone = collective_create_self(&err);
    weights = weights_open(argv[1], &err);
    if (weights != NULL && argc > 3)
        adapters = weights_open_adapters(argv[3], weights_shape(weights), &err);
    if (weights != NULL && (argc == 3 || adapters != NULL))
        model = model_of(weights, adapters, base, batch.rows, &err);
    if (model == NULL || losses_print(model, &batch, &err) < 0) {
        fprintf(stderr, "model_loss: %s\n", err.text);
        return 1;
    }
    return 0;
}
