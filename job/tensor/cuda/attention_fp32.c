/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of fp32, for which cuDNN has none: q, k and v of each head become planes, the scores of
 * a document and head a whole square of which the half above the diagonal is thrown away, and
 * products of all squares of a chunk one call each. A square's side is a document's length rounded
 * up, so that neighbours of about the same length go together and few kinds of products are made.
 * Forward two products and three planes in, one out; backward five, four in, three out. Meant for
 * documents of some hundred tokens; a longer one costs its square of memory, a head at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/kernels.h"
#include "job/tensor/cuda/matmul_cublaslt.h"

enum { SIDE = 32, SCRATCH = 256 << 20, ALIGNMENT = 256 };

struct attention_fp32 {
    struct matmul_table products; /* of planes: `alignment` is how many at once */
    int count;                    /* documents of the last call, which every layer shares, */
    int32_t *start, *length;      /* on the host [count], */
    int32_t *placed;              /* and on the device, starts before lengths */
};

struct attention_fp32 *attention_fp32_create(struct device_cuda *cuda, struct sft_error *err)
{
    struct attention_fp32 *a = calloc(1, sizeof *a);
    if (a == NULL)
        sft_error_set(err, "no memory for attention on %s", cuda->table.title);
    return a;
}

static void documents_forget(struct attention_fp32 *a)
{
    free(a->start);
    cudaFree(a->placed); /* waits for what reads it */
    a->start = a->length = a->placed = NULL;
    a->count = 0;
}

void attention_fp32_destroy(struct attention_fp32 *a)
{
    if (a == NULL)
        return;
    documents_forget(a);
    matmul_table_clear(&a->products, matmul_product_destroy);
    free(a);
}

static bool documents_are(const struct attention_fp32 *a, const struct documents *docs)
{
    size_t bytes = (size_t)docs->count * sizeof(int32_t);
    return a->count == docs->count && a->start != NULL &&
           memcmp(a->start, docs->start, bytes) == 0 && memcmp(a->length, docs->length, bytes) == 0;
}

/* The documents into device memory, unless they lie there. */
static bool documents_place(struct device_cuda *cuda, const struct documents *docs)
{
    struct attention_fp32 *a = cuda->attention_fp32;
    size_t count = (size_t)docs->count, bytes = count * sizeof(int32_t);
    if (count == 0 || documents_are(a, docs))
        return true;
    documents_forget(a);
    a->start = malloc(2 * bytes);
    if (a->start == NULL) {
        cuda_fail(cuda, "attention", "no memory");
        return false;
    }
    a->length = a->start + count;
    memcpy(a->start, docs->start, bytes);
    memcpy(a->length, docs->length, bytes);
    a->count = docs->count;
    if (cuda_failed(cuda, cudaMalloc((void **)&a->placed, 2 * bytes), "room for documents")) {
        documents_forget(a);
        return false;
    }
    cuda->table.write(&cuda->table, a->placed, a->start, 2 * bytes);
    return true;
}

/* Some planes of documents whose squares have one side. */
struct chunk {
    struct device_cuda *cuda;
    const struct attention_args *args;
    int first, count; /* planes, document by document */
    int side, dim, heads, shared;
    float *room; /* where its planes and squares may stand */
};

static size_t plane_size(const struct chunk *c)
{
    return (size_t)c->side * (size_t)c->dim;
}

static size_t square_size(const struct chunk *c)
{
    return (size_t)c->side * (size_t)c->side;
}

static float *planes_at(const struct chunk *c, int number)
{
    return c->room + (size_t)number * (size_t)c->count * plane_size(c);
}

/* Behind so many sets of planes. */
static float *squares_at(const struct chunk *c, int planes, int number)
{
    return planes_at(c, planes) + (size_t)number * (size_t)c->count * square_size(c);
}

static cublasStatus_t layout_batch(cublasLtMatrixLayout_t layout, int32_t count, int64_t stride)
{
    cublasStatus_t status = cublasLtMatrixLayoutSetAttribute(
        layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    return cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                            &stride, sizeof stride);
}

static cublasStatus_t product_batch(const struct matmul_product *p, const struct matmul_key *key)
{
    int32_t count = key->alignment;
    cublasStatus_t status = layout_batch(p->first, count, (int64_t)key->n * key->k);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = layout_batch(p->second, count, (int64_t)key->m * key->k);
    return status != CUBLAS_STATUS_SUCCESS ? status
                                           : layout_batch(p->c, count, (int64_t)key->m * key->n);
}

