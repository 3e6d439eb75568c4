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
    if (op == OP_QUANTIZE)
        return format_is_fp8(format) || format == FORMAT_NF4;
    if (op == OP_TRANSPOSE)
        return format_is_fp8(format);
    if (op == OP_DEQUANTIZE || op == OP_MATMUL)
        return format_is_fp8(format) || format == FORMAT_FP32;
    return format == FORMAT_FP32 && op < OPS;
}

static void cpu_convert(struct device *d, const struct convert_args *a)
{
    d->copy(d, LANE_COMPUTE, a->to.data, a->from.data, a->to.count * sizeof(float));
}

static void cpu_fill(struct device *d, const struct fill_args *a)
{
    double (*draw)(uint64_t, uint64_t) = a->uniform ? random_uniform_at : random_normal_at;
    float *to = a->to.data;
    (void)d;
    for (size_t i = 0; i < a->to.count; i++)
        to[i] =
            a->deviation == 0
                ? a->value
                : (float)((double)a->value + (double)a->deviation * draw(a->seed, a->first + i));
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

static void add_row(float *to, const float *from, int count)
{
#pragma omp simd
    for (int i = 0; i < count; i++)
        to[i] += from[i];
}

static void cpu_matmul(struct device *d, const struct matmul_args *a)
{
    float *c = a->c.data;
    if (tensor_is_fp8(a->a))
        cpu_matmul_fp8(d, a);
    else
        cblas_sgemm(CblasRowMajor, a->transpose_a ? CblasTrans : CblasNoTrans,
                    a->transpose_b ? CblasTrans : CblasNoTrans, a->c.rows, a->c.columns,
                    a->transpose_a ? a->a.rows : a->a.columns, 1, a->a.data, a->a.columns,
                    a->b.data, a->b.columns, a->accumulate ? 1 : 0, c, a->c.columns);
    for (int row = 0; row < a->c.rows && a->bias.data != NULL; row++, c += a->c.columns)
        add_row(c, a->bias.data, a->c.columns);
}

static void cpu_embed_forward(struct device *d, const struct embed_args *a)
{
    int hidden = a->out.columns;
    float *to = a->out.data;
    (void)d;
    for (int row = 0; row < a->out.rows; row++, to += hidden) {
        const float *from = (const float *)a->table.data + (size_t)a->ids[row] * hidden;
        if (a->accumulate)
            add_row(to, from, hidden);
        else
            memcpy(to, from, (size_t)hidden * sizeof *to);
    }
}

static void cpu_embed_backward(struct device *d, const struct embed_args *a)
{
    int hidden = a->out.columns;
    const float *from = a->out.data;
    (void)d;
    for (int row = 0; row < a->out.rows; row++, from += hidden)
        add_row((float *)a->table.data + (size_t)a->ids[row] * hidden, from, hidden);
}

static void cpu_bias_backward(struct device *d, const struct bias_args *a)
{
    const float *dx = a->dx.data;
    (void)d;
    for (int row = 0; row < a->dx.rows; row++, dx += a->dx.columns)
        add_row(a->dbias.data, dx, a->dx.columns);
}

const struct ops cpu_ops = {
    .supports = cpu_supports,
    .convert = cpu_convert,
    .fill = cpu_fill,
    .add = cpu_add,
    .matmul = cpu_matmul,
    .amax = cpu_amax,
    .amax_lines = cpu_amax_lines,
    .quantize = cpu_quantize,
    .quantize_nf4 = cpu_quantize_nf4,
    .double_quantize = cpu_double_quantize,
    .dequantize = cpu_dequantize,
    .scales = cpu_scales,
    .cast = cpu_cast,
    .transpose = cpu_transpose,
    .embed_forward = cpu_embed_forward,
    .embed_backward = cpu_embed_backward,
    .bias_backward = cpu_bias_backward,
    .norm_forward = cpu_norm_forward,
    .norm_backward = cpu_norm_backward,
    .rope = cpu_rope,
    .attention_forward = cpu_attention_forward,
    .attention_backward = cpu_attention_backward,
    .activation_forward = cpu_activation_forward,
    .activation_backward = cpu_activation_backward,
    .lstm_forward = cpu_lstm_forward,
    .lstm_backward = cpu_lstm_backward,
    .cross_entropy = cpu_cross_entropy,
    .adapter_spread = cpu_adapter_spread,
    .adapter_gather = cpu_adapter_gather,
    .dropout = cpu_dropout,
    .sum = cpu_sum,
    .adamw = cpu_adamw,
    .sgd = cpu_sgd,
};
