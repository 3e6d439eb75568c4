/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/cuda/sdpa_graph.h"

#include <float.h>
#include <math.h>

enum { PADDED_TWICE_FROM = 90000, PADDED_TWICE_TO = 91000, MASK_LOWEST_TO = 91000 };

/* Tensors that both directions use, and the shapes of what lies between them. */
struct sdpa {
    struct graph *graph;
    const struct sdpa_shape *s;
    int64_t width; /* elements of a row of qkv */
    struct graph_shape scores, rows;
    struct graph_tensor at_qkv, at_out, at_lse, lengths, scale, masked;
    const struct graph_tensor *in_qkv, *in_out, *in_lse, *length; /* NULL unless packed */
};

float sdpa_masked(void)
{
    return cudnnGetVersion() < MASK_LOWEST_TO ? -FLT_MAX : -INFINITY;
}

static struct graph_shape swapped(struct graph_shape shape)
{
    int64_t size = shape.size[2], stride = shape.stride[2];
    shape.size[2] = shape.size[3];
    shape.stride[2] = shape.stride[3];
    shape.size[3] = size;
    shape.stride[3] = stride;
    return shape;
}

/* [batches, heads, longest, head_dim] inside of rows `width` elements apart */
static struct graph_shape head_shape(const struct sdpa *a, int heads, int64_t width)
{
    int64_t d = a->s->head_dim, length = a->s->longest;
    return (struct graph_shape){{a->s->batches, heads, length, d}, {length * width, d, width, 1}};
}

/* [batches, heads, longest, 1], one number a row */
static struct graph_shape lse_shape(const struct sdpa *a)
{
    int64_t heads = a->s->heads, length = a->s->longest;
    struct graph_shape shape = {{a->s->batches, heads, length, 1}, {heads * length, length, 1, 1}};
    if (a->s->packed) {
        shape.stride[1] = 1;
        shape.stride[2] = heads;
    }
    return shape;
}

static struct graph_tensor sdpa_numbers(struct sdpa *a, int id, int64_t count, cudnnDataType_t type)
{
    struct graph_shape shape = {{count, 1, 1, 1}, {1, 1, 1, 1}};
    return graph_memory(a->graph, id, shape, type, NULL);
}

static void sdpa_start(struct sdpa *a, struct graph *graph, const struct sdpa_shape *s)
{
    int64_t b = s->batches, h = s->heads, n = s->longest;
    *a = (struct sdpa){.graph = graph, .s = s};
    a->width = (int64_t)(s->heads + 2 * s->kv_heads) * s->head_dim;
    a->scores = (struct graph_shape){{b, h, n, n}, {h * n * n, n * n, n, 1}};
    a->rows = (struct graph_shape){{b, h, n, 1}, {h * n, n, 1, 1}};
    if (s->packed) {
        a->lengths = sdpa_numbers(a, SDPA_LENGTHS, b, CUDNN_DATA_INT32);
        a->at_qkv = sdpa_numbers(a, SDPA_AT_QKV, b + 1, CUDNN_DATA_INT64);
        a->at_out = sdpa_numbers(a, SDPA_AT_OUT, b + 1, CUDNN_DATA_INT64);
        a->at_lse = sdpa_numbers(a, SDPA_AT_LSE, b + 1, CUDNN_DATA_INT64);
        a->length = &a->lengths;
        a->in_qkv = &a->at_qkv;
        a->in_out = &a->at_out;
        a->in_lse = &a->at_lse;
    }
    a->scale = graph_scalar(graph, SDPA_SCALE, CUDNN_DATA_FLOAT);
    a->masked = graph_scalar(graph, SDPA_MASKED, CUDNN_DATA_FLOAT);
}

static struct graph_tensor sdpa_score(struct sdpa *a)
{
    return graph_inner(a->graph, a->scores, CUDNN_DATA_FLOAT, NULL);
}

static struct graph_tensor sdpa_typed(struct sdpa *a, cudnnDataType_t type)
{
    return graph_inner(a->graph, a->scores, type, NULL);
}

