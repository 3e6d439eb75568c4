/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model_layout.h"

#include <stdint.h>

enum { ALIGNMENT = 256, LOGITS = 16 << 20, CHUNK_LEAST = 128 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The offset of `count` elements of `size` bytes put behind what there is. */
static size_t put(size_t *end, size_t count, size_t size)
{
    size_t at = *end;
    *end += aligned(count * size);
    return at;
}

static int shape_check(const struct sft_preset *s, struct sft_error *err)
{
    if (s->vocab < 1 || s->hidden < 1 || s->layers < 1 || s->heads < 1 || s->kv_heads < 1 ||
        s->head_dim < 2 || s->ffn < 1)
        return sft_error_set(err, "model %s: every size must be positive", s->name);
    if (s->hidden != s->heads * s->head_dim)
        return sft_error_set(err, "model %s: hidden %d is not %d heads of %d", s->name, s->hidden,
                             s->heads, s->head_dim);
    if (s->heads % s->kv_heads != 0)
        return sft_error_set(err, "model %s: %d heads cannot share %d key and value heads", s->name,
                             s->heads, s->kv_heads);
    if (s->head_dim % 2 != 0)
        return sft_error_set(err, "model %s: rotary positions need an even head_dim, not %d",
                             s->name, s->head_dim);
    return 0;
}

static int chunk_rows(int rows, int vocab)
{
    int chunk = LOGITS / vocab;
    if (chunk < CHUNK_LEAST)
        chunk = CHUNK_LEAST;
    return chunk < rows ? chunk : rows;
}

static size_t qkv_width(const struct sft_preset *s)
{
    return (size_t)(s->heads + 2 * s->kv_heads) * (size_t)s->head_dim;
}

static void layer_make(struct model_layout_layer *at, size_t *end, const struct sft_preset *s,
                       size_t rows, size_t act_size)
{
    size_t stream = rows * (size_t)s->hidden;
    at->input = put(end, stream, act_size);
    at->attention_rstd = put(end, rows, sizeof(float));
    at->attention_norm = put(end, stream, act_size);
    at->qkv = put(end, rows * qkv_width(s), act_size);
    at->attention = put(end, stream, act_size);
    at->lse = put(end, rows * (size_t)s->heads, sizeof(float));
    at->middle = put(end, stream, act_size);
    at->ffn_rstd = put(end, rows, sizeof(float));
    at->ffn_norm = put(end, stream, act_size);
    at->gate_up = put(end, 2 * rows * (size_t)s->ffn, act_size);
    at->swiglu = put(end, rows * (size_t)s->ffn, act_size);
}

static void rest_make(struct model_layout *l, size_t *end, const struct sft_preset *s, size_t rows,
                      size_t act_size)
{
    size_t hidden = (size_t)s->hidden, ffn = (size_t)s->ffn;
    l->last = put(end, rows * hidden, act_size);
    l->final_rstd = put(end, rows, sizeof(float));
    l->final_norm = put(end, rows * hidden, act_size);
    l->losses = put(end, rows, sizeof(float));
    l->logits = put(end, (size_t)l->chunk * (size_t)s->vocab, act_size);
    l->dstream = put(end, rows * hidden, act_size);
    l->delta = put(end, rows * hidden, act_size);
    l->narrow = put(end, rows * larger(ffn, hidden), act_size);
    l->wide = put(end, rows * larger(2 * ffn, qkv_width(s)), act_size);
}

int model_layout_make(struct model_layout *layout, const struct sft_preset *shape, int rows,
                      size_t act_size, struct sft_error *err)
{
    struct model_layout l = {0};
    size_t end = 0, begin;
    if (shape_check(shape, err) < 0)
        return -1;
    if (rows < 1)
        return sft_error_set(err, "model %s: a micro-batch of %d rows", shape->name, rows);
    l.parameters = sft_preset_parameters(shape);
    l.chunk = chunk_rows(rows, shape->vocab);
    l.weights = put(&end, l.parameters, act_size);
    l.gradients = put(&end, l.parameters, act_size);
    l.tokens = put(&end, (size_t)rows, sizeof(int32_t));
    l.targets = put(&end, (size_t)rows, sizeof(int32_t));
    l.positions = put(&end, (size_t)rows, sizeof(int32_t));
    begin = end;
    layer_make(&l.first, &end, shape, (size_t)rows, act_size);
    l.layer_bytes = end - begin;
    end = begin + (size_t)shape->layers * l.layer_bytes;
    rest_make(&l, &end, shape, (size_t)rows, act_size);
    l.bytes = end;
    *layout = l;
    return 0;
}

size_t model_layout_activations(const struct model_layout *layout, size_t act_size)
{
    return layout->bytes - 2 * aligned(layout->parameters * act_size);
}
