/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU computes, in fp32: the table, matrices, and operations on elements and rows. Norms,
 * attention, the loss and the optimizer have their files.
 *
 * Matrices go to CBLAS, which may use threads; everything else is a loop over rows with the inner
 * loop along a row, where memory is contiguous. `omp simd` asks for vectors at any -O level and
 * lets sums be reordered, in a way fixed at compile time: results are the same from run to run. */
#include "job/tensor/cpu/cpu_internal.h"

#include <cblas.h>

#include "job/tensor/random.h"

static bool cpu_supports(enum op op, enum format format)
{
    return format == FORMAT_FP32 && op < OPS;
}

static void cpu_convert(struct device *d, const struct convert_args *a)
{
    d->copy(d, LANE_COMPUTE, a->to.data, a->from.data, a->to.count * sizeof(float));
}

static void cpu_fill(struct device *d, const struct fill_args *a)
{
    float *to = a->to.data;
    (void)d;
    for (size_t i = 0; i < a->to.count; i++)
        to[i] = a->deviation == 0
                    ? a->value
                    : (float)((double)a->value +
                              (double)a->deviation * random_normal_at(a->seed, a->first + i));
}

static void cpu_add(struct device *d, const struct add_args *a)
{
    float *sum = a->to.data;
    const float *more = a->from.data;
    (void)d;
#pragma omp simd
    for (size_t i = 0; i < a->to.count; i++)
        sum[i] += more[i];
}

static void cpu_matmul(struct device *d, const struct matmul_args *a)
{
    (void)d;
    cblas_sgemm(CblasRowMajor, a->transpose_a ? CblasTrans : CblasNoTrans,
                a->transpose_b ? CblasTrans : CblasNoTrans, a->c.rows, a->c.columns,
                a->transpose_a ? a->a.rows : a->a.columns, 1, a->a.data, a->a.columns, a->b.data,
                a->b.columns, a->accumulate ? 1 : 0, a->c.data, a->c.columns);
}

static void cpu_embed_forward(struct device *d, const struct embed_args *a)
{
    const float *from = a->table.data;
    float *to = a->out.data;
    int hidden = a->out.columns;
    (void)d;
    for (int row = 0; row < a->out.rows; row++, to += hidden)
        memcpy(to, from + (size_t)a->ids[row] * hidden, (size_t)hidden * sizeof *to);
}

static void cpu_embed_backward(struct device *d, const struct embed_args *a)
{
    const float *from = a->out.data;
    int hidden = a->out.columns;
    (void)d;
    for (int row = 0; row < a->out.rows; row++, from += hidden) {
        float *to = (float *)a->table.data + (size_t)a->ids[row] * hidden;
#pragma omp simd
        for (int i = 0; i < hidden; i++)
            to[i] += from[i];
    }
}

static void cpu_swiglu_forward(struct device *d, const struct swiglu_args *a)
{
    int ffn = a->out.columns;
    (void)d;
    for (int row = 0; row < a->out.rows; row++) {
        const float *gate = (const float *)a->in.data + 2 * (size_t)row * ffn, *up = gate + ffn;
        float *to = (float *)a->out.data + (size_t)row * ffn;
#pragma omp simd
        for (int i = 0; i < ffn; i++)
            to[i] = gate[i] * up[i] / (1 + cpu_exp(-gate[i]));
    }
}

/* With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)). */
static void cpu_swiglu_backward(struct device *d, const struct swiglu_args *a)
{
    int ffn = a->dout.columns;
    (void)d;
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

const struct ops cpu_ops = {
    .supports = cpu_supports,
    .convert = cpu_convert,
    .fill = cpu_fill,
    .add = cpu_add,
    .matmul = cpu_matmul,
    .embed_forward = cpu_embed_forward,
    .embed_backward = cpu_embed_backward,
    .norm_forward = cpu_norm_forward,
    .norm_backward = cpu_norm_backward,
    .rope = cpu_rope,
    .attention_forward = cpu_attention_forward,
    .attention_backward = cpu_attention_backward,
    .swiglu_forward = cpu_swiglu_forward,
    .swiglu_backward = cpu_swiglu_backward,
    .cross_entropy = cpu_cross_entropy,
    .sum = cpu_sum,
    .adamw = cpu_adamw,
};
