/* SPDX-License-Identifier: Apache-2.0 */
/* Embedding. Forward is a gather: it reads and writes rows * hidden elements once.
 *
 * Backward adds rows of the same id without atomics, so that results do not change from run to run:
 * rows of one id form a chain (each finds the next one), and the block of a chain's first row walks
 * it, sums in fp32 and touches the table once. It reads rows * hidden elements once; finding the
 * next row compares ids, which stay in the second-level cache. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 128 };

template <int V, bool ADD>
static __global__ void sft_embed_gather(element *out, const element *table, const int32_t *ids,
                                        int hidden)
{
    size_t row = blockIdx.x, from = (size_t)ids[row] * hidden;
    for (int i = threadIdx.x * V; i < hidden; i += THREADS * V)
        if (ADD) {
            float sum[V], more[V];
            load<V>(sum, out, row * hidden + i);
            load<V>(more, table, from + i);
#pragma unroll
            for (int j = 0; j < V; j++)
                sum[j] += more[j];
            store<V>(out, row * hidden + i, sum);
        } else {
            *(pack<V> *)(out + row * hidden + i) = *(const pack<V> *)(table + from + i);
        }
}

/* A warp a row: next[row] is the following row of the same id or -1, and that one is no first. */
static __global__ void sft_embed_link(int32_t *next, int32_t *follows, const int32_t *ids, int rows)
{
    int row = (blockIdx.x * THREADS + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= rows)
        return;
    int32_t id = ids[row];
    for (int first = row + 1; first < rows; first += 32) {
        bool same = first + lane < rows && ids[first + lane] == id;
        unsigned found = __ballot_sync(0xffffffffu, same);
        if (found != 0) {
            int at = first + __ffs(found) - 1;
            if (lane == 0) {
                next[row] = at;
                follows[at] = 1;
            }
            return;
        }
    }
    if (lane == 0)
        next[row] = -1;
}

template <int V>
static __global__ void sft_embed_add_chains(element *dtable, const element *dout,
                                            const int32_t *ids, const int32_t *next,
                                            const int32_t *follows, int hidden)
{
    int row = blockIdx.x, i = (blockIdx.y * THREADS + threadIdx.x) * V;
    if (follows[row] != 0 || i >= hidden)
        return;
    size_t to = (size_t)ids[row] * hidden + i;
    float sum[V], part[V];
    load<V>(sum, dtable, to);
    for (; row >= 0; row = next[row]) {
        load<V>(part, dout, (size_t)row * hidden + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum[j] += part[j];
    }
    store<V>(dtable, to, sum);
}

template <bool ADD>
static void gather(cudaStream_t stream, element *out, const element *table, const int32_t *ids,
                   int rows, int hidden)
{
    if (hidden % 8 == 0)
        sft_embed_gather<8, ADD><<<rows, THREADS, 0, stream>>>(out, table, ids, hidden);
    else
        sft_embed_gather<1, ADD><<<rows, THREADS, 0, stream>>>(out, table, ids, hidden);
}

void kernel_embed_forward(cudaStream_t stream, void *out, const void *table, const int32_t *ids,
                          int rows, int hidden, bool accumulate)
{
    if (accumulate)
        gather<true>(stream, (element *)out, (const element *)table, ids, rows, hidden);
    else
        gather<false>(stream, (element *)out, (const element *)table, ids, rows, hidden);
}

size_t kernel_embed_scratch(int rows)
{
    return 2 * (size_t)rows * sizeof(int32_t);
}

void kernel_embed_backward(cudaStream_t stream, void *dtable, const void *dout, const int32_t *ids,
                           int rows, int hidden, void *scratch)
{
    int32_t *next = (int32_t *)scratch, *follows = next + rows;
    int v = hidden % 8 == 0 ? 8 : 1;
    dim3 grid(rows, blocks_for(hidden, THREADS * v));
    cudaMemsetAsync(follows, 0, (size_t)rows * sizeof *follows, stream);
    sft_embed_link<<<blocks_for((size_t)rows * 32, THREADS), THREADS, 0, stream>>>(next, follows,
                                                                                   ids, rows);
    if (v == 8)
        sft_embed_add_chains<8><<<grid, THREADS, 0, stream>>>(
            (element *)dtable, (const element *)dout, ids, next, follows, hidden);
    else
        sft_embed_add_chains<1><<<grid, THREADS, 0, stream>>>(
            (element *)dtable, (const element *)dout, ids, next, follows, hidden);
}
