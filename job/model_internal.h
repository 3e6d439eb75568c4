/* SPDX-License-Identifier: Apache-2.0 */
/* What the model's own files share; nobody else includes this. */
#ifndef SFT_JOB_MODEL_INTERNAL_H
#define SFT_JOB_MODEL_INTERNAL_H

#include "job/model.h"
#include "job/model_layout.h"

/* Places of a layer's tensors behind its first; the list begins with "embed". */
enum layer_tensor {
    LAYER_ATTENTION_NORM,
    LAYER_QKV,
    LAYER_OUT,
    LAYER_FFN_NORM,
    LAYER_GATE_UP,
    LAYER_DOWN,
    LAYER_TENSORS
};

struct model {
    struct backend *backend;
    struct sft_preset shape;
    struct attention_shape attention;
    struct model_layout layout;
    int rows;      /* at most in a batch */
    char *arena;   /* backend memory */
    float *losses; /* host [rows] */
    struct model_tensor *tensors;
    size_t tensor_count;
};

/* The list of a shape's tensors, malloc'ed; NULL when there is no memory. */
struct model_tensor *model_tensors_make(const struct sft_preset *shape, size_t *count);

/* Forward over batch->rows rows that model_check_batch has passed, up to final_norm. */
void model_forward(struct model *m, const struct batch *batch);

/* From the gradient of final_norm in `delta` back to the embedding. */
void model_backward(struct model *m, const struct batch *batch);

static inline act *model_at(const struct model *m, size_t offset)
{
    return m->arena + offset;
}

/* Element `elements` of an act array. */
static inline act *model_act(const struct model *m, size_t offset, size_t elements)
{
    return m->arena + offset + elements * m->backend->act_size;
}

static inline act *model_weight(const struct model *m, size_t tensor)
{
    return model_act(m, m->layout.weights, m->tensors[tensor].offset);
}

static inline act *model_gradient(const struct model *m, size_t tensor)
{
    return model_act(m, m->layout.gradients, m->tensors[tensor].offset);
}

static inline size_t model_layer_tensor(int layer, enum layer_tensor which)
{
    return 1 + (size_t)layer * LAYER_TENSORS + which;
}

static inline size_t model_norm_tensor(const struct model *m)
{
    return model_layer_tensor(m->shape.layers, LAYER_ATTENTION_NORM);
}

/* The embedding when tied. */
static inline size_t model_head_tensor(const struct model *m)
{
    return m->shape.tied_head ? 0 : model_norm_tensor(m) + 1;
}

#endif
