/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/format.h"

#include <string.h>

const struct format_traits format_traits[FORMATS] = {
    [FORMAT_FP32] = {"fp32", 32, 1},
    [FORMAT_BF16] = {"bf16", 16, 1},
};

size_t format_bytes(enum format format, size_t elements)
{
    return elements * (size_t)format_traits[format].bits / 8;
}

static uint16_t bf16_nearest(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40); /* NaN stays one whatever its low bits are */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

_Static_assert(FORMATS == 2, "format_encode and format_decode know the formats one by one");

void format_encode(enum format format, void *to, const float *from, size_t count)
{
    if (format == FORMAT_FP32)
        memcpy(to, from, count * sizeof *from);
    else
        for (size_t i = 0; i < count; i++)
            ((uint16_t *)to)[i] = bf16_nearest(from[i]);
}

void format_decode(enum format format, float *to, const void *from, size_t count)
{
    if (format == FORMAT_FP32) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
        memcpy(to + i, &bits, sizeof bits);
    }
}
