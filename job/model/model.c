/* SPDX-License-Identifier: Apache-2.0 */
/* A Llama's forward and backward pass. Residual additions ride with the norm that follows; the
 * head's logits exist a chunk of rows at a time, and become their own gradient in place. */
#include "job/model/model.h"

#include <stdlib.h>

#include "job/model/model_internal.h"

struct model *model_create(struct device *device, const struct sft_preset *shape, int rows,
                           enum model_recompute recompute, struct sft_error *err)
{
    struct model_storage all = {true, true, 1};
    return model_create_stored(device, shape, rows, recompute, all, err);
}

struct model *model_create_stored(struct device *device, const struct sft_preset *shape, int rows,
                                  enum model_recompute recompute, struct model_storage storage,
                                  struct sft_error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (model == NULL) {
        sft_error_set(err, "no memory for a model");
        return NULL;
    }
    model->device = device;
    model->shape = *shape;
    model->rows = rows;
    model->recompute = recompute;
    model->storage = storage;
    model->act_size = format_bytes(device->format, 1);
    model->logits_most = device->logits;
    if (rows < 1) {
        sft_error_set(err, "a model for %d rows: there must be 1 or more", rows);
        goto failed;
    }
    if (model_lay_tensors(model, err) < 0)
        goto failed;
    model->bytes = model_lay_arena(model, NULL);
    model->arena = device->allocate(device, model->bytes, err);
    if (model->arena == NULL)
        goto failed;
    model_lay_arena(model, model->arena);
    model_place_own(model);
    model_zero_gaps(model);
    device->zero(device, model->loss_sums, LOSS_SUMS * sizeof *model->loss_sums);
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
        model->device->release(model->device, model->arena);
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

struct array model_weights(const struct model *model)
{
    return (struct array){model->device->format, model->weights, model->parameters};
}

struct array model_gradients(const struct model *model)
{
    return (struct array){model->device->format, model->gradients, model->parameters};
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

static struct tensor matrix(const struct model *model, void *data, int rows, int columns)
{
    return (struct tensor){model->device->format, rows, columns, data};
}

static struct tensor weight_at(const struct model *model, size_t offset, int rows, int columns)
{
    return matrix(model, model_weight(model, offset), rows, columns);
}

static struct tensor gradient_at(const struct model *model, size_t offset, int rows, int columns)
{
    return matrix(model, model_gradient(model, offset), rows, columns);
}

/* out[n,to] = in[n,from] W^T, W at `offset` stored [to,from] */
static void linear_forward(struct model *model, void *out, void *in, size_t offset, int to,
                           int from)
{
    int n = model->rows;
    model->device->ops->matmul(model->device,
                               &(struct matmul_args){.c = matrix(model, out, n, to),
                                                     .a = matrix(model, in, n, from),
                                                     .b = weight_at(model, offset, to, from),
                                                     .transpose_b = true});
}

/* din[n,from] = dout W, dW += dout^T in */
static void linear_backward(struct model *model, void *din, void *dout, void *in, size_t offset,
                            int to, int from)
{
    struct device *d = model->device;
    int n = model->rows;
    struct tensor out = matrix(model, dout, n, to);
    d->ops->matmul(d, &(struct matmul_args){.c = gradient_at(model, offset, to, from),
                                            .a = out,
                                            .b = matrix(model, in, n, from),
                                            .transpose_a = true,
                                            .accumulate = !model->fresh});
    d->ops->matmul(d, &(struct matmul_args){.c = matrix(model, din, n, from),
                                            .a = out,
                                            .b = weight_at(model, offset, to, from)});
}

static void norm_forward(struct model *model, void *out, float *rstd, void *sum, void *x,
                         void *delta, size_t offset)
{
    int n = model->rows, h = model->shape.hidden;
    model->device->ops->norm_forward(model->device,
                                     &(struct norm_args){.out = matrix(model, out, n, h),
                                                         .sum = matrix(model, sum, n, h),
                                                         .x = matrix(model, x, n, h),
                                                         .delta = matrix(model, delta, n, h),
                                                         .weight = weight_at(model, offset, 1, h),
                                                         .rstd = rstd,
                                                         .eps = (float)model->shape.norm_eps});
}

static void norm_backward(struct model *model, void *dout, void *x, float *rstd, size_t offset)
{
    int n = model->rows, h = model->shape.hidden;
    model->device->ops->norm_backward(
        model->device, &(struct norm_args){.dx = matrix(model, model->stream, n, h),
                                           .dweight = gradient_at(model, offset, 1, h),
                                           .dout = matrix(model, dout, n, h),
                                           .x = matrix(model, x, n, h),
                                           .weight = weight_at(model, offset, 1, h),
                                           .rstd = rstd});
}

static int q_width(const struct sft_preset *s)
{
    return s->heads * s->head_dim;
}

static void rope(struct model *model, void *qkv, bool inverse)
{
    model->device->ops->rope(
        model->device,
        &(struct rope_args){.qkv = matrix(model, qkv, model->rows, sft_preset_qkv(&model->shape)),
                            .positions = model->positions,
                            .shape = attention_of(model),
                            .theta = (float)model->shape.rope_theta,
                            .inverse = inverse});
}

static struct attention_args attention_args(struct model *model, struct model_layer *l,
                                            const struct documents *docs)
{
    const struct sft_preset *s = &model->shape;
    return (struct attention_args){.qkv = matrix(model, l->qkv, model->rows, sft_preset_qkv(s)),
                                   .out = matrix(model, l->attention, model->rows, q_width(s)),
                                   .dqkv =
                                       matrix(model, model->wide, model->rows, sft_preset_qkv(s)),
                                   .dout = matrix(model, model->narrow, model->rows, q_width(s)),
                                   .lse = l->lse,
                                   .shape = attention_of(model),
                                   .docs = docs};
}

static struct swiglu_args swiglu_args(struct model *model, struct model_layer *l)
{
    int n = model->rows, ffn = model->shape.ffn;
    return (struct swiglu_args){.in = matrix(model, l->gate_up, n, 2 * ffn),
                                .out = matrix(model, l->swiglu, n, ffn),
                                .din = matrix(model, model->wide, n, 2 * ffn),
                                .dout = matrix(model, model->narrow, n, ffn)};
}

/* From the stream at the layer's input, which `before` and delta still add up to when before is not
 * NULL, to the input of the SwiGLU's last product. */
static void layer_most(struct model *model, int index, void *before, const struct documents *docs)
{
    struct device *d = model->device;
    const struct sft_preset *s = &model->shape;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    norm_forward(model, l->attention_norm, l->attention_rstd, l->residual,
                 before == NULL ? l->residual : before, before == NULL ? NULL : model->delta,
                 o->attention_norm);
    linear_forward(model, l->qkv, l->attention_norm, o->qkv, sft_preset_qkv(s), s->hidden);
    struct attention_args attention = attention_args(model, l, docs);
    struct swiglu_args swiglu = swiglu_args(model, l);
    rope(model, l->qkv, false);
    d->ops->attention_forward(d, &attention);
    linear_forward(model, model->delta, l->attention, o->o, s->hidden, q_width(s));
    norm_forward(model, l->ffn_norm, l->ffn_rstd, l->middle, l->residual, model->delta,
                 o->ffn_norm);
    linear_forward(model, l->gate_up, l->ffn_norm, o->gate_up, 2 * s->ffn, s->hidden);
    d->ops->swiglu_forward(d, &swiglu);
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
    struct device *d = model->device;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    if (model->recompute == RECOMPUTE_BLOCK)
        layer_most(model, index, NULL, docs);
    if (model->recompute != RECOMPUTE_NORMS)
        return;
    norm_forward(model, l->attention_norm, l->attention_rstd, NULL, l->residual, NULL,
                 o->attention_norm);
    norm_forward(model, l->ffn_norm, l->ffn_rstd, NULL, l->middle, NULL, o->ffn_norm);
    struct swiglu_args swiglu = swiglu_args(model, l);
    d->ops->swiglu_forward(d, &swiglu);
}

/* `stream` holds the gradient of what the layer put out, and then of what it took in. */
static void layer_backward(struct model *model, int index, const struct documents *docs)
{
    struct device *d = model->device;
    const struct sft_preset *s = &model->shape;
    const struct model_offsets *o = &model->offsets[index];
    struct model_layer *l = &model->layers[index];
    layer_again(model, index, docs);
    linear_backward(model, model->narrow, model->stream, l->swiglu, o->down, s->hidden, s->ffn);
    struct swiglu_args swiglu = swiglu_args(model, l);
    d->ops->swiglu_backward(d, &swiglu);
    linear_backward(model, model->delta, model->wide, l->ffn_norm, o->gate_up, 2 * s->ffn,
                    s->hidden);
    norm_backward(model, model->delta, l->middle, l->ffn_rstd, o->ffn_norm);
    linear_backward(model, model->narrow, model->stream, l->attention, o->o, s->hidden, q_width(s));
    struct attention_args attention = attention_args(model, l, docs);
    d->ops->attention_backward(d, &attention);
    rope(model, model->wide, true);
    linear_backward(model, model->delta, model->wide, l->attention_norm, o->qkv, sft_preset_qkv(s),
                    s->hidden);
    norm_backward(model, model->delta, l->residual, l->attention_rstd, o->attention_norm);
}

/* Losses of all rows; with `backward` also the head's gradient, and its input's in delta. */
static void head_run(struct model *model, float scale, bool backward)
{
    struct device *d = model->device;
    int h = model->shape.hidden, vocab = model->shape.vocab;
    for (int first = 0; first < model->rows; first += model->chunk) {
        int rows = model->rows - first < model->chunk ? model->rows - first : model->chunk;
        void *in = model_at(model, model->final_norm, (size_t)first * (size_t)h);
        void *din = model_at(model, model->delta, (size_t)first * (size_t)h);
        struct tensor logits = matrix(model, model->logits, rows, vocab);
        struct tensor x = matrix(model, in, rows, h), w = weight_at(model, model->head, vocab, h);
        d->ops->matmul(d, &(struct matmul_args){.c = logits, .a = x, .b = w, .transpose_b = true});
        d->ops->cross_entropy(d, &(struct cross_entropy_args){logits, model->loss + first,
                                                              model->targets + first, scale});
        if (!backward)
            continue;
        d->ops->matmul(d, &(struct matmul_args){.c = gradient_at(model, model->head, vocab, h),
                                                .a = logits,
                                                .b = x,
                                                .transpose_a = true,
                                                .accumulate = first > 0 || !model->fresh});
        d->ops->matmul(
            d, &(struct matmul_args){.c = matrix(model, din, rows, h), .a = logits, .b = w});
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
    struct device *d = model->device;
    size_t bytes = (size_t)model->rows * sizeof(int32_t);
    int last = model_units(model) - 1, vocab = model->shape.vocab, h = model->shape.hidden;
    d->write(d, model->tokens, batch->tokens, bytes);
    d->write(d, model->targets, batch->targets, bytes);
    d->write(d, model->positions, batch->positions, bytes);
    if (unit_enter(model, 0, MODEL_FORWARD, err) < 0)
        return -1;
    d->ops->embed_forward(
        d, &(struct embed_args){weight_at(model, model->embed, vocab, h),
                                matrix(model, model->layers[0].residual, model->rows, h),
                                model->tokens});
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
    struct device *d = model->device;
    int vocab = model->shape.vocab, h = model->shape.hidden;
    d->zero(d, model->stream, format_bytes(d->format, (size_t)model->rows * (size_t)h));
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
    d->ops->embed_backward(d, &(struct embed_args){gradient_at(model, model->embed, vocab, h),
                                                   matrix(model, model->stream, model->rows, h),
                                                   model->tokens});
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
    struct device *d = model->device;
    struct documents docs = documents_of(batch);
    if (check_batch(model, batch, err) < 0)
        return -1;
    if (model_forward(model, batch, &docs, err) < 0 ||
        model_head(model, scale, backward, err) < 0 ||
        (backward && model_backward(model, &docs, err) < 0))
        return -1;
    if (backward && model->storage.gradients)
        model->fresh = false;
    d->ops->sum(d, &(struct sum_args){.sum = model->loss_sums + sum,
                                      .x = {FORMAT_FP32, model->loss, (size_t)model->rows}});
    return 0;
}

static int loss_take(struct model *model, int sum, double *loss_sum, struct sft_error *err)
{
    struct device *d = model->device;
    d->read(d, loss_sum, model->loss_sums + sum, sizeof *loss_sum);
    d->zero(d, model->loss_sums + sum, sizeof *model->loss_sums);
    return d->sync(d, err);
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
