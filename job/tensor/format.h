/* SPDX-License-Identifier: Apache-2.0 */
/* Number formats: how the elements of an array or tensor stand in memory. */
#ifndef SFT_JOB_TENSOR_FORMAT_H
#define SFT_JOB_TENSOR_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum format { FORMAT_FP32, FORMAT_BF16, FORMATS };

struct format_traits {
    const char *name; /* as records have it: "fp32" */
    int bits;         /* an element */
    int block;        /* elements that share a scale; 1: none has one */
};

extern const struct format_traits format_traits[FORMATS];

/* Bytes of that many elements. */
size_t format_bytes(enum format format, size_t elements);

/* Host memory both: floats to the nearest numbers of a format, ties to even, and back. */
void format_encode(enum format format, void *to, const float *from, size_t count);
void format_decode(enum format format, float *to, const void *from, size_t count);

#endif
