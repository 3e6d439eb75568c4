/* SPDX-License-Identifier: Apache-2.0 */
/* A Llama's forward and backward pass. Residual additions ride with the norm that follows; the
 * head's logits exist a chunk of rows at a time, and become their own gradient in place. */
#include "job/model/model.h"

#include <stdlib.h>

#include "job/model/model_internal.h"

struct model *model_create(struct backend *backend, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err)
{
    struct model_storage all = {true, true, 1};
    return model_create_stored(backend, shape, rows, recompute, all, err);
}

struct model *model_create_stored(struct backend *backend, const struct sft_preset *shape, int rows,
                                  enum model_recompute recompute, struct model_storage storage,
                                  struct sft_error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        sft_error_set(err, "no memory for a model");
        return NULL;
    }
    model->backend = backend;
    model->shape = *shape;
    model->rows = rows;
    model->recompute = recompute;
    model->storage = storage;
    model->act_size = backend->act_size;
    model->logits_most = backend->logits;
    if (rows < 1) {
        sft_error_set(err, "a model for %d rows: there must be 1 or more", rows);
        goto failed;
    }
    if (model_lay_tensors(model, err) < 0)
        goto failed;
    model->bytes = model_lay_arena(model, NULL);
    model->arena = backend->allocate(backend, model->bytes, err);
    if (model->arena == NULL)
        goto failed;
    model_lay_arena(model, model->arena);
    model_place_own(model);
    model_zero_gaps(model);
    backend->zero(backend, model->loss_sums, LOSS_SUMS * sizeof *model->loss_sums);
    model_zero_gradients(model);
    return model;
failed:
    model_destroy(model);
    return NULL;
}

void model_destroy(struct model *model)
{
    if (model == NULL)
        return;
    if (model->arena != NULL)
        model->backend->release(model->backend, model->arena);
    model_free_tensors(model);
    free(model);
}

const struct model_tensor *model_tensors(const struct model *model, size_t *count)
{
    *count = model->tensor_count;
    return model->tensors;
}

size_t model_parameters(const struct model *model)
{
    return model->parameters;
}

act *model_weights(struct model *model)
{
    return model->weights;
}

act *model_gradients(struct model *model)
{
    return model->gradients;
}

const struct sft_preset *model_shape(const struct model *model)
{
    return &model->shape;
}

size_t model_bytes(const struct model *model)
{
    return model->bytes;
}

static int unit_enter(struct model *model, int unit, enum model_pass pass, struct sft_error *err)
{
    const struct model_hooks *h = &model->hooks;
    return h->enter == NULL ? 0 : h->enter(h->user, unit, pass, err);
}

static int unit_leave(struct model *model, int unit, enum model_pass pass, struct sft_error *err)
{
    const struct model_hooks *h = &model->hooks;
    return h->leave == NULL ? 0 : h->leave(h->user, unit, pass, err);
}

static struct attention_shape attention_of(const struct model *model)
{
    const struct sft_preset *s = &model->shape;
    return (struct attention_shape){s->heads, s->kv_heads, s->head_dim};
}

/* out[n,to] = in[n,from] W^T, W at `offset` stored [to,from] */
static void linear_forward(struct model *model, act *out, const act *in, size_t offset, int to,
                           int from)
{
    struct backend *b = model->backend;
    b->matmul(b, out, in, false, model_weight(model, offset), true, model->rows, to, from, false);
}

/* din[n,from] = dout W, dW += dout^T in */
static void linear_backward(struct model *model, act *din, const act *dout, const act *in,
                            size_t offset, int to, int from)
{
    struct backend *b = model->backend;
    b->matmul(b, model_gradient(model, offset), dout, true, in, false, to, from, model->rows,
              !model->fresh);
    b->matmul(b, din, dout, false, model_weight(model, offset), false, model->rows, from, to,
              false);
}

static void norm_forward(struct model *model, act *out, float *rstd, act *sum, const act *x,
                         const act *delta, size_t offset)
{
    struct backend *b = model->backend;
    b->norm_forward(b, out, rstd, sum, x, delta, model_weight(model, offset), model->rows,
                    model->shape.hidden, (float)model->shape.norm_eps);
}

static void norm_backward(struct model *model, const act *dout, const act *x, const float *rstd,
                          size_t offset)
{
    struct backend *b = model->backend;
    b->norm_backward(b, model->stream, model_gradient(model, offset), dout, x,
                     model_weight(model, offset), rstd, model->rows, model->shape.hidden);
}

/* From the stream at the layer's input, which `before` and delta still add up to when before is not
 * NULL, to the input of the SwiGLU's last product. */
