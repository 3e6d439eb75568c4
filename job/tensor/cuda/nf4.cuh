/* SPDX-License-Identifier: Apache-2.0 */
/* What NF4's two ways share: the numbers of the codes, and of the absmax's. */
#pragma once

#include "job/tensor/cuda/kernels.h"
#include "job/tensor/nf4.h"

enum { THREADS = 256, V = 8, UNITS = 4 };

static __constant__ float table[NF4_NUMBERS] = NF4_TABLE;

struct map {
    float number[NF4_SCALES];
};

static constexpr struct map map_make()
{
    struct map m = {};
    for (int i = 0; i < NF4_SCALES; i++)
        m.number[i] = nf4_map(i);
    return m;
}

static __device__ constexpr struct map map = map_make();

/* Threads 0.. fill them; the block waits. */
static __device__ void numbers_fill(float (&numbers)[NF4_NUMBERS])
{
    if (threadIdx.x < NF4_NUMBERS)
        numbers[threadIdx.x] = table[threadIdx.x];
}

static __device__ int bit_of(int j)
{
    return j / 2 * 8 + (j % 2 == 0 ? 4 : 0);
}
