/* SPDX-License-Identifier: Apache-2.0 */
/* Attention by cuDNN. Documents that fill all rows and are equally long are batches of one plain
 * tensor; others are batches at offsets of their own (cuDNN's ragged layout), so no work is done
 * across documents. A plan is made for a number of documents and a greatest length; both are
 * rounded up a little, so that a run needs few plans. The documents that are too many have no rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/cuda/sdpa_graph.h"

enum { PACKED_FROM = 90600, ZEROED_TO = 90600, PLAIN_STEP = 128, ALIGNMENT = 256, IDS = 18 };

struct plan {
    struct sdpa_shape shape;
    bool backward;
    struct graph graph;
};

/* The documents that lie in device memory: those of the last call, since every layer of a
 * micro-batch has the same. */
struct placed {
    int count, rows, width, heads, head_dim;
    int32_t *start, *length; /* host, [count] */
    int capacity;
    int batches, longest; /* of the plan */
    bool packed;
    void *device; /* what follows lies there */
    size_t device_bytes;
    int32_t *lengths, *gap_start, *gap_length;
    int64_t *at_qkv, *at_out, *at_lse;
    int gaps, longest_gap;
};

struct attention {
    struct device_cuda *cuda;
    cudnnHandle_t handle;
    struct plan **plans;
    size_t count;
    struct placed placed;
    float scale, masked, one;
};

struct attention *attention_create(struct device_cuda *cuda, struct sft_error *err)
{
    struct attention *attention = calloc(1, sizeof *attention);
    cudnnStatus_t status;
    if (attention == NULL) {
        sft_error_set(err, "no memory for attention");
        return NULL;
    }
    attention->cuda = cuda;
    attention->masked = sdpa_masked();
    attention->one = 1;
    status = cudnnCreate(&attention->handle);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnSetStream(attention->handle, cuda->stream);
    if (status != CUDNN_STATUS_SUCCESS) {
        sft_error_set(err, "cuDNN %zu does not start on %s: %s", cudnnGetVersion(),
                      cuda->table.title, cudnnGetErrorString(status));
        attention_destroy(attention);
        return NULL;
    }
    return attention;
}

void attention_destroy(struct attention *attention)
{
    if (attention == NULL)
        return;
    for (size_t i = 0; i < attention->count; i++) {
        graph_destroy(&attention->plans[i]->graph);
        free(attention->plans[i]);
    }
    free(attention->plans);
    free(attention->placed.start);
    free(attention->placed.length);
    cudaFree(attention->placed.device);
    if (attention->handle != NULL)
        cudnnDestroy(attention->handle);
    free(attention);
}

/* The next of 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ...: at most a quarter too many */
static int rounded_up(int count)
{
    int step = 1;
    while (step * 8 < count)
        step *= 2;
    return (count + step - 1) / step * step;
}

/* Documents of one length, end to end, over all rows. */
static bool documents_are_plain(const struct documents *docs, int rows)
{
    int length = docs->count > 0 ? docs->length[0] : 0;
    if (length == 0 || length % PLAIN_STEP != 0 || (long)length * docs->count != rows)
        return false;
    for (int i = 0; i < docs->count; i++)
        if (docs->length[i] != length || docs->start[i] != i * length)
            return false;
    return true;
}

static bool placed_is(const struct placed *p, int rows, struct attention_shape shape,
                      const struct documents *docs)
{
    size_t bytes = (size_t)docs->count * sizeof(int32_t);
    return p->count == docs->count && p->rows == rows && p->heads == shape.heads &&
           p->head_dim == shape.head_dim &&
           p->width == (shape.heads + 2 * shape.kv_heads) * shape.head_dim &&
           (bytes == 0 || (memcmp(p->start, docs->start, bytes) == 0 &&
                           memcmp(p->length, docs->length, bytes) == 0));
}

