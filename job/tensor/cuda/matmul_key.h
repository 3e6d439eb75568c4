/* SPDX-License-Identifier: Apache-2.0 */
/* What a matrix product is known by, and a table of things by such keys. Needs no CUDA. */
#ifndef SFT_JOB_TENSOR_CUDA_MATMUL_KEY_H
#define SFT_JOB_TENSOR_CUDA_MATMUL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* C[m,n] = A[m,k] B[k,n], or += where it accumulates. Matrices lie row by row; a transposed A lies
 * as [k,m], a transposed B as [n,k]. All numbers are compared bit by bit, so the struct has no
 * holes. Addresses, those of scales too, are no part of it. */
struct matmul_key {
    int32_t m, n, k;
    int32_t transpose_a, transpose_b;
    int32_t type_a, type_b, type_c;       /* cudaDataType_t */
    int32_t compute;                      /* cublasComputeType_t */
    int32_t accumulate;                   /* 0 or 1 */
    int32_t stride_a, stride_b, stride_c; /* elements from a row to the next, as they lie */
    int32_t epilogue;                     /* cublasLtEpilogue_t */
    int32_t scaling;                      /* of A and B in FP8: enum tensor_scaling; 0: none */
    int32_t fast;                         /* 1: sums of FP8 may lose bits for speed */
    int32_t alignment; /* bytes that all three addresses are multiples of, 256 at most */
};

/* Do they differ in the number of rows of the same layer's product at most, which is m, or, of a
 * gradient of weights, k with the strides that follow it? By a factor of 4 at most. */
bool matmul_key_akin(const struct matmul_key *a, const struct matmul_key *b);

enum { MATMUL_KEY_NUMBERS = sizeof(struct matmul_key) / sizeof(int32_t) };

struct matmul_entry {
    struct matmul_key key;
    void *value; /* NULL: none here */
};

/* {0} is an empty one. */
struct matmul_table {
    struct matmul_entry *entries; /* [room], a power of two, half of them empty at least */
    size_t count, room;
};

/* NULL: none. */
void *matmul_table_find(const struct matmul_table *table, const struct matmul_key *key);
/* `value`, not NULL, for a key that has none yet. -1: no memory, and the table is as before. */
int matmul_table_add(struct matmul_table *table, const struct matmul_key *key, void *value);
/* Each value is given to `destroy`; the table is empty then. */
void matmul_table_clear(struct matmul_table *table, void (*destroy)(void *value));

#endif
