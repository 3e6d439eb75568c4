/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary embedding in place: reads and writes the query and key heads of a row once. A block a row;
 * the row's angles are computed once and shared by its heads. Who asks for the largest magnitude
 * has the value heads read, too. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

template <int V> static __global__ void sft_rope(struct kernel_rope a, double log_theta)
{
    extern __shared__ float angles[]; /* [half] cosines, [half] sines */
    int half = a.head_dim / 2, vectors = half / V;
    float position = (float)a.positions[blockIdx.x], most = 0;
    size_t row = (size_t)blockIdx.x * a.width;
    for (int i = threadIdx.x; i < half; i += THREADS) {
        float sine, cosine;
        /* in double: an angle has the error of its frequency times the position */
        float frequency = (float)exp(-log_theta * (2 * i) / a.head_dim);
        sincosf(position * rope_frequency(frequency, a.scaling), &sine, &cosine);
        angles[i] = cosine;
        angles[half + i] = a.inverse ? -sine : sine;
    }
    __syncthreads();
    for (int item = threadIdx.x; item < a.turned * vectors; item += THREADS) {
        int i = item % vectors * V;
        size_t at = row + item / vectors * a.head_dim + i;
        float low[V], high[V], l[V], h[V];
        load<V>(low, a.qkv, at);
        load<V>(high, a.qkv, at + half);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float cosine = angles[i + j], sine = angles[half + i + j];
            l[j] = low[j] * cosine - high[j] * sine;
            h[j] = high[j] * cosine + low[j] * sine;
        }
        store<V>(a.qkv, at, l);
        store<V>(a.qkv, at + half, h);
        amax_take(most, l);
        amax_take(most, h);
    }
    int still = a.amax == NULL ? a.width : a.turned * a.head_dim;
    for (int i = still + threadIdx.x * V; i < a.width; i += THREADS * V) {
        float value[V];
        load<V>(value, a.qkv, row + i);
        amax_take(most, value);
    }
    amax_leave(a.amax, most);
}

void kernel_rope(cudaStream_t stream, struct kernel_rope a)
{
    size_t shared = (size_t)a.head_dim * sizeof(float);
    if (a.head_dim % 16 == 0 && a.width % 8 == 0)
        sft_rope<8><<<a.rows, THREADS, shared, stream>>>(a, log((double)a.theta));
    else
        sft_rope<1><<<a.rows, THREADS, shared, stream>>>(a, log((double)a.theta));
}
