/* SPDX-License-Identifier: Apache-2.0 */
/* SwiGLU: forward reads 2 * ffn elements a row and writes ffn; backward reads 3 and writes 2. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

static __device__ float sigmoid(float x)
{
    return 1 / (1 + __expf(-x));
}

template <int V>
static __global__ void sft_swiglu_forward(element *out, const element *gate_up, size_t vectors,
                                          int ffn, float *amax)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float most = 0;
    if (item < vectors) {
        size_t at = item * V, row = at / ffn, gate = 2 * row * ffn + at % ffn;
        float g[V], u[V];
        load<V>(g, gate_up, gate);
        load<V>(u, gate_up, gate + ffn);
#pragma unroll
        for (int j = 0; j < V; j++)
            g[j] *= sigmoid(g[j]) * u[j];
        store<V>(out, at, g);
        amax_take(most, g);
    }
    amax_leave(amax, most);
}

/* With s = sigmoid(gate): dup = dout * gate * s, dgate = dout * up * s * (1 + gate * (1 - s)). */
template <int V>
static __global__ void sft_swiglu_backward(element *dgate_up, const element *dout,
                                           const element *gate_up, size_t vectors, int ffn,
                                           float *amax)
{
    size_t item = (size_t)blockIdx.x * THREADS + threadIdx.x;
    float most = 0;
    if (item < vectors) {
        size_t at = item * V, row = at / ffn, gate = 2 * row * ffn + at % ffn;
        float g[V], u[V], d[V];
        load<V>(g, gate_up, gate);
        load<V>(u, gate_up, gate + ffn);
        load<V>(d, dout, at);
#pragma unroll
        for (int j = 0; j < V; j++) {
            float s = sigmoid(g[j]), dup = d[j] * g[j] * s;
            g[j] = d[j] * u[j] * s * (1 + g[j] * (1 - s));
            u[j] = dup;
        }
        store<V>(dgate_up, gate, g);
        store<V>(dgate_up, gate + ffn, u);
        amax_take(most, g);
        amax_take(most, u);
    }
    amax_leave(amax, most);
}

void kernel_swiglu_forward(cudaStream_t stream, void *out, const void *gate_up, int rows, int ffn,
                           float *amax)
{
    size_t count = (size_t)rows * ffn;
    if (ffn % 8 == 0)
        sft_swiglu_forward<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(
            (element *)out, (const element *)gate_up, count / 8, ffn, amax);
    else
        sft_swiglu_forward<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)out, (const element *)gate_up, count, ffn, amax);
}

void kernel_swiglu_backward(cudaStream_t stream, void *dgate_up, const void *dout,
                            const void *gate_up, int rows, int ffn, float *amax)
{
    size_t count = (size_t)rows * ffn;
    if (ffn % 8 == 0)
        sft_swiglu_backward<8><<<blocks_for(count / 8, THREADS), THREADS, 0, stream>>>(
            (element *)dgate_up, (const element *)dout, (const element *)gate_up, count / 8, ffn,
            amax);
    else
        sft_swiglu_backward<1><<<blocks_for(count, THREADS), THREADS, 0, stream>>>(
            (element *)dgate_up, (const element *)dout, (const element *)gate_up, count, ffn, amax);
}
