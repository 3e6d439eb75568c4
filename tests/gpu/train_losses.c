/* SPDX-License-Identifier: Apache-2.0 */
/* Trains a preset on a GPU and writes what a peer needs to train the same
 * (tests/bench/peer_losses.py): first weights, every batch, the learning rates, and our losses.
 *   train_losses MODEL DATA TOKENIZER SEQ MICRO ACCUMULATION STEPS LR STATES FOLDER
 * In FOLDER: weights.bin (float32, our order), batches.bin (int32 tokens, targets, positions of
 * each micro-batch), rates.txt, losses-STATES.txt ("step loss" a line). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/ops.h"
#include "job/data/data.h"
#include "job/model/model.h"
#include "job/train/optim.h"
#include "job/data/tokenizer.h"

enum { SEED = 1, PIECE = 1 << 22 };

struct run {
    int seq, micro, accumulation, steps;
    struct device *device;
    struct model *model;
    struct optim *optim;
    struct optim_options options;
    struct data *data;
    struct batch batch;
    FILE *batches, *losses;
};

static FILE *file_in(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        perror(path);
    return file;
}

static int weights_write(const struct run *run, const char *folder)
{
    size_t count = model_parameters(run->model);
    float *piece = malloc(PIECE * sizeof *piece);
    FILE *file = file_in(folder, "weights.bin");
    int failed = piece == NULL || file == NULL;
    for (size_t first = 0; first < count && !failed; first += PIECE) {
        size_t part = count - first < PIECE ? count - first : PIECE;
        device_read_floats(run->device, piece, array_part(model_weights(run->model), first, part));
        failed = fwrite(piece, sizeof *piece, part, file) != part;
    }
    if (file != NULL)
        failed |= fclose(file) != 0;
    free(piece);
    return failed ? -1 : 0;
}

static int rates_write(const struct run *run, const char *folder)
{
    FILE *file = file_in(folder, "rates.txt");
    if (file == NULL)
        return -1;
    for (int step = 0; step < run->steps; step++)
        fprintf(file, "%.9g\n", optim_rate(&run->options, step));
    return fclose(file);
}

static int batch_write(struct run *run)
{
    size_t rows = (size_t)run->batch.rows;
    return fwrite(run->batch.tokens, 4, rows, run->batches) == rows &&
                   fwrite(run->batch.targets, 4, rows, run->batches) == rows &&
                   fwrite(run->batch.positions, 4, rows, run->batches) == rows
               ? 0
               : -1;
}

/* The mean is over the step's trained tokens, so the scale needs them all first. */
static int step_run(struct run *run, int step, struct sft_error *err)
{
    uint64_t first = (uint64_t)step * (uint64_t)(run->micro * run->accumulation);
    double trained = 0, sum;
    for (int i = 0; i < run->accumulation; i++) {
        data_fill(run->data, first + (uint64_t)(i * run->micro), run->micro, &run->batch);
        trained += (double)run->batch.trained;
        if (batch_write(run) < 0)
            return sft_error_set(err, "batches.bin: disk full?");
    }
    model_zero_gradients(run->model);
    for (int i = 0; i < run->accumulation; i++) {
        data_fill(run->data, first + (uint64_t)(i * run->micro), run->micro, &run->batch);
        if (model_step(run->model, &run->batch, (float)(1 / trained), NULL, err) < 0)
            return -1;
    }
    if (optim_step(run->optim, step, NULL, err) < 0 || model_take_loss(run->model, &sum, err) < 0)
        return -1;
    fprintf(run->losses, "%d %.6f\n", step + 1, sum / trained);
    return 0;
}

static int run_open(struct run *run, char **argv, const struct sft_preset *shape,
                    struct sft_error *err)
{
    bool bf16 = strcmp(argv[9], "bf16") == 0;
    char name[64];
    struct tokenizer *tokenizer = tokenizer_open(argv[3], err);
    if (tokenizer == NULL)
        return -1;
    run->data = data_open(argv[2], tokenizer, run->seq, SEED, 1, err);
    run->device = run->data == NULL ? NULL : device_create_cuda(0, err);
    if (run->device == NULL || batch_create(&run->batch, run->micro * run->seq, err) < 0)
        return -1;
    run->model = model_create(run->device, shape, run->micro * run->seq, RECOMPUTE_NORMS, err);
    if (run->model == NULL)
        return -1;
    model_initialize(run->model, SEED);
    run->options = (struct optim_options){.lr = atof(argv[8]),
                                          .lr_warmup = 10,
                                          .total_steps = run->steps,
                                          .beta1 = 0.9,
                                          .beta2 = 0.95,
                                          .eps = 1e-8,
                                          .weight_decay = 0.1,
                                          .clip = 1,
                                          .states = bf16 ? OPTIM_BF16 : OPTIM_FP32,
                                          .seed = SEED};
    run->optim = optim_create(run->model, run->device, &run->options, err);
    snprintf(name, sizeof name, "losses-%s.txt", bf16 ? "bf16" : "fp32");
    run->batches = file_in(argv[10], "batches.bin");
    run->losses = file_in(argv[10], name);
    if (run->batches == NULL || run->losses == NULL)
        return sft_error_set(err, "%s: no such folder?", argv[10]);
    return run->optim == NULL ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct sft_error err = {""};
    struct run run = {0};
    const struct sft_preset *shape = argc == 11 ? sft_preset_find(argv[1]) : NULL;
    if (shape == NULL) {
        fputs(
            "train_losses MODEL DATA TOKENIZER SEQ MICRO ACCUMULATION STEPS LR fp32|bf16 FOLDER\n",
            stderr);
        return 2;
    }
    run.seq = atoi(argv[4]);
    run.micro = atoi(argv[5]);
    run.accumulation = atoi(argv[6]);
    run.steps = atoi(argv[7]);
    int failed = run_open(&run, argv, shape, &err);
    if (!failed)
        failed = weights_write(&run, argv[10]) < 0 || rates_write(&run, argv[10]) < 0;
    for (int step = 0; step < run.steps && !failed; step++)
        failed = step_run(&run, step, &err);
    if (run.batches != NULL)
        failed |= fclose(run.batches) != 0;
    if (run.losses != NULL)
        failed |= fclose(run.losses) != 0;
    if (failed)
        fprintf(stderr, "train_losses: %s\n", err.text[0] != '\0' ? err.text : "cannot write");
    return failed ? 1 : 0;
}
