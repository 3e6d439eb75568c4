/* SPDX-License-Identifier: Apache-2.0 */
/* GELU in its tanh form: forward reads an element and writes one; backward reads 2 and writes 1. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

static __device__ float gelu_tanh(float x)
{
    return tanhf(0.797884561f * (x + 0.044715f * x * x * x));
}

template <int V>
static __global__ void sft_gelu_forward(element *out, const element *in, size_t vectors,
                                        float *amax)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float x[V], most = 0;
    if (item < vectors) {
        load<V>(x, in, item * V);
#pragma unroll
        for (int j = 0; j < V; j++)
            x[j] = 0.5f * x[j] * (1 + gelu_tanh(x[j]));
        store<V>(out, item * V, x);
        amax_take(most, x);
    }
    amax_leave(amax, most);
}

/* With t = tanh(u): dx = dout ((1 + t)/2 + x/2 (1 - t^2) sqrt(2/pi) (1 + 3 * 0.044715 x^2)). */
template <int V>
static __global__ void sft_gelu_backward(element *din, const element *dout, const element *in,
                                         size_t vectors, float *amax)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float x[V], d[V], most = 0;
    if (item < vectors) {
        load<V>(x, in, item * V);
        load<V>(d, dout, item * V);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float t = gelu_tanh(x[j]), inner = 0.797884561f * (1 + 0.134145f * x[j] * x[j]);
            d[j] *= 0.5f * (1 + t) + 0.5f * x[j] * (1 - t * t) * inner;
        }
        store<V>(din, item * V, d);
        amax_take(most, d);
    }
    amax_leave(amax, most);
}

void kernel_gelu_forward(cudaStream_t stream, void *out, const void *in, size_t count, float *amax)
{
    if (count % 8 == 0)
        sft_gelu_forward<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(
            (element *)out, (const element *)in, count / 8, amax);
    else
        sft_gelu_forward<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)out, (const element *)in, count, amax);
}

void kernel_gelu_backward(cudaStream_t stream, void *din, const void *dout, const void *in,
                          size_t count, float *amax)
{
    if (count % 8 == 0)
        sft_gelu_backward<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(
            (element *)din, (const element *)dout, (const element *)in, count / 8, amax);
    else
        sft_gelu_backward<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)din, (const element *)dout, (const element *)in, count, amax);
}
