/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that a script and C make alike, to the bit: tests/golden/make_nf4_golden.py. */
#ifndef SFT_TESTS_UNIT_TENSOR_NF4_PATTERNS_H
#define SFT_TESTS_UNIT_TENSOR_NF4_PATTERNS_H

#include <math.h>
#include <string.h>

#include "job/tensor/nf4.h"

enum nf4_pattern { PATTERN_RANDOM, PATTERN_MIXED, PATTERN_CONSTANT, PATTERN_TIES };

static const float nf4_table[NF4_NUMBERS] = NF4_TABLE;

/* In [-1, 1), of the element's number: MurmurHash3's finalizer. */
static inline float nf4_uniform(uint32_t h)
{
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return (float)((h ^ (h >> 16)) >> 8) * 0x1p-23f - 1;
}

/* Middles between the numbers, the floats above and those below; each block's last one is 1. */
static inline float nf4_tie(int i)
{
    float x = (nf4_table[i % 15] + nf4_table[i % 15 + 1]) / 2;
    if (i == NF4_BLOCK - 1)
        return 1;
    if (i >= 15)
        x = nextafterf(x, 2);
    return i >= 30 ? nextafterf(nextafterf(x, -2), -2) : x;
}

static inline float nf4_pattern_at(enum nf4_pattern pattern, float scale, size_t i)
{
    float u = nf4_uniform((uint32_t)i);
    if (pattern == PATTERN_CONSTANT)
        return scale;
    if (pattern == PATTERN_TIES)
        return nf4_tie((int)(i % NF4_BLOCK));
    u = u * u * u * scale;
    return pattern == PATTERN_MIXED ? ldexpf(u, (int)(i / NF4_BLOCK * 37 % 21) - 10) : u;
}

#endif
