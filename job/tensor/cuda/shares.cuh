/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over rows in a fixed order: blocks leave their shares in fp32, and one more kernel adds them
 * to the elements. That kernel is short of blocks, not of bandwidth: of 768 columns it has 24 for
 * each sum, so a warp reads every 32nd share, several at a time. */
#pragma once

#include "job/tensor/cuda/bf16.cuh"

enum { SHARES_WARPS = 32 };

/* to[width] += the sum of shares[blocks][width], and more[width] that of the shares behind them, in
 * the second row of blocks; launched by shares_add */
static __global__ void __launch_bounds__(32 * SHARES_WARPS)
    sft_add_shares(element *to, element *more, const float *shares, int blocks, int width)
{
    __shared__ float part[SHARES_WARPS][32];
    int i = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    shares += (size_t)blockIdx.y * blocks * width;
    if (i < width)
#pragma unroll 8
        for (int b = threadIdx.y; b < blocks; b += SHARES_WARPS)
            sum += shares[(size_t)b * width + i];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || i >= width)
        return;
    if (blockIdx.y > 0)
        to = more;
    sum = to_float(to[i]);
#pragma unroll
    for (int y = 0; y < SHARES_WARPS; y++)
        sum += part[y][threadIdx.x];
    to[i] = to_element(sum);
}

/* `more`: NULL, none */
static inline void shares_add(cudaStream_t stream, void *to, void *more, const float *shares,
                              int blocks, int width)
{
    sft_add_shares<<<dim3(blocks_for(width, 32), more == NULL ? 1 : 2), dim3(32, SHARES_WARPS), 0,
                     stream>>>((element *)to, (element *)more, shares, blocks, width);
}
