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

/* Sums in doubles: a mean far from zero takes digits from what is left. */
static void layer_row(float *out, float *mean, float *rstd, const float *x, const float *weight,
                      const float *bias, int hidden, float eps)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < hidden; i++)
        sum += (double)x[i];
    double center = sum / hidden;
    for (int i = 0; i < hidden; i++)
        squares += ((double)x[i] - center) * ((double)x[i] - center);
    *mean = (float)center;
    *rstd = (float)(1 / sqrt(squares / hidden + (double)eps));
    float middle = *mean, scale = *rstd;
#pragma omp simd
    for (int i = 0; i < hidden; i++)
        out[i] = (x[i] - middle) * scale * weight[i] + bias[i];
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
        float *out = (float *)a->out.data + first;
        if (a->kind == NORM_LAYER)
            layer_row(out, a->mean + row, a->rstd + row, in, a->weight.data, a->bias.data, hidden,
                      a->eps);
        else
            norm_row(out, a->rstd + row, in, a->weight.data, hidden, a->eps);
    }
    cpu_raise(a->out);
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
    for (int i = 0; i < hidden; i++)
        dx[i] += rstd * (dout[i] * weight[i] - x[i] * along);
    if (dweight == NULL)
        return;
#pragma omp simd
    for (int i = 0; i < hidden; i++)
        dweight[i] += dout[i] * x[i] * rstd;
}

/* With y = (x - mean) * rstd: dx = rstd * (g - mean(g) - y * mean(g * y)), g = dout * weight. */
static void layer_backward_row(const struct norm_args *a, int row)
{
    int hidden = a->x.columns;
    size_t first = (size_t)row * hidden;
    float *dx = (float *)a->dx.data + first, *dweight = a->dweight.data, *dbias = a->dbias.data;
    const float *dout = (const float *)a->dout.data + first, *x = (const float *)a->x.data + first;
    const float *weight = a->weight.data, mean = a->mean[row], rstd = a->rstd[row];
    float sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (int i = 0; i < hidden; i++) {
        sum += dout[i] * weight[i];
        dot += dout[i] * weight[i] * (x[i] - mean) * rstd;
    }
    sum /= (float)hidden;
    dot /= (float)hidden;
#pragma omp simd
    for (int i = 0; i < hidden; i++)
        dx[i] += rstd * (dout[i] * weight[i] - sum - (x[i] - mean) * rstd * dot);
    if (dweight == NULL)
        return;
#pragma omp simd
    for (int i = 0; i < hidden; i++) {
        dweight[i] += dout[i] * (x[i] - mean) * rstd;
        dbias[i] += dout[i];
    }
}

void cpu_norm_backward(struct device *d, const struct norm_args *a)
{
    int hidden = a->x.columns;
    (void)d;
    for (int row = 0; row < a->x.rows; row++) {
        size_t first = (size_t)row * hidden;
        if (a->kind == NORM_LAYER)
            layer_backward_row(a, row);
        else
            norm_backward_row((float *)a->dx.data + first, a->dweight.data,
                              (const float *)a->dout.data + first, (const float *)a->x.data + first,
                              a->weight.data, a->rstd[row], hidden);
    }
    cpu_raise(a->dx);
}
