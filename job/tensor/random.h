/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers by SplitMix64 (Steele, Lea and Flood, 2014): a sequence, and a counter's form. */
#ifndef SFT_JOB_TENSOR_RANDOM_H
#define SFT_JOB_TENSOR_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

/* A seed made of two numbers: streams of different pairs have nothing to do with one another. */
uint64_t random_mix(uint64_t a, uint64_t b);

uint64_t random_next(struct random *random);
/* Uniform from 0 to below - 1, below >= 1; without bias. */
uint32_t random_below(struct random *random, uint32_t below);
/* Standard normal by Box and Muller. */
double random_normal(struct random *random);
/* Element `index` of the sequence of that seed, uniform from -1 to below 1. */
double random_uniform_at(uint64_t seed, uint64_t index);
/* Element `index` of the normal sequence of that seed. */
double random_normal_at(uint64_t seed, uint64_t index);

#endif
