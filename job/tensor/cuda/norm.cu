/* SPDX-License-Identifier: Apache-2.0 */
/* RMSNorm and layer norm with the residual addition in front of it.
 *
 * Forward, a block a row: reads x and delta, writes the sum and the norm: 4 * hidden elements a row
 * and nothing twice, since the row stays in registers between the sum of squares and the output.
 *
 * Backward, a block for many rows: reads dout, x and dx, writes dx: 4 * hidden elements a row. Each
 * thread keeps its columns' share of dweight in registers over all rows of its block; one more
 * kernel adds the blocks' shares in order, so results do not change from run to run. A frozen norm
 * has no shares, which frees their registers. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/cuda/shares.cuh"

/* Narrow rows have small blocks, and a processor that has only few of them waits for memory. So the
 * backward pass has 64 registers a thread at most, by which 1024 threads fit, and as many blocks as
 * fit at once: one more a processor would run after all others, alone. */
enum { THREADS_FIT = 1024 };

static int blocks_of(int processors, int hidden)
{
    return processors * (hidden <= 1024 ? 8 : hidden <= 2048 ? 4 : 2);
}

/* The mean leaves a row's values; returns this thread's sum of the squares of what stays. */
template <int V, int N, int T>
static __device__ float take_mean(float (&value)[N][V], float middle, int hidden)
{
    float squares = 0;
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int j = 0; j < V; j++)
            if ((n * T + threadIdx.x) * V < hidden) {
                value[n][j] -= middle;
                squares += value[n][j] * value[n][j];
            }
    return squares;
}

/* N vectors of V elements a thread; T threads; the row is at most N * V * T wide. */
template <int V, int N, int T, bool LAYER>
static __global__ void __launch_bounds__(T)
    sft_norm_forward(element *out, float *rstd, float *mean, element *sum, const element *x,
                     const element *delta, const element *weight, const element *bias, int hidden,
                     float eps, float *amax)
{
    __shared__ float shared[T / 32];
    size_t row = (size_t)blockIdx.x * hidden;
    float value[N][V], squares = 0, total = 0, most = 0;
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
                value[n][j] = to_float(to_element(value[n][j] + add[j]));
            store<V>(sum, row + i, value[n]);
        }
#pragma unroll
        for (int j = 0; j < V; j++)
            if (LAYER)
                total += value[n][j];
            else
                squares += value[n][j] * value[n][j];
    }
    if (LAYER) {
        float middle = block_sum(total, shared) / hidden;
        if (threadIdx.x == 0)
            mean[blockIdx.x] = middle;
        squares = take_mean<V, N, T>(value, middle, hidden);
    }
    float scale = rsqrtf(block_sum(squares, shared) / hidden + eps);
    if (threadIdx.x == 0)
        rstd[blockIdx.x] = scale;
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
        float w[V], b[V];
        if (i >= hidden)
            continue;
        load<V>(w, weight, i);
        if (LAYER)
            load<V>(b, bias, i);
#pragma unroll
        for (int j = 0; j < V; j++) {
            value[n][j] *= scale * w[j];
            if (LAYER)
                value[n][j] += b[j];
        }
        store<V>(out, row + i, value[n]);
        amax_take(most, value[n]);
    }
    amax_leave(amax, most);
}

/* A block's sums of its columns, each thread's own. */
template <int V, int N, int T>
static __device__ void leave_share(float *share, const float (&sums)[N][V], int hidden)
{
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int j = 0; j < V; j++) {
            int i = (n * T + threadIdx.x) * V + j;
            if (i < hidden)
                share[i] = sums[n][j];
        }
}

/* dx += rstd * (g - y * along - level), of one row. */
template <int V, int N, int T>
static __device__ __forceinline__ void
leave_dx(element *dx, size_t row, const pack<V> (&waiting)[N], const float (&g)[N][V],
         const float (&y)[N][V], float rstd, float along, float level, int hidden, float &most)
{
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
        float d[V];
        if (i >= hidden)
            continue;
        unpack(d, waiting[n]);
#pragma unroll
        for (int j = 0; j < V; j++)
            d[j] += rstd * (g[n][j] - level - y[n][j] * along);
        store<V>(dx, row + i, d);
        amax_take(most, d);
    }
}

/* With y = x * rstd: dx += rstd * (g - y * mean(g * y)), g = dout * weight; dweight += dout * y.
 * LAYER: y = (x - mean) * rstd, dx also loses rstd * mean(g); dbias += dout, its shares behind
 * dweight's. What waits (weight, dx) does so as it stands in memory, in half of the registers. */
