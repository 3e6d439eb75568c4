/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/format.h"

#include <math.h>
#include <string.h>

#include "job/tensor/fp8_scale.h"
#include "job/tensor/nf4.h"

const struct format_traits format_traits[FORMATS] = {
    [FORMAT_FP32] = {"fp32", 32, 1, 0},
    [FORMAT_BF16] = {"bf16", 16, 1, 0},
    [FORMAT_E4M3] = {"e4m3", 8, 0, FP8_E4M3_LARGEST},
    [FORMAT_E5M2] = {"e5m2", 8, 0, FP8_E5M2_LARGEST},
    [FORMAT_NF4] = {"nf4", 4, NF4_BLOCK, 1},
};

struct fp8 {
    int mantissa, bias; /* bits; of the exponent */
    float step;         /* between numbers below the least normal one */
    uint8_t nan;
};

static const struct fp8 e4m3 = {3, 7, 0x1p-9f, 0x7f}, e5m2 = {2, 15, 0x1p-16f, 0x7e};

size_t format_bytes(enum format format, size_t elements)
{
    return (elements * (size_t)format_traits[format].bits + 7) / 8;
}

/* Without a branch, so that a loop of it is made of vectors. */
static inline uint16_t bf16_nearest(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool is_nan = (int32_t)(bits & 0x7fffffffu) > 0x7f800000;
    uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    uint32_t nan = bits >> 16 | 0x40; /* stays one whatever its low bits are */
    return (uint16_t)(is_nan ? nan : nearest);
}

/* Without its sign, `value` being no more than the largest. */
static uint8_t fp8_magnitude(const struct fp8 *f, float value)
{
    int drop = 23 - f->mantissa, shift = 127 - f->bias;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((int)(bits >> 23) <= shift)
        return (uint8_t)lrintf(value / f->step); /* below the least normal number */
    bits += (1u << (drop - 1)) - 1 + (bits >> drop & 1);
    return (uint8_t)((bits >> drop) - ((uint32_t)shift << f->mantissa));
}

static uint8_t fp8_nearest(const struct fp8 *f, float largest, float value)
{
    uint8_t sign = signbit(value) ? 0x80 : 0;
    float magnitude = fabsf(value);
    if (isnan(value))
        return sign | f->nan;
    return sign | fp8_magnitude(f, magnitude > largest ? largest : magnitude);
}

static float fp8_value(const struct fp8 *f, uint8_t byte)
{
    uint32_t magnitude = byte & 0x7fu, sign = (uint32_t)(byte & 0x80u) << 24, bits;
    float value = (float)magnitude * f->step;
    if (magnitude >> f->mantissa == 0)
        return sign != 0 ? -value : value;
    bits = (magnitude << (23 - f->mantissa)) + ((uint32_t)(127 - f->bias) << 23);
    if (f == &e4m3 && magnitude == f->nan)
        bits = 0x7fc00000u;
    else if (f == &e5m2 && magnitude >= 0x7c)
        bits = magnitude == 0x7c ? 0x7f800000u : 0x7fc00000u;
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float bf16_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void bf16_encode(uint16_t *to, const float *from, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        to[i] = bf16_nearest(from[i]);
}

static void bf16_decode(float *to, const uint16_t *from, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        to[i] = bf16_value(from[i]);
}

static const float nf4_numbers[NF4_NUMBERS] = NF4_TABLE;

static void nf4_encode(uint8_t *to, const float *from, size_t count)
{
    const int zero = 7;
    for (size_t i = 0; i < count; i++) {
        int code = nf4_nearest(nf4_numbers, NF4_NUMBERS / 2, from[i]);
        if (i % 2 == 0)
            to[i / 2] = (uint8_t)(code << 4 | zero);
        else
            to[i / 2] = (uint8_t)((to[i / 2] & 0xf0) | code);
    }
}

static void nf4_decode(float *to, const uint8_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = nf4_numbers[i % 2 == 0 ? from[i / 2] >> 4 : from[i / 2] & 15];
}

_Static_assert(FORMATS == 5, "format_encode and format_decode know the formats one by one");

static const struct fp8 *fp8_of(enum format format)
{
    return format == FORMAT_E4M3 ? &e4m3 : &e5m2;
}

void format_encode(enum format format, void *to, const float *from, size_t count)
{
    if (format == FORMAT_FP32)
        memcpy(to, from, count * sizeof *from);
    else if (format == FORMAT_BF16)
        bf16_encode(to, from, count);
    else if (format == FORMAT_NF4)
        nf4_encode(to, from, count);
    else
        for (size_t i = 0; i < count; i++)
            ((uint8_t *)to)[i] =
                fp8_nearest(fp8_of(format), format_traits[format].largest, from[i]);
}

void format_decode(enum format format, float *to, const void *from, size_t count)
{
    if (format == FORMAT_FP32)
        memcpy(to, from, count * sizeof *to);
    else if (format == FORMAT_BF16)
        bf16_decode(to, from, count);
    else if (format == FORMAT_NF4)
        nf4_decode(to, from, count);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = fp8_value(fp8_of(format), ((const uint8_t *)from)[i]);
}