/* The library's first choice: they are too short for a search to pay. */
static struct matmul_product *product_learn(struct device_cuda *cuda, const struct matmul_key *key)
{
    static const char what[] = "a product of attention";
    struct matmul *matmul = cuda->matmul;
    struct matmul_product *p = matmul_product_create(matmul, key);
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    if (p == NULL)
        return NULL;
    cublasStatus_t status = product_batch(p, key);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = matmul_preference_align(matmul, ALIGNMENT);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(matmul->handle, p->operation, p->first, p->second,
                                                p->c, p->c, matmul->preference, 1, &found, &count);
    if (!matmul_failed(cuda, status, what) && count > 0) {
        p->algorithm = found.algo;
        if (matmul_table_add(&cuda->attention_fp32->products, key, p) == 0)
            return p;
    }
    cuda_fail(cuda, what, count > 0 ? "no memory" : "no algorithm fits");
    matmul_product_destroy(p);
    return NULL;
}

/* One product of each of the chunk's planes or squares: c = alpha op(a) op(b). */
static void product_run(const struct chunk *chunk, float *c, const float *a, bool transpose_a,
                        const float *b, bool transpose_b, int n, int k, float alpha)
{
    struct device_cuda *cuda = chunk->cuda;
    struct matmul_key key = matmul_key_bf16(chunk->side, n, k, transpose_a, transpose_b, false);
    key.type_a = key.type_b = key.type_c = CUDA_R_32F;
    key.compute = matmul_compute(cuda);
    key.alignment = chunk->count;
    if (cuda->failed.text[0] != '\0')
        return;
    const struct matmul_product *p = matmul_table_find(&cuda->attention_fp32->products, &key);
    if (p == NULL)
        p = product_learn(cuda, &key);
    if (p != NULL)
        matmul_failed(cuda,
                      matmul_product_scaled(cuda->matmul, p, &p->algorithm, alpha, 0,
                                            (struct matmul_operands){.c = c, .a = a, .b = b}),
                      "a product of attention");
}

static struct kernel_planes planes_of(const struct chunk *c, float *planes, struct tensor matrix,
                                      int head, int shared)
{
    const struct attention_fp32 *a = c->cuda->attention_fp32;
    return (struct kernel_planes){.planes = planes,
                                  .matrix = matrix.data,
                                  .start = a->placed,
                                  .length = a->placed + a->count,
                                  .first = c->first,
                                  .count = c->count,
                                  .heads = c->heads,
                                  .padded = c->side,
                                  .dim = c->dim,
                                  .width = matrix.columns,
                                  .column = head * c->dim,
                                  .shared = shared};
}

static struct kernel_softmax softmax_of(const struct chunk *c, float *scores, float *dscores,
                                        float scale)
{
    const struct attention_fp32 *a = c->cuda->attention_fp32;
    return (struct kernel_softmax){.scores = scores,
                                   .dscores = dscores,
                                   .lse = c->args->lse,
                                   .start = a->placed,
                                   .length = a->placed + a->count,
                                   .first = c->first,
                                   .count = c->count,
                                   .heads = c->heads,
                                   .padded = c->side,
                                   .scale = scale};
}

/* Planes 0 to 2. */
static void qkv_split(const struct chunk *c)
{
    struct tensor qkv = c->args->qkv;
    int kv = c->heads / c->shared;
    cudaStream_t stream = c->cuda->stream;
    kernel_planes_split(stream, planes_of(c, planes_at(c, 0), qkv, 0, 1));
    kernel_planes_split(stream, planes_of(c, planes_at(c, 1), qkv, c->heads, c->shared));
    kernel_planes_split(stream, planes_of(c, planes_at(c, 2), qkv, c->heads + kv, c->shared));
}

enum { FORWARD_PLANES = 4, BACKWARD_PLANES = 7 };

static void chunk_forward(const struct chunk *c)
{
    cudaStream_t stream = c->cuda->stream;
    float *q = planes_at(c, 0), *k = planes_at(c, 1), *v = planes_at(c, 2), *out = planes_at(c, 3);
    float *scores = squares_at(c, FORWARD_PLANES, 0);
    qkv_split(c);
    product_run(c, scores, q, false, k, true, c->side, c->dim, 1 / sqrtf((float)c->dim));
    kernel_softmax_forward(stream, softmax_of(c, scores, NULL, 0));
    product_run(c, out, scores, false, v, false, c->dim, c->side, 1);
    kernel_planes_join(stream, planes_of(c, out, c->args->out, 0, 1));
    cuda_launched(c->cuda, "attention");
}

