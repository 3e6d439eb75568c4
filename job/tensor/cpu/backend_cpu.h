/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU backend's own files share; nobody else includes this. */
#ifndef SFT_JOB_TENSOR_CPU_BACKEND_CPU_H
#define SFT_JOB_TENSOR_CPU_BACKEND_CPU_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "job/tensor/backend.h"

struct backend_cpu {
    struct backend table;
    float *scratch; /* grows to what the largest operation so far needed */
    size_t scratch_count;
    double *stamps; /* seconds of a clock */
    int stamp_count, stamp_room;
    struct sft_error failed; /* of an operation since the last sync; "" when none */
};

/* At least count floats, valid until the next call; NULL, with the error kept for sync, when there
 * is no memory. */
float *backend_cpu_scratch(struct backend *b, size_t count);

/* backend_cpu_lanes.c: the table's slots of these names */
void backend_cpu_mark(struct backend *b, enum backend_lane lane, int slot);
int backend_cpu_stamp(struct backend *b, enum backend_lane lane);
double backend_cpu_stamp_time(struct backend *b, int number);
void backend_cpu_stamps_clear(struct backend *b);
void *backend_cpu_queue(struct backend *b, enum backend_lane lane);

/* The highest of x[count], count >= 1. */
float backend_cpu_highest(const float *x, int count);

void backend_cpu_attention_forward(struct backend *b, act *out, float *lse, const act *qkv,
                                   int rows, struct attention_shape shape,
                                   const struct documents *docs);
void backend_cpu_attention_backward(struct backend *b, act *dqkv, const act *dout, const act *out,
                                    const float *lse, const act *qkv, int rows,
                                    struct attention_shape shape, const struct documents *docs);

/* exp to about 2 ulp. libm's is not inlined, so loops over it stay scalar, and softmax over them is
 * the hot spot of a small model. As Cephes' expf: exp(x) = 2^n exp(r), |r| <= ln(2)/2, with ln(2)
 * in two parts and a polynomial of degree 6. 0 and infinity where the result is no normal number;
 * NaN stays NaN. (Selecting at the end, not clamping x at the begin: a compiler that follows a
 * clamped x through the caller computes with denormal numbers, at a hundred cycles each.) */
static inline float backend_cpu_exp(float x)
{
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float shifted = x * 1.44269504f + round;
    float n = shifted - round;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union {
        float value;
        uint32_t bits;
    } power = {.value = shifted}; /* its low bits hold n */
    power.bits = (power.bits + 127u) << 23;
    float value = p * power.value;
    value = x < -87.3f ? 0.0f : value;
    return x > 88.3f ? INFINITY : value;
}

#endif
