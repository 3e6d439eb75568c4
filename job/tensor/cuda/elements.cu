/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions and fills. Each moves its bytes once: they run at set-up, in tests, or on few rows;
 * but for an LSTM's features, which are drawn for each micro-batch. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

#ifndef SFT_FP32

static __global__ void sft_to_bf16(bf16 *to, const float *from, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = __float2bfloat16_rn(from[i]);
}

static __global__ void sft_to_float(float *to, const bf16 *from, size_t count)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = __bfloat162float(from[i]);
}

void kernel_to_bf16(cudaStream_t stream, void *to, const float *from, size_t count)
{
    if (count > 0)
        sft_to_bf16<<<blocks_for(count, THREADS), THREADS, 0, stream>>>((bf16 *)to, from, count);
}

void kernel_to_float(cudaStream_t stream, float *to, const void *from, size_t count)
{
    if (count > 0)
        sft_to_float<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(to, (const bf16 *)from,
                                                                         count);
}

#endif

static __global__ void sft_fill(element *to, size_t count, float value)
{
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < count)
        to[i] = to_element(value);
}

/* The counter's form of job/tensor/random.c, in doubles there and here: the same numbers to
 * rounding. */
static __device__ uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static __global__ void sft_fill_normal(element *to, size_t count, uint64_t seed, uint64_t first,
                                       float value, float deviation)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count)
        return;
    uint64_t a = scramble(seed + (2 * (first + i) + 1) * golden);
    uint64_t b = scramble(seed + (2 * (first + i) + 2) * golden);
    double u = ((double)(a >> 11) + 1) * 0x1p-53;
    double v = (double)(b >> 11) * 0x1p-53;
    to[i] = to_element((float)(value + deviation * (sqrt(-2 * log(u)) * cospi(2 * v))));
}

static __global__ void sft_fill_uniform(element *to, size_t count, uint64_t seed, uint64_t first,
                                        float value, float deviation)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= count)
        return;
    double u = (double)(scramble(seed + (first + i + 1) * golden) >> 11) * 0x1p-52 - 1;
    to[i] = to_element((float)(value + deviation * u));
}

/* 6 bytes an element; a thread has 8 of them, the last one what is left. */
static __global__ void sft_add(element *to, const element *from, size_t count)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * 8;
    if (i + 8 <= count) {
        float a[8], b[8];
        load<8>(a, to, i);
        load<8>(b, from, i);
#pragma unroll
        for (int j = 0; j < 8; j++)
            a[j] += b[j];
        store<8>(to, i, a);
        return;
    }
    for (; i < count; i++)
        to[i] = to_element(to_float(to[i]) + to_float(from[i]));
}

static __global__ void sft_zero_rows(element *out, int width, const int32_t *start,
                                     const int32_t *length)
{
    int range = blockIdx.x;
    for (int row = blockIdx.y; row < length[range]; row += gridDim.y)
        for (int i = threadIdx.x; i < width; i += THREADS)
            out[(size_t)(start[range] + row) * width + i] = to_element(0);
}

void kernel_fill(cudaStream_t stream, void *to, size_t count, float value)
{
    if (count > 0)
        sft_fill<<<blocks_for(count, THREADS), THREADS, 0, stream>>>((element *)to, count, value);
}

void kernel_fill_normal(cudaStream_t stream, void *to, size_t count, uint64_t seed, uint64_t first,
                        float value, float deviation)
{
    if (count > 0)
        sft_fill_normal<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)to, count, seed, first, value, deviation);
}

void kernel_fill_uniform(cudaStream_t stream, void *to, size_t count, uint64_t seed, uint64_t first,
                         float value, float deviation)
{
    if (count > 0)
        sft_fill_uniform<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)to, count, seed, first, value, deviation);
}

void kernel_add(cudaStream_t stream, void *to, const void *from, size_t count)
{
    if (count > 0)
        sft_add<<<blocks_for((count + 7) / 8, THREADS), THREADS, 0, stream>>>(
            (element *)to, (const element *)from, count);
}

void kernel_zero_rows(cudaStream_t stream, void *out, int width, const int32_t *start,
                      const int32_t *length, int count, int longest)
{
    dim3 grid(count, longest < 1024 ? longest : 1024);
    if (count > 0 && longest > 0)
        sft_zero_rows<<<grid, THREADS, 0, stream>>>((element *)out, width, start, length);
}
