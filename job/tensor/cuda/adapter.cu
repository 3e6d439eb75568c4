/* SPDX-License-Identifier: Apache-2.0 */
/* What adapters need besides products.
 *
 * Spread and gather move a matrix of [out,blocks*rank] once, 2 bytes an element written or read,
 * and the B that stands in it: of 7B's q, k and v at rank 16 1.2 MB, which stay in the second-level
 * cache for the product that follows. They cost their launch.
 *
 * Dropout reads an element and writes one, and reads what it adds to: 4 or 6 bytes. A thread has 8
 * elements, for which it scrambles two counters: about 8 instructions an element, half of what an
 * H200 does while its memory moves 4 bytes. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/dropout.h"

enum { THREADS = 256 };

/* The row of b that stands in `row` of block i; -1: none. */
static __device__ int row_of(const struct kernel_adapter &a, int row, int i)
{
    int inside = row - a.first[i], before = 0;
    if (inside < 0 || inside >= a.rows[i])
        return -1;
    for (int j = 0; j < i; j++)
        before += a.rows[j];
    return before + inside;
}

/* A thread has V elements of a row of `wide`, all of one block. */
template <int V> static __global__ void sft_adapter_spread(struct kernel_adapter a)
{
    int columns = a.count * a.rank;
    size_t at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    if (at >= (size_t)a.out * columns)
        return;
    int row = (int)(at / columns), column = (int)(at % columns);
    int from = row_of(a, row, column / a.rank);
    float x[V];
#pragma unroll
    for (int j = 0; j < V; j++)
        x[j] = 0;
    if (from >= 0)
        load<V>(x, a.b, (size_t)from * a.rank + column % a.rank);
#pragma unroll
    for (int j = 0; j < V; j++)
        x[j] *= a.scale;
    store<V>(a.wide, at, x);
}

/* A thread has V elements of a row of `wide`, and leaves those that no block has. */
template <int V> static __global__ void sft_adapter_gather(struct kernel_adapter a)
{
    int columns = a.count * a.rank;
    size_t at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    if (at >= (size_t)a.out * columns)
        return;
    int row = (int)(at / columns), column = (int)(at % columns);
    int to = row_of(a, row, column / a.rank);
    if (to < 0)
        return;
    size_t place = (size_t)to * a.rank + column % a.rank;
    float x[V], sum[V];
    load<V>(x, a.wide, at);
#pragma unroll
    for (int j = 0; j < V; j++)
        sum[j] = 0;
    if (a.accumulate)
        load<V>(sum, a.b, place);
#pragma unroll
    for (int j = 0; j < V; j++)
        sum[j] += a.scale * x[j];
    store<V>(a.b, place, sum);
}

/* Rows are a multiple of V, or V is 1. */
template <int V> static __global__ void sft_dropout(struct kernel_dropout a, size_t vectors)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (item >= vectors)
        return;
    size_t at = item * V, row = at / a.columns;
    unsigned column = (unsigned)(at % a.columns), quads = (a.columns + 3u) / 4;
    uint32_t threshold = dropout_threshold(a.part);
    float scale = dropout_scale(threshold), x[V], sum[V];
    load<V>(x, a.x, at);
#pragma unroll
    for (int j = 0; j < V; j++)
        sum[j] = 0;
    if (a.accumulate)
        load<V>(sum, a.out, at);
    uint64_t bits = 0;
#pragma unroll
    for (int j = 0; j < V; j++) {
        if (j % 4 == 0)
            bits = dropout_bits(a.seed, a.first + row, quads, (column + j) / 4);
        if (dropout_keeps(bits, (column + j) % 4, threshold))
            sum[j] += x[j] * scale;
    }
    store<V>(a.out, at, sum);
}

void kernel_adapter_spread(cudaStream_t stream, struct kernel_adapter a)
{
    size_t count = (size_t)a.out * a.count * a.rank;
    if (a.rank % 8 == 0)
        sft_adapter_spread<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(a);
    else
        sft_adapter_spread<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(a);
}

void kernel_adapter_gather(cudaStream_t stream, struct kernel_adapter a)
{
    size_t count = (size_t)a.out * a.count * a.rank;
    if (a.rank % 8 == 0)
        sft_adapter_gather<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(a);
    else
        sft_adapter_gather<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(a);
}

void kernel_dropout(cudaStream_t stream, struct kernel_dropout a)
{
    size_t count = (size_t)a.rows * a.columns;
    if (a.columns % 8 == 0)
        sft_dropout<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(a, count / 8);
    else
        sft_dropout<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(a, count);
}
