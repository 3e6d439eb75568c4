/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and AdamW. Sums: each block adds its part in doubles, one more block adds the parts in
 * order, so results do not change from run to run. AdamW reads and writes each state once: 28 bytes
 * a parameter with fp32 states (w 2 out, g 2 in, master, m and v 4 in and out), 14 with bf16 ones;
 * SGD 20.
 */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"
#include "job/tensor/rounding.h"

enum { THREADS = 256, BLOCKS_A_PROCESSOR = 8, V = 8 };

#ifndef SFT_FP32 /* sums are of either */

static __device__ float as_float(bf16 x)
{
    return __bfloat162float(x);
}

static __device__ float as_float(float x)
{
    return x;
}

/* Runs of V in fp32, their sums in fp64: as fast as fp32 and as exact as the runs are short. */
static __device__ double squares_of(const bf16 *x, size_t vectors)
{
    double sum = 0;
    for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < vectors;
         i += (size_t)gridDim.x * THREADS) {
        float value[V], squares = 0;
        load<V>(value, x, i * V);
#pragma unroll
        for (int j = 0; j < V; j++)
            squares += value[j] * value[j];
        sum += (double)squares;
    }
    return sum;
}

template <typename T, bool SQUARES>
static __global__ void sft_add_terms(double *parts, const T *x, size_t count, bool vectors)
{
    __shared__ double shared[THREADS / 32];
    double sum = 0;
    size_t done = 0;
    if (sizeof(T) == 2 && SQUARES && vectors) {
        sum = squares_of((const bf16 *)x, count / V);
        done = count / V * V;
    }
    for (size_t i = done + (size_t)blockIdx.x * THREADS + threadIdx.x; i < count;
         i += (size_t)gridDim.x * THREADS) {
        float value = as_float(x[i]);
        sum += (double)(SQUARES ? value * value : value);
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0)
        parts[blockIdx.x] = sum;
}

static __global__ void sft_add_parts(double *to, const double *parts, int count)
{
    __shared__ double shared[THREADS / 32];
    double sum = 0;
    for (int i = threadIdx.x; i < count; i += THREADS)
        sum += parts[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0)
        *to += sum;
}

template <typename T>
static void add_all(cudaStream_t stream, double *to, const T *x, size_t count, bool squares,
                    int processors, void *scratch)
{
    size_t wanted = (count / V + THREADS - 1) / THREADS + 1;
    size_t most = (size_t)processors * BLOCKS_A_PROCESSOR;
    int blocks = (int)(wanted < most ? wanted : most);
    bool vectors = (uintptr_t)x % 16 == 0;
    double *parts = (double *)scratch;
    if (squares)
        sft_add_terms<T, true><<<blocks, THREADS, 0, stream>>>(parts, x, count, vectors);
    else
        sft_add_terms<T, false><<<blocks, THREADS, 0, stream>>>(parts, x, count, vectors);
    sft_add_parts<<<1, THREADS, 0, stream>>>(to, parts, blocks);
}

size_t kernel_sum_scratch(int processors)
{
    return (size_t)processors * BLOCKS_A_PROCESSOR * sizeof(double);
}

void kernel_sum(cudaStream_t stream, double *sum, const void *x, size_t count, bool floats,
                bool squares, int processors, void *scratch)
{
    if (floats)
        add_all(stream, sum, (const float *)x, count, squares, processors, scratch);
    else
        add_all(stream, sum, (const bf16 *)x, count, squares, processors, scratch);
}

#endif

/* In doubles it would cost more than the step. */
static __device__ float clip_factor(float clip, const double *norm2)
{
    return clip <= 0 ? 1 : fminf(1, clip / (sqrtf((float)*norm2) + 1e-6f));
}

/* One element: w, m and v in and out. */
static __device__ void step(const struct kernel_adamw &a, float gradient, float &w, float &m,
                            float &v)
{
    m = a.beta1 * m + (1 - a.beta1) * gradient;
    v = a.beta2 * v + (1 - a.beta2) * gradient * gradient;
    w = w * a.keep - a.rate * m / (sqrtf(v) * a.root + a.eps);
}

/* N floats, 16 bytes an access when there are that many. */
template <int N> static __device__ void load_floats(float (&to)[N], const float *from)
{
    if constexpr (N % 4 == 0)
#pragma unroll
        for (int j = 0; j < N; j += 4)
            *reinterpret_cast<float4 *>(to + j) = *reinterpret_cast<const float4 *>(from + j);
    else
        to[0] = from[0];
}

template <int N> static __device__ void store_floats(float *to, const float (&from)[N])
{
    if constexpr (N % 4 == 0)
#pragma unroll
        for (int j = 0; j < N; j += 4)
            *reinterpret_cast<float4 *>(to + j) = *reinterpret_cast<const float4 *>(from + j);
    else
        to[0] = from[0];
}

