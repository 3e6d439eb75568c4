/* SPDX-License-Identifier: Apache-2.0 */
/* Stochastic rounding of fp32 to bf16, the same on every backend: up or down with the probability
 * that makes the mean exact, decided by a counter. Code in a header, because C and CUDA share it.
 */
#ifndef SFT_JOB_TENSOR_ROUNDING_H
#define SFT_JOB_TENSOR_ROUNDING_H

#include <stdint.h>

#ifdef __CUDACC__
#define ROUNDING_FUNCTION static inline __host__ __device__
#else
#define ROUNDING_FUNCTION static inline
#endif

/* 32 random bits of (seed, index): MurmurHash3's finalizer (Appleby, public domain) over both. */
ROUNDING_FUNCTION uint32_t rounding_bits(uint64_t seed, uint64_t index)
{
    uint32_t h = (uint32_t)index ^ (uint32_t)seed;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h ^= (uint32_t)(index >> 32) ^ (uint32_t)(seed >> 32);
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    h = (h ^ (h >> 16)) * 0x9e3779b1u;
    return h ^ (h >> 15);
}

/* `bits` holds an fp32 value, `random` 16 random bits: the upper 16 bits of the one of the two
 * neighbours in bf16 that chance picks. A NaN stays one and infinity stays itself. */
ROUNDING_FUNCTION uint16_t rounding_stochastic(uint32_t bits, uint32_t random)
{
    if ((bits & 0x7f800000u) == 0x7f800000u)
        return (uint16_t)((bits >> 16) | ((bits & 0xffffu) != 0 ? 1 : 0));
    return (uint16_t)((bits + (random & 0xffffu)) >> 16);
}

#endif
