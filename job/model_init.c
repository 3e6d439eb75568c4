/* SPDX-License-Identifier: Apache-2.0 */
/* The list of parameter tensors, and their first values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "job/model_internal.h"

static void tensor_add(struct model_tensor *list, size_t *count, int layer, const char *name,
                       int rows, int columns)
{
    struct model_tensor *t = &list[*count];
    size_t end = 0;
    if (*count > 0)
        end = t[-1].offset + (size_t)t[-1].rows * (size_t)t[-1].columns;
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s", name);
    else
        snprintf(t->name, sizeof t->name, "layers.%d.%s", layer, name);
    t->offset = end;
    t->rows = rows;
    t->columns = columns;
    t->decays = rows > 1;
    ++*count;
}

struct model_tensor *model_tensors_make(const struct sft_preset *s, size_t *count)
{
    int qkv = (s->heads + 2 * s->kv_heads) * s->head_dim;
    struct model_tensor *list = calloc(3 + (size_t)s->layers * LAYER_TENSORS, sizeof *list);
    *count = 0;
    if (list == NULL)
        return NULL;
    tensor_add(list, count, -1, "embed", s->vocab, s->hidden);
    for (int layer = 0; layer < s->layers; layer++) { /* in the order of enum layer_tensor */
        tensor_add(list, count, layer, "attention_norm", 1, s->hidden);
        tensor_add(list, count, layer, "qkv", qkv, s->hidden);
        tensor_add(list, count, layer, "out", s->hidden, s->hidden);
        tensor_add(list, count, layer, "ffn_norm", 1, s->hidden);
        tensor_add(list, count, layer, "gate_up", 2 * s->ffn, s->hidden);
        tensor_add(list, count, layer, "down", s->hidden, s->ffn);
    }
    tensor_add(list, count, -1, "norm", 1, s->hidden);
    if (!s->tied_head)
        tensor_add(list, count, -1, "head", s->vocab, s->hidden);
    return list;
}

/* splitmix64's finalizer: a change of any bit changes half of the result's. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Two standard normal numbers (Box and Muller) from 64 bits. */
static void normal_pair(uint64_t bits, float pair[2])
{
    float u = ((float)(bits >> 40) + 1) * 0x1p-24f; /* (0,1]: its logarithm is finite */
    float angle = (float)(bits & 0xffffff) * (0x1p-24f * 6.28318531f);
    float radius = sqrtf(-2 * logf(u));
    pair[0] = radius * cosf(angle);
    pair[1] = radius * sinf(angle);
}

static void initialize_matrix(struct model *m, size_t tensor, uint64_t seed)
{
    enum { SLICE = 8192 };
    float values[SLICE];
    const struct model_tensor *t = &m->tensors[tensor];
    size_t count = (size_t)t->rows * (size_t)t->columns;
    uint64_t key = mix(mix(seed) + tensor);
    for (size_t first = 0; first < count; first += SLICE) {
        size_t slice = count - first < SLICE ? count - first : SLICE;
        for (size_t i = 0; i < slice; i += 2) {
            normal_pair(mix(key + (first + i) / 2), values + i);
            values[i] *= 0.02f;
            values[i + 1] *= 0.02f;
        }
        m->backend->write_act(m->backend, model_act(m, m->layout.weights, t->offset + first),
                              values, slice);
    }
}

static void initialize_norm(struct model *m, size_t tensor)
{
    const float one = 1;
    const struct model_tensor *t = &m->tensors[tensor];
    for (int i = 0; i < t->columns; i++)
        m->backend->write_act(m->backend, model_act(m, m->layout.weights, t->offset + (size_t)i),
                              &one, 1);
}

void model_initialize(struct model *model, uint64_t seed)
{
    for (size_t t = 0; t < model->tensor_count; t++)
        if (model->tensors[t].rows > 1)
            initialize_matrix(model, t, seed);
        else
            initialize_norm(model, t);
}
