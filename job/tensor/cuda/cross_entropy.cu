/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy and its gradient in place of the logits. A block a row, in two passes: the first
 * finds the maximum and the sum of exponentials as it goes, the second writes the gradient. The
 * second reads the row from the second-level cache, where the rows in flight fit (132 blocks of 64
 * KB for a vocabulary of 32,000), so memory sees one read and one write. */
#include <float.h>

#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 1024 };

struct running {
    float highest, sum; /* of exp(x - highest) */
};

static __device__ struct running join(struct running a, struct running b)
{
    float highest = fmaxf(a.highest, b.highest);
    float sum = a.sum * __expf(a.highest - highest) + b.sum * __expf(b.highest - highest);
    return {highest, sum};
}

static __device__ struct running join_block(struct running mine, struct running *shared)
{
    for (int offset = 16; offset > 0; offset /= 2)
        mine = join(mine, {__shfl_xor_sync(0xffffffffu, mine.highest, offset),
                           __shfl_xor_sync(0xffffffffu, mine.sum, offset)});
    if (threadIdx.x % 32 == 0)
        shared[threadIdx.x / 32] = mine;
    __syncthreads();
    mine = shared[0];
    for (int warp = 1; warp < THREADS / 32; warp++)
        mine = join(mine, shared[warp]);
    return mine;
}

/* What lies behind the last class weighs nothing: exp() of it is 0. */
template <int V> static __device__ void hide(float (&x)[V], int left)
{
#pragma unroll
    for (int j = 0; j < V; j++)
        if (j >= left)
            x[j] = -FLT_MAX;
}

template <int V>
static __global__ void __launch_bounds__(THREADS)
    sft_cross_entropy(element *logits, float *loss, const int32_t *targets, int columns, int vocab,
                      float scale)
{
    __shared__ struct running shared[THREADS / 32];
    size_t row = (size_t)blockIdx.x * columns;
    int target = targets[blockIdx.x];
    float x[V];
    if (target < 0) {
#pragma unroll
        for (int j = 0; j < V; j++)
            x[j] = 0;
        for (int i = threadIdx.x * V; i < columns; i += THREADS * V)
            store<V>(logits, row + i, x);
        if (threadIdx.x == 0)
            loss[blockIdx.x] = 0;
        return;
    }
    float wanted = to_float(logits[row + target]);
    struct running all = {-FLT_MAX, 0};
    for (int i = threadIdx.x * V; i < vocab; i += THREADS * V) {
        load<V>(x, logits, row + i);
        hide<V>(x, vocab - i);
        float highest = x[0], sum = 0;
#pragma unroll
        for (int j = 1; j < V; j++)
            highest = fmaxf(highest, x[j]);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum += __expf(x[j] - highest);
        all = join(all, {highest, sum});
    }
    all = join_block(all, shared); /* its barrier also lets `wanted` be read before it is written */
    float factor = scale / all.sum;
    if (threadIdx.x == 0)
        loss[blockIdx.x] = logf(all.sum) + all.highest - wanted;
    for (int i = threadIdx.x * V; i < columns; i += THREADS * V) {
        load<V>(x, logits, row + i);
        hide<V>(x, vocab - i);
#pragma unroll
        for (int j = 0; j < V; j++)
            x[j] = factor * __expf(x[j] - all.highest) - (i + j == target ? scale : 0);
        store<V>(logits, row + i, x);
    }
}

void kernel_cross_entropy(cudaStream_t stream, void *logits, float *loss, const int32_t *targets,
                          int rows, int columns, int vocab, float scale)
{
    if (columns % 8 == 0)
        sft_cross_entropy<8>
            <<<rows, THREADS, 0, stream>>>((element *)logits, loss, targets, columns, vocab, scale);
    else
        sft_cross_entropy<1>
            <<<rows, THREADS, 0, stream>>>((element *)logits, loss, targets, columns, vocab, scale);
}