static struct graph_tensor sdpa_row(struct sdpa *a)
{
    return graph_inner(a->graph, a->rows, CUDNN_DATA_FLOAT, NULL);
}

static struct graph_tensor sdpa_float(struct sdpa *a, cudnnPointwiseMode_t mode,
                                      struct graph_tensor x, const struct graph_tensor *b)
{
    struct graph_tensor y = sdpa_score(a);
    graph_pointwise(a->graph, mode, CUDNN_DATA_FLOAT, y, x, b, NULL);
    return y;
}

/* Scores where `keep` is set, `masked` elsewhere. */
static struct graph_tensor sdpa_select(struct sdpa *a, struct graph_tensor x,
                                       struct graph_tensor keep)
{
    struct graph_tensor y = sdpa_score(a);
    graph_pointwise(a->graph, CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, y, x, &a->masked,
                    &keep);
    return y;
}

static struct graph_tensor sdpa_compare(struct sdpa *a, cudnnPointwiseMode_t mode,
                                        struct graph_tensor x, struct graph_tensor b)
{
    struct graph_tensor y = sdpa_typed(a, CUDNN_DATA_BOOLEAN);
    graph_pointwise(a->graph, mode, CUDNN_DATA_BOOLEAN, y, x, &b, NULL);
    return y;
}

static struct graph_tensor sdpa_index(struct sdpa *a, int64_t axis, cudnnDataType_t compute,
                                      struct graph_tensor x)
{
    struct graph_tensor y = sdpa_typed(a, CUDNN_DATA_INT32);
    graph_index(a->graph, axis, compute, y, x);
    return y;
}

/* Rows and columns behind a document's end. */
static struct graph_tensor sdpa_mask_padding(struct sdpa *a, struct graph_tensor x)
{
    if (!a->s->packed)
        return x;
    struct graph_tensor row = sdpa_index(a, 2, CUDNN_DATA_INT32, x);
    struct graph_tensor column = sdpa_index(a, 3, CUDNN_DATA_INT32, x);
    struct graph_tensor below = sdpa_compare(a, CUDNN_POINTWISE_CMP_LT, row, a->lengths);
    struct graph_tensor left = sdpa_compare(a, CUDNN_POINTWISE_CMP_LT, column, a->lengths);
    return sdpa_select(a, x, sdpa_compare(a, CUDNN_POINTWISE_LOGICAL_AND, below, left));
}

/* Columns right of the diagonal. */
static struct graph_tensor sdpa_mask_causal(struct sdpa *a, struct graph_tensor x)
{
    struct graph_tensor row = sdpa_index(a, 2, CUDNN_DATA_FLOAT, x);
    struct graph_tensor column = sdpa_index(a, 3, CUDNN_DATA_FLOAT, x);
    return sdpa_select(a, x, sdpa_compare(a, CUDNN_POINTWISE_CMP_GE, row, column));
}

/* P = softmax over columns; its denominator's logarithm goes to lse. */
static struct graph_tensor sdpa_softmax(struct sdpa *a, struct graph_tensor x,
                                        struct graph_tensor lse)
{
    struct graph_tensor highest = sdpa_row(a), sum = sdpa_row(a), log = sdpa_row(a);
    struct graph_tensor p = sdpa_typed(a, CUDNN_DATA_BFLOAT16);
    graph_reduce(a->graph, CUDNN_REDUCE_TENSOR_MAX, highest, x);
    x = sdpa_float(a, CUDNN_POINTWISE_SUB, x, &highest);
    x = sdpa_float(a, CUDNN_POINTWISE_EXP, x, NULL);
    graph_reduce(a->graph, CUDNN_REDUCE_TENSOR_ADD, sum, x);
    graph_pointwise(a->graph, CUDNN_POINTWISE_LOG, CUDNN_DATA_FLOAT, log, sum, NULL, NULL);
    graph_pointwise(a->graph, CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, lse, highest, &log, NULL);
    graph_pointwise(a->graph, CUDNN_POINTWISE_DIV, CUDNN_DATA_FLOAT, p, x, &sum, NULL);
    return p;
}