static void layer_most(struct model *model, int index, const act *before,
                       const struct documents *docs)
{
    struct backend *b = model->backend;
    const struct sft_preset *s = &model->shape;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    norm_forward(model, l->attention_norm, l->attention_rstd, l->residual,
                 before == NULL ? l->residual : before, before == NULL ? NULL : model->delta,
                 o->attention_norm);
    linear_forward(model, l->qkv, l->attention_norm, o->qkv, sft_preset_qkv(s), s->hidden);
    b->rope(b, l->qkv, model->positions, model->rows, attention_of(model), (float)s->rope_theta,
            false);
    b->attention_forward(b, l->attention, l->lse, l->qkv, model->rows, attention_of(model), docs);
    linear_forward(model, model->delta, l->attention, o->o, s->hidden, s->heads * s->head_dim);
    norm_forward(model, l->ffn_norm, l->ffn_rstd, l->middle, l->residual, model->delta,
                 o->ffn_norm);
    linear_forward(model, l->gate_up, l->ffn_norm, o->gate_up, 2 * s->ffn, s->hidden);
    b->swiglu_forward(b, l->swiglu, l->gate_up, model->rows, s->ffn);
}

/* Leaves what the layer adds to its `middle` stream in delta. */
static void layer_forward(struct model *model, int index, const struct documents *docs)
{
    const struct sft_preset *s = &model->shape;
    struct model_layer *l = &model->layers[index];
    layer_most(model, index, index > 0 ? l[-1].middle : NULL, docs);
    linear_forward(model, model->delta, l->swiglu, model->offsets[index].down, s->hidden, s->ffn);
}

/* What the level did not keep of a layer. The stream's sum stands in `residual` already. */
static void layer_again(struct model *model, int index, const struct documents *docs)
{
    struct backend *b = model->backend;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    if (model->recompute == RECOMPUTE_BLOCK)
        layer_most(model, index, NULL, docs);
    if (model->recompute != RECOMPUTE_NORMS)
        return;
    norm_forward(model, l->attention_norm, l->attention_rstd, NULL, l->residual, NULL,
                 o->attention_norm);
    norm_forward(model, l->ffn_norm, l->ffn_rstd, NULL, l->middle, NULL, o->ffn_norm);
    b->swiglu_forward(b, l->swiglu, l->gate_up, model->rows, model->shape.ffn);
}

/* `stream` holds the gradient of what the layer put out, and then of what it took in. */
static void layer_backward(struct model *model, int index, const struct documents *docs)
{
    struct backend *b = model->backend;
    const struct sft_preset *s = &model->shape;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    layer_again(model, index, docs);
    linear_backward(model, model->narrow, model->stream, l->swiglu, o->down, s->hidden, s->ffn);
    b->swiglu_backward(b, model->wide, model->narrow, l->gate_up, model->rows, s->ffn);
    linear_backward(model, model->delta, model->wide, l->ffn_norm, o->gate_up, 2 * s->ffn,
                    s->hidden);
    norm_backward(model, model->delta, l->middle, l->ffn_rstd, o->ffn_norm);
    linear_backward(model, model->narrow, model->stream, l->attention, o->o, s->hidden,
                    s->heads * s->head_dim);
    b->attention_backward(b, model->wide, model->narrow, l->attention, l->lse, l->qkv, model->rows,
                          attention_of(model), docs);
    b->rope(b, model->wide, model->positions, model->rows, attention_of(model),
            (float)s->rope_theta, true);
    linear_backward(model, model->delta, model->wide, l->attention_norm, o->qkv, sft_preset_qkv(s),
                    s->hidden);
    norm_backward(model, model->delta, l->residual, l->attention_rstd, o->attention_norm);
}

/* Losses of all rows; with `backward` also the head's gradient, and its input's in delta. */
static void head_run(struct model *model, float scale, bool backward)
{
    struct backend *b = model->backend;
    int h = model->shape.hidden, vocab = model->shape.vocab;
    for (int first = 0; first < model->rows; first += model->chunk) {
        int rows = model->rows - first < model->chunk ? model->rows - first : model->chunk;
        act *in = model_at(model, model->final_norm, (size_t)first * (size_t)h);
        act *din = model_at(model, model->delta, (size_t)first * (size_t)h);
        b->matmul(b, model->logits, in, false, model_weight(model, model->head), true, rows, vocab,
                  h, false);
        b->cross_entropy(b, model->logits, model->loss + first, model->targets + first, rows, vocab,
                         scale);
        if (!backward)
            continue;
        b->matmul(b, model_gradient(model, model->head), model->logits, true, in, false, vocab, h,
                  rows, first > 0 || !model->fresh);
        b->matmul(b, din, model->logits, false, model_weight(model, model->head), false, rows, h,
                  vocab, false);
    }
}

static struct documents documents_of(const struct batch *batch)
{
    struct documents docs = {batch->documents, batch->start, batch->length, 0};
    for (int i = 0; i < docs.count; i++)
        if (docs.length[i] > docs.longest)
            docs.longest = docs.length[i];
    return docs;
}

