/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors a Llama has and where everything stands in the arena. */
#include "job/model_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 256, CHUNK_ROWS = 128, CHUNK_ELEMENTS = 16 << 20 };

static size_t tensor_add(struct model *model, const char *name, int layer, int rows, int columns,
                         bool decays)
{
    struct model_tensor *tensor = &model->tensors[model->tensor_count++];
    if (layer < 0)
        snprintf(tensor->name, sizeof tensor->name, "%s", name);
    else
        snprintf(tensor->name, sizeof tensor->name, "layers.%d.%s", layer, name);
    tensor->offset = model->parameters;
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->decays = decays;
    model->parameters += (size_t)rows * (size_t)columns;
    return tensor->offset;
}

int model_lay_tensors(struct model *model, struct sft_error *err)
{
    const struct sft_preset *s = &model->shape;
    int h = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    if (s->layers < 1 || s->kv_heads < 1 || s->heads % s->kv_heads != 0 || s->head_dim % 2 != 0
        || h != q || s->vocab < 1 || s->ffn < 1)
        return sft_error_set(err, "%s: the shape is not consistent", s->name);
    model->tensors = calloc((size_t)s->layers * 6 + 3, sizeof *model->tensors);
    model->offsets = calloc((size_t)s->layers, sizeof *model->offsets);
    model->layers = calloc((size_t)s->layers, sizeof *model->layers);
    if (model->tensors == NULL || model->offsets == NULL || model->layers == NULL)
        return sft_error_set(err, "no memory for the list of tensors");
    model->embed = tensor_add(model, "embed", -1, s->vocab, h, true);
    for (int i = 0; i < s->layers; i++) {
        struct model_offsets *at = &model->offsets[i];
        at->attention_norm = tensor_add(model, "attention_norm", i, 1, h, false);
        at->qkv = tensor_add(model, "qkv", i, q + 2 * kv, h, true);
        at->o = tensor_add(model, "o", i, h, q, true);
        at->ffn_norm = tensor_add(model, "ffn_norm", i, 1, h, false);
        at->gate_up = tensor_add(model, "gate_up", i, 2 * s->ffn, h, true);
        at->down = tensor_add(model, "down", i, h, s->ffn, true);
    }
    model->norm = tensor_add(model, "norm", -1, 1, h, false);
    model->head = s->tied_head ? model->embed : tensor_add(model, "head", -1, s->vocab, h, true);
    return 0;
}

struct arena {
    char *base;
    size_t used;
};

static void *arena_take(struct arena *arena, size_t count, size_t size)
{
    void *memory = arena->base == NULL ? NULL : arena->base + arena->used;
    arena->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return memory;
}

static void layer_lay(struct model *model, struct model_layer *layer, struct arena *arena)
{
    const struct sft_preset *s = &model->shape;
    size_t n = (size_t)model->rows, a = model->backend->act_size, d = (size_t)s->head_dim;
    size_t h = (size_t)s->hidden, q = (size_t)s->heads * d, kv = (size_t)s->kv_heads * d;
    size_t ffn = (size_t)s->ffn;
    layer->residual = arena_take(arena, n * h, a);
    layer->attention_norm = arena_take(arena, n * h, a);
    layer->qkv = arena_take(arena, n * (q + 2 * kv), a);
    layer->attention = arena_take(arena, n * q, a);
    layer->middle = arena_take(arena, n * h, a);
    layer->ffn_norm = arena_take(arena, n * h, a);
    layer->gate_up = arena_take(arena, n * 2 * ffn, a);
    layer->swiglu = arena_take(arena, n * ffn, a);
    layer->attention_rstd = arena_take(arena, n, sizeof(float));
    layer->ffn_rstd = arena_take(arena, n, sizeof(float));
    layer->lse = arena_take(arena, n * (size_t)s->heads, sizeof(float));
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t model_lay_arena(struct model *model, char *base)
{
    const struct sft_preset *s = &model->shape;
    size_t n = (size_t)model->rows, h = (size_t)s->hidden, a = model->backend->act_size;
    size_t ffn = (size_t)s->ffn, d = (size_t)s->head_dim, q = (size_t)s->heads * d;
    size_t qkv = q + 2 * (size_t)s->kv_heads * d;
    struct arena arena = { base, 0 };
    model->chunk = CHUNK_ELEMENTS / s->vocab > CHUNK_ROWS ? CHUNK_ELEMENTS / s->vocab : CHUNK_ROWS;
    if (model->chunk > model->rows)
        model->chunk = model->rows;
    model->weights = arena_take(&arena, model->parameters, a);
    model->gradients = arena_take(&arena, model->parameters, a);
    for (int i = 0; i < s->layers; i++)
        layer_lay(model, &model->layers[i], &arena);
    model->final = arena_take(&arena, n * h, a);
    model->final_norm = arena_take(&arena, n * h, a);
    model->final_rstd = arena_take(&arena, n, sizeof(float));
    model->loss = arena_take(&arena, n, sizeof(float));
    model->tokens = arena_take(&arena, n, sizeof(int32_t));
    model->targets = arena_take(&arena, n, sizeof(int32_t));
    model->positions = arena_take(&arena, n, sizeof(int32_t));
    model->stream = arena_take(&arena, n * h, a);
    model->delta = arena_take(&arena, n * h, a);
    model->wide = arena_take(&arena, n * larger(2 * ffn, qkv), a);
    model->narrow = arena_take(&arena, n * larger(ffn, q), a);
    model->logits = arena_take(&arena, (size_t)model->chunk * (size_t)s->vocab, a);
    return arena.used;
}
