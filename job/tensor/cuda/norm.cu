/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm with the residual addition in front of it.
 *
 * Forward, a block a row: reads x and delta, writes the sum and the norm: 4 * hidden elements a row
 * and nothing twice, since the row stays in registers between the sum of squares and the output.
 *
 * Backward, a block for many rows: reads dout, x and dx, writes dx: 4 * hidden elements a row. Each
 * thread keeps its columns' share of dweight in registers over all rows of its block; one more
 * kernel adds the blocks' shares in order, so results do not change from run to run. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { BLOCKS_A_PROCESSOR = 2 };

/* N vectors of V elements a thread; T threads; the row is at most N * V * T wide. */
template <int V, int N, int T>
static __global__ void __launch_bounds__(T)
    sft_norm_forward(bf16 *out, float *rstd, bf16 *sum, const bf16 *x, const bf16 *delta,
                     const bf16 *weight, int hidden, float eps)
{
    __shared__ float shared[T / 32];
    size_t row = (size_t)blockIdx.x * hidden;
    float value[N][V], squares = 0;
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
        if (i >= hidden)
            continue;
        load<V>(value[n], x, row + i);
        if (delta != NULL) {
            float add[V];
            load<V>(add, delta, row + i);
#pragma unroll
            for (int j = 0; j < V; j++)
                value[n][j] = __bfloat162float(__float2bfloat16_rn(value[n][j] + add[j]));
            store<V>(sum, row + i, value[n]);
        }
#pragma unroll
        for (int j = 0; j < V; j++)
            squares += value[n][j] * value[n][j];
    }
    float scale = rsqrtf(block_sum(squares, shared) / hidden + eps);
    if (threadIdx.x == 0)
        rstd[blockIdx.x] = scale;
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
        float w[V];
        if (i >= hidden)
            continue;
        load<V>(w, weight, i);
#pragma unroll
        for (int j = 0; j < V; j++)
            value[n][j] *= scale * w[j];
        store<V>(out, row + i, value[n]);
    }
}

/* With y = x * rstd: dx += rstd * (g - y * mean(g * y)), g = dout * weight; dweight += dout * y. */
template <int V, int N, int T>
static __global__ void __launch_bounds__(T)
    sft_norm_backward(bf16 *dx, float *shares, const bf16 *dout, const bf16 *x, const bf16 *weight,
                      const float *rstd, int rows, int hidden)
{
    __shared__ float shared[T / 32];
    float w[N][V], dw[N][V];
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
#pragma unroll
        for (int j = 0; j < V; j++)
            w[n][j] = dw[n][j] = 0;
        if (i < hidden)
            load<V>(w[n], weight, i);
    }
    for (int r = blockIdx.x; r < rows; r += gridDim.x) {
        size_t row = (size_t)r * hidden;
        float g[N][V], y[N][V], d[N][V], scale = rstd[r], dot = 0;
#pragma unroll
        for (int n = 0; n < N; n++) {
            int i = (n * T + threadIdx.x) * V;
            if (i >= hidden)
                continue;
            load<V>(g[n], dout, row + i);
            load<V>(y[n], x, row + i);
            load<V>(d[n], dx, row + i); /* in flight during the sum below */
#pragma unroll
            for (int j = 0; j < V; j++) {
                y[n][j] *= scale;
                dw[n][j] += g[n][j] * y[n][j];
                g[n][j] *= w[n][j];
                dot += g[n][j] * y[n][j];
            }
        }
        float mean = block_sum(dot, shared) / hidden;
#pragma unroll
        for (int n = 0; n < N; n++) {
            int i = (n * T + threadIdx.x) * V;
            if (i >= hidden)
                continue;
#pragma unroll
            for (int j = 0; j < V; j++)
                d[n][j] += scale * (g[n][j] - y[n][j] * mean);
            store<V>(dx, row + i, d[n]);
        }
    }
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int j = 0; j < V; j++) {
            int i = (n * T + threadIdx.x) * V + j;
            if (i < hidden)
                shares[(size_t)blockIdx.x * hidden + i] = dw[n][j];
        }
}

