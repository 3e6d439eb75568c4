/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/random.h"

#include <math.h>

#define GOLDEN 0x9e3779b97f4a7c15u

static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t random_mix(uint64_t a, uint64_t b)
{
    return scramble(scramble(a + GOLDEN) + b * GOLDEN + 1);
}

uint64_t random_next(struct random *random)
{
    random->state += GOLDEN;
    return scramble(random->state);
}

uint32_t random_below(struct random *random, uint32_t below)
{
    /* Lemire's multiplication; the few values that would favour some results are drawn again. */
    uint64_t product = (random_next(random) >> 32) * below;
    while ((uint32_t)product < -below % below)
        product = (random_next(random) >> 32) * below;
    return (uint32_t)(product >> 32);
}

static double normal_of(uint64_t a, uint64_t b)
{
    double u = ((double)(a >> 11) + 1) * 0x1p-53; /* (0, 1] */
    double v = (double)(b >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

double random_normal(struct random *random)
{
    uint64_t a = random_next(random);
    return normal_of(a, random_next(random));
}

double random_uniform_at(uint64_t seed, uint64_t index)
{
    return (double)(scramble(seed + (index + 1) * GOLDEN) >> 11) * 0x1p-52 - 1;
}

double random_normal_at(uint64_t seed, uint64_t index)
{
    return normal_of(scramble(seed + (2 * index + 1) * GOLDEN),
                     scramble(seed + (2 * index + 2) * GOLDEN));
}