static int model_forward(struct model *model, const struct batch *batch,
                         const struct documents *docs, struct sft_error *err)
{
    struct backend *b = model->backend;
    size_t bytes = (size_t)model->rows * sizeof(int32_t);
    int last = model_units(model) - 1;
    b->write(b, model->tokens, batch->tokens, bytes);
    b->write(b, model->targets, batch->targets, bytes);
    b->write(b, model->positions, batch->positions, bytes);
    if (unit_enter(model, 0, MODEL_FORWARD, err) < 0)
        return -1;
    b->embed_forward(b, model->layers[0].residual, model_weight(model, model->embed), model->tokens,
                     model->rows, model->shape.hidden);
    if (unit_leave(model, 0, MODEL_FORWARD, err) < 0)
        return -1;
    for (int i = 0; i < model->shape.layers; i++) {
        if (unit_enter(model, i + 1, MODEL_FORWARD, err) < 0)
            return -1;
        layer_forward(model, i, docs);
        if (unit_leave(model, i + 1, MODEL_FORWARD, err) < 0)
            return -1;
    }
    if (unit_enter(model, last, MODEL_FORWARD, err) < 0)
        return -1;
    norm_forward(model, model->final_norm, model->final_rstd, model->final,
                 model->layers[model->shape.layers - 1].middle, model->delta, model->norm);
    return unit_leave(model, last, MODEL_FORWARD, err);
}

/* The head, and with `backward` its gradients too: the last unit's, or the table's when it is tied.
 */
static int model_head(struct model *model, float scale, bool backward, struct sft_error *err)
{
    enum model_pass pass = backward ? MODEL_BACKWARD : MODEL_FORWARD;
    bool tied = model->head == model->embed;
    int last = model_units(model) - 1;
    if (unit_enter(model, last, pass, err) < 0 || (tied && unit_enter(model, 0, pass, err) < 0))
        return -1;
    head_run(model, scale, backward);
    return backward ? 0 : unit_leave(model, last, pass, err);
}

static int model_backward(struct model *model, const struct documents *docs, struct sft_error *err)
{
    struct backend *b = model->backend;
    size_t elements = (size_t)model->rows * (size_t)model->shape.hidden;
    b->zero(b, model->stream, elements * b->act_size);
    norm_backward(model, model->delta, model->final, model->final_rstd, model->norm);
    if (unit_leave(model, model_units(model) - 1, MODEL_BACKWARD, err) < 0)
        return -1;
    for (int i = model->shape.layers - 1; i >= 0; i--) {
        if (unit_enter(model, i + 1, MODEL_BACKWARD, err) < 0)
            return -1;
        layer_backward(model, i, docs);
        if (unit_leave(model, i + 1, MODEL_BACKWARD, err) < 0)
            return -1;
    }
    if (unit_enter(model, 0, MODEL_BACKWARD, err) < 0)
        return -1;
    b->embed_backward(b, model_gradient(model, model->embed), model->stream, model->tokens,
                      model->rows, model->shape.hidden);
    return unit_leave(model, 0, MODEL_BACKWARD, err);
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

/* A bad id would reach outside of the embedding's table, so every batch is checked: it is cheap. */
static int check_batch(const struct model *model, const struct batch *batch, struct sft_error *err)
{
    int vocab = model->shape.vocab;
    if (batch->rows != model->rows)
        return sft_error_set(err, "a batch of %d rows for a model of %d", batch->rows, model->rows);
    for (int row = 0; row < batch->rows; row++)
        if (batch->tokens[row] < 0 || batch->tokens[row] >= vocab || batch->targets[row] >= vocab)
            return sft_error_set(err, "row %d has token %d and target %d, %s a vocabulary of %d",
                                 row, batch->tokens[row], batch->targets[row], model->shape.name,
                                 vocab);
    return check_documents(batch, err);
}

/* The losses are added to model->loss_sums[sum]. */
static int model_run(struct model *model, const struct batch *batch, float scale, bool backward,
                     int sum, struct sft_error *err)
{
    struct backend *b = model->backend;
    struct documents docs = documents_of(batch);
    if (check_batch(model, batch, err) < 0)
        return -1;
    if (model_forward(model, batch, &docs, err) < 0 ||
        model_head(model, scale, backward, err) < 0 ||
        (backward && model_backward(model, &docs, err) < 0))
        return -1;
    if (backward && model->storage.gradients)
        model->fresh = false;
    b->sum_floats(b, model->loss_sums + sum, model->loss, (size_t)model->rows);
    return 0;
}

static int loss_take(struct model *model, int sum, double *loss_sum, struct sft_error *err)
{
    struct backend *b = model->backend;
    b->read(b, loss_sum, model->loss_sums + sum, sizeof *loss_sum);
    b->zero(b, model->loss_sums + sum, sizeof *model->loss_sums);
    return b->sync(b, err);
}

int model_take_loss(struct model *model, double *loss_sum, struct sft_error *err)
{
    return loss_take(model, LOSS_LATER, loss_sum, err);
}

int model_step(struct model *model, const struct batch *batch, float scale, double *loss_sum,
               struct sft_error *err)
{
    int sum = loss_sum == NULL ? LOSS_LATER : LOSS_NOW;
    if (model_run(model, batch, scale, true, sum, err) < 0)
        return -1;
    return loss_sum == NULL ? 0 : loss_take(model, sum, loss_sum, err);
}

int model_loss(struct model *model, const struct batch *batch, double *loss_sum,
               struct sft_error *err)
{
    if (model_run(model, batch, 0, false, LOSS_NOW, err) < 0)
        return -1;
    return loss_take(model, LOSS_NOW, loss_sum, err);
}