static __global__ void sft_norm_add_shares(bf16 *dweight, const float *shares, int blocks,
                                           int hidden)
{
    __shared__ float part[8][32];
    int i = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    for (int b = threadIdx.y; b < blocks && i < hidden; b += 8)
        sum += shares[(size_t)b * hidden + i];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || i >= hidden)
        return;
    sum = __bfloat162float(dweight[i]);
    for (int b = 0; b < 8; b++)
        sum += part[b][threadIdx.x];
    dweight[i] = __float2bfloat16_rn(sum);
}

struct norm {
    bf16 *out, *sum;
    float *rstd;
    const bf16 *x, *delta, *weight;
    int rows, hidden;
    float eps;
};

template <int V, int N, int T> static void forward_launch(cudaStream_t stream, struct norm a)
{
    sft_norm_forward<V, N, T>
        <<<a.rows, T, 0, stream>>>(a.out, a.rstd, a.sum, a.x, a.delta, a.weight, a.hidden, a.eps);
}

template <int V> static void forward_pick(cudaStream_t stream, struct norm a)
{
    if (a.hidden <= 256 * V)
        forward_launch<V, 1, 256>(stream, a);
    else if (a.hidden <= 512 * V)
        forward_launch<V, 2, 256>(stream, a);
    else if (a.hidden <= 1024 * V)
        forward_launch<V, 2, 512>(stream, a);
    else if (a.hidden <= 2048 * V)
        forward_launch<V, 4, 512>(stream, a);
    else if constexpr (V == 1)
        forward_launch<V, KERNEL_NORM_WIDEST / 1024, 1024>(stream, a);
}

struct norm_back {
    bf16 *dx;
    float *shares;
    const bf16 *dout, *x, *weight;
    const float *rstd;
    int rows, hidden, blocks;
};

template <int V, int N, int T> static void backward_launch(cudaStream_t stream, struct norm_back a)
{
    sft_norm_backward<V, N, T><<<a.blocks, T, 0, stream>>>(a.dx, a.shares, a.dout, a.x, a.weight,
                                                           a.rstd, a.rows, a.hidden);
}

template <int V> static void backward_pick(cudaStream_t stream, struct norm_back a)
{
    if (a.hidden <= 256 * V)
        backward_launch<V, 1, 256>(stream, a);
    else if (a.hidden <= 512 * V)
        backward_launch<V, 1, 512>(stream, a);
    else if (a.hidden <= 1024 * V)
        backward_launch<V, 1, 1024>(stream, a);
    else if (a.hidden <= 2048 * V)
        backward_launch<V, 2, 1024>(stream, a);
    else if constexpr (V == 1)
        backward_launch<V, KERNEL_NORM_WIDEST / 1024, 1024>(stream, a);
}

void kernel_norm_forward(cudaStream_t stream, void *out, float *rstd, void *sum, const void *x,
                         const void *delta, const void *weight, int rows, int hidden, float eps)
{
    struct norm a = {
        (bf16 *)out, (bf16 *)sum, rstd, (const bf16 *)x, (const bf16 *)delta, (const bf16 *)weight,
        rows,        hidden,      eps};
    if (hidden % 8 == 0)
        forward_pick<8>(stream, a);
    else
        forward_pick<1>(stream, a);
}

size_t kernel_norm_scratch(int processors, int hidden)
{
    return (size_t)processors * BLOCKS_A_PROCESSOR * (size_t)hidden * sizeof(float);
}

void kernel_norm_backward(cudaStream_t stream, void *dx, void *dweight, const void *dout,
                          const void *x, const void *weight, const float *rstd, int rows,
                          int hidden, int processors, void *scratch)
{
    int blocks = processors * BLOCKS_A_PROCESSOR < rows ? processors * BLOCKS_A_PROCESSOR : rows;
    struct norm_back a = {(bf16 *)dx,
                          (float *)scratch,
                          (const bf16 *)dout,
                          (const bf16 *)x,
                          (const bf16 *)weight,
                          rstd,
                          rows,
                          hidden,
                          blocks};
    if (hidden % 8 == 0)
        backward_pick<8>(stream, a);
    else
        backward_pick<1>(stream, a);
    sft_norm_add_shares<<<blocks_for(hidden, 32), dim3(32, 8), 0, stream>>>(
        (bf16 *)dweight, (const float *)scratch, blocks, hidden);
}
