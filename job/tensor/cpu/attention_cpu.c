/* SPDX-License-Identifier: Apache-2.0 */
/* Causal attention of the CPU device: one document and head after the other.
 *
 * Rows are taken in blocks. A block needs the keys up to its own last row alone, so of the square
 * only the blocks on the diagonal compute scores that the mask throws away, and the scratch is one
 * block of scores, which stays in cache. The backward pass computes the scores again from q and k:
 * storing them would take rows * length * heads floats a layer. */
#include "job/tensor/cpu/cpu_internal.h"

#include <cblas.h>
#include <math.h>

enum { BLOCK = 64 };

/* One head of one document; the row strides of qkv and out are `width` and `out_width`. */
struct view {
    const float *q, *k, *v;
    int length, dim, width, out_width;
    float scale;
};

static struct view view_make(const float *qkv, int start, int length, int head,
                             struct attention_shape s)
{
    int width = (s.heads + 2 * s.kv_heads) * s.head_dim;
    int kv_head = head / (s.heads / s.kv_heads);
    const float *row = qkv + (size_t)start * width;
    return (struct view){
        .q = row + (size_t)head * s.head_dim,
        .k = row + (size_t)(s.heads + kv_head) * s.head_dim,
        .v = row + (size_t)(s.heads + s.kv_heads + kv_head) * s.head_dim,
        .length = length,
        .dim = s.head_dim,
        .width = width,
        .out_width = s.heads * s.head_dim,
        .scale = 1 / sqrtf((float)s.head_dim),
    };
}

/* c[m,n] = or += alpha * a[m,k] b[n,k]^T */
static void product_abt(int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                        int ldb, float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, alpha, a, lda, b, ldb, 0, c, ldc);
}

/* c[m,n] = a[m,k] b[k,n] */
static void product_ab(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                       float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
}

/* c[m,n] += a[k,m]^T b[k,n] */
static void product_atb(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                        float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1, a, lda, b, ldb, 1, c, ldc);
}

/* Softmax of scores[0..valid), zero behind up to `columns`. Returns the log of the denominator. */
static float softmax_row(float *scores, int valid, int columns)
{
    float highest = cpu_highest(scores, valid), sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < valid; i++) {
        scores[i] = cpu_exp(scores[i] - highest);
        sum += scores[i];
    }
    float factor = 1 / sum;
#pragma omp simd
    for (int i = 0; i < valid; i++)
        scores[i] *= factor;
    memset(scores + valid, 0, (size_t)(columns - valid) * sizeof *scores);
    return highest + logf(sum);
}

static void forward_block(const struct view *w, int first, int end, float *scores, float *out,
                          float *lse)
{
    int count = end - first;
    product_abt(count, end, w->dim, w->scale, w->q + (size_t)first * w->width, w->width, w->k,
                w->width, scores, end);
    for (int i = 0; i < count; i++)
        lse[first + i] = softmax_row(scores + (size_t)i * end, first + i + 1, end);
    product_ab(count, w->dim, end, scores, end, w->v, w->width, out + (size_t)first * w->out_width,
               w->out_width);
}

/* Rows outside of every document of x[rows,width] become zero. Documents stand in row order. */
static void zero_padding(float *x, int rows, int width, const struct documents *docs)
{
    int done = 0;
    for (int d = 0; d <= docs->count; d++) {
        int next = d < docs->count ? docs->start[d] : rows;
        if (next > done)
            memset(x + (size_t)done * width, 0, (size_t)(next - done) * width * sizeof *x);
        if (d < docs->count)
            done = next + docs->length[d];
    }
}

