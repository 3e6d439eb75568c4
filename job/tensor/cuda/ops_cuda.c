/* SPDX-License-Identifier: Apache-2.0 */
/* What the CUDA device computes: bf16 elements, fp32 sums. Our own kernels are below; matrix
 * products and attention have their files. */
#include <math.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/kernels.h"

static bool cuda_supports(enum op op, enum format format)
{
    if (op == OP_CONVERT || op == OP_SUM)
        return format == FORMAT_BF16 || format == FORMAT_FP32;
    return format == FORMAT_BF16;
}

static void cuda_convert(struct device *d, const struct convert_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->to.format == a->from.format)
        d->copy(d, LANE_COMPUTE, a->to.data, a->from.data, format_bytes(a->to.format, a->to.count));
    else if (a->to.format == FORMAT_FP32)
        kernel_to_float(cuda->stream, a->to.data, a->from.data, a->to.count);
    else
        kernel_to_bf16(cuda->stream, a->to.data, a->from.data, a->to.count);
    cuda_launched(cuda, "a conversion");
}

static void cuda_fill(struct device *d, const struct fill_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->deviation == 0)
        kernel_fill(cuda->stream, a->to.data, a->to.count, a->value);
    else
        kernel_fill_normal(cuda->stream, a->to.data, a->to.count, a->seed, a->first, a->value,
                           a->deviation);
    cuda_launched(cuda, "a fill");
}

static void cuda_add(struct device *d, const struct add_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_add(cuda->stream, a->to.data, a->from.data, a->to.count);
    cuda_launched(cuda, "a sum");
}

static void cuda_matmul(struct device *d, const struct matmul_args *a)
{
    matmul_run(d->state, a->c.data, a->a.data, a->transpose_a, a->b.data, a->transpose_b, a->c.rows,
               a->c.columns, a->transpose_a ? a->a.rows : a->a.columns, a->accumulate);
}

static void cuda_embed_forward(struct device *d, const struct embed_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_embed_forward(cuda->stream, a->out.data, a->table.data, a->ids, a->out.rows,
                         a->out.columns, a->accumulate);
    cuda_launched(cuda, "the embedding");
}

static void cuda_embed_backward(struct device *d, const struct embed_args *a)
{
    struct device_cuda *cuda = d->state;
    void *scratch = cuda_scratch(cuda, kernel_embed_scratch(a->out.rows));
    if (scratch == NULL)
        return;
    kernel_embed_backward(cuda->stream, a->table.data, a->out.data, a->ids, a->out.rows,
                          a->out.columns, scratch);
    cuda_launched(cuda, "the embedding's gradient");
}

static void cuda_bias_forward(struct device *d, const struct bias_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_bias_forward(cuda->stream, a->x.data, a->bias.data, a->x.rows, a->x.columns);
    cuda_launched(cuda, "a bias");
}

static void cuda_bias_backward(struct device *d, const struct bias_args *a)
{
    struct device_cuda *cuda = d->state;
    void *scratch = cuda_scratch(cuda, kernel_bias_scratch(a->dx.columns));
    if (scratch == NULL)
        return;
    kernel_bias_backward(cuda->stream, a->dbias.data, a->dx.data, a->dx.rows, a->dx.columns,
                         scratch);
    cuda_launched(cuda, "a bias' gradient");
}

static struct kernel_norm norm_of(const struct device_cuda *cuda, const struct norm_args *a)
{
    return (struct kernel_norm){.layer = a->kind == NORM_LAYER,
                                .out = a->out.data,
                                .sum = a->sum.data,
                                .x = a->x.data,
                                .delta = a->delta.data,
                                .weight = a->weight.data,
                                .bias = a->bias.data,
                                .rstd = a->rstd,
                                .mean = a->mean,
                                .dx = a->dx.data,
                                .dweight = a->dweight.data,
                                .dbias = a->dbias.data,
                                .dout = a->dout.data,
                                .rows = a->x.rows,
                                .hidden = a->x.columns,
                                .processors = cuda->processors,
                                .eps = a->eps};
}

static void cuda_norm_forward(struct device *d, const struct norm_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->x.columns > KERNEL_NORM_WIDEST) {
        cuda_fail(cuda, "a norm", "rows are wider than 16384");
        return;
    }
    kernel_norm_forward(cuda->stream, norm_of(cuda, a));
    cuda_launched(cuda, "a norm");
}

