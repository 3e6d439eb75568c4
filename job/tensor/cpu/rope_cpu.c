/* SPDX-License-Identifier: Apache-2.0 */
/* The rotary embedding of the CPU device. */
#include "job/tensor/cpu/cpu_internal.h"

/* cosines[half] and sines[half] of one position's angles */
static void rope_angles(float *cosines, float *sines, const float *frequencies, int position,
                        int half, bool inverse)
{
    for (int i = 0; i < half; i++) {
        float angle = (float)position * frequencies[i];
        cosines[i] = cosf(angle);
        sines[i] = inverse ? -sinf(angle) : sinf(angle);
    }
}

static void rope_head(float *head, const float *cosines, const float *sines, int half)
{
    for (int i = 0; i < half; i++) {
        float low = head[i], high = head[i + half];
        head[i] = low * cosines[i] - high * sines[i];
        head[i + half] = high * cosines[i] + low * sines[i];
    }
}

void cpu_rope(struct device *d, const struct rope_args *a)
{
    int dim = a->shape.head_dim, half = dim / 2, turned = a->shape.heads + a->shape.kv_heads;
    float *frequencies = cpu_scratch(d, 3 * (size_t)half);
    if (frequencies == NULL)
        return;
    float *cosines = frequencies + half, *sines = cosines + half;
    for (int i = 0; i < half; i++)
        frequencies[i] = rope_frequency((float)pow(a->theta, -2.0 * i / dim), a->scaling);
    for (int row = 0; row < a->qkv.rows; row++) {
        float *heads = (float *)a->qkv.data + (size_t)row * a->qkv.columns;
        rope_angles(cosines, sines, frequencies, a->positions[row], half, a->inverse);
        for (int head = 0; head < turned; head++)
            rope_head(heads + (size_t)head * dim, cosines, sines, half);
    }
    cpu_raise(a->qkv);
}
