/* SPDX-License-Identifier: Apache-2.0 */
/* NF4 as bitsandbytes has it (Dettmers et al., QLoRA, 2023): 16 numbers in [-1, 1], and what a
 * block of 64 elements is divided by, its absmax. Double quantization keeps an absmax in 8 bits:
 * less the mean of all, in blocks of 256 with an fp32 scale each, as one of 256 numbers whose
 * fractions are the finer the larger they are (the signed dynamic map of 8-bit Approximations for
 * Parallelism in Deep Learning, Dettmers, 2015). Code in a header, because C and CUDA share it, to
 * the bit. */
#ifndef SFT_JOB_TENSOR_NF4_H
#define SFT_JOB_TENSOR_NF4_H

#include <stddef.h>
#include <stdint.h>

#ifdef __CUDACC__
#define NF4_FUNCTION static constexpr inline __host__ __device__
#else
#define NF4_FUNCTION static inline
#endif

enum { NF4_NUMBERS = 16, NF4_BLOCK = 64, NF4_SCALES = 256 /* numbers of the map, and its block */ };

/* The numbers in their order. */
#define NF4_TABLE                                                                                  \
    {                                                                                              \
        -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,                  \
            -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,             \
            0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,                      \
            0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f,  \
            1.0f                                                                                   \
    }

/* Blocks of that many elements, and of that many absmax. */
NF4_FUNCTION size_t nf4_blocks(size_t elements)
{
    return (elements + NF4_BLOCK - 1) / NF4_BLOCK;
}

NF4_FUNCTION size_t nf4_groups(size_t blocks)
{
    return (blocks + NF4_SCALES - 1) / NF4_SCALES;
}

/* Which of the sorted numbers is nearest to x: how many middles between two of them it exceeds, so
 * a tie goes down. `first` is the largest power of two of those below their count, which is its
 * double. NaN becomes the last. */
NF4_FUNCTION int nf4_nearest(const float *numbers, int first, float x)
{
    int code = 0;
    for (int step = first; step > 0; step /= 2) {
        float middle = (numbers[code + step - 1] + numbers[code + step]) / 2;
        if (!(middle >= x))
            code += step;
    }
    return code;
}

/* What elements are multiplied with for their division by the largest magnitude, which may be 0 or
 * so small that its inverse is infinite. */
NF4_FUNCTION float nf4_inverse(float largest)
{
    return 1.0f / (largest < 1e-38f ? 1e-38f : largest);
}

NF4_FUNCTION int nf4_code(const float *numbers, float x, float inverse)
{
    return nf4_nearest(numbers, NF4_NUMBERS / 2, x * inverse);
}

/* Of an absmax less the mean; 0 where a group has no rests. */
NF4_FUNCTION uint8_t nf4_scale_code(const float *map, float rest, float largest)
{
    return largest == 0 ? 0
                        : (uint8_t)nf4_nearest(map, NF4_SCALES / 2, rest * nf4_inverse(largest));
}

/* a b + c with both roundings: nvcc would fuse them. */
#ifdef __CUDACC__
static __device__
#else
static inline
#endif
    float
    nf4_times_plus(float a, float b, float c)
{
#ifdef __CUDACC__
    return __fadd_rn(__fmul_rn(a, b), c);
#else
    return a * b + c;
#endif
}

/* End `i` of `parts` equal parts of [0.1, 1], as torch's linspace has it from both sides: with one
 * rounding, as processors with a fused multiply-add do. */
NF4_FUNCTION float nf4_end(int i, int parts)
{
    double step = (double)(0.9f / (float)parts);
    return (float)(i * 2 < parts + 1 ? (double)0.1f + step * i : 1 - step * (parts - i));
}

/* Number `code` of the map: 127 below zero, zero, 127 above it, and 1. Decade i, of 7, has the
 * middles of 2^i equal parts of [0.1, 1], times 10^(i-6). */
NF4_FUNCTION float nf4_map(int code)
{
    const float powers[] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
    int number = code < 127 ? 127 - code : code - 127, decade = 0;
    if (code == 127 || code == 255)
        return code == 127 ? 0.0f : 1.0f;
    while (number >> (decade + 1) != 0)
        decade++;
    int parts = 1 << decade, part = number - parts;
    float value = (nf4_end(part, parts) + nf4_end(part + 1, parts)) / 2 * powers[decade];
    return code < 127 ? -value : value;
}

#endif
