/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over rows in a fixed order: blocks leave their shares in fp32, and one more kernel adds them
 * to the elements. */
#pragma once

#include "job/tensor/cuda/bf16.cuh"

/* to[width] += the sum of shares[blocks][width]; launched by shares_add */
static __global__ void sft_add_shares(element *to, const float *shares, int blocks, int width)
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
    sum = to_float(to[i]);
    for (int b = 0; b < 8; b++)
        sum += part[b][threadIdx.x];
    to[i] = to_element(sum);
}

static inline void shares_add(cudaStream_t stream, void *to, const float *shares, int blocks,
                              int width)
{
    sft_add_shares<<<blocks_for(width, 32), dim3(32, 8), 0, stream>>>((element *)to, shares, blocks,
                                                                      width);
}
