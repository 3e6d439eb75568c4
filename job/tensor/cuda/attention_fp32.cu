/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between the products of fp32's attention (attention_fp32.c). Planes: each element is
 * read and written once. Softmax: a warp a row of scores, which is read two or three times and
 * written once; at the lengths of the smoke trainings a row is 1 KB and stays in the first-level
 * cache. */
#include <float.h>

#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256, WARP = 32 };

/* A block some rows of one plane. */
static __global__ void sft_planes_split(struct kernel_planes a)
{
    int plane = a.first + blockIdx.x, document = plane / a.heads, head = plane % a.heads;
    size_t column = (size_t)a.column + (size_t)(head / a.shared) * a.dim;
    float *to = a.planes + (size_t)blockIdx.x * a.padded * a.dim;
    int items = a.padded * a.dim;
    for (int i = blockIdx.y * THREADS + threadIdx.x; i < items; i += gridDim.y * THREADS) {
        int row = i / a.dim;
        bool there = row < a.length[document];
        to[i] =
            there ? a.matrix[(size_t)(a.start[document] + row) * a.width + column + i % a.dim] : 0;
    }
}

static __global__ void sft_planes_join(struct kernel_planes a)
{
    int plane = a.first + blockIdx.x * a.shared, document = plane / a.heads;
    size_t column = (size_t)a.column + (size_t)(plane % a.heads / a.shared) * a.dim;
    const float *from = a.planes + (size_t)blockIdx.x * a.shared * a.padded * a.dim;
    int items = a.length[document] * a.dim;
    for (int i = blockIdx.y * THREADS + threadIdx.x; i < items; i += gridDim.y * THREADS) {
        float sum = 0;
        for (int s = 0; s < a.shared; s++)
            sum += from[(size_t)s * a.padded * a.dim + i];
        a.matrix[(size_t)(a.start[document] + i / a.dim) * a.width + column + i % a.dim] = sum;
    }
}

static __device__ float warp_sum(float value)
{
    for (int offset = WARP / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}

static __device__ float warp_most(float value)
{
    for (int offset = WARP / 2; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
    return value;
}

/* A warp's row: where it stands, how many of its scores count (0: it is padding), and its lse. */
struct row {
    size_t at;
    int valid;
    float *lse;
};

static __device__ bool row_of(const struct kernel_softmax &a, struct row *row)
{
    size_t number = (size_t)blockIdx.x * (THREADS / WARP) + threadIdx.x / WARP;
    if (number >= (size_t)a.count * a.padded)
        return false;
    int plane = a.first + (int)(number / a.padded), i = (int)(number % a.padded);
    int document = plane / a.heads, length = a.length[document];
    row->at = number * a.padded;
    row->valid = i < length ? i + 1 : 0;
    row->lse = a.lse + (size_t)a.heads * a.start[document] + (size_t)(plane % a.heads) * length + i;
    return true;
}

static __global__ void sft_softmax_forward(struct kernel_softmax a)
{
    struct row row;
    if (!row_of(a, &row))
        return;
    float *s = a.scores + row.at, most = -FLT_MAX, sum = 0;
    for (int j = threadIdx.x % WARP; j < row.valid; j += WARP)
        most = fmaxf(most, s[j]);
    most = warp_most(most);
    for (int j = threadIdx.x % WARP; j < row.valid; j += WARP)
        sum += expf(s[j] - most);
    sum = warp_sum(sum);
    float factor = 1 / sum;
    for (int j = threadIdx.x % WARP; j < a.padded; j += WARP)
        s[j] = j < row.valid ? expf(s[j] - most) * factor : 0;
    if (row.valid > 0 && threadIdx.x % WARP == 0)
        *row.lse = most + logf(sum);
}

/* p = exp(s - lse), ds = scale p (dp - sum of p dp). */
static __global__ void sft_softmax_backward(struct kernel_softmax a)
{
    struct row row;
    if (!row_of(a, &row))
        return;
    float *s = a.scores + row.at, *ds = a.dscores + row.at, dot = 0;
    float lse = row.valid > 0 ? *row.lse : 0;
    for (int j = threadIdx.x % WARP; j < row.valid; j += WARP) {
        s[j] = expf(s[j] - lse);
        dot += s[j] * ds[j];
    }
    dot = warp_sum(dot);
    for (int j = threadIdx.x % WARP; j < a.padded; j += WARP) {
        bool counts = j < row.valid;
        ds[j] = counts ? a.scale * s[j] * (ds[j] - dot) : 0;
        s[j] = counts ? s[j] : 0;
    }
}

static dim3 planes_grid(const struct kernel_planes &a, int planes)
{
    enum { EACH = 8 }; /* elements a thread */
    return dim3(planes, blocks_for((size_t)a.padded * a.dim, THREADS * EACH));
}

void kernel_planes_split(cudaStream_t stream, struct kernel_planes a)
{
    if (a.count > 0)
        sft_planes_split<<<planes_grid(a, a.count), THREADS, 0, stream>>>(a);
}

void kernel_planes_join(cudaStream_t stream, struct kernel_planes a)
{
    int planes = a.count / a.shared;
    if (planes > 0)
        sft_planes_join<<<planes_grid(a, planes), THREADS, 0, stream>>>(a);
}

static unsigned rows_grid(const struct kernel_softmax &a)
{
    return blocks_for((size_t)a.count * a.padded, THREADS / WARP);
}

void kernel_softmax_forward(cudaStream_t stream, struct kernel_softmax a)
{
    if (a.count > 0)
        sft_softmax_forward<<<rows_grid(a), THREADS, 0, stream>>>(a);
}

void kernel_softmax_backward(cudaStream_t stream, struct kernel_softmax a)
{
    if (a.count > 0)
        sft_softmax_backward<<<rows_grid(a), THREADS, 0, stream>>>(a);
}
