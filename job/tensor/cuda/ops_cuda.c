/* SPDX-License-Identifier: Apache-2.0 */
/* What the CUDA device computes: bf16 elements, fp32 sums; compiled once more with SFT_FP32
 * (ops_cuda_fp32.c) fp32 elements, without FP8 and adapters. Our own kernels are below; matrix
 * products and attention have their files. */
#include <math.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/kernels.h"

#ifdef SFT_FP32

#define cuda_ops cuda_ops_fp32
#define attention_forward_of attention_fp32_forward
#define attention_backward_of attention_fp32_backward

static bool cuda_supports(enum op op, enum format format)
{
    return format == FORMAT_FP32 && op != OP_AMAX && op != OP_QUANTIZE && op != OP_DEQUANTIZE &&
           op != OP_TRANSPOSE && op != OP_ADAPTER && op != OP_DROPOUT;
}

#else

#define attention_forward_of attention_run_forward
#define attention_backward_of attention_run_backward

static bool cuda_supports(enum op op, enum format format)
{
    if (op == OP_QUANTIZE || (op == OP_MATMUL && format_is_fp8(format)))
        return format_is_fp8(format) || format == FORMAT_NF4; /* a product: device.scalings */
    if (op == OP_TRANSPOSE)
        return format_is_fp8(format);
    if (op == OP_DEQUANTIZE)
        return format == FORMAT_BF16 || format == FORMAT_E4M3;
    if (op == OP_CONVERT || op == OP_SUM)
        return format == FORMAT_BF16 || format == FORMAT_FP32;
    return format == FORMAT_BF16;
}

#endif

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
    else if (a->uniform)
        kernel_fill_uniform(cuda->stream, a->to.data, a->to.count, a->seed, a->first, a->value,
                            a->deviation);
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
    struct device_cuda *cuda = d->state;
    bool whole = tensor_is_fp8(a->a) ? matmul_run_fp8(cuda, a) : matmul_run(cuda, a);
    if (whole)
        return;
    kernel_bias_forward(cuda->stream, a->c.data, a->bias.data, a->c.rows, a->c.columns);
    cuda_launched(cuda, "a bias");
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
                                .amax = a->out.amax,
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
    args.amax = a->dx.amax;
    if (args.scratch == NULL)
        return;
    kernel_norm_backward(cuda->stream, args);
    cuda_launched(cuda, "a norm's gradient");
}

static void cuda_rope(struct device *d, const struct rope_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_rope(cuda->stream, (struct kernel_rope){.qkv = a->qkv.data,
                                                   .positions = a->positions,
                                                   .rows = a->qkv.rows,
                                                   .turned = a->shape.heads + a->shape.kv_heads,
                                                   .width = a->qkv.columns,
                                                   .head_dim = a->shape.head_dim,
                                                   .theta = a->theta,
                                                   .scaling = a->scaling,
                                                   .inverse = a->inverse,
                                                   .amax = a->qkv.amax});
    cuda_launched(cuda, "the rotary embedding");
}

static void cuda_activation_forward(struct device *d, const struct activation_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->kind == ACTIVATION_GELU)
        kernel_gelu_forward(cuda->stream, a->out.data, a->in.data, tensor_count(a->out),
                            a->out.amax);
    else
        kernel_swiglu_forward(cuda->stream, a->out.data, a->in.data, a->out.rows, a->out.columns,
                              a->out.amax);
    cuda_launched(cuda, "the activation");
}

static void cuda_activation_backward(struct device *d, const struct activation_args *a)
{
    struct device_cuda *cuda = d->state;
    if (a->kind == ACTIVATION_GELU)
        kernel_gelu_backward(cuda->stream, a->din.data, a->dout.data, a->in.data,
                             tensor_count(a->dout), a->din.amax);
    else
        kernel_swiglu_backward(cuda->stream, a->din.data, a->dout.data, a->in.data, a->dout.rows,
                               a->dout.columns, a->din.amax);
    cuda_launched(cuda, "the activation's gradient");
}

static struct kernel_lstm lstm_of(const struct lstm_args *a)
{
    return (struct kernel_lstm){.gates = a->gates.data,
                                .out = a->out.data,
                                .carried = a->carried.data,
                                .bias_in = a->bias_in.data,
                                .bias_state = a->bias_state.data,
                                .dgates = a->dgates.data,
                                .dout = a->dout.data,
                                .dcarried = a->dcarried.data,
                                .cell_before = a->cell_before,
                                .cell = a->cell,
                                .dcell = a->dcell,
                                .positions = a->positions,
                                .positions_after = a->positions_after,
                                .rows = a->gates.rows,
                                .hidden = a->gates.columns / 4};
}

