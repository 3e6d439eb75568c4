/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats: how the elements of an array or tensor stand in memory. */
#ifndef SFT_JOB_TENSOR_FORMAT_H
#define SFT_JOB_TENSOR_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FP8 as of Micikevicius et al., 2022: E4M3 has no infinity, E5M2 is the upper half of fp16. NF4 is
 * of frozen weights alone: nf4.h. */
enum format { FORMAT_FP32, FORMAT_BF16, FORMAT_E4M3, FORMAT_E5M2, FORMAT_NF4, FORMATS };

struct format_traits {
    const char *name; /* as records have it: "fp32" */
    int bits;         /* an element */
    int block;        /* elements that share a scale; 1: none has one; 0: a tensor's, or a row's */
    float largest;    /* finite number; 0: of a format without scales nobody asks */
};

extern const struct format_traits format_traits[FORMATS];

static inline bool format_is_fp8(enum format format)
{
    return format == FORMAT_E4M3 || format == FORMAT_E5M2;
}

/* Bytes of that many elements, without their scales. */
size_t format_bytes(enum format format, size_t elements);

/* Host memory both: floats to the nearest numbers of a format, ties to even, and back. In FP8 what
 * is larger than the largest becomes that, infinity too; NaN stays one. In NF4, which has none, NaN
 * becomes 1; an even element stands in the high half of its byte, beside 0 if it is the last, and a
 * tie goes down. */
void format_encode(enum format format, void *to, const float *from, size_t count);
void format_decode(enum format format, float *to, const void *from, size_t count);

#endif