void cpu_attention_forward(struct device *d, const struct attention_args *a)
{
    const struct documents *docs = a->docs;
    float *scores = cpu_scratch(d, (size_t)BLOCK * docs->longest);
    if (scores == NULL)
        return;
    zero_padding(a->out.data, a->out.rows, a->out.columns, docs);
    for (int doc = 0; doc < docs->count; doc++)
        for (int head = 0; head < a->shape.heads; head++) {
            int start = docs->start[doc], length = docs->length[doc];
            struct view w = view_make(a->qkv.data, start, length, head, a->shape);
            float *to = (float *)a->out.data + (size_t)start * w.out_width + (size_t)head * w.dim;
            float *sums = a->lse + (size_t)head * a->out.rows + start;
            for (int first = 0; first < length; first += BLOCK)
                forward_block(&w, first, first + BLOCK < length ? first + BLOCK : length, scores,
                              to, sums);
        }
}

/* From scores s and dp = dout v^T of one row: s becomes p = exp(s - lse) and dp becomes
 * ds = scale * p * (dp - dot), zero behind the row's own column. */
static void backward_row(float *s, float *dp, float lse, float dot, float scale, int valid,
                         int columns)
{
#pragma omp simd
    for (int i = 0; i < valid; i++) {
        float p = cpu_exp(s[i] - lse);
        s[i] = p;
        dp[i] = scale * p * (dp[i] - dot);
    }
    memset(s + valid, 0, (size_t)(columns - valid) * sizeof *s);
    memset(dp + valid, 0, (size_t)(columns - valid) * sizeof *dp);
}

/* sum_j p_j dp_j of a row's softmax is dout . out: no pass over p is needed for it. */
static float row_dot(const float *a, const float *b, int count)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

struct gradients {
    float *dq, *dk, *dv;
    const float *dout, *out, *lse;
};

static void backward_block(const struct view *w, const struct gradients *g, int first, int end,
                           float *scores)
{
    int count = end - first;
    size_t q_row = (size_t)first * w->width, out_row = (size_t)first * w->out_width;
    float *dscores = scores + (size_t)count * end;
    const float *dout = g->dout + out_row, *out = g->out + out_row;
    product_abt(count, end, w->dim, w->scale, w->q + q_row, w->width, w->k, w->width, scores, end);
    product_abt(count, end, w->dim, 1, dout, w->out_width, w->v, w->width, dscores, end);
    for (int i = 0; i < count; i++) {
        size_t row = (size_t)i * end, at = (size_t)i * w->out_width;
        float dot = row_dot(dout + at, out + at, w->dim);
        backward_row(scores + row, dscores + row, g->lse[first + i], dot, w->scale, first + i + 1,
                     end);
    }
    product_ab(count, w->dim, end, dscores, end, w->k, w->width, g->dq + q_row, w->width);
    product_atb(end, w->dim, count, dscores, end, w->q + q_row, w->width, g->dk, w->width);
    product_atb(end, w->dim, count, scores, end, dout, w->out_width, g->dv, w->width);
}

void cpu_attention_backward(struct device *d, const struct attention_args *a)
{
    const struct documents *docs = a->docs;
    float *scores = cpu_scratch(d, 2 * (size_t)BLOCK * docs->longest);
    if (scores == NULL)
        return;
    /* The query heads of a group add to the same dk and dv, and so do a document's blocks. */
    memset(a->dqkv.data, 0, tensor_count(a->dqkv) * sizeof(float));
    for (int doc = 0; doc < docs->count; doc++)
        for (int head = 0; head < a->shape.heads; head++) {
            int start = docs->start[doc], length = docs->length[doc];
            struct view w = view_make(a->qkv.data, start, length, head, a->shape);
            struct view into = view_make(a->dqkv.data, start, length, head, a->shape);
            size_t at = (size_t)start * w.out_width + (size_t)head * w.dim;
            struct gradients g = {.dq = (float *)into.q,
                                  .dk = (float *)into.k,
                                  .dv = (float *)into.v,
                                  .dout = (const float *)a->dout.data + at,
                                  .out = (const float *)a->out.data + at,
                                  .lse = a->lse + (size_t)head * a->out.rows + start};
            for (int first = 0; first < length; first += BLOCK)
                backward_block(&w, &g, first, first + BLOCK < length ? first + BLOCK : length,
                               scores);
        }
    cpu_raise(a->dqkv);
}