static void chunk_backward(const struct chunk *c)
{
    cudaStream_t stream = c->cuda->stream;
    float *q = planes_at(c, 0), *k = planes_at(c, 1), *v = planes_at(c, 2), *dout = planes_at(c, 3);
    float *dq = planes_at(c, 4), *dk = planes_at(c, 5), *dv = planes_at(c, 6);
    float *scores = squares_at(c, BACKWARD_PLANES, 0), *dscores = squares_at(c, BACKWARD_PLANES, 1);
    float scale = 1 / sqrtf((float)c->dim);
    struct tensor dqkv = c->args->dqkv;
    int kv = c->heads / c->shared;
    qkv_split(c);
    kernel_planes_split(stream, planes_of(c, dout, c->args->dout, 0, 1));
    product_run(c, scores, q, false, k, true, c->side, c->dim, scale);
    product_run(c, dscores, dout, false, v, true, c->side, c->dim, 1);
    kernel_softmax_backward(stream, softmax_of(c, scores, dscores, scale));
    product_run(c, dv, scores, true, dout, false, c->dim, c->side, 1);
    product_run(c, dq, dscores, false, k, false, c->dim, c->side, 1);
    product_run(c, dk, dscores, true, q, false, c->dim, c->side, 1);
    kernel_planes_join(stream, planes_of(c, dq, dqkv, 0, 1));
    kernel_planes_join(stream, planes_of(c, dk, dqkv, c->heads, c->shared));
    kernel_planes_join(stream, planes_of(c, dv, dqkv, c->heads + kv, c->shared));
    cuda_launched(c->cuda, "attention's gradient");
}

static int side_of(int length)
{
    return (length + SIDE - 1) / SIDE * SIDE;
}

/* As many planes as the scratch takes; heads that share a key stay together. */
static int planes_at_once(const struct chunk *c, bool backward)
{
    size_t floats = backward ? BACKWARD_PLANES * plane_size(c) + 2 * square_size(c)
                             : FORWARD_PLANES * plane_size(c) + square_size(c);
    int most = (int)(SCRATCH / (floats * sizeof(float))) / c->shared * c->shared;
    return most > c->shared ? most : c->shared;
}

/* Documents [begin, end) have the same side. */
static void run_of_alike(struct chunk c, int begin, int end, bool backward)
{
    int most = planes_at_once(&c, backward), last = end * c.heads;
    size_t planes = backward ? BACKWARD_PLANES : FORWARD_PLANES, squares = backward ? 2 : 1;
    for (c.first = begin * c.heads; c.first < last; c.first += c.count) {
        c.count = last - c.first < most ? last - c.first : most;
        c.room = cuda_scratch(c.cuda, (size_t)c.count *
                                          (planes * plane_size(&c) + squares * square_size(&c)) *
                                          sizeof(float));
        if (c.room == NULL)
            return;
        if (backward)
            chunk_backward(&c);
        else
            chunk_forward(&c);
    }
}

static void attention_fp32_run(struct device_cuda *cuda, const struct attention_args *args,
                               bool backward)
{
    const struct documents *docs = args->docs;
    struct tensor to = backward ? args->dqkv : args->out;
    struct chunk c = {.cuda = cuda,
                      .args = args,
                      .dim = args->shape.head_dim,
                      .heads = args->shape.heads,
                      .shared = args->shape.heads / args->shape.kv_heads};
    if (cuda_failed(cuda,
                    cudaMemsetAsync(to.data, 0, tensor_count(to) * sizeof(float), cuda->stream),
                    "clearing padding") ||
        !documents_place(cuda, docs))
        return;
    for (int begin = 0, end; begin < docs->count; begin = end) {
        c.side = side_of(docs->length[begin]);
        for (end = begin + 1; end < docs->count && side_of(docs->length[end]) == c.side;)
            end++;
        run_of_alike(c, begin, end, backward);
    }
}

void attention_fp32_forward(struct device *d, const struct attention_args *args)
{
    attention_fp32_run(d->state, args, false);
}

void attention_fp32_backward(struct device *d, const struct attention_args *args)
{
    attention_fp32_run(d->state, args, true);
}