static void cuda_lstm_forward(struct device *d, const struct lstm_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_lstm_forward(cuda->stream, lstm_of(a));
    cuda_launched(cuda, "an LSTM's step");
}

static void cuda_lstm_backward(struct device *d, const struct lstm_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_lstm_backward(cuda->stream, lstm_of(a));
    cuda_launched(cuda, "an LSTM step's gradient");
}

static void cuda_cross_entropy(struct device *d, const struct cross_entropy_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_cross_entropy(cuda->stream, a->logits.data, a->loss, a->targets, a->logits.rows,
                         a->logits.columns, a->classes, a->scale);
    cuda_launched(cuda, "the cross-entropy");
}

static struct kernel_adapter adapter_of(const struct adapter_args *a)
{
    struct kernel_adapter args = {.wide = a->wide.data,
                                  .b = a->b.data,
                                  .out = a->wide.rows,
                                  .rank = a->b.columns,
                                  .count = a->count,
                                  .scale = a->scale,
                                  .accumulate = a->accumulate};
    for (int i = 0; i < a->count; i++) {
        args.first[i] = a->block[i].first;
        args.rows[i] = a->block[i].rows;
    }
    return args;
}

static void cuda_adapter_spread(struct device *d, const struct adapter_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_adapter_spread(cuda->stream, adapter_of(a));
    cuda_launched(cuda, "spreading adapters");
}

static void cuda_adapter_gather(struct device *d, const struct adapter_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_adapter_gather(cuda->stream, adapter_of(a));
    cuda_launched(cuda, "gathering adapters' gradients");
}

static void cuda_dropout(struct device *d, const struct dropout_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_dropout(cuda->stream, (struct kernel_dropout){.out = a->out.data,
                                                         .x = a->x.data,
                                                         .rows = a->x.rows,
                                                         .columns = a->x.columns,
                                                         .part = a->part,
                                                         .seed = a->seed,
                                                         .first = a->first,
                                                         .accumulate = a->accumulate});
    cuda_launched(cuda, "dropout");
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

static void cuda_sgd(struct device *d, const struct sgd_args *a)
{
    struct device_cuda *cuda = d->state;
    kernel_sgd(cuda->stream, (struct kernel_sgd){.weight = a->weight.data,
                                                 .grad = a->grad.data,
                                                 .master = a->master,
                                                 .m = a->m,
                                                 .count = a->weight.count,
                                                 .norm2 = a->norm2,
                                                 .clip = a->clip,
                                                 .lr = a->lr,
                                                 .momentum = a->momentum,
                                                 .weight_decay = a->weight_decay});
    cuda_launched(cuda, "SGD");
}

const struct ops cuda_ops = {
    .supports = cuda_supports,
    .convert = cuda_convert,
    .fill = cuda_fill,
    .add = cuda_add,
    .matmul = cuda_matmul,
    .amax = cuda_amax,
    .amax_lines = cuda_amax_lines,
    .quantize = cuda_quantize,
    .quantize_nf4 = cuda_quantize_nf4,
    .double_quantize = cuda_double_quantize,
    .dequantize = cuda_dequantize,
    .scales = cuda_scales,
    .cast = cuda_cast,
    .transpose = cuda_transpose,
    .embed_forward = cuda_embed_forward,
    .embed_backward = cuda_embed_backward,
    .bias_backward = cuda_bias_backward,
    .norm_forward = cuda_norm_forward,
    .norm_backward = cuda_norm_backward,
    .rope = cuda_rope,
    .attention_forward = attention_forward_of,
    .attention_backward = attention_backward_of,
    .activation_forward = cuda_activation_forward,
    .activation_backward = cuda_activation_backward,
    .lstm_forward = cuda_lstm_forward,
    .lstm_backward = cuda_lstm_backward,
    .cross_entropy = cuda_cross_entropy,
    .adapter_spread = cuda_adapter_spread,
    .adapter_gather = cuda_adapter_gather,
    .dropout = cuda_dropout,
    .sum = cuda_sum,
    .adamw = cuda_adamw,
    .sgd = cuda_sgd,
};