template <int V, int N, int T, bool LAYER, bool TRAINS>
static __global__ void __launch_bounds__(T, THREADS_FIT / T)
    sft_norm_backward(element *dx, float *shares, const element *dout, const element *x,
                      const element *weight, const float *rstd, const float *mean, int rows,
                      int hidden, float *amax)
{
    constexpr int K = LAYER ? 2 : 1;
    __shared__ float shared[2][K][T / 32];
    pack<V> w[N];
    float dw[N][V] = {}, db[N][V] = {}, most = 0;
    int turn = 0;
#pragma unroll
    for (int n = 0; n < N; n++) {
        int i = (n * T + threadIdx.x) * V;
        if (i < hidden)
            w[n] = load_pack<V>(weight, i);
    }
    for (int r = blockIdx.x; r < rows; r += gridDim.x, turn ^= 1) {
        size_t row = (size_t)r * hidden;
        pack<V> waiting[N];
        float g[N][V], y[N][V], scale = rstd[r], sum[K] = {};
        float middle = LAYER ? mean[r] : 0;
#pragma unroll
        for (int n = 0; n < N; n++) {
            int i = (n * T + threadIdx.x) * V;
            if (i >= hidden)
                continue;
            load<V>(g[n], dout, row + i);
            load<V>(y[n], x, row + i);
            waiting[n] = load_pack<V>(dx, row + i); /* in flight during the sum below */
            float factor[V];
            unpack(factor, w[n]);
#pragma unroll
            for (int j = 0; j < V; j++) {
                y[n][j] = (y[n][j] - middle) * scale;
                if (TRAINS && LAYER)
                    db[n][j] += g[n][j];
                if (TRAINS)
                    dw[n][j] += g[n][j] * y[n][j];
                g[n][j] *= factor[j];
                sum[0] += g[n][j] * y[n][j];
                if (LAYER)
                    sum[K - 1] += g[n][j];
            }
        }
        row_sums<K, T>(sum, shared[turn]);
        float along = sum[0] / hidden, level = LAYER ? sum[K - 1] / hidden : 0;
        leave_dx<V, N, T>(dx, row, waiting, g, y, scale, along, level, hidden, most);
    }
    amax_leave(amax, most);
    if (TRAINS)
        leave_share<V, N, T>(shares + (size_t)blockIdx.x * hidden, dw, hidden);
    if (TRAINS && LAYER)
        leave_share<V, N, T>(shares + ((size_t)gridDim.x + blockIdx.x) * hidden, db, hidden);
}

template <int V, int N, int T>
static void forward_launch(cudaStream_t stream, const struct kernel_norm &a)
{
    if (a.layer)
        sft_norm_forward<V, N, T, true><<<a.rows, T, 0, stream>>>(
            (element *)a.out, a.rstd, a.mean, (element *)a.sum, (const element *)a.x,
            (const element *)a.delta, (const element *)a.weight, (const element *)a.bias, a.hidden,
            a.eps, a.amax);
    else
        sft_norm_forward<V, N, T, false><<<a.rows, T, 0, stream>>>(
            (element *)a.out, a.rstd, NULL, (element *)a.sum, (const element *)a.x,
            (const element *)a.delta, (const element *)a.weight, NULL, a.hidden, a.eps, a.amax);
}

template <int V> static void forward_pick(cudaStream_t stream, const struct kernel_norm &a)
{
    if (a.hidden <= 128 * V)
        forward_launch<V, 1, 128>(stream, a);
    else if (a.hidden <= 256 * V)
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

template <int V, int N, int T, bool TRAINS>
static void backward_start(cudaStream_t stream, const struct kernel_norm &a, int blocks)
{
    if (a.layer)
        sft_norm_backward<V, N, T, true, TRAINS><<<blocks, T, 0, stream>>>(
            (element *)a.dx, (float *)a.scratch, (const element *)a.dout, (const element *)a.x,
            (const element *)a.weight, a.rstd, a.mean, a.rows, a.hidden, a.amax);
    else
        sft_norm_backward<V, N, T, false, TRAINS><<<blocks, T, 0, stream>>>(
            (element *)a.dx, (float *)a.scratch, (const element *)a.dout, (const element *)a.x,
            (const element *)a.weight, a.rstd, NULL, a.rows, a.hidden, a.amax);
}

template <int V, int N, int T>
static void backward_launch(cudaStream_t stream, const struct kernel_norm &a, int blocks)
{
    if (a.dweight != NULL)
        backward_start<V, N, T, true>(stream, a, blocks);
    else
        backward_start<V, N, T, false>(stream, a, blocks);
}

template <int V>
static void backward_pick(cudaStream_t stream, const struct kernel_norm &a, int blocks)
{
    if (a.hidden <= 128 * V)
        backward_launch<V, 1, 128>(stream, a, blocks);
    else if (a.hidden <= 256 * V)
        backward_launch<V, 1, 256>(stream, a, blocks);
    else if (a.hidden <= 512 * V)
        backward_launch<V, 1, 512>(stream, a, blocks);
    else if (a.hidden <= 1024 * V)
        backward_launch<V, 1, 1024>(stream, a, blocks);
    else if (a.hidden <= 2048 * V)
        backward_launch<V, 2, 1024>(stream, a, blocks);
    else if constexpr (V == 1)
        backward_launch<V, KERNEL_NORM_WIDEST / 1024, 1024>(stream, a, blocks);
}

void kernel_norm_forward(cudaStream_t stream, struct kernel_norm a)
{
    if (a.hidden % 8 == 0)
        forward_pick<8>(stream, a);
    else
        forward_pick<1>(stream, a);
}

size_t kernel_norm_scratch(int processors, int hidden)
{
    return 2 * (size_t)blocks_of(processors, hidden) * (size_t)hidden * sizeof(float);
}

void kernel_norm_backward(cudaStream_t stream, struct kernel_norm a)
{
    int most = blocks_of(a.processors, a.hidden), blocks = most < a.rows ? most : a.rows;
    const float *shares = (const float *)a.scratch;
    if (a.hidden % 8 == 0)
        backward_pick<8>(stream, a, blocks);
    else
        backward_pick<1>(stream, a, blocks);
    if (a.dweight == NULL)
        return;
    shares_add(stream, a.dweight, a.layer ? a.dbias : NULL, shares, blocks, a.hidden);
}