template <int N> static __global__ void sft_adamw_fp32(struct kernel_adamw a)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * N;
    if (i >= a.count)
        return;
    float factor = clip_factor(a.clip, a.norm2), g[N];
    alignas(16) float w[N];
    alignas(16) float m[N];
    alignas(16) float v[N];
    load<N>(g, a.grad, i);
    load_floats<N>(w, a.master + i);
    load_floats<N>(m, (float *)a.m + i);
    load_floats<N>(v, (float *)a.v + i);
#pragma unroll
    for (int j = 0; j < N; j++)
        step(a, g[j] * factor, w[j], m[j], v[j]);
    store_floats<N>(a.master + i, w);
    store_floats<N>((float *)a.m + i, m);
    store_floats<N>((float *)a.v + i, v);
    if (a.weight != a.master)
        store<N>(a.weight, i, w);
}

#ifndef SFT_FP32

/* Exact in bf16 already: only the conversion is left. */
static __device__ float rounded(float value, uint32_t random)
{
    return __uint_as_float((uint32_t)rounding_stochastic(__float_as_uint(value), random) << 16);
}

template <int N> static __global__ void sft_adamw_bf16(struct kernel_adamw a)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * N;
    if (i >= a.count)
        return;
    float factor = clip_factor(a.clip, a.norm2), g[N], w[N], m[N], v[N];
    load<N>(g, a.grad, i);
    load<N>(w, a.weight, i);
    load<N>(m, a.m, i);
    load<N>(v, a.v, i);
#pragma unroll
    for (int j = 0; j < N; j++) {
        uint32_t first = rounding_bits(a.seed, 2 * (a.first + i + j));
        uint32_t second = rounding_bits(a.seed, 2 * (a.first + i + j) + 1);
        step(a, g[j] * factor, w[j], m[j], v[j]);
        w[j] = rounded(w[j], first);
        m[j] = rounded(m[j], second);
        v[j] = rounded(v[j], second >> 16);
    }
    store<N>(a.weight, i, w);
    store<N>(a.m, i, m);
    store<N>(a.v, i, v);
}

#endif

void kernel_adamw(cudaStream_t stream, struct kernel_adamw a)
{
    uintptr_t all = (uintptr_t)a.weight | (uintptr_t)a.grad | (uintptr_t)a.m | (uintptr_t)a.v |
                    (uintptr_t)a.master;
    bool vectors = all % 16 == 0 && a.count % V == 0;
    unsigned blocks = blocks_for(vectors ? a.count / V : a.count, THREADS);
    if (a.count == 0)
        return;
#ifdef SFT_FP32
    a.master = (float *)a.weight; /* they are fp32 already */
#else
    if (a.bf16_states) {
        if (vectors)
            sft_adamw_bf16<V><<<blocks, THREADS, 0, stream>>>(a);
        else
            sft_adamw_bf16<1><<<blocks, THREADS, 0, stream>>>(a);
        return;
    }
#endif
    if (vectors)
        sft_adamw_fp32<V><<<blocks, THREADS, 0, stream>>>(a);
    else
        sft_adamw_fp32<1><<<blocks, THREADS, 0, stream>>>(a);
}

template <int N> static __global__ void sft_sgd(struct kernel_sgd a)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * N;
    if (i >= a.count)
        return;
    float factor = clip_factor(a.clip, a.norm2), g[N];
    alignas(16) float w[N];
    alignas(16) float m[N];
    load<N>(g, a.grad, i);
    load_floats<N>(w, a.master + i);
    load_floats<N>(m, a.m + i);
#pragma unroll
    for (int j = 0; j < N; j++) {
        float gradient = g[j] * factor + a.weight_decay * w[j];
        m[j] = a.momentum * m[j] + gradient;
        w[j] -= a.lr * (gradient + a.momentum * m[j]);
    }
    store_floats<N>(a.master + i, w);
    store_floats<N>(a.m + i, m);
    if (a.weight != a.master)
        store<N>(a.weight, i, w);
}

void kernel_sgd(cudaStream_t stream, struct kernel_sgd a)
{
    uintptr_t all = (uintptr_t)a.weight | (uintptr_t)a.grad | (uintptr_t)a.m | (uintptr_t)a.master;
    bool vectors = all % 16 == 0 && a.count % V == 0;
    unsigned blocks = blocks_for(vectors ? a.count / V : a.count, THREADS);
    if (a.count == 0)
        return;
#ifdef SFT_FP32
    a.master = (float *)a.weight;
#endif
    if (vectors)
        sft_sgd<V><<<blocks, THREADS, 0, stream>>>(a);
    else
        sft_sgd<1><<<blocks, THREADS, 0, stream>>>(a);
}
