/* SPDX-License-Identifier: Apache-2.0 */
/* The same arrays on the CPU and on the CUDA device, drawn anew each time, and how far apart what
 * comes out is. The CPU computes in fp32; the GPU's arrays are of the format under test. */
#ifndef SFT_TESTS_GPU_DEVICE_TWIN_H
#define SFT_TESTS_GPU_DEVICE_TWIN_H

#include "tests/unit/unit.h"

#include "job/tensor/ops.h"
#include "job/tensor/random.h"

enum side { CPU, GPU, SIDES };

/* Largest relative error of numbers that are fp32 on both sides, by the norm of all of it. */
static const double fp32_bound = 1e-5;

extern struct device *device_of[SIDES];
extern struct random dice;
extern enum format twin_format; /* of the arrays made from now on, on the GPU */

/* For cmocka's group: makes both devices and prints the seed, $SFT_SEED or the time; ends them. */
int twin_devices_start(void **state);
int twin_devices_start_fp32(void **state); /* the GPU's computes in fp32 */
int twin_devices_start_bf16(void **state); /* what is of a format by itself, in bf16 */
int twin_devices_stop(void **state);
/* The test in each format in which the GPU claims the operation; there must be one. */
void twin_each_format(enum op op, void (*test)(void));

/* An array on both devices: the same numbers, all of which the format holds. */
struct twin {
    struct array side[SIDES];
};

struct twin twin_random(size_t count, float deviation);
/* All NaN: for outputs, so that an element that nobody wrote shows. */
struct twin twin_poisoned(size_t count);
/* These numbers, fp32 on both. */
struct twin twin_floats(const float *values, size_t count);
void twin_free(struct twin *t);
/* One side's as a matrix. */
struct tensor twin_matrix(const struct twin *t, enum side side, int rows, int columns);
/* Both are the same within the format's bound; `what` names it in the complaint. */
void assert_twin(const struct twin *t, const char *what);
/* Wait for both devices; fails with their error. */
void assert_sync(void);

/* Memory of a device with these bytes, any when NULL. Ends the test where there is none. */
void *copy_of(enum side side, const void *host, size_t bytes);
void memory_free(enum side side, void *memory);
/* A whole number, both ends included. */
int between(int low, int high);

#endif
