/* SPDX-License-Identifier: Apache-2.0 */
/* The largest magnitude of what a kernel writes, for FP8. As whole numbers the bits of magnitudes
 * stand in their order and NaN last, so an atomic maximum gives the same in whatever order it
 * comes. Rounding to bf16 keeps the order, too: magnitudes are taken before, and rounded once. */
#pragma once

#include "job/tensor/cuda/bf16.cuh"

/* The larger magnitude of the two; NaN is larger than all. */
static __device__ __forceinline__ float amax_larger(float most, float value)
{
    uint32_t bits = __float_as_uint(value) & 0x7fffffffu;
    return __uint_as_float(max(__float_as_uint(most), bits));
}

template <int N>
static __device__ __forceinline__ void amax_take(float &most, const float (&value)[N])
{
#pragma unroll
    for (int j = 0; j < N; j++)
        most = amax_larger(most, value[j]);
}

/* Only what is larger goes to the atomic unit: nearly all are not, once a few blocks have left
 * theirs. */
static __device__ __forceinline__ void amax_raise(float *amax, float most)
{
    uint32_t bits = __float_as_uint(most);
    if (bits > *reinterpret_cast<volatile uint32_t *>(amax))
        atomicMax(reinterpret_cast<uint32_t *>(amax), bits);
}

/* All threads of the block call it; amax may be NULL. */
static __device__ __forceinline__ void amax_leave(float *amax, float most)
{
    __shared__ uint32_t of_warps[32];
    if (amax == NULL)
        return;
    uint32_t bits = __float_as_uint(most);
    for (int offset = 16; offset > 0; offset /= 2)
        bits = max(bits, __shfl_xor_sync(0xffffffffu, bits, offset));
    if (threadIdx.x % 32 == 0)
        of_warps[threadIdx.x / 32] = bits;
    __syncthreads();
    if (threadIdx.x > 0)
        return;
    for (unsigned warp = 1; warp < blockDim.x / 32; warp++)
        bits = max(bits, of_warps[warp]);
    amax_raise(amax, to_float(to_element(__uint_as_float(bits))));
}
