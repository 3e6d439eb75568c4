/* SPDX-License-Identifier: Apache-2.0 */
/* Norms of the CPU device, one row after the other. */
#include "job/tensor/cpu/cpu_internal.h"

static void norm_row(float *out, float *rstd, const float *x, const float *weight, int hidden,
                     float eps)
{
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int i = 0; i < hidden; i++)
        squares += x[i] * x[i];
    *rstd = 1 / sqrtf(squares / (float)hidden + eps);
    float scale = *rstd;
#pragma omp simd
    for (int i = 0; i < hidden; i++)
        out[i] = x[i] * scale * weight[i];
}

void cpu_norm_forward(struct device *d, const struct norm_args *a)
{
    int hidden = a->x.columns;
    (void)d;
    for (int row = 0; row < a->x.rows; row++) {
        size_t first = (size_t)row * hidden;
        const float *in = (const float *)a->x.data + first;
        if (a->delta.data != NULL) {
            const float *add = (const float *)a->delta.data + first;
            float *to = (float *)a->sum.data + first;
#pragma omp simd
            for (int i = 0; i < hidden; i++)
                to[i] = in[i] + add[i];
            in = to;
        }
        norm_row((float *)a->out.data + first, a->rstd + row, in, a->weight.data, hidden, a->eps);
    }
}

/* With y = x * rstd: dx = rstd * (g - y * mean(g * y)), g = dout * weight; dweight = dout * y. */
static void norm_backward_row(float *dx, float *dweight, const float *dout, const float *x,
                              const float *weight, float rstd, int hidden)
{
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int i = 0; i < hidden; i++)
        dot += dout[i] * weight[i] * x[i];
    float along = rstd * rstd * dot / (float)hidden;
#pragma omp simd
    for (int i = 0; i < hidden; i++) {
        dx[i] += rstd * (dout[i] * weight[i] - x[i] * along);
        dweight[i] += dout[i] * x[i] * rstd;
    }
}

void cpu_norm_backward(struct device *d, const struct norm_args *a)
{
    int hidden = a->x.columns;
    (void)d;
    for (int row = 0; row < a->x.rows; row++) {
        size_t first = (size_t)row * hidden;
        norm_backward_row((float *)a->dx.data + first, a->dweight.data,
                          (const float *)a->dout.data + first, (const float *)a->x.data + first,
                          a->weight.data, a->rstd[row], hidden);
    }
}
