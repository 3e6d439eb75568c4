/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of cuBLASLt, and calls with them. */
#include <stdlib.h>

#include "job/tensor/cuda/matmul_cublaslt.h"

bool matmul_failed(struct device_cuda *cuda, cublasStatus_t status, const char *what)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return false;
    cuda_fail(cuda, what, cublasLtGetStatusString(status));
    return true;
}

static void product_clear(struct matmul_product *p)
{
    if (p->operation != NULL)
        cublasLtMatmulDescDestroy(p->operation);
    if (p->first != NULL)
        cublasLtMatrixLayoutDestroy(p->first);
    if (p->second != NULL)
        cublasLtMatrixLayoutDestroy(p->second);
    if (p->c != NULL)
        cublasLtMatrixLayoutDestroy(p->c);
}

void matmul_product_destroy(void *product)
{
    if (product == NULL)
        return;
    product_clear(product);
    free(product);
}

static cublasStatus_t operation_set(cublasLtMatmulDesc_t operation,
                                    cublasLtMatmulDescAttributes_t name, const void *value,
                                    size_t size)
{
    return cublasLtMatmulDescSetAttribute(operation, name, value, size);
}

/* Vectors of scales came with CUDA 12.9. */
static cublasStatus_t operation_scale_rows(cublasLtMatmulDesc_t operation)
{
#if CUBLAS_VERSION >= 120900
    int32_t mode = CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F;
    cublasStatus_t status =
        operation_set(operation, CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &mode, sizeof mode);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    return operation_set(operation, CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &mode, sizeof mode);
#else
    (void)operation;
    return CUBLAS_STATUS_NOT_SUPPORTED;
#endif
}

static cublasStatus_t operation_create(struct matmul_product *p, const struct matmul_key *key)
{
    cublasOperation_t first = key->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t second = key->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = (cublasLtEpilogue_t)key->epilogue;
    int8_t fast = key->fast != 0;
    const struct {
        cublasLtMatmulDescAttributes_t name;
        const void *value;
        size_t size;
    } set[] = {{CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first},
               {CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second},
               {CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue},
               {CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof fast}};
    size_t count = sizeof set / sizeof set[0] - (fast ? 0 : 1);
    cublasStatus_t status = cublasLtMatmulDescCreate(
        &p->operation, (cublasComputeType_t)key->compute, CUDA_R_32F); /* alpha's, beta's type */
    for (size_t i = 0; i < count && status == CUBLAS_STATUS_SUCCESS; i++)
        status = operation_set(p->operation, set[i].name, set[i].value, set[i].size);
    if (status == CUBLAS_STATUS_SUCCESS && key->scaling == SCALING_ROW)
        status = operation_scale_rows(p->operation);
    return status;
}

cublasStatus_t matmul_product_point(const struct matmul_product *p, const struct matmul_operands *o)
{
    const struct {
        cublasLtMatmulDescAttributes_t name;
        const void *value;
        bool there;
    } set[] = {{CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, o->scale_b, p->scaled},
               {CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, o->scale_a, p->scaled},
               {CUBLASLT_MATMUL_DESC_BIAS_POINTER, o->bias, p->biased}};
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    for (size_t i = 0; i < sizeof set / sizeof set[0] && status == CUBLAS_STATUS_SUCCESS; i++)
        if (set[i].there)
            status = operation_set(p->operation, set[i].name, &set[i].value, sizeof set[i].value);
    return status;
}

/* A matrix of `rows` rows that lie `stride` elements apart, as the library sees it: its transpose,
 * by columns. */
static cublasStatus_t layout_create(cublasLtMatrixLayout_t *layout, int32_t type, int32_t rows,
                                    int32_t columns, int32_t stride)
{
    return cublasLtMatrixLayoutCreate(layout, (cudaDataType_t)type, (uint64_t)columns,
                                      (uint64_t)rows, stride);
}

