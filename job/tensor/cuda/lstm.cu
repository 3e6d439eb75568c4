/* SPDX-License-Identifier: Apache-2.0 */
/* One step of an LSTM's recurrence, after the matrix products. Forward reads 4 elements and a float
 * an item and writes 6 and a float; backward reads 6 and 3 floats and writes 4 and a float: with
 * 1,024 rows of 1,000 about 20 and 28 MB, which the L2 cache of a Hopper holds, so a step costs a
 * launch and some 5 us. An item is one number of the state; neighbours read neighbours. */
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/kernels.h"

enum { THREADS = 256 };

static __device__ float sigmoid(float x)
{
    return 1 / (1 + __expf(-x));
}

static __device__ bool begins(const int32_t *positions, size_t row)
{
    return positions != NULL && positions[row] == 0;
}

/* A gate's sum, with the biases, which stay in the caches. */
static __device__ float sum_of(const struct kernel_lstm &a, size_t gate, size_t column)
{
    float sum = to_float(((const element *)a.gates)[gate]);
    if (a.bias_in != NULL)
        sum += to_float(((const element *)a.bias_in)[column]);
    if (a.bias_state != NULL)
        sum += to_float(((const element *)a.bias_state)[column]);
    return sum;
}

static __global__ void sft_lstm_forward(struct kernel_lstm a)
{
    size_t at = (size_t)blockIdx.x * THREADS + threadIdx.x, h = (size_t)a.hidden;
    if (at >= (size_t)a.rows * h)
        return;
    size_t row = at / h, gate = 4 * row * h + at % h;
    element *gates = (element *)a.gates;
    size_t k = at % h;
    float i = sigmoid(sum_of(a, gate, k)), f = sigmoid(sum_of(a, gate + h, h + k));
    float g = tanhf(sum_of(a, gate + 2 * h, 2 * h + k));
    float o = sigmoid(sum_of(a, gate + 3 * h, 3 * h + k));
    float before = a.cell_before == NULL || begins(a.positions, row) ? 0 : a.cell_before[at];
    float cell = f * before + i * g;
    element out = to_element(o * tanhf(cell));
    a.cell[at] = cell;
    ((element *)a.out)[at] = out;
    if (a.carried != NULL)
        ((element *)a.carried)[at] = begins(a.positions_after, row) ? to_element(0) : out;
    gates[gate] = to_element(i);
    gates[gate + h] = to_element(f);
    gates[gate + 2 * h] = to_element(g);
    gates[gate + 3 * h] = to_element(o);
}

static __global__ void sft_lstm_backward(struct kernel_lstm a)
{
    size_t at = (size_t)blockIdx.x * THREADS + threadIdx.x, h = (size_t)a.hidden;
    if (at >= (size_t)a.rows * h)
        return;
    size_t row = at / h, gate = 4 * row * h + at % h;
    const element *gates = (const element *)a.gates;
    element *dgates = (element *)a.dgates;
    float i = to_float(gates[gate]), f = to_float(gates[gate + h]);
    float g = to_float(gates[gate + 2 * h]), o = to_float(gates[gate + 3 * h]);
    bool last = a.dcarried == NULL || begins(a.positions_after, row);
    bool first = a.cell_before == NULL || begins(a.positions, row);
    float t = tanhf(a.cell[at]);
    float dh = to_float(((const element *)a.dout)[at]) +
               (last ? 0 : to_float(((const element *)a.dcarried)[at]));
    float dc = (last ? 0 : a.dcell[at]) + dh * o * (1 - t * t);
    float before = first ? 0 : a.cell_before[at];
    dgates[gate] = to_element(dc * g * i * (1 - i));
    dgates[gate + h] = to_element(dc * before * f * (1 - f));
    dgates[gate + 2 * h] = to_element(dc * i * (1 - g * g));
    dgates[gate + 3 * h] = to_element(dh * t * o * (1 - o));
    a.dcell[at] = dc * f;
}

void kernel_lstm_forward(cudaStream_t stream, struct kernel_lstm args)
{
    size_t count = (size_t)args.rows * args.hidden;
    sft_lstm_forward<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(args);
}

void kernel_lstm_backward(cudaStream_t stream, struct kernel_lstm args)
{
    size_t count = (size_t)args.rows * args.hidden;
    sft_lstm_backward<<<blocks_for(count, THREADS), THREADS, 0, stream>>>(args);
}
