/* SPDX-License-Identifier: Apache-2.0 */
/* The same arrays on the CPU's and on the CUDA backend, drawn anew each time, and how far apart
 * what comes out is. */
#ifndef SFT_TESTS_GPU_BACKEND_TWIN_H
#define SFT_TESTS_GPU_BACKEND_TWIN_H

#include "tests/unit/unit.h"

#include "job/tensor/backend.h"
#include "job/tensor/random.h"

/* Largest relative error of an output, by the norm of all of it. */
static const double bf16_bound = 1e-2, fp32_bound = 1e-5;

extern struct backend *cpu, *gpu;
extern struct random dice;

/* For cmocka's group: makes both backends and prints the seed, $SFT_SEED or the time; ends them. */
int twin_backends_start(void **state);
int twin_backends_stop(void **state);

/* An array on both backends: the same numbers, all of which bf16 holds. */
struct twin {
    size_t count;
    float *c; /* CPU backend's */
    act *g;   /* GPU backend's */
};

struct twin twin_random(size_t count, float deviation);
/* All NaN: for outputs, so that an element that nobody wrote shows. */
struct twin twin_poisoned(size_t count);
void twin_free(struct twin *t);
/* Both are the same within bf16_bound; `what` names it in the complaint. */
void assert_twin(const struct twin *t, const char *what);
/* count floats on the GPU against those of the host. */
void assert_floats(const float *on_gpu, const float *wanted, size_t count, double bound,
                   const char *what);
/* Wait for both backends; fails with their error. */
void assert_sync(void);

/* Memory of a backend; on the GPU with these bytes. Ends the test where there is none. */
void *memory_of(struct backend *b, size_t bytes);
void *copy_of(const void *host, size_t bytes);
/* A whole number, both ends included. */
int between(int low, int high);

#endif
