/* SPDX-License-Identifier: Apache-2.0 */
/* What arrays hold: bf16, or fp32 where a kernel's file is compiled once more with SFT_FP32 (the
 * files ..._fp32.cu). Vectors of it in registers: 16 bytes an access where the width allows it,
 * else single elements. */
#pragma once

#include <cuda_bf16.h>
#include <stdint.h>

typedef __nv_bfloat16 bf16;

template <int V> struct pack; /* V elements as they stand in memory */

#ifdef SFT_FP32

typedef float element;

template <> struct pack<8> {
    float4 low, high;
};
template <> struct pack<1> {
    float raw;
};

static __device__ __forceinline__ float to_float(float x)
{
    return x;
}

static __device__ __forceinline__ float to_element(float x)
{
    return x;
}

static __device__ __forceinline__ void unpack(float (&to)[8], const pack<8> &from)
{
    to[0] = from.low.x, to[1] = from.low.y, to[2] = from.low.z, to[3] = from.low.w;
    to[4] = from.high.x, to[5] = from.high.y, to[6] = from.high.z, to[7] = from.high.w;
}

static __device__ __forceinline__ void unpack(float (&to)[1], const pack<1> &from)
{
    to[0] = from.raw;
}

static __device__ __forceinline__ void repack(pack<8> &to, const float (&from)[8])
{
    to.low = make_float4(from[0], from[1], from[2], from[3]);
    to.high = make_float4(from[4], from[5], from[6], from[7]);
}

static __device__ __forceinline__ void repack(pack<1> &to, const float (&from)[1])
{
    to.raw = from[0];
}

#else

typedef bf16 element;

template <> struct pack<8> {
    uint4 raw;
};
template <> struct pack<1> {
    bf16 raw;
};

static __device__ __forceinline__ float to_float(bf16 x)
{
    return __bfloat162float(x);
}

static __device__ __forceinline__ bf16 to_element(float x)
{
    return __float2bfloat16_rn(x);
}

static __device__ __forceinline__ void unpack(float (&to)[8], const pack<8> &from)
{
    const uint32_t words[4] = {from.raw.x, from.raw.y, from.raw.z, from.raw.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[2 * i] = __uint_as_float(words[i] << 16);
        to[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    }
}

static __device__ __forceinline__ void unpack(float (&to)[1], const pack<1> &from)
{
    to[0] = __bfloat162float(from.raw);
}

static __device__ __forceinline__ uint32_t bf16_pair(float low, float high)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<uint32_t *>(&pair);
}

static __device__ __forceinline__ void repack(pack<8> &to, const float (&from)[8])
{
    to.raw = make_uint4(bf16_pair(from[0], from[1]), bf16_pair(from[2], from[3]),
                        bf16_pair(from[4], from[5]), bf16_pair(from[6], from[7]));
}

static __device__ __forceinline__ void repack(pack<1> &to, const float (&from)[1])
{
    to.raw = __float2bfloat16_rn(from[0]);
}

#endif

/* `at` counts elements and is a multiple of V */
template <int V> static __device__ __forceinline__ pack<V> load_pack(const void *array, size_t at)
{
    return *reinterpret_cast<const pack<V> *>(static_cast<const element *>(array) + at);
}

template <int V>
static __device__ __forceinline__ void load(float (&to)[V], const void *array, size_t at)
{
    unpack(to, load_pack<V>(array, at));
}

template <int V>
static __device__ __forceinline__ void store(void *array, size_t at, const float (&from)[V])
{
    pack<V> p;
    repack(p, from);
    *reinterpret_cast<pack<V> *>(static_cast<element *>(array) + at) = p;
}

/* Sum over the block, in every thread; `shared` holds one T a warp and may be used again after the
 * next barrier. */
template <typename T> static __device__ T block_sum(T value, T *shared)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, offset);
    if (threadIdx.x % 32 == 0)
        shared[threadIdx.x / 32] = value;
    __syncthreads();
    T sum = 0;
    for (unsigned warp = 0; warp < blockDim.x / 32; warp++)
        sum += shared[warp];
    __syncthreads();
    return sum;
}

/* Sums over the block, in every thread, with one barrier: `shared` may be written again after the
 * next one, so rows take turns at two of them. */
template <int K, int T>
static __device__ __forceinline__ void row_sums(float (&sum)[K], float (&shared)[K][T / 32])
{
#pragma unroll
    for (int k = 0; k < K; k++) {
        for (int offset = 16; offset > 0; offset /= 2)
            sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], offset);
        if (threadIdx.x % 32 == 0)
            shared[k][threadIdx.x / 32] = sum[k];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < K; k++) {
        sum[k] = 0;
#pragma unroll 4 /* registers */
        for (int warp = 0; warp < T / 32; warp++)
            sum[k] += shared[k][warp];
    }
}

static inline unsigned blocks_for(size_t items, unsigned threads)
{
    return (unsigned)((items + threads - 1) / threads);
}