static void cuda_norm_backward(struct device *d, const struct norm_args *a)
{
    struct device_cuda *cuda = d->state;
    struct kernel_norm args = norm_of(cuda, a);
    args.scratch = cuda_scratch(cuda, kernel_norm_scratch(cuda->processors, a->x.columns));
    if (args.scratch == NULL)
        return;
    kernel_norm_backward(cuda->stream, args);
    cuda_launched(cuda, "a norm's gradient");
}

static void cuda_rope(struct device *d, const struct rope_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_rope(cuda->stream, a->qkv.data, a->positions, a->qkv.rows,
                a->shape.heads + a->shape.kv_heads, a->qkv.columns, a->shape.head_dim, a->theta,
                a->inverse);
    cuda_launched(cuda, "the rotary embedding");
}

static void cuda_activation_forward(struct device *d, const struct activation_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->kind == ACTIVATION_GELU)
        kernel_gelu_forward(cuda->stream, a->out.data, a->in.data, tensor_count(a->out));
    else
        kernel_swiglu_forward(cuda->stream, a->out.data, a->in.data, a->out.rows, a->out.columns);
    cuda_launched(cuda, "the activation");
}

static void cuda_activation_backward(struct device *d, const struct activation_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->kind == ACTIVATION_GELU)
        kernel_gelu_backward(cuda->stream, a->din.data, a->dout.data, a->in.data,
                             tensor_count(a->dout));
    else
        kernel_swiglu_backward(cuda->stream, a->din.data, a->dout.data, a->in.data, a->dout.rows,
                               a->dout.columns);
    cuda_launched(cuda, "the activation's gradient");
}

static void cuda_cross_entropy(struct device *d, const struct cross_entropy_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_cross_entropy(cuda->stream, a->logits.data, a->loss, a->targets, a->logits.rows,
                         a->logits.columns, a->scale);
    cuda_launched(cuda, "the cross-entropy");
}

static void cuda_sum(struct device *d, const struct sum_args *a)
{
    struct device_cuda *cuda = d->state;
    void *scratch = cuda_scratch(cuda, kernel_sum_scratch(cuda->processors));
    if (scratch == NULL)
        return;
    kernel_sum(cuda->stream, a->sum, a->x.data, a->x.count, a->x.format == FORMAT_FP32, a->squares,
               cuda->processors, scratch);
    cuda_launched(cuda, a->squares ? "a sum of squares" : "a sum");
}

static void cuda_adamw(struct device *d, const struct adamw_args *a)
{
    struct device_cuda *cuda = d->state;
    struct kernel_adamw args = {
        .weight = a->weight.data,
        .grad = a->grad.data,
        .master = a->master,
        .m = a->m,
        .v = a->v,
        .count = a->weight.count,
        .norm2 = a->norm2,
        .clip = a->clip,
        .rate = a->lr / a->correction1,
        .keep = 1 - a->lr * a->weight_decay,
        .beta1 = a->beta1,
        .beta2 = a->beta2,
        .eps = a->eps,
        .root = 1 / sqrtf(a->correction2),
        .bf16_states = a->states == FORMAT_BF16,
        .seed = a->seed,
        .first = a->first,
    };
    kernel_adamw(cuda->stream, args);
    cuda_launched(cuda, "AdamW");
}

const struct ops cuda_ops = {
    .supports = cuda_supports,
    .convert = cuda_convert,
    .fill = cuda_fill,
    .add = cuda_add,
    .matmul = cuda_matmul,
    .embed_forward = cuda_embed_forward,
    .embed_backward = cuda_embed_backward,
    .bias_forward = cuda_bias_forward,
    .bias_backward = cuda_bias_backward,
    .norm_forward = cuda_norm_forward,
    .norm_backward = cuda_norm_backward,
    .rope = cuda_rope,
    .attention_forward = attention_run_forward,
    .attention_backward = attention_run_backward,
    .activation_forward = cuda_activation_forward,
    .activation_backward = cuda_activation_backward,
    .cross_entropy = cuda_cross_entropy,
    .sum = cuda_sum,
    .adamw = cuda_adamw,
};