void sdpa_forward(struct graph *graph, const struct sdpa_shape *s)
{
    struct sdpa a;
    sdpa_start(&a, graph, s);
    struct graph_shape qs = head_shape(&a, s->heads, a.width);
    struct graph_shape ks = head_shape(&a, s->kv_heads, a.width);
    struct graph_shape os = head_shape(&a, s->heads, (int64_t)s->heads * s->head_dim);
    struct graph_tensor q = graph_memory(graph, SDPA_Q, qs, CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor kt =
        graph_memory(graph, SDPA_K, swapped(ks), CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor v = graph_memory(graph, SDPA_V, ks, CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor out = graph_memory(graph, SDPA_OUT, os, CUDNN_DATA_BFLOAT16, a.in_out);
    struct graph_tensor lse =
        graph_memory(graph, SDPA_LSE, lse_shape(&a), CUDNN_DATA_FLOAT, a.in_lse);
    struct graph_tensor x = sdpa_score(&a);
    graph_matmul(graph, x, q, kt, (struct graph_cut){.m = a.length, .n = a.length});
    x = sdpa_float(&a, CUDNN_POINTWISE_MUL, x, &a.scale);
    x = sdpa_mask_padding(&a, x);
    x = sdpa_mask_causal(&a, x);
    x = sdpa_softmax(&a, x, lse);
    graph_matmul(graph, out, x, v, (struct graph_cut){.m = a.length, .k = a.length});
}

/* dkv = x^T b, summed over the query heads that share a key head */
static void sdpa_gradient(struct sdpa *a, int id, struct graph_shape shape, struct graph_tensor x,
                          struct graph_tensor b)
{
    struct graph *graph = a->graph;
    int64_t h = a->s->heads, n = a->s->longest, d = a->s->head_dim;
    struct graph_tensor out = graph_memory(graph, id, shape, CUDNN_DATA_BFLOAT16, a->in_qkv);
    struct graph_tensor xt = graph_inner(graph, swapped(a->scores), CUDNN_DATA_BFLOAT16, NULL);
    struct graph_cut cut = {.m = a->length, .k = a->length};
    graph_reshape(graph, xt, x);
    if (a->s->heads == a->s->kv_heads) {
        graph_matmul(graph, out, xt, b, cut);
        return;
    }
    struct graph_shape all = {{a->s->batches, h, n, d}, {h * n * d, n * d, d, 1}};
    struct graph_tensor each = graph_inner(graph, all, CUDNN_DATA_BFLOAT16, NULL);
    graph_matmul(graph, each, xt, b, cut);
    graph_reduce(graph, CUDNN_REDUCE_TENSOR_ADD, out, each);
}

/* sum over head_dim of dout * out, which softmax's gradient subtracts */
static struct graph_tensor sdpa_row_sum(struct sdpa *a, struct graph_tensor dout,
                                        struct graph_tensor out)
{
    struct graph *graph = a->graph;
    int64_t h = a->s->heads, n = a->s->longest, d = a->s->head_dim;
    struct graph_shape shape = {{a->s->batches, h, n, d}, {h * n * d, n * d, h * d, 1}};
    struct graph_tensor one = graph_scalar(graph, SDPA_ONE, CUDNN_DATA_FLOAT);
    struct graph_tensor product = graph_inner(graph, shape, CUDNN_DATA_FLOAT, NULL);
    struct graph_tensor sum = sdpa_row(a);
    struct graph_tensor kept =
        graph_memory(graph, SDPA_ROW_SUM, lse_shape(a), CUDNN_DATA_FLOAT, a->in_lse);
    graph_pointwise(graph, CUDNN_POINTWISE_MUL, CUDNN_DATA_FLOAT, product, dout, &out, NULL);
    graph_reduce(graph, CUDNN_REDUCE_TENSOR_ADD, sum, product);
    graph_pointwise(graph, CUDNN_POINTWISE_MUL, CUDNN_DATA_FLOAT, kept, sum, &one, NULL);
    return kept;
}

/* P again from the scores and lse. */
static struct graph_tensor sdpa_again(struct sdpa *a, struct graph_tensor q, struct graph_tensor kt,
                                      struct graph_tensor lse)
{
    struct graph_tensor x = sdpa_score(a);
    size_t version = cudnnGetVersion();
    graph_matmul(a->graph, x, q, kt, (struct graph_cut){.m = a->length, .n = a->length});
    x = sdpa_float(a, CUDNN_POINTWISE_MUL, x, &a->scale);
    x = sdpa_mask_padding(a, x);
    x = sdpa_float(a, CUDNN_POINTWISE_SUB, x, &lse);
    if (version >= PADDED_TWICE_FROM && version < PADDED_TWICE_TO)
        x = sdpa_mask_padding(a, x);
    x = sdpa_mask_causal(a, x);
    return sdpa_float(a, CUDNN_POINTWISE_EXP, x, NULL);
}

void sdpa_backward(struct graph *graph, const struct sdpa_shape *s)
{
    struct sdpa a;
    sdpa_start(&a, graph, s);
    int64_t h = s->heads, n = s->longest, d = s->head_dim;
    struct graph_shape qs = head_shape(&a, s->heads, a.width);
    struct graph_shape ks = head_shape(&a, s->kv_heads, a.width);
    struct graph_shape os = head_shape(&a, s->heads, h * d);
    struct graph_shape sums = {{s->batches, h, n, d}, {h * n * d, n * d, d, 1}};
    struct graph_tensor q = graph_memory(graph, SDPA_Q, qs, CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor kt =
        graph_memory(graph, SDPA_K, swapped(ks), CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor vt =
        graph_memory(graph, SDPA_V, swapped(ks), CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor out = graph_memory(graph, SDPA_OUT, os, CUDNN_DATA_BFLOAT16, a.in_out);
    struct graph_tensor dout = graph_memory(graph, SDPA_DOUT, os, CUDNN_DATA_BFLOAT16, a.in_out);
    struct graph_tensor dq = graph_memory(graph, SDPA_DQ, qs, CUDNN_DATA_BFLOAT16, a.in_qkv);
    struct graph_tensor dq_sum =
        graph_memory(graph, SDPA_DQ_SUM, s->packed ? qs : sums, CUDNN_DATA_FLOAT, a.in_qkv);
    struct graph_tensor lse =
        graph_memory(graph, SDPA_LSE, lse_shape(&a), CUDNN_DATA_FLOAT, a.in_lse);
    struct graph_tensor row_sum = sdpa_row_sum(&a, dout, out);
    struct graph_tensor p = sdpa_again(&a, q, kt, lse);
    sdpa_gradient(&a, SDPA_DV, ks, p, dout);
    struct graph_tensor x = sdpa_score(&a);
    graph_matmul(graph, x, dout, vt, (struct graph_cut){.m = a.length, .n = a.length});
    x = sdpa_float(&a, CUDNN_POINTWISE_SUB, x, &row_sum);
    x = sdpa_float(&a, CUDNN_POINTWISE_MUL, x, &p);
    x = sdpa_float(&a, CUDNN_POINTWISE_MUL, x, &a.scale);
    sdpa_gradient(&a, SDPA_DK, ks, x, q);
    struct graph_tensor k = graph_inner(graph, ks, CUDNN_DATA_BFLOAT16, a.in_qkv);
    graph_reshape(graph, k, kt);
    graph_matmul(graph, dq_sum, x, k, (struct graph_cut){.m = a.length, .k = a.length});
    graph_pointwise(graph, CUDNN_POINTWISE_IDENTITY, CUDNN_DATA_FLOAT, dq, dq_sum, NULL, NULL);
}
