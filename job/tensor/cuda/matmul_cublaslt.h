/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of matrix products share: descriptors (matmul_product.c), the choice of an
 * algorithm (matmul_tune.c), and the table of both (matmul_cublaslt.c). */
#ifndef SFT_JOB_TENSOR_CUDA_MATMUL_CUBLASLT_H
#define SFT_JOB_TENSOR_CUDA_MATMUL_CUBLASLT_H

#include "job/tensor/cuda/cuda_internal.h"
#include "job/tensor/cuda/matmul_cache.h"

struct matmul_operands {
    void *c;
    const void *a, *b;
    const void *bias;               /* of C's type, [n]; NULL where the key has no such epilogue */
    const float *scale_a, *scale_b; /* of FP8: one each, or [m] and [n] */
};

/* A product as the library sees it: column-major, so the operands change places. Made once a key;
 * what differs from call to call (addresses) is no part of it. */
struct matmul_product {
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t first, second, c; /* first is the caller's B */
    cublasLtMatmulAlgo_t algorithm;
    float beta;
    bool scaled;  /* its operands have scales, */
    bool biased;  /* or it adds a bias */
    bool refused; /* the library has nothing for its epilogue */
};

struct matmul {
    struct device_cuda *cuda;
    cublasLtHandle_t handle;
    cublasLtMatmulPreference_t preference;
    cudaEvent_t begin, end;                      /* around what is timed */
    struct matmul_cache *cache, *site, *shipped; /* the last two: hints */
    double *sum;                                 /* one, the device's */
    bool warm;                                   /* something was timed for long before */
    bool searched;                               /* something is new in `cache` */
    struct matmul_table products;                /* struct matmul_product, freed with the device */
    size_t made;                                 /* how often descriptors were, for tests */
};

/* Enqueue a product; key->alignment is found out here. A failure is kept for sync. False: the
 * library has nothing for this epilogue, nothing is enqueued, and without one it may work. */
bool matmul_enqueue(struct device_cuda *cuda, const struct matmul_key *key,
                    struct matmul_operands operands);

/* The key of operands without gaps between rows, bf16 with sums in fp32; the caller may change it.
 */
struct matmul_key matmul_key_bf16(int m, int n, int k, bool transpose_a, bool transpose_b,
                                  bool accumulate);

/* The cublasComputeType_t of products of fp32. */
int32_t matmul_compute(const struct device_cuda *cuda);

/* Products of FP8, whose operands lie along what is summed over. */
struct matmul_key matmul_key_fp8(const struct matmul_args *args);

/* matmul_product.c */
/* True, and kept for sync, when `status` is a failure. */
bool matmul_failed(struct device_cuda *cuda, cublasStatus_t status, const char *what);
/* Without an algorithm; NULL after a failure. */
struct matmul_product *matmul_product_create(struct matmul *matmul, const struct matmul_key *key);
void matmul_product_destroy(void *product);
cublasStatus_t matmul_product_run(struct matmul *matmul, const struct matmul_product *product,
                                  const cublasLtMatmulAlgo_t *algorithm, float beta,
                                  struct matmul_operands operands);
/* C = alpha A B + beta C */
cublasStatus_t matmul_product_scaled(struct matmul *matmul, const struct matmul_product *product,
                                     const cublasLtMatmulAlgo_t *algorithm, float alpha, float beta,
                                     struct matmul_operands operands);
/* Does the library propose anything for products of this kind? */
bool matmul_product_exists(struct matmul *matmul, const struct matmul_key *key);
/* The library can do the product with this algorithm in the workspace. */
bool matmul_product_takes(struct matmul *matmul, const struct matmul_product *product,
                          const cublasLtMatmulAlgo_t *algorithm);
/* Addresses that the description holds, of scales and bias: before the library proposes or judges
 * algorithms, and with each call. */
cublasStatus_t matmul_product_point(const struct matmul_product *product,
                                    const struct matmul_operands *operands);

/* matmul_tune.c. Bytes that the addresses are multiples of, for what the library proposes next. */
cublasStatus_t matmul_preference_align(struct matmul *matmul, uint32_t alignment);
/* The fastest algorithm for choice->key, into choice. Timing overwrites C, so a
 * product that adds to C is timed in another room, or not at all where there is none. -1 after a
 * failure. */
int matmul_tune(struct matmul *matmul, const struct matmul_product *product,
                struct matmul_choice *choice, struct matmul_operands operands);

#endif
