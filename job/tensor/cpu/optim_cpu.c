/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over gradients, and the optimizer, of the CPU device. */
#include "job/tensor/cpu/cpu_internal.h"

#include "job/tensor/rounding.h"

/* Short runs in fp32, their sums in fp64: as fast as fp32, and as exact as the runs are short. */
static void sum_squares(double *sum, const float *values, size_t count)
{
    enum { RUN = 512 };
    for (size_t first = 0; first < count; first += RUN) {
        size_t end = count - first < RUN ? count : first + RUN;
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (size_t i = first; i < end; i++)
            squares += values[i] * values[i];
        *sum += (double)squares;
    }
}

void cpu_sum(struct device *d, const struct sum_args *a)
{
    const float *x = a->x.data;
    (void)d;
    if (a->squares)
        sum_squares(a->sum, x, a->x.count);
    else
        for (size_t i = 0; i < a->x.count; i++)
            *a->sum += (double)x[i];
}

static float clip_factor(const double *norm2, float clip)
{
    double factor = 1;
    if (clip > 0)
        factor = (double)clip / (sqrt(*norm2) + 1e-6);
    return factor > 1 ? 1 : (float)factor;
}

static float bf16_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

static uint16_t bf16_rounded(float value, uint32_t random)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return rounding_stochastic(bits, random);
}

static void adamw_bf16(const struct adamw_args *a, float factor, float keep, float rate, float root)
{
    float *w = a->weight.data;
    const float *g = a->grad.data;
    uint16_t *m = a->m, *v = a->v;
    for (size_t i = 0; i < a->weight.count; i++) {
        float gradient = g[i] * factor;
        uint32_t first = rounding_bits(a->seed, 2 * (a->first + i));
        uint32_t second = rounding_bits(a->seed, 2 * (a->first + i) + 1);
        float mean = a->beta1 * bf16_value(m[i]) + (1 - a->beta1) * gradient;
        float square = a->beta2 * bf16_value(v[i]) + (1 - a->beta2) * gradient * gradient;
        float weight = w[i] * keep - rate * mean / (sqrtf(square) * root + a->eps);
        w[i] = bf16_value(bf16_rounded(weight, first));
        m[i] = bf16_rounded(mean, second);
        v[i] = bf16_rounded(square, second >> 16);
    }
}

static void adamw_fp32(const struct adamw_args *a, float factor, float keep, float rate, float root)
{
    float *w = a->weight.data, *m = a->m, *v = a->v;
    const float *g = a->grad.data, beta1 = a->beta1, beta2 = a->beta2, eps = a->eps;
#pragma omp simd
    for (size_t i = 0; i < a->weight.count; i++) {
        float gradient = g[i] * factor;
        m[i] = beta1 * m[i] + (1 - beta1) * gradient;
        v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
        w[i] = w[i] * keep - rate * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

void cpu_adamw(struct device *d, const struct adamw_args *a)
{
    float factor = clip_factor(a->norm2, a->clip), keep = 1 - a->lr * a->weight_decay;
    float rate = a->lr / a->correction1, root = 1 / sqrtf(a->correction2);
    (void)d;
    if (a->states == FORMAT_BF16)
        adamw_bf16(a, factor, keep, rate, root);
    else
        adamw_fp32(a, factor, keep, rate, root); /* no master: the weights are fp32 already */
}

void cpu_sgd(struct device *d, const struct sgd_args *a)
{
    float *w = a->weight.data, *m = a->m, factor = clip_factor(a->norm2, a->clip);
    const float *g = a->grad.data, momentum = a->momentum, decay = a->weight_decay, lr = a->lr;
    (void)d;
#pragma omp simd
    for (size_t i = 0; i < a->weight.count; i++) {
        float gradient = g[i] * factor + decay * w[i];
        m[i] = momentum * m[i] + gradient;
        w[i] -= lr * (gradient + momentum * m[i]);
    }
}
