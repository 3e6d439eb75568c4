/* SPDX-License-Identifier: Apache-2.0 */
/* First weights: drawn by a counter, so that any part can be made alone, in any order, anywhere. */
#include "job/model_internal.h"

#include "job/random.h"

static const float spread = 0.02f; /* Llama's and Hugging Face's initializer_range */

void model_initialize(struct model *model, uint64_t seed)
{
    struct backend *b = model->backend;
    for (size_t t = 0; t < model->tensor_count; t++) {
        const struct model_tensor *tensor = &model->tensors[t];
        size_t count = (size_t)tensor->rows * (size_t)tensor->columns;
        char *to = (char *)model->weights + tensor->offset * b->act_size;
        if (tensor->decays)
            b->fill_normal(b, to, count, random_mix(seed, t), 0, spread);
        else
            b->fill(b, to, count, 1);
    }
}
