/* SPDX-License-Identifier: Apache-2.0 */
/* A bias. Forward, where the product could not take it along, reads and writes each element once;
 * the bias stays in the first-level cache. Backward reads each element once: a block sums some rows
 * of 32 V columns, whose bytes stand side by side, and leaves its share. Blocks are as many as an
 * H100 or H200 has room for at once: with fewer too little of memory is under way. */
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/cuda/shares.cuh"

enum { THREADS = 256, BLOCKS = 768, ROW_BLOCKS = 64 };

static int vector_of(int width)
{
    return width % 8 == 0 ? 8 : 1;
}

/* Blocks beside each other, and on top of each other at most. */
static int column_blocks(int width)
{
    return (int)blocks_for((size_t)width, 32 * vector_of(width));
}

static int row_blocks(int width)
{
    int blocks = BLOCKS / column_blocks(width);
    return blocks > ROW_BLOCKS ? blocks : ROW_BLOCKS;
}

template <int V>
static __global__ void sft_bias_forward(element *x, const element *bias, size_t vectors, int width)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float value[V], add[V];
    if (item >= vectors)
        return;
    load<V>(value, x, item * V);
    load<V>(add, bias, item * V % width);
#pragma unroll
    for (int j = 0; j < V; j++)
        value[j] += add[j];
    store<V>(x, item * V, value);
}

template <int V>
static __global__ void sft_bias_backward(float *shares, const element *dx, int rows, int width)
{
    __shared__ float part[8][32 * V];
    int i = (blockIdx.x * 32 + threadIdx.x) * V;
    float sum[V], value[V];
#pragma unroll
    for (int j = 0; j < V; j++)
        sum[j] = 0;
    for (int row = blockIdx.y * 8 + threadIdx.y; row < rows && i < width; row += gridDim.y * 8) {
        load<V>(value, dx, (size_t)row * width + i);
#pragma unroll
        for (int j = 0; j < V; j++)
            sum[j] += value[j];
    }
#pragma unroll
    for (int j = 0; j < V; j++)
        part[threadIdx.y][threadIdx.x * V + j] = sum[j];
    __syncthreads();
    if (threadIdx.y > 0 || i >= width)
        return;
#pragma unroll
    for (int j = 0; j < V; j++) {
        float all = 0;
        for (int y = 0; y < 8; y++)
            all += part[y][threadIdx.x * V + j];
        shares[(size_t)blockIdx.y * width + i + j] = all;
    }
}

void kernel_bias_forward(cudaStream_t stream, void *x, const void *bias, int rows, int width)
{
    size_t count = (size_t)rows * width;
    if (width % 8 == 0 && (uintptr_t)bias % 16 == 0)
        sft_bias_forward<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(
            (element *)x, (const element *)bias, count / 8, width);
    else
        sft_bias_forward<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)x, (const element *)bias, count, width);
}

size_t kernel_bias_scratch(int width)
{
    return (size_t)row_blocks(width) * (size_t)width * sizeof(float);
}

void kernel_bias_backward(cudaStream_t stream, void *dbias, const void *dx, int rows, int width,
                          void *scratch)
{
    int most = row_blocks(width), blocks = (rows + 7) / 8 < most ? (rows + 7) / 8 : most;
    dim3 grid(column_blocks(width), blocks), threads(32, 8);
    if (vector_of(width) == 8)
        sft_bias_backward<8>
            <<<grid, threads, 0, stream>>>((float *)scratch, (const element *)dx, rows, width);
    else
        sft_bias_backward<1>
            <<<grid, threads, 0, stream>>>((float *)scratch, (const element *)dx, rows, width);
    shares_add(stream, dbias, NULL, (const float *)scratch, blocks, width);
}
