/* SPDX-License-Identifier: Apache-2.0 */
/* What adapters need of the CPU device besides products. */
#include "job/tensor/cpu/cpu_internal.h"
#include "job/tensor/dropout.h"

/* Block i's part of one of its rows. */
static float *wide_at(const struct adapter_args *a, int row, int i)
{
    size_t first = (size_t)row * (size_t)a->wide.columns;
    return (float *)a->wide.data + first + (size_t)i * (size_t)a->b.columns;
}

void cpu_adapter_spread(struct device *d, const struct adapter_args *a)
{
    const float *b = a->b.data;
    int rank = a->b.columns;
    d->zero(d, a->wide.data, tensor_count(a->wide) * sizeof(float));
    for (int i = 0; i < a->count; i++)
        for (int row = 0; row < a->block[i].rows; row++, b += rank) {
            float *to = wide_at(a, a->block[i].first + row, i);
            for (int j = 0; j < rank; j++)
                to[j] = a->scale * b[j];
        }
}

void cpu_adapter_gather(struct device *d, const struct adapter_args *a)
{
    float *b = a->b.data;
    int rank = a->b.columns;
    (void)d;
    for (int i = 0; i < a->count; i++)
        for (int row = 0; row < a->block[i].rows; row++, b += rank) {
            const float *from = wide_at(a, a->block[i].first + row, i);
            for (int j = 0; j < rank; j++)
                b[j] = (a->accumulate ? b[j] : 0) + a->scale * from[j];
        }
}

void cpu_dropout(struct device *d, const struct dropout_args *a)
{
    uint32_t threshold = dropout_threshold(a->part);
    float scale = dropout_scale(threshold);
    int columns = a->x.columns;
    uint32_t quads = ((uint32_t)columns + 3) / 4;
    (void)d;
    for (int row = 0; row < a->x.rows; row++) {
        const float *x = (const float *)a->x.data + (size_t)row * (size_t)columns;
        float *out = (float *)a->out.data + (size_t)row * (size_t)columns;
        for (int i = 0; i < columns; i++) {
            uint64_t bits = dropout_bits(a->seed, a->first + (uint64_t)row, quads, (uint32_t)i / 4);
            float kept = dropout_keeps(bits, i % 4, threshold) ? x[i] * scale : 0;
            out[i] = (a->accumulate ? out[i] : 0) + kept;
        }
    }
}
