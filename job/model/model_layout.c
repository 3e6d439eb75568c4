/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensors a Llama has and where everything stands in the arena. */
#include "job/model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALIGNMENT = 256, CHUNK_ROWS = 128 };

static size_t tensor_add(struct model *model, const char *name, int layer, int rows, int columns,
                         bool decays)
{
    struct model_tensor *tensor = &model->tensors[model->tensor_count++];
    if (layer < 0)
        snprintf(tensor->name, sizeof tensor->name, "%s", name);
    else
        snprintf(tensor->name, sizeof tensor->name, "layers.%d.%s", layer, name);
    tensor->offset = model->parameters;
    tensor->number = model->tensor_count == 1
                         ? 0
                         : tensor[-1].number + (size_t)tensor[-1].rows * (size_t)tensor[-1].columns;
    tensor->rows = rows;
    tensor->columns = columns;
    tensor->decays = decays;
    model->parameters += (size_t)rows * (size_t)columns;
    return tensor->offset;
}

/* A unit ends here. */
static void unit_end(struct model *model)
{
    size_t multiple = model->storage.multiple > 0 ? model->storage.multiple : 1;
    model->parameters = (model->parameters + multiple - 1) / multiple * multiple;
}

int model_lay_tensors(struct model *model, struct sft_error *err)
{
    const struct sft_preset *s = &model->shape;
    int h = s->hidden, q = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    if (s->layers < 1 || s->kv_heads < 1 || s->heads % s->kv_heads != 0 || s->head_dim % 2 != 0 ||
        h != q || s->vocab < 1 || s->ffn < 1)
        return sft_error_set(err, "%s: the shape is not consistent", s->name);
    model->tensors = calloc((size_t)s->layers * 6 + 3, sizeof *model->tensors);
    model->offsets = calloc((size_t)s->layers, sizeof *model->offsets);
    model->layers = calloc((size_t)s->layers, sizeof *model->layers);
    model->unit_weights = calloc((size_t)s->layers + 2, sizeof *model->unit_weights);
    model->unit_gradients = calloc((size_t)s->layers + 2, sizeof *model->unit_gradients);
    if (model->tensors == NULL || model->offsets == NULL || model->layers == NULL ||
        model->unit_weights == NULL || model->unit_gradients == NULL)
        return sft_error_set(err, "no memory for the list of tensors");
    model->embed = tensor_add(model, "embed", -1, s->vocab, h, true);
    unit_end(model);
    for (int i = 0; i < s->layers; i++) {
        struct model_offsets *at = &model->offsets[i];
        at->attention_norm = tensor_add(model, "attention_norm", i, 1, h, false);
        at->qkv = tensor_add(model, "qkv", i, q + 2 * kv, h, true);
        at->o = tensor_add(model, "o", i, h, q, true);
        at->ffn_norm = tensor_add(model, "ffn_norm", i, 1, h, false);
        at->gate_up = tensor_add(model, "gate_up", i, 2 * s->ffn, h, true);
        at->down = tensor_add(model, "down", i, h, s->ffn, true);
        unit_end(model);
    }
    model->norm = tensor_add(model, "norm", -1, 1, h, false);
    model->head = s->tied_head ? model->embed : tensor_add(model, "head", -1, s->vocab, h, true);
    unit_end(model);
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

/* Each layer's own, or the place that all layers share; `shared` counts once. */
static void *arena_layer(struct arena *arena, bool own, void **shared, bool *placed, size_t count,
                         size_t size)
{
    if (own)
        return arena_take(arena, count, size);
    if (!*placed)
        *shared = arena_take(arena, count, size);
    *placed = true;
    return *shared;
}

/* Kept by level: the stream at a block's input always; norms' and SwiGLU's outputs with NONE only;
 * the others unless whole blocks are computed again. */
static void layers_lay(struct model *model, struct arena *arena)
{
    enum { FIELDS = 10 };
    const struct sft_preset *s = &model->shape;
    size_t n = (size_t)model->rows, a = model->act_size, d = (size_t)s->head_dim;
    size_t h = (size_t)s->hidden, q = (size_t)s->heads * d, kv = (size_t)s->kv_heads * d;
    size_t ffn = (size_t)s->ffn, f = sizeof(float);
    bool cheap = model->recompute == RECOMPUTE_NONE, dear = model->recompute != RECOMPUTE_BLOCK;
    void *shared[FIELDS] = {NULL};
    bool placed[FIELDS] = {false};
    for (int i = 0; i < s->layers; i++) {
        struct model_layer *l = &model->layers[i];
        l->residual = arena_take(arena, n * h, a);
        l->attention_norm = arena_layer(arena, cheap, &shared[0], &placed[0], n * h, a);
        l->qkv = arena_layer(arena, dear, &shared[1], &placed[1], n * (q + 2 * kv), a);
        l->attention = arena_layer(arena, dear, &shared[2], &placed[2], n * q, a);
        l->middle = arena_layer(arena, dear, &shared[3], &placed[3], n * h, a);
        l->ffn_norm = arena_layer(arena, cheap, &shared[4], &placed[4], n * h, a);
        l->gate_up = arena_layer(arena, dear, &shared[5], &placed[5], n * 2 * ffn, a);
        l->swiglu = arena_layer(arena, cheap, &shared[6], &placed[6], n * ffn, a);
        l->attention_rstd = arena_layer(arena, dear, &shared[7], &placed[7], n, f);
        l->ffn_rstd = arena_layer(arena, dear, &shared[8], &placed[8], n, f);
        l->lse = arena_layer(arena, dear, &shared[9], &placed[9], n * (size_t)s->heads, f);
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rows of logits at once: as few passes as the device wants, all about as long as each other. */
static int chunk_rows(const struct model *model)
{
    size_t most = model->logits_most / (size_t)model->shape.vocab;
    if (most < CHUNK_ROWS)
        most = CHUNK_ROWS;
    if (most >= (size_t)model->rows)
        return model->rows;
    size_t passes = ((size_t)model->rows + most - 1) / most;
    return (int)(((size_t)model->rows + passes - 1) / passes);
}

size_t model_lay_arena(struct model *model, char *base)
{
    const struct sft_preset *s = &model->shape;
    size_t n = (size_t)model->rows, h = (size_t)s->hidden, a = model->act_size;
    size_t ffn = (size_t)s->ffn, d = (size_t)s->head_dim, q = (size_t)s->heads * d;
    size_t qkv = q + 2 * (size_t)s->kv_heads * d;
    struct arena arena = {base, 0};
    model->chunk = chunk_rows(model);
    model->weights = model->storage.weights ? arena_take(&arena, model->parameters, a) : NULL;
    model->gradients = model->storage.gradients ? arena_take(&arena, model->parameters, a) : NULL;
    layers_lay(model, &arena);
    model->final = arena_take(&arena, n * h, a);
    model->final_norm = arena_take(&arena, n * h, a);
    model->final_rstd = arena_take(&arena, n, sizeof(float));
    model->loss = arena_take(&arena, n, sizeof(float));
    model->loss_sums = arena_take(&arena, LOSS_SUMS, sizeof(double));
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

size_t model_plan(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                  size_t act_size, size_t logits)
{
    const struct model_storage all = {true, true, 1};
    return model_plan_stored(shape, rows, recompute, all, act_size, logits);
}

size_t model_plan_stored(const struct sft_preset *shape, int rows, enum model_recompute recompute,
                         struct model_storage storage, size_t act_size, size_t logits)
{
    struct sft_error err = {""};
    struct model model = {
        .shape = *shape,
        .rows = rows,
        .recompute = recompute,
        .act_size = act_size,
        .logits_most = logits,
        .storage = storage,
    };
    size_t bytes = model_lay_tensors(&model, &err) < 0 ? 0 : model_lay_arena(&model, NULL);
    free(model.unit_weights);
    free(model.unit_gradients);
    free(model.layers);
    free(model.offsets);
    free(model.tensors);
    return bytes;
}
