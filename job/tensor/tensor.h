/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and matrices that know their format. Values, not owners: `data` is device memory of
 * whoever allocated it, and NULL says that there is none. */
#ifndef SFT_JOB_TENSOR_TENSOR_H
#define SFT_JOB_TENSOR_TENSOR_H

#include "job/tensor/format.h"

/* Elements one behind the other. */
struct array {
    enum format format;
    void *data;
    size_t count;
};

/* A matrix, row-major and contiguous. */
struct tensor {
    enum format format;
    int rows, columns;
    void *data;
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

/* The same memory's rows from `first` on. */
static inline struct tensor tensor_rows(struct tensor t, int first, int rows)
{
    size_t before = (size_t)first * (size_t)t.columns;
    char *data = t.data;
    return (struct tensor){t.format, rows, t.columns,
                           data == NULL ? NULL : data + format_bytes(t.format, before)};
}

#endif