/* C[m,n] by rows is C^T[n,m] by columns = op(B)^T op(A)^T */
static cublasStatus_t layouts_create(struct matmul_product *p, const struct matmul_key *key)
{
    bool ta = key->transpose_a, tb = key->transpose_b;
    int32_t m = key->m, n = key->n, k = key->k;
    cublasStatus_t status =
        layout_create(&p->first, key->type_b, tb ? n : k, tb ? k : n, key->stride_b);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = layout_create(&p->second, key->type_a, ta ? k : m, ta ? m : k, key->stride_a);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = layout_create(&p->c, key->type_c, m, n, key->stride_c);
    return status;
}

static void kind_set(struct matmul_product *p, const struct matmul_key *key)
{
    p->beta = key->accumulate ? 1 : 0;
    p->scaled = key->scaling != SCALING_NONE;
    p->biased = key->epilogue == CUBLASLT_EPILOGUE_BIAS;
}

struct matmul_product *matmul_product_create(struct matmul *matmul, const struct matmul_key *key)
{
    struct matmul_product *p = calloc(1, sizeof *p);
    if (p == NULL) {
        cuda_fail(matmul->cuda, "a matrix product's description", "no memory");
        return NULL;
    }
    matmul->made++;
    kind_set(p, key);
    if (!matmul_failed(matmul->cuda, operation_create(p, key), "a matrix product's description") &&
        !matmul_failed(matmul->cuda, layouts_create(p, key), "a matrix product's layout"))
        return p;
    matmul_product_destroy(p);
    return NULL;
}

cublasStatus_t matmul_product_run(struct matmul *matmul, const struct matmul_product *p,
                                  const cublasLtMatmulAlgo_t *algorithm, float beta,
                                  struct matmul_operands o)
{
    return matmul_product_scaled(matmul, p, algorithm, 1, beta, o);
}

cublasStatus_t matmul_product_scaled(struct matmul *matmul, const struct matmul_product *p,
                                     const cublasLtMatmulAlgo_t *algorithm, float alpha, float beta,
                                     struct matmul_operands o)
{
    cublasStatus_t status = matmul_product_point(p, &o);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    return cublasLtMatmul(matmul->handle, p->operation, &alpha, o.b, p->first, o.a, p->second,
                          &beta, o.c, p->c, o.c, p->c, algorithm, matmul->cuda->workspace,
                          CUDA_WORKSPACE, matmul->cuda->stream);
}

bool matmul_product_takes(struct matmul *matmul, const struct matmul_product *p,
                          const cublasLtMatmulAlgo_t *algorithm)
{
    cublasLtMatmulHeuristicResult_t judged;
    return cublasLtMatmulAlgoCheck(matmul->handle, p->operation, p->first, p->second, p->c, p->c,
                                   algorithm, &judged) == CUBLAS_STATUS_SUCCESS &&
           judged.workspaceSize <= CUDA_WORKSPACE;
}

bool matmul_product_exists(struct matmul *matmul, const struct matmul_key *key)
{
    cublasLtMatmulHeuristicResult_t found;
    const struct matmul_operands operands = {.bias = matmul->cuda->workspace,
                                             .scale_a = matmul->cuda->workspace,
                                             .scale_b = matmul->cuda->workspace};
    struct matmul_product p = {0};
    int count = 0;
    kind_set(&p, key);
    if (operation_create(&p, key) == CUBLAS_STATUS_SUCCESS &&
        layouts_create(&p, key) == CUBLAS_STATUS_SUCCESS &&
        matmul_product_point(&p, &operands) == CUBLAS_STATUS_SUCCESS &&
        cublasLtMatmulAlgoGetHeuristic(matmul->handle, p.operation, p.first, p.second, p.c, p.c,
                                       matmul->preference, 1, &found,
                                       &count) != CUBLAS_STATUS_SUCCESS)
        count = 0;
    product_clear(&p);
    return count > 0;
}
