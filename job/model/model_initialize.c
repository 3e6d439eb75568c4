/* SPDX-License-Identifier: Apache-2.0 */
/* First weights: drawn by a counter, so that any part can be made alone, in any order, anywhere. */
#include "job/model/model_internal.h"

#include "job/tensor/random.h"

static const float spread = 0.02f; /* Llama's and Hugging Face's initializer_range */

void model_initialize_part(struct model *model, uint64_t seed, act *to, size_t offset, size_t count)
{
    struct backend *b = model->backend;
    for (size_t t = 0; t < model->tensor_count; t++) {
        const struct model_tensor *tensor = &model->tensors[t];
        size_t end = tensor->offset + (size_t)tensor->rows * (size_t)tensor->columns;
        size_t from = tensor->offset > offset ? tensor->offset : offset;
        size_t until = end < offset + count ? end : offset + count;
        if (from >= until)
            continue;
        char *part = (char *)to + (from - offset) * b->act_size;
        if (tensor->decays)
            b->fill_normal(b, part, until - from, random_mix(seed, t), from - tensor->offset,
                           spread);
        else
            b->fill(b, part, until - from, 1);
    }
}

void model_initialize(struct model *model, uint64_t seed)
{
    model_initialize_part(model, seed, model->weights, 0, model->parameters);
}