static int placed_keep(struct placed *p, int rows, struct attention_shape shape,
                       const struct documents *docs)
{
    if (docs->count > p->capacity) {
        free(p->start);
        free(p->length);
        p->capacity = 0;
        p->start = calloc((size_t)docs->count, sizeof *p->start);
        p->length = calloc((size_t)docs->count, sizeof *p->length);
        if (p->start == NULL || p->length == NULL)
            return -1;
        p->capacity = docs->count;
    }
    p->count = docs->count;
    p->rows = rows;
    p->heads = shape.heads;
    p->head_dim = shape.head_dim;
    p->width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    if (docs->count > 0) {
        memcpy(p->start, docs->start, (size_t)docs->count * sizeof *p->start);
        memcpy(p->length, docs->length, (size_t)docs->count * sizeof *p->length);
    }
    return 0;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Host image of the device's arrays: lengths, three lists of offsets, gaps. */
static void placed_fill(struct placed *p, char *image)
{
    size_t b = (size_t)p->batches, offsets = aligned((b + 1) * sizeof(int64_t));
    size_t lengths = aligned(b * sizeof(int32_t)), gaps = aligned((b + 1) * sizeof(int32_t));
    char *device = p->device;
    size_t at[6] = {0,
                    lengths,
                    lengths + offsets,
                    lengths + 2 * offsets,
                    lengths + 3 * offsets,
                    lengths + 3 * offsets + gaps};
    p->lengths = (int32_t *)device;
    p->at_qkv = (int64_t *)(device + at[1]);
    p->at_out = (int64_t *)(device + at[2]);
    p->at_lse = (int64_t *)(device + at[3]);
    p->gap_start = (int32_t *)(device + at[4]);
    p->gap_length = (int32_t *)(device + at[5]);
    int32_t *length = (int32_t *)image, *gap_start = (int32_t *)(image + at[4]);
    int32_t *gap_length = (int32_t *)(image + at[5]);
    int64_t *qkv = (int64_t *)(image + at[1]), *out = (int64_t *)(image + at[2]);
    int64_t *lse = (int64_t *)(image + at[3]);
    int end = 0;
    p->gaps = p->longest_gap = 0;
    for (int i = 0; i <= p->batches; i++) {
        int start = i < p->count ? p->start[i] : (i == p->count ? p->rows : end);
        if (start > end) {
            gap_start[p->gaps] = end;
            gap_length[p->gaps] = start - end;
            p->longest_gap = start - end > p->longest_gap ? start - end : p->longest_gap;
            p->gaps++;
        }
        int64_t row = i < p->count ? start : end;
        qkv[i] = row * p->width;
        out[i] = row * p->heads * p->head_dim;
        lse[i] = row * p->heads;
        if (i < p->batches)
            length[i] = i < p->count ? p->length[i] : 0;
        if (i < p->count)
            end = start + p->length[i];
    }
}

static int placed_send(struct attention *attention)
{
    struct placed *p = &attention->placed;
    struct device_cuda *cuda = attention->cuda;
    size_t b = (size_t)p->batches;
    size_t bytes = aligned(b * sizeof(int32_t)) + 3 * aligned((b + 1) * sizeof(int64_t)) +
                   2 * aligned((b + 1) * sizeof(int32_t));
    if (bytes > p->device_bytes) {
        cudaFree(p->device);
        p->device = NULL;
        p->device_bytes = 0;
        if (cuda_failed(cuda, cudaMalloc(&p->device, bytes), "room for the documents' places"))
            return -1;
        p->device_bytes = bytes;
    }
    char *image = calloc(1, bytes);
    if (image == NULL)
        return -1;
    placed_fill(p, image);
    cuda->table.write(&cuda->table, p->device, image, bytes);
    free(image);
    return 0;
}

/* Put the documents where plans find them. */
static int attention_place(struct attention *attention, int rows, struct attention_shape shape,
                           const struct documents *docs)
{
    struct placed *p = &attention->placed;
    if (placed_is(p, rows, shape, docs))
        return 0;
    if (placed_keep(p, rows, shape, docs) < 0) {
        cuda_fail(attention->cuda, "the list of documents", "no memory");
        return -1;
    }
    p->packed = !documents_are_plain(docs, rows);
    if (p->packed && cudnnGetVersion() < PACKED_FROM) {
        cuda_fail(attention->cuda, "attention inside packed documents",
                  "cuDNN 9.6 or later is needed: install it, or use data=synthetic:SEQ");
        return -1;
    }
    p->batches = p->packed ? rounded_up(docs->count > 0 ? docs->count : 1) : docs->count;
    int blocks = (docs->longest + PLAIN_STEP - 1) / PLAIN_STEP;
    p->longest = p->packed ? rounded_up(blocks > 0 ? blocks : 1) * PLAIN_STEP : docs->longest;
    return placed_send(attention);
}

static struct plan *attention_plan(struct attention *attention, struct attention_shape shape,
                                   bool backward)
{
    const struct placed *p = &attention->placed;
    struct sdpa_shape s = {shape.heads, shape.kv_heads, shape.head_dim,
                           p->batches,  p->longest,     p->packed};
    for (size_t i = 0; i < attention->count; i++) {
        struct plan *plan = attention->plans[i];
        if (plan->backward == backward && plan->shape.heads == s.heads &&
            plan->shape.kv_heads == s.kv_heads && plan->shape.head_dim == s.head_dim &&
            plan->shape.batches == s.batches && plan->shape.longest == s.longest &&
            plan->shape.packed == s.packed)
            return plan;
    }
    struct plan **grown =
        realloc(attention->plans, (attention->count + 1) * sizeof *attention->plans);
    struct plan *plan = calloc(1, sizeof *plan);
    if (grown != NULL)
        attention->plans = grown;
    if (grown == NULL || plan == NULL) {
        free(plan);
        cuda_fail(attention->cuda, "a plan for attention", "no memory");
        return NULL;
    }
    struct sft_error err = {""};
    plan->shape = s;
    plan->backward = backward;
    graph_start(&plan->graph, attention->handle);
    if (backward)
        sdpa_backward(&plan->graph, &plan->shape);
    else
        sdpa_forward(&plan->graph, &plan->shape);
    if (graph_plan(&plan->graph, backward ? "attention's backward pass" : "attention", &err) < 0) {
        graph_destroy(&plan->graph);
        free(plan);
        cuda_fail(attention->cuda, "attention", err.text);
        return NULL;
    }
    attention->plans[attention->count++] = plan;
    return plan;
}

/* Ids and pointers of one run. */
struct bound {
    int count;
    int64_t ids[IDS];
    void *pointers[IDS];
};

static void bind_one(struct bound *bound, int64_t id, const void *pointer)
{
    bound->ids[bound->count] = id;
    bound->pointers[bound->count++] = (void *)(uintptr_t)pointer;
}

static void bind_common(struct bound *bound, struct attention *attention,
                        const struct attention_args *a)
{
    const struct placed *p = &attention->placed;
    size_t dim = (size_t)a->shape.head_dim;
    const uint16_t *q = a->qkv.data, *k = q + (size_t)a->shape.heads * dim;
    attention->scale = 1 / sqrtf((float)a->shape.head_dim);
    bind_one(bound, SDPA_Q, q);
    bind_one(bound, SDPA_K, k);
    bind_one(bound, SDPA_V, k + (size_t)a->shape.kv_heads * dim);
    bind_one(bound, SDPA_OUT, a->out.data);
    bind_one(bound, SDPA_LSE, a->lse);
    bind_one(bound, SDPA_SCALE, &attention->scale);
    bind_one(bound, SDPA_MASKED, &attention->masked);
    if (!p->packed)
        return;
    bind_one(bound, SDPA_LENGTHS, p->lengths);
    bind_one(bound, SDPA_AT_QKV, p->at_qkv);
    bind_one(bound, SDPA_AT_OUT, p->at_out);
    bind_one(bound, SDPA_AT_LSE, p->at_lse);
}

static void attention_execute(struct attention *attention, struct plan *plan, struct bound *bound,
                              void *workspace)
{
    cudnnStatus_t status =
        graph_run(&plan->graph, bound->count, bound->ids, bound->pointers, workspace);
    if (status != CUDNN_STATUS_SUCCESS)
        cuda_fail(attention->cuda, plan->backward ? "attention's backward pass" : "attention",
                  cudnnGetErrorString(status));
}

void attention_run_forward(struct device *d, const struct attention_args *a)
{
    struct device_cuda *cuda = d->state;
    struct attention *attention = cuda->attention;
    struct bound bound = {0};
    if (cuda->failed.text[0] != '\0' ||
        attention_place(attention, a->qkv.rows, a->shape, a->docs) < 0)
        return;
    const struct placed *p = &attention->placed;
    struct plan *plan = attention_plan(attention, a->shape, false);
    void *workspace = plan == NULL ? NULL : cuda_scratch(cuda, (size_t)plan->graph.workspace);
    if (plan == NULL || workspace == NULL)
        return;
    bind_common(&bound, attention, a);
    attention_execute(attention, plan, &bound, workspace);
    if (p->packed)
        kernel_zero_rows(cuda->stream, a->out.data, a->out.columns, p->gap_start, p->gap_length,
                         p->gaps, p->longest_gap);
    cuda_launched(cuda, "attention");
}

static void bind_gradients(struct bound *bound, struct attention *attention,
                           const struct attention_args *a, char *sums, char *row_sums)
{
    size_t q = (size_t)a->shape.heads * (size_t)a->shape.head_dim;
    size_t kv = (size_t)a->shape.kv_heads * (size_t)a->shape.head_dim;
    uint16_t *dq = a->dqkv.data;
    bind_common(bound, attention, a);
    bind_one(bound, SDPA_DOUT, a->dout.data);
    bind_one(bound, SDPA_DQ, dq);
    bind_one(bound, SDPA_DK, dq + q);
    bind_one(bound, SDPA_DV, dq + q + kv);
    bind_one(bound, SDPA_DQ_SUM, sums);
    bind_one(bound, SDPA_ROW_SUM, row_sums);
    bind_one(bound, SDPA_ONE, &attention->one);
}

void attention_run_backward(struct device *d, const struct attention_args *a)
{
    struct device_cuda *cuda = d->state;
    struct attention *attention = cuda->attention;
    struct bound bound = {0};
    size_t rows = (size_t)a->qkv.rows;
    if (cuda->failed.text[0] != '\0' ||
        attention_place(attention, a->qkv.rows, a->shape, a->docs) < 0)
        return;
    const struct placed *p = &attention->placed;
    struct plan *plan = attention_plan(attention, a->shape, true);
    if (plan == NULL)
        return;
    size_t width = (size_t)(p->packed ? a->qkv.columns : a->out.columns);
    size_t sums = aligned(rows * width * sizeof(float));
    size_t row_sums = aligned(rows * (size_t)a->shape.heads * sizeof(float));
    char *scratch = cuda_scratch(cuda, sums + row_sums + (size_t)plan->graph.workspace);
    if (scratch == NULL)
        return;
    if (cudnnGetVersion() < ZEROED_TO)
        cudaMemsetAsync(scratch, 0, sums, cuda->stream);
    bind_gradients(&bound, attention, a, scratch, scratch + sums);
    attention_execute(attention, plan, &bound, scratch + sums + row_sums);
    if (p->packed)
        kernel_zero_rows(cuda->stream, a->dqkv.data, p->width, p->gap_start, p->gap_length, p->gaps,
                         p->longest_gap);
    if (a->dqkv.amax != NULL)
        kernel_amax(cuda->stream, a->dqkv.amax, a->dqkv.data, tensor_count(a->dqkv),
                    cuda->processors);
    cuda_launched(cuda, "attention's backward pass");
}
