/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary embedding in place: reads and writes the query and key heads of a row once. A block a row;
 * the row's angles are computed once and shared by its heads. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

template <int V>
static __global__ void sft_rope(bf16 *qkv, const int32_t *positions, int turned, int width,
                                int head_dim, float log_theta, float sign)
{
    extern __shared__ float angles[]; /* [half] cosines, [half] sines */
    int half = head_dim / 2;
    float position = (float)positions[blockIdx.x];
    for (int i = threadIdx.x; i < half; i += THREADS) {
        float sine, cosine;
        sincosf(position * expf(-log_theta * (2 * i) / head_dim), &sine, &cosine);
        angles[i] = cosine;
        angles[half + i] = sign * sine;
    }
    __syncthreads();
    int vectors = half / V;
    for (int item = threadIdx.x; item < turned * vectors; item += THREADS) {
        int i = item % vectors * V;
        size_t at = (size_t)blockIdx.x * width + item / vectors * head_dim + i;
        float low[V], high[V], l[V], h[V];
        load<V>(low, qkv, at);
        load<V>(high, qkv, at + half);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float cosine = angles[i + j], sine = angles[half + i + j];
            l[j] = low[j] * cosine - high[j] * sine;
            h[j] = high[j] * cosine + low[j] * sine;
        }
        store<V>(qkv, at, l);
        store<V>(qkv, at + half, h);
    }
}

void kernel_rope(cudaStream_t stream, void *qkv, const int32_t *positions, int rows, int turned,
                 int width, int head_dim, float theta, bool inverse)
{
    size_t shared = (size_t)head_dim * sizeof(float);
    float sign = inverse ? -1 : 1;
    if (head_dim % 16 == 0 && width % 8 == 0)
        sft_rope<8><<<rows, THREADS, shared, stream>>>((bf16 *)qkv, positions, turned, width,
                                                       head_dim, logf(theta), sign);
    else
        sft_rope<1><<<rows, THREADS, shared, stream>>>((bf16 *)qkv, positions, turned, width,
                                                       head_dim, logf(theta), sign);
}
