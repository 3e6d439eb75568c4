/* SPDX-License-Identifier: Apache-2.0 */
/* The model's life, and a step over one micro-batch: check, forward, loss, backward. */
#include "job/model.h"

#include <stdlib.h>

#include "job/model_internal.h"

static int model_allocate(struct model *m, struct sft_error *err)
{
    m->tensors = model_tensors_make(&m->shape, &m->tensor_count);
    m->losses = malloc((size_t)m->rows * sizeof *m->losses);
    if (m->tensors == NULL || m->losses == NULL)
        return sft_error_set(err, "model %s: no memory for its tables", m->shape.name);
    m->arena = m->backend->allocate(m->backend, m->layout.bytes, err);
    if (m->arena == NULL)
        return sft_error_prefix(err, "model %s, %d rows", m->shape.name, m->rows);
    return 0;
}

struct model *model_create(struct backend *backend, const struct sft_preset *shape, int rows,
                           struct sft_error *err)
{
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        sft_error_set(err, "model %s: no memory for its tables", shape->name);
        return NULL;
    }
    m->backend = backend;
    m->shape = *shape;
    m->attention = (struct attention_shape){shape->heads, shape->kv_heads, shape->head_dim};
    m->rows = rows;
    if (model_layout_make(&m->layout, shape, rows, backend->act_size, err) < 0 ||
        model_allocate(m, err) < 0) {
        model_destroy(m);
        return NULL;
    }
    return m;
}

void model_destroy(struct model *model)
{
    if (model == NULL)
        return;
    if (model->arena != NULL)
        model->backend->release(model->backend, model->arena);
    free(model->losses);
    free(model->tensors);
    free(model);
}

const struct model_tensor *model_tensors(const struct model *model, size_t *count)
{
    *count = model->tensor_count;
    return model->tensors;
}

size_t model_parameters(const struct model *model)
{
    return model->layout.parameters;
}

act *model_weights(struct model *model)
{
    return model_at(model, model->layout.weights);
}

act *model_gradients(struct model *model)
{
    return model_at(model, model->layout.gradients);
}

const struct sft_preset *model_shape(const struct model *model)
{
    return &model->shape;
}

struct backend *model_backend(const struct model *model)
{
    return model->backend;
}

size_t model_bytes(const struct model *model)
{
    return model->layout.bytes;
}

void model_zero_gradients(struct model *model)
{
    model->backend->zero(model->backend, model_gradients(model),
                         model->layout.parameters * model->backend->act_size);
}

/* Documents stand in row order and do not overlap: attention relies on it. */
static int check_documents(const struct batch *batch, struct sft_error *err)
{
    int end = 0;
    for (int d = 0; d < batch->documents; d++) {
        if (batch->length[d] < 1 || batch->start[d] < end ||
            batch->length[d] > batch->rows - batch->start[d])
            return sft_error_set(err, "batch: document %d, rows %d + %d, is misplaced in %d rows",
                                 d, batch->start[d], batch->length[d], batch->rows);
        end = batch->start[d] + batch->length[d];
    }
    return 0;
}

/* A bad id would read outside of the embedding table, so every batch is checked: it is cheap. */
static int check_batch(const struct model *m, const struct batch *batch, struct sft_error *err)
{
    if (batch->rows < 1 || batch->rows > m->rows)
        return sft_error_set(err, "batch: %d rows, the model was made for up to %d", batch->rows,
                             m->rows);
    for (int row = 0; row < batch->rows; row++)
        if (batch->tokens[row] < 0 || batch->tokens[row] >= m->shape.vocab ||
            batch->targets[row] >= m->shape.vocab || batch->positions[row] < 0)
            return sft_error_set(err,
                                 "batch: row %d has token %d, target %d, position %d; %s has a "
                                 "vocabulary of %d",
                                 row, batch->tokens[row], batch->targets[row],
                                 batch->positions[row], m->shape.name, m->shape.vocab);
    return check_documents(batch, err);
}

static void write_batch(struct model *m, const struct batch *batch)
{
    size_t bytes = (size_t)batch->rows * sizeof(int32_t);
    struct backend *b = m->backend;
    b->write(b, model_at(m, m->layout.tokens), batch->tokens, bytes);
    b->write(b, model_at(m, m->layout.targets), batch->targets, bytes);
    b->write(b, model_at(m, m->layout.positions), batch->positions, bytes);
}

/* Logits and losses of rows [first, first + rows), and with `gradients` what flows back from them.
 */
static void head_chunk(struct model *m, int first, int rows, float scale, bool gradients)
{
    struct backend *b = m->backend;
    int vocab = m->shape.vocab, hidden = m->shape.hidden;
    size_t head = model_head_tensor(m), at = (size_t)first * (size_t)hidden;
    act *logits = model_at(m, m->layout.logits), *x = model_act(m, m->layout.final_norm, at);
    float *losses = model_at(m, m->layout.losses);
    int32_t *targets = model_at(m, m->layout.targets);
    b->matmul(b, logits, x, false, model_weight(m, head), true, rows, vocab, hidden, false);
    b->cross_entropy(b, logits, losses + first, targets + first, rows, vocab, scale);
    if (!gradients)
        return;
    b->matmul(b, model_gradient(m, head), logits, true, x, false, vocab, hidden, rows, true);
    b->matmul(b, model_act(m, m->layout.delta, at), logits, false, model_weight(m, head), false,
              rows, hidden, vocab, false);
}

static int read_losses(struct model *m, int rows, double *loss_sum, struct sft_error *err)
{
    struct backend *b = m->backend;
    double sum = 0;
    b->read(b, m->losses, model_at(m, m->layout.losses), (size_t)rows * sizeof *m->losses);
    if (b->sync(b, err) < 0)
        return -1;
    for (int row = 0; row < rows; row++)
        sum += (double)m->losses[row];
    *loss_sum = sum;
    return 0;
}

static int run(struct model *m, const struct batch *batch, float scale, bool gradients,
               double *loss_sum, struct sft_error *err)
{
    if (check_batch(m, batch, err) < 0)
        return -1;
    write_batch(m, batch);
    model_forward(m, batch);
    for (int first = 0; first < batch->rows; first += m->layout.chunk) {
        int left = batch->rows - first;
        head_chunk(m, first, left < m->layout.chunk ? left : m->layout.chunk, scale, gradients);
    }
    if (gradients)
        model_backward(m, batch);
    return read_losses(m, batch->rows, loss_sum, err);
}

int model_step(struct model *model, const struct batch *batch, float scale, double *loss_sum,
               struct sft_error *err)
{
    return run(model, batch, scale, true, loss_sum, err);
}

int model_loss(struct model *model, const struct batch *batch, double *loss_sum,
               struct sft_error *err)
{
    return run(model, batch, 1, false, loss_sum, err);
}
