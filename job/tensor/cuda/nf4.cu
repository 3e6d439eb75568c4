/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 to NF4 and its double quantization, once a run: 2 bytes an element read and 0.56 written.
 * nf4_back.cu is the way back. */
#include "job/tensor/cuda/amax.cuh"
#include "job/tensor/cuda/bf16.cuh"
#include "job/tensor/cuda/nf4.cuh"

enum { CHUNK = 65536 }; /* of the sum: ops.h; its 256 sums are the threads' */

static __global__ void __launch_bounds__(THREADS)
    sft_quantize_nf4(struct kernel_nf4 to, const bf16 *x)
{
    __shared__ float numbers[NF4_NUMBERS];
    size_t at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * V;
    float value[V] = {0, 0, 0, 0, 0, 0, 0, 0}, most = 0;
    uint32_t word = 0;
    numbers_fill(numbers);
    __syncthreads();
    if (at + V <= to.count)
        load<V>(value, x, at);
    for (int j = 0; j < V && at + V > to.count && at + j < to.count; j++)
        value[j] = __bfloat162float(x[at + j]);
    amax_take(most, value);
    for (int offset = NF4_BLOCK / V / 2; offset > 0; offset /= 2)
        most = amax_larger(most, __shfl_xor_sync(0xffffffffu, most, offset));
    if (at >= to.count)
        return;
    float inverse = nf4_inverse(most);
#pragma unroll
    for (int j = 0; j < V; j++)
        word |= (uint32_t)nf4_code(numbers, value[j], inverse) << bit_of(j);
    if (at + V <= to.count)
        static_cast<uint32_t *>(to.data)[at / V] = word;
    else
        for (size_t i = at; i < to.count; i += 2)
            static_cast<uint8_t *>(to.data)[i / 2] = (uint8_t)(word >> (i - at) / 2 * 8);
    if (at % NF4_BLOCK == 0)
        to.scale[at / NF4_BLOCK] = most;
}

static __global__ void __launch_bounds__(THREADS)
    sft_chunk_sums(double *sums, const float *absmax, size_t blocks)
{
    __shared__ double lane[THREADS];
    size_t first = (size_t)blockIdx.x * CHUNK,
           end = first + CHUNK < blocks ? first + CHUNK : blocks;
    double sum = 0;
    for (size_t i = first + threadIdx.x; i < end; i += THREADS)
        sum += absmax[i];
    lane[threadIdx.x] = sum;
    for (int half = THREADS / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            lane[threadIdx.x] += lane[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        sums[blockIdx.x] = lane[0];
}

static __global__ void sft_mean(float *mean, const double *sums, size_t chunks, size_t blocks)
{
    double sum = 0;
    for (size_t i = 0; i < chunks; i++)
        sum += sums[i];
    *mean = (float)(sum / (double)blocks);
}

/* A block of threads has a block of the map. */
static __global__ void __launch_bounds__(NF4_SCALES)
    sft_double_quantize(struct kernel_nf4 to, const float *absmax)
{
    __shared__ uint32_t of_warps[NF4_SCALES / 32];
    size_t blocks = nf4_blocks(to.count), at = (size_t)blockIdx.x * NF4_SCALES + threadIdx.x;
    float rest = at < blocks ? __fsub_rn(absmax[at], *to.scale_mean) : 0, most = 0;
    most = amax_larger(most, rest);
    for (int offset = 16; offset > 0; offset /= 2)
        most = amax_larger(most, __shfl_xor_sync(0xffffffffu, most, offset));
    if (threadIdx.x % 32 == 0)
        of_warps[threadIdx.x / 32] = __float_as_uint(most);
    __syncthreads();
    for (int warp = 0; warp < NF4_SCALES / 32; warp++)
        most = amax_larger(most, __uint_as_float(of_warps[warp]));
    if (at < blocks)
        to.scale_codes[at] = nf4_scale_code(map.number, rest, most);
    if (threadIdx.x == 0)
        to.scale[blockIdx.x] = most;
}

void kernel_quantize_nf4(cudaStream_t stream, struct kernel_nf4 to, const void *x)
{
    if (to.count > 0)
        sft_quantize_nf4<<<blocks_for(to.count, THREADS * V), THREADS, 0, stream>>>(
            to, (const bf16 *)x);
}

size_t kernel_double_quantize_scratch(size_t count)
{
    return (nf4_blocks(count) + CHUNK - 1) / CHUNK * sizeof(double);
}

void kernel_double_quantize(cudaStream_t stream, struct kernel_nf4 to, const float *absmax,
                            void *scratch)
{
    size_t blocks = nf4_blocks(to.count), chunks = (blocks + CHUNK - 1) / CHUNK;
    double *sums = (double *)scratch;
    if (blocks == 0)
        return;
    sft_chunk_sums<<<(unsigned)chunks, THREADS, 0, stream>>>(sums, absmax, blocks);
    sft_mean<<<1, 1, 0, stream>>>(to.scale_mean, sums, chunks, blocks);
    sft_double_quantize<<<(unsigned)nf4_groups(blocks), NF4_SCALES, 0, stream>>>(to, absmax);
}
