/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of few bits of the CUDA device: largest magnitudes, scales, conversions (quantize.cu,
 * nf4.cu). Products are in matmul_fp8.c. */
#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/kernels.h"

void cuda_amax(struct device *d, const struct amax_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_amax(cuda->stream, a->x.amax, a->x.data, tensor_count(a->x), cuda->processors);
    cuda_launched(cuda, "a largest magnitude");
}

void cuda_amax_lines(struct device *d, const struct amax_lines_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->x.columns % 16 != 0)
        cuda_fail(cuda, "FP8", "columns are no multiple of 16");
    else
        kernel_amax_lines(cuda->stream, a->rows, a->columns, a->x.data, a->x.rows, a->x.columns);
    cuda_launched(cuda, "largest magnitudes");
}

void cuda_scales(struct device *d, const struct scales_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_scales(cuda->stream, a->scale, a->count, a->format == FORMAT_E5M2);
    cuda_launched(cuda, "scales");
}

static struct kernel_quantize quantize_of(const struct tensor *to, const struct tensor *x)
{
    return (struct kernel_quantize){.data = to->data,
                                    .transposed = to->transposed,
                                    .x = x->data,
                                    .scale = to->scale,
                                    .scale_transposed = to->scale_transposed,
                                    .amax = x->amax,
                                    .rows = to->rows,
                                    .columns = to->columns,
                                    .e5m2 = to->format == FORMAT_E5M2,
                                    .by_row = to->scaling == SCALING_ROW};
}

void cuda_cast(struct device *d, const struct cast_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->to.columns % 16 != 0)
        cuda_fail(cuda, "FP8", "columns are no multiple of 16");
    else
        kernel_cast(cuda->stream, quantize_of(&a->to, &a->x), a->by_column);
    cuda_launched(cuda, "a conversion to FP8");
}

void cuda_quantize(struct device *d, const struct quantize_args *a)
{
    struct device_cuda *cuda = d->state;
    const struct tensor *to = &a->to;
    struct kernel_quantize args = quantize_of(to, &a->x);
    void *scratch = cuda_scratch(cuda, kernel_quantize_scratch(to->rows, to->columns));
    if (to->rows % 16 != 0 || to->columns % 16 != 0)
        cuda_fail(cuda, "FP8", "rows and columns are no multiples of 16");
    else if (scratch != NULL)
        kernel_quantize(cuda->stream, args, scratch);
    cuda_launched(cuda, "a conversion to FP8");
}

static struct kernel_nf4 nf4_of(const struct tensor *t)
{
    return (struct kernel_nf4){t->data, t->scale, t->scale_codes, t->scale_mean, tensor_count(*t)};
}

void cuda_quantize_nf4(struct device *d, const struct quantize_nf4_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_quantize_nf4(cuda->stream, nf4_of(&a->to), a->x.data);
    cuda_launched(cuda, "a conversion to NF4");
}

void cuda_double_quantize(struct device *d, const struct double_quantize_args *a)
{
    struct device_cuda *cuda = d->state;
    struct kernel_nf4 to = nf4_of(&a->to);
    void *scratch = cuda_scratch(cuda, kernel_double_quantize_scratch(to.count));
    if (scratch == NULL)
        return;
    kernel_double_quantize(cuda->stream, to, a->absmax, scratch);
    cuda_launched(cuda, "NF4's double quantization");
}

void cuda_dequantize(struct device *d, const struct dequantize_args *a)
{
    struct device_cuda *cuda = d->state;
    const struct tensor *to = &a->to;
    struct kernel_quantize copies = {.data = to->data,
                                     .transposed = to->transposed,
                                     .scale = to->scale,
                                     .scale_transposed = to->scale_transposed,
                                     .rows = to->rows,
                                     .columns = to->columns,
                                     .by_row = to->scaling == SCALING_ROW};
    if (a->from.format == FORMAT_E4M3)
        kernel_fp8_to_bf16(cuda->stream, to->data, a->from.data, a->from.scale, tensor_count(*to));
    else if (to->format == FORMAT_BF16)
        kernel_nf4_to_bf16(cuda->stream, to->data, nf4_of(&a->from));
    else if (to->rows % 16 != 0 || to->columns % 16 != 0)
        cuda_fail(cuda, "FP8", "rows and columns are no multiples of 16");
    else
        kernel_nf4_to_fp8(cuda->stream, copies, nf4_of(&a->from));
    cuda_launched(cuda, "a conversion from few bits");
}

void cuda_transpose(struct device *d, const struct transpose_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_transpose(cuda->stream, a->x.transposed, a->x.data, a->x.rows, a->x.columns);
    cuda_launched(cuda, "a transposition");
}
