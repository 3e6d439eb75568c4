/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over rows in a fixed order: blocks leave their shares in fp32, and one more kernel adds them
 * to bf16 elements. */
#pragma once

#include "job/tensor/cuda/bf16.cuh"

/* to[width] += the sum of shares[blocks][width]; launched by shares_add */
static __global__ void sft_add_shares(bf16 *to, const float *shares, int blocks, int width)
{
    __shared__ float part[8][32];
    int i = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    for (int b = threadIdx.y; b < blocks && i < width; b += 8)
        sum += shares[(size_t)b * width + i];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || i >= width)
        return;
    sum = __bfloat162float(to[i]);
    for (int b = 0; b < 8; b++)
        sum += part[b][threadIdx.x];
    to[i] = __float2bfloat16_rn(sum);
}

static inline void shares_add(cudaStream_t stream, void *to, const float *shares, int blocks,
                              int width)
{
    sft_add_shares<<<blocks_for(width, 32), dim3(32, 8), 0, stream>>>((bf16 *)to, shares, blocks,
                                                                      width);
}
