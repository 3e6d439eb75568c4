/* SPDX-License-Identifier: Apache-2.0 */
/* Where tensors stand in the flat arrays, and everything in the arena. */
#include "job/model/model_internal.h"

#include <stdlib.h>

enum { ALIGNMENT = 256, CHUNK_ROWS = 128 };

static void tensor_add(struct model *model, const struct sft_param *param, size_t offset)
{
    struct model_tensor *t = &model->tensors[model->tensor_count++];
    t->param = *param;
    sft_param_name(param, param->name, t->name);
    t->offset = offset;
    if (model->tensor_count > 1)
        t->number = t[-1].number + sft_param_elements(&t[-1].param);
}

size_t model_unit_room(const struct sft_preset *shape, int unit, size_t multiple)
{
    size_t elements = sft_params_unit(shape, unit);
    return multiple > 1 ? (elements + multiple - 1) / multiple * multiple : elements;
}

static void unit_add(struct model *model, int unit)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(&model->shape, unit, params);
    size_t room = model_unit_room(&model->shape, unit, model->storage.multiple);
    size_t offset = model->parameters;
    for (int i = 0; i < count; i++) {
        tensor_add(model, &params[i], offset);
        offset += sft_param_elements(&params[i]);
    }
    model->units[unit] = (struct model_unit){model->parameters, room};
    model->parameters += room;
}

static void offsets_find(struct model *model)
{
    const struct sft_preset *s = &model->shape;
    for (int i = 0; i < s->layers; i++)
        model->offsets[i] = (struct model_offsets){
            .attention_norm = model_find(model, i + 1, SFT_ROLE_ATTENTION_NORM)->offset,
            .qkv = model_find(model, i + 1, SFT_ROLE_QKV)->offset,
            .o = model_find(model, i + 1, SFT_ROLE_ATTENTION_OUT)->offset,
            .ffn_norm = model_find(model, i + 1, SFT_ROLE_FFN_NORM)->offset,
            .gate_up = model_find(model, i + 1, SFT_ROLE_FFN_IN)->offset,
            .down = model_find(model, i + 1, SFT_ROLE_FFN_OUT)->offset,
        };
    int last = model_units(model) - 1;
    model->embed = model_find(model, 0, SFT_ROLE_EMBEDDING)->offset;
    model->norm = model_find(model, last, SFT_ROLE_FINAL_NORM)->offset;
    model->head = s->tied_head ? model->embed : model_find(model, last, SFT_ROLE_HEAD)->offset;
}

int model_lay_tensors(struct model *model, struct sft_error *err)
{
    if (sft_params_check(&model->shape, err) < 0)
        return -1;
    size_t layers = (size_t)model->shape.layers, units = (size_t)model_units(model);
    model->tensors = calloc(units * SFT_UNIT_PARAMS, sizeof *model->tensors);
    model->units = calloc(units, sizeof *model->units);
    model->offsets = calloc(layers, sizeof *model->offsets);
    model->layers = calloc(layers, sizeof *model->layers);
    model->unit_weights = calloc(units, sizeof *model->unit_weights);
    model->unit_gradients = calloc(units, sizeof *model->unit_gradients);
    if (model->tensors == NULL || model->units == NULL || model->offsets == NULL ||
        model->layers == NULL || model->unit_weights == NULL || model->unit_gradients == NULL)
        return sft_error_set(err, "no memory for the list of tensors");
    for (int unit = 0; unit < model_units(model); unit++)
        unit_add(model, unit);
    offsets_find(model);
    return 0;
}

void model_free_tensors(struct model *model)
{
    free(model->unit_weights);
    free(model->unit_gradients);
    free(model->layers);
    free(model->offsets);
    free(model->units);
    free(model->tensors);
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
    size_t h = (size_t)s->hidden, q = (size_t)s->heads * d, qkv = (size_t)sft_preset_qkv(s);
    size_t ffn = (size_t)s->ffn, f = sizeof(float);
    bool cheap = model->recompute == RECOMPUTE_NONE, dear = model->recompute != RECOMPUTE_BLOCK;
    void *shared[FIELDS] = {NULL};
    bool placed[FIELDS] = {false};
    for (int i = 0; i < s->layers; i++) {
        struct model_layer *l = &model->layers[i];
        l->residual = arena_take(arena, n * h, a);
        l->attention_norm = arena_layer(arena, cheap, &shared[0], &placed[0], n * h, a);
        l->qkv = arena_layer(arena, dear, &shared[1], &placed[1], n * qkv, a);
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
    size_t ffn = (size_t)s->ffn, q = (size_t)s->heads * (size_t)s->head_dim;
    size_t qkv = (size_t)sft_preset_qkv(s);
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
    model_free_tensors(&model);
    return bytes;
}
