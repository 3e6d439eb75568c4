/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and matrices that know their format. Values, not owners: `data` is device memory of
 * whoever allocated it, and NULL says that there is none. */
#ifndef SFT_JOB_TENSOR_TENSOR_H
#define SFT_JOB_TENSOR_TENSOR_H

#include <stdbool.h>

#include "job/tensor/format.h"

/* Elements one behind the other. */
struct array {
    enum format format;
    void *data;
    size_t count;
};

/* What of a tensor in FP8 shares a scale: all of it, or each row, and in `transposed` each column.
 */
enum tensor_scaling { SCALING_NONE, SCALING_TENSOR, SCALING_ROW };

/* A matrix, row-major and contiguous. */
struct tensor {
    enum format format;
    int rows, columns;
    void *data;
    float *amax; /* one: whoever writes the tensor raises it to the largest magnitude that it
                    writes (NaN is larger than all); NULL: nobody wants to know */
    /* Of FP8 alone; what is meant is an element times its scale. */
    enum tensor_scaling scaling;
    void *transposed; /* the same as [columns,rows], since products read their operands along what
                         they sum over; `data` or this may be NULL */
    float *scale;     /* SCALING_TENSOR: one, aligned to 16 bytes; SCALING_ROW: [rows], */
    float *scale_transposed; /* and [columns] of `transposed` */
    /* Of NF4 alone, in blocks of the flattened matrix (nf4.h), whose absmax is scale[block], or by
     * double quantization nf4_map(scale_codes[block]) * scale[block / 256] + *scale_mean. */
    uint8_t *scale_codes; /* NULL: no double quantization */
    float *scale_mean;
};

static inline struct array array_part(struct array a, size_t first, size_t count)
{
    char *data = a.data;
    return (struct array){a.format, data == NULL ? NULL : data + format_bytes(a.format, first),
                          count};
}

static inline size_t tensor_count(struct tensor t)
{
    return (size_t)t.rows * (size_t)t.columns;
}

static inline struct array tensor_array(struct tensor t)
{
    return (struct array){t.format, t.data, tensor_count(t)};
}

static inline struct tensor tensor_of(enum format format, int rows, int columns, void *data)
{
    return (struct tensor){.format = format, .rows = rows, .columns = columns, .data = data};
}

static inline bool tensor_is_fp8(struct tensor t)
{
    return format_is_fp8(t.format);
}

/* The same memory's rows from `first` on; of a tensor without scales. */
static inline struct tensor tensor_rows(struct tensor t, int first, int rows)
{
    size_t before = (size_t)first * (size_t)t.columns;
    char *data = t.data;
    return tensor_of(t.format, rows, t.columns,
                     data == NULL ? NULL : data + format_bytes(t.format, before));
}

#endif
