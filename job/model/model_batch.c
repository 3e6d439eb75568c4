/* SPDX-License-Identifier: Apache-2.0 */
/* A micro-batch: what a model demands of it, and its way to the device. */
#include "job/model/model_internal.h"

#include <stdlib.h>

static struct documents documents_of(const struct batch *batch)
{
    struct documents docs = {batch->documents, batch->start, batch->length, 0};
    for (int i = 0; i < docs.count; i++)
        if (docs.length[i] > docs.longest)
            docs.longest = docs.length[i];
    return docs;
}

/* Documents stand in row order and do not overlap: attention relies on it. */
static int check_documents(const struct batch *batch, struct sft_error *err)
{
    int end = 0;
    for (int d = 0; d < batch->documents; d++) {
        if (batch->length[d] < 1 || batch->start[d] < end ||
            batch->length[d] > batch->rows - batch->start[d])
            return sft_error_set(err, "document %d, rows %d + %d, is misplaced in a batch of %d", d,
                                 batch->start[d], batch->length[d], batch->rows);
        end = batch->start[d] + batch->length[d];
    }
    return 0;
}

/* Learned positions end somewhere. */
static int check_positions(const struct model *model, const struct batch *batch,
                           struct sft_error *err)
{
    const struct model_tensor *learned = model_find(model, 0, SFT_ROLE_POSITION, false);
    for (int row = 0; row < batch->rows && learned != NULL; row++)
        if (batch->positions[row] < 0 || batch->positions[row] >= learned->param.rows)
            return sft_error_set(err, "row %d is at position %d: %s has %d of them", row,
                                 batch->positions[row], model->shape.name, learned->param.rows);
    return 0;
}

/* An LSTM's sequences are whole samples, each as long as the shape says. */
static int check_sequences(const struct model *model, const struct batch *batch,
                           struct sft_error *err)
{
    int steps = model->shape.context;
    if (model->shape.architecture != SFT_LSTM)
        return 0;
    for (int row = 0; row < batch->rows; row++)
        if (batch->positions[row] != row % steps)
            return sft_error_set(err,
                                 "row %d is at position %d: %s takes whole sequences of %d steps",
                                 row, batch->positions[row], model->shape.name, steps);
    return 0;
}

static int check_ids(const struct model *model, const struct batch *batch, struct sft_error *err)
{
    int vocab = model->shape.vocab, outputs = sft_preset_outputs(&model->shape);
    for (int row = 0; row < batch->rows; row++)
        if (batch->tokens[row] < 0 || (vocab > 0 && batch->tokens[row] >= vocab) ||
            batch->targets[row] >= outputs)
            return sft_error_set(err, "row %d has token %d and target %d, %s a vocabulary of %d%s",
                                 row, batch->tokens[row], batch->targets[row], model->shape.name,
                                 outputs, model->shape.classes > 0 ? " classes" : "");
    return 0;
}

/* A bad id would reach outside of the embedding's table, so every batch is checked: it is cheap. */
static int check_batch(const struct model *model, const struct batch *batch, struct sft_error *err)
{
    if (batch->rows != model->rows)
        return sft_error_set(err, "a batch of %d rows for a model of %d", batch->rows, model->rows);
    if (check_ids(model, batch, err) < 0 || check_sequences(model, batch, err) < 0)
        return -1;
    return check_positions(model, batch, err) < 0 ? -1 : check_documents(batch, err);
}

/* Targets step by step; in the tokens' place the batch's rows in that order. */
static int step_by_step(struct model *model, const struct batch *batch, struct sft_error *err)
{
    struct device *d = model->device;
    size_t rows = (size_t)model->rows;
    int steps = model->shape.context, sequences = model->rows / steps;
    int32_t *order = calloc(2 * rows, sizeof *order), *targets = order + rows;
    if (order == NULL)
        return sft_error_set(err, "no memory for a batch of %d rows", model->rows);
    for (int step = 0, row = 0; step < steps; step++)
        for (int s = 0; s < sequences; s++, row++) {
            order[row] = s * steps + step;
            targets[row] = batch->targets[order[row]];
        }
    d->write(d, model->tokens, order, rows * sizeof *order);
    d->write(d, model->targets, targets, rows * sizeof *targets);
    free(order);
    return 0;
}

int model_take_batch(struct model *model, const struct batch *batch, struct sft_error *err)
{
    struct device *d = model->device;
    size_t bytes = (size_t)model->rows * sizeof(int32_t);
    if (check_batch(model, batch, err) < 0)
        return -1;
    model->docs = documents_of(batch);
    if (model->shape.architecture == SFT_LSTM)
        return step_by_step(model, batch, err);
    d->write(d, model->tokens, batch->tokens, bytes);
    d->write(d, model->targets, batch->targets, bytes);
    d->write(d, model->positions, batch->positions, bytes);
    return 0;
}
