/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU device's own files share; nobody else includes this. */
#ifndef SFT_JOB_TENSOR_CPU_CPU_INTERNAL_H
#define SFT_JOB_TENSOR_CPU_CPU_INTERNAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "job/tensor/ops.h"

struct device_cpu {
    struct device table;
    float *scratch; /* grows to what the largest operation so far needed */
    size_t scratch_count;
    double *stamps; /* seconds of a clock */
    int stamp_count, stamp_room;
    struct sft_error failed; /* of an operation since the last sync; "" when none */
};

/* At least count floats, valid until the next call; NULL, with the error kept for sync, when there
 * is no memory. */
float *cpu_scratch(struct device *d, size_t count);

/* ops_cpu.c; the slots below are its table's */
extern const struct ops cpu_ops;
/* activation_cpu.c */
void cpu_activation_forward(struct device *d, const struct activation_args *a);
void cpu_activation_backward(struct device *d, const struct activation_args *a);
/* fp8_cpu.c */
void cpu_amax(struct device *d, const struct amax_args *a);
void cpu_amax_lines(struct device *d, const struct amax_lines_args *a);
void cpu_quantize(struct device *d, const struct quantize_args *a);
void cpu_scales(struct device *d, const struct scales_args *a);
void cpu_cast(struct device *d, const struct cast_args *a);
void cpu_transpose(struct device *d, const struct transpose_args *a);
void cpu_matmul_fp8(struct device *d, const struct matmul_args *a);
/* What a producer does with x.amax; nothing where that is NULL. */
void cpu_raise(struct tensor x);
/* nf4_cpu.c */
void cpu_quantize_nf4(struct device *d, const struct quantize_nf4_args *a);
void cpu_double_quantize(struct device *d, const struct double_quantize_args *a);
void cpu_dequantize(struct device *d, const struct dequantize_args *a);
/* adapter_cpu.c */
void cpu_adapter_spread(struct device *d, const struct adapter_args *a);
void cpu_adapter_gather(struct device *d, const struct adapter_args *a);
void cpu_dropout(struct device *d, const struct dropout_args *a);
/* norm_cpu.c */
void cpu_norm_forward(struct device *d, const struct norm_args *a);
void cpu_norm_backward(struct device *d, const struct norm_args *a);
/* rope_cpu.c */
void cpu_rope(struct device *d, const struct rope_args *a);
/* attention_cpu.c */
void cpu_attention_forward(struct device *d, const struct attention_args *a);
void cpu_attention_backward(struct device *d, const struct attention_args *a);
/* lstm_cpu.c */
void cpu_lstm_forward(struct device *d, const struct lstm_args *a);
void cpu_lstm_backward(struct device *d, const struct lstm_args *a);
/* loss_cpu.c */
void cpu_cross_entropy(struct device *d, const struct cross_entropy_args *a);
/* optim_cpu.c */
void cpu_sum(struct device *d, const struct sum_args *a);
void cpu_sgd(struct device *d, const struct sgd_args *args);
void cpu_adamw(struct device *d, const struct adamw_args *a);

/* The highest of x[count], count >= 1. */
float cpu_highest(const float *x, int count);

/* exp to about 2 ulp. libm's is not inlined, so loops over it stay scalar, and softmax over them is
 * the hot spot of a small model. As Cephes' expf: exp(x) = 2^n exp(r), |r| <= ln(2)/2, with ln(2)
 * in two parts and a polynomial of degree 6. 0 and infinity where the result is no normal number;
 * NaN stays NaN. (Selecting at the end, not clamping x at the begin: a compiler that follows a
 * clamped x through the caller computes with denormal numbers, at a hundred cycles each.) */
static inline float cpu_exp(float x)
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
