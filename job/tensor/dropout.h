/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements dropout keeps: decided by a counter, so that forward and backward pass, what is
 * computed again, and any number of ranks agree without a mask in memory. Four elements of a row
 * share a number of 64 bits, 16 each: so the part dropped is a multiple of 1/65536. */
#ifndef SFT_JOB_TENSOR_DROPOUT_H
#define SFT_JOB_TENSOR_DROPOUT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __CUDACC__
#define DROPOUT_INLINE static __host__ __device__ __forceinline__
#else
#define DROPOUT_INLINE static inline
#endif

/* Of 65536. */
DROPOUT_INLINE uint32_t dropout_threshold(float part)
{
    return (uint32_t)(part * 65536 + 0.5f);
}

/* What is kept is multiplied with it. */
DROPOUT_INLINE float dropout_scale(uint32_t threshold)
{
    return 65536.0f / (float)(65536 - threshold);
}

/* For elements 4 * quad to 4 * quad + 3 of the row, of `quads` a row; SplitMix64's scrambling. */
DROPOUT_INLINE uint64_t dropout_bits(uint64_t seed, uint64_t row, uint32_t quads, uint32_t quad)
{
    uint64_t z = seed + (row * quads + quad + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Of the four the one of that number. */
DROPOUT_INLINE bool dropout_keeps(uint64_t bits, int which, uint32_t threshold)
{
    return ((bits >> (16 * which)) & 0xffff) >= threshold;
}

#endif
