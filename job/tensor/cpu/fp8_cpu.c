/* SPDX-License-Identifier: Apache-2.0 */
/* FP8 of the CPU device: largest magnitudes, numbers with scales, and products of them. Products
 * are of the very numbers that FP8 holds, with sums in fp32. */
#include "job/tensor/cpu/cpu_internal.h"

#include <cblas.h>

#include "job/tensor/fp8_scale.h"

/* As whole numbers the bits of magnitudes stand in their order, NaN last. */
static uint32_t magnitude_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffffu;
}

static void raise_to(float *amax, float value)
{
    if (magnitude_bits(value) > magnitude_bits(*amax))
        *amax = fabsf(value);
}

void cpu_raise(struct tensor x)
{
    const float *values = x.data;
    uint32_t most = 0;
    size_t count = tensor_count(x);
    if (x.amax == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = magnitude_bits(values[i]);
        most = bits > most ? bits : most;
    }
    float largest;
    memcpy(&largest, &most, sizeof largest);
    raise_to(x.amax, largest);
}

void cpu_amax(struct device *d, const struct amax_args *a)
{
    (void)d;
    cpu_raise(a->x);
}

/* Each row's, or each column's, largest magnitude. */
static void raise_lines(float *amax, const struct tensor *x, bool columns)
{
    const float *values = x->data;
    for (int row = 0; row < x->rows; row++)
        for (int i = 0; i < x->columns; i++)
            raise_to(amax + (columns ? i : row), values[(size_t)row * x->columns + i]);
}

void cpu_amax_lines(struct device *d, const struct amax_lines_args *a)
{
    (void)d;
    raise_lines(a->rows, &a->x, false);
    raise_lines(a->columns, &a->x, true);
}

void cpu_scales(struct device *d, const struct scales_args *a)
{
    (void)d;
    for (size_t i = 0; i < a->count; i++)
        a->scale[i] = fp8_scale(a->scale[i], format_traits[a->format].largest);
}

/* Largest magnitudes of rows, or columns, become their scales. */
static void scale_lines(struct device *d, float *scale, const struct quantize_args *a, bool columns)
{
    size_t count = (size_t)(columns ? a->x.columns : a->x.rows);
    memset(scale, 0, count * sizeof *scale);
    raise_lines(scale, &a->x, columns);
    cpu_scales(d, &(struct scales_args){scale, count, a->to.format});
}

void cpu_cast(struct device *d, const struct cast_args *a)
{
    const struct tensor *to = &a->to, *x = &a->x;
    uint8_t *bytes = to->data;
    (void)d;
    for (int row = 0; row < x->rows; row++)
        for (int i = 0; i < x->columns; i++) {
            size_t at = (size_t)row * x->columns + i;
            const float *scale = a->by_column                 ? to->scale_transposed + i
                                 : to->scaling == SCALING_ROW ? to->scale + row
                                                              : to->scale;
            float value = ((const float *)x->data)[at] * fp8_factor(*scale);
            format_encode(to->format, bytes + at, &value, 1);
        }
}

static void quantize_columns(const struct quantize_args *a)
{
    const struct tensor *to = &a->to, *x = &a->x;
    uint8_t *bytes = to->transposed;
    for (int i = 0; i < x->columns && bytes != NULL; i++)
        for (int row = 0; row < x->rows; row++) {
            const float *scale = to->scaling == SCALING_ROW ? to->scale_transposed + i : to->scale;
            float value =
                ((const float *)x->data)[(size_t)row * x->columns + i] * fp8_factor(*scale);
            format_encode(to->format, bytes + (size_t)i * x->rows + row, &value, 1);
        }
}

void cpu_quantize(struct device *d, const struct quantize_args *a)
{
    const struct tensor *to = &a->to;
    if (to->scaling == SCALING_TENSOR)
        *to->scale = fp8_scale(*a->x.amax, format_traits[to->format].largest);
    else if (to->data != NULL)
        scale_lines(d, to->scale, a, false);
    if (to->scaling == SCALING_ROW && to->transposed != NULL)
        scale_lines(d, to->scale_transposed, a, true);
    if (to->data != NULL)
        cpu_cast(d, &(struct cast_args){*to, a->x, false});
    quantize_columns(a);
}

void cpu_transpose(struct device *d, const struct transpose_args *a)
{
    const uint8_t *from = a->x.data;
    uint8_t *to = a->x.transposed;
    size_t rows = (size_t)a->x.rows, columns = (size_t)a->x.columns;
    (void)d;
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < columns; i++)
            to[i * rows + row] = from[row * columns + i];
}

/* What is meant, [rows,columns], or [columns,rows] of the transposed. */
static void widen(float *values, const struct tensor *t, bool transposed)
{
    size_t rows = (size_t)(transposed ? t->columns : t->rows), columns = tensor_count(*t) / rows;
    const uint8_t *bytes = transposed ? t->transposed : t->data;
    const float *scales = transposed && t->scaling == SCALING_ROW ? t->scale_transposed : t->scale;
    format_decode(t->format, values, bytes, rows * columns);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < columns; i++)
            values[row * columns + i] *= scales[t->scaling == SCALING_ROW ? row : 0];
}

void cpu_matmul_fp8(struct device *d, const struct matmul_args *a)
{
    size_t first = tensor_count(a->a);
    int k = a->transpose_a ? a->a.rows : a->a.columns;
    float *wide = cpu_scratch(d, first + tensor_count(a->b));
    if (wide == NULL)
        return;
    widen(wide, &a->a, a->transpose_a);
    widen(wide + first, &a->b, !a->transpose_b);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, a->c.rows, a->c.columns, k, 1, wide, k,
                wide + first, k, a->accumulate ? 1 : 0, a->c.data, a->c.columns);
}
