/* SPDX-License-Identifier: Apache-2.0 */
/* First weights: drawn by a counter, so that any part can be made alone, in any order, anywhere. */
#include "job/model_internal.h"

#include "job/random.h"

enum { PIECE = 4096 };

static const double spread = 0.02; /* Llama's and Hugging Face's initializer_range */

static void tensor_draw(float *values, size_t first, size_t count, uint64_t seed, uint64_t tensor)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(spread * random_normal_at(random_mix(seed, tensor), first + i));
}

void model_initialize(struct model *model, uint64_t seed)
{
    struct backend *b = model->backend;
    float piece[PIECE];
    for (size_t t = 0; t < model->tensor_count; t++) {
        const struct model_tensor *tensor = &model->tensors[t];
        size_t count = (size_t)tensor->rows * (size_t)tensor->columns;
        for (size_t first = 0; first < count; first += PIECE) {
            size_t part = count - first < PIECE ? count - first : PIECE;
            if (tensor->decays)
                tensor_draw(piece, first, part, seed, t);
            for (size_t i = 0; i < part && !tensor->decays; i++)
                piece[i] = 1;
            b->write_act(b, (char *)model->weights + (tensor->offset + first) * b->act_size, piece,
                         part);
        }
    }
}
