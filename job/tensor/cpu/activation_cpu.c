/* SPDX-License-Identifier: Apache-2.0 */
/* Activations of the CPU device, one row after the other. */
#include "job/tensor/cpu/cpu_internal.h"

static void swiglu_forward(const struct activation_args *a)
{
    int ffn = a->out.columns;
    for (int row = 0; row < a->out.rows; row++) {
        const float *gate = (const float *)a->in.data + 2 * (size_t)row * ffn, *up = gate + ffn;
        float *to = (float *)a->out.data + (size_t)row * ffn;
#pragma omp simd
        for (int i = 0; i < ffn; i++)
            to[i] = gate[i] * up[i] / (1 + cpu_exp(-gate[i]));
    }
}

/* With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)). */
static void swiglu_backward(const struct activation_args *a)
{
    int ffn = a->dout.columns;
    for (int row = 0; row < a->dout.rows; row++) {
        size_t first = 2 * (size_t)row * ffn;
        const float *gate = (const float *)a->in.data + first, *up = gate + ffn;
        const float *from = (const float *)a->dout.data + (size_t)row * ffn;
        float *dgate = (float *)a->din.data + first, *dup = dgate + ffn;
#pragma omp simd
        for (int i = 0; i < ffn; i++) {
            float s = 1 / (1 + cpu_exp(-gate[i]));
            dup[i] = from[i] * gate[i] * s;
            dgate[i] = from[i] * up[i] * s * (1 + gate[i] * (1 - s));
        }
    }
}

/* tanh(u) = 1 - 2 / (exp(2 u) + 1), u = sqrt(2/pi) (x + 0.044715 x^3) */
static inline float gelu_tanh(float x)
{
    const float root = 0.797884561f;
    return 1 - 2 / (cpu_exp(2 * root * (x + 0.044715f * x * x * x)) + 1);
}

static void gelu_forward(const struct activation_args *a)
{
    const float *x = a->in.data;
    float *out = a->out.data;
    size_t count = tensor_count(a->out);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = 0.5f * x[i] * (1 + gelu_tanh(x[i]));
}

/* With t = tanh(u): dx = dout ((1 + t)/2 + x/2 (1 - t^2) sqrt(2/pi) (1 + 3 * 0.044715 x^2)). */
static void gelu_backward(const struct activation_args *a)
{
    const float *x = a->in.data, *dout = a->dout.data, root = 0.797884561f;
    float *dx = a->din.data;
    size_t count = tensor_count(a->dout);
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float t = gelu_tanh(x[i]);
        dx[i] = dout[i] *
                (0.5f * (1 + t) + 0.5f * x[i] * (1 - t * t) * root * (1 + 0.134145f * x[i] * x[i]));
    }
}

void cpu_activation_forward(struct device *d, const struct activation_args *a)
{
    (void)d;
    if (a->kind == ACTIVATION_GELU)
        gelu_forward(a);
    else
        swiglu_forward(a);
    cpu_raise(a->out);
}

void cpu_activation_backward(struct device *d, const struct activation_args *a)
{
    (void)d;
    if (a->kind == ACTIVATION_GELU)
        gelu_backward(a);
    else
        swiglu_backward(a);
    cpu_raise(a->din);
}
