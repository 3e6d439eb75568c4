/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by cuBLASLt. Each kind of product (struct matmul_key) has its descriptors and its
 * algorithm made when it is first asked for and kept until the device ends, so a call costs a look
 * into a table and the library's own. Algorithms are timed (matmul_tune.c) and kept in a file
 * (matmul_cache.c), so that other runs on the same kind of GPU need not time again. */
#include "job/tensor/cuda/matmul_cublaslt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(cublasLtMatmulAlgo_t) == MATMUL_ALGORITHM_WORDS * sizeof(uint64_t),
               "the cache's choices hold an algorithm");

struct matmul *matmul_create(struct device_cuda *cuda, struct sft_error *err)
{
    struct matmul *matmul = calloc(1, sizeof *matmul);
    size_t workspace = CUDA_WORKSPACE;
    if (matmul == NULL) {
        sft_error_set(err, "no memory for matrix products");
        return NULL;
    }
    matmul->cuda = cuda;
    if (cublasLtCreate(&matmul->handle) != CUBLAS_STATUS_SUCCESS ||
        cublasLtMatmulPreferenceCreate(&matmul->preference) != CUBLAS_STATUS_SUCCESS ||
        cublasLtMatmulPreferenceSetAttribute(matmul->preference,
                                             CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace,
                                             sizeof workspace) != CUBLAS_STATUS_SUCCESS ||
        cudaEventCreate(&matmul->begin) != cudaSuccess ||
        cudaEventCreate(&matmul->end) != cudaSuccess ||
        cudaMalloc((void **)&matmul->sum, sizeof *matmul->sum) != cudaSuccess) {
        sft_error_set(err, "cuBLASLt %zu does not start on %s", cublasLtGetVersion(),
                      cuda->table.title);
        matmul_destroy(matmul);
        return NULL;
    }
    matmul->cache = matmul_cache_open(cuda->table.title, cublasLtGetVersion());
    matmul->site =
        matmul_cache_load(getenv("SFT_BENCH_TUNED"), cuda->table.title, cublasLtGetVersion());
    matmul->shipped =
        matmul_cache_load(SFT_PKGDATADIR "/tuned", cuda->table.title, cublasLtGetVersion());
    return matmul;
}

/* What was searched for all of the site's users, where this one may write there: who may not has
 * lost nothing. */
static void site_keep(const struct matmul *matmul)
{
    const char *folder = getenv("SFT_BENCH_TUNED");
    struct sft_error err;
    if (matmul->searched && folder != NULL && folder[0] != '\0' && access(folder, W_OK) == 0)
        matmul_cache_save(matmul->cache, folder, matmul->cuda->table.title, cublasLtGetVersion(),
                          &err);
}

void matmul_destroy(struct matmul *matmul)
{
    if (matmul == NULL)
        return;
    matmul_table_clear(&matmul->products, matmul_product_destroy);
    site_keep(matmul);
    matmul_cache_close(matmul->cache);
    matmul_cache_close(matmul->site);
    matmul_cache_close(matmul->shipped);
    cudaFree(matmul->sum);
    if (matmul->begin != NULL)
        cudaEventDestroy(matmul->begin);
    if (matmul->end != NULL)
        cudaEventDestroy(matmul->end);
    if (matmul->preference != NULL)
        cublasLtMatmulPreferenceDestroy(matmul->preference);
    if (matmul->handle != NULL)
        cublasLtDestroy(matmul->handle);
    free(matmul);
}

/* Not every type, distance of rows and alignment goes with every epilogue. */
static bool product_refused(struct matmul *matmul, const struct matmul_key *key)
{
    return key->epilogue != CUBLASLT_EPILOGUE_DEFAULT &&
           (matmul_preference_align(matmul, (uint32_t)key->alignment) != CUBLAS_STATUS_SUCCESS ||
            !matmul_product_exists(matmul, key));
}

/* An algorithm is chosen for the product that overwrites C and serves the one that adds to it too,
 * so that a run does not time both: whichever comes first chooses. A line of the file may be of
 * another day's library or a mistake: the library judges. */
static int product_choose(struct matmul *matmul, struct matmul_product *product,
                          const struct matmul_key *key, struct matmul_operands operands)
{
    struct matmul_choice choice = {.key = *key};
    choice.key.accumulate = !key->accumulate;
    const struct matmul_product *other = matmul_table_find(&matmul->products, &choice.key);
    if (other != NULL && !other->refused) {
        product->algorithm = other->algorithm;
        return 0;
    }
    choice.key.accumulate = false;
    if (matmul_failed(matmul->cuda, matmul_product_point(product, &operands),
                      "a matrix product's addresses"))
        return -1;
    bool known = matmul_cache_find(matmul->cache, &choice);
    if (known) {
        memcpy(&product->algorithm, choice.algorithm, sizeof product->algorithm);
        if (matmul_product_takes(matmul, product, &product->algorithm))
            return 0;
    }
    if (matmul_tune(matmul, product, &choice, operands) < 0)
        return -1;
    memcpy(&product->algorithm, choice.algorithm, sizeof product->algorithm);
    if (choice.milliseconds > 0) {
        matmul_cache_add(matmul->cache, &choice);
        matmul->searched = true;
    }
    return 0;
}

static struct matmul_product *matmul_learn(struct matmul *matmul, const struct matmul_key *key,
                                           struct matmul_operands operands)
{
    struct matmul_product *product = matmul_product_create(matmul, key);
    if (product == NULL)
        return NULL;
    product->refused = product_refused(matmul, key);
    if (!product->refused && product_choose(matmul, product, key, operands) < 0) {
        matmul_product_destroy(product);
        return NULL;
    }
    if (matmul_table_add(&matmul->products, key, product) < 0) {
        cuda_fail(matmul->cuda, "the list of matrix products", "no memory");
        matmul_product_destroy(product);
        return NULL;
    }
    return product;
}

struct matmul_key matmul_key_bf16(int m, int n, int k, bool transpose_a, bool transpose_b,
                                  bool accumulate)
{
    return (struct matmul_key){.m = m,
                               .n = n,
                               .k = k,
                               .transpose_a = transpose_a,
                               .transpose_b = transpose_b,
                               .type_a = CUDA_R_16BF,
                               .type_b = CUDA_R_16BF,
                               .type_c = CUDA_R_16BF,
                               .compute = CUBLAS_COMPUTE_32F,
                               .accumulate = accumulate,
                               .stride_a = transpose_a ? m : k,
                               .stride_b = transpose_b ? k : n,
                               .stride_c = n,
                               .epilogue = CUBLASLT_EPILOGUE_DEFAULT};
}

int32_t matmul_compute(const struct device_cuda *cuda)
{
    return cuda->products == DEVICE_PRODUCTS_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                  : CUBLAS_COMPUTE_32F;
}

bool matmul_enqueue(struct device_cuda *cuda, const struct matmul_key *wanted,
                    struct matmul_operands operands)
{
    struct matmul *matmul = cuda->matmul;
    struct matmul_key key = *wanted;
    uintptr_t all = (uintptr_t)operands.c | (uintptr_t)operands.a | (uintptr_t)operands.b | 256;
    key.alignment = (int32_t)(all & -all);
    if (cuda->failed.text[0] != '\0')
        return true;
    struct matmul_product *product = matmul_table_find(&matmul->products, &key);
    if (product == NULL)
        product = matmul_learn(matmul, &key, operands);
    if (product == NULL || product->refused)
        return product == NULL;
    cublasStatus_t status =
        matmul_product_run(matmul, product, &product->algorithm, product->beta, operands);
    product->refused =
        status == CUBLAS_STATUS_NOT_SUPPORTED && key.epilogue != CUBLASLT_EPILOGUE_DEFAULT;
    return !product->refused && (matmul_failed(cuda, status, "a matrix product"), true);
}

/* The library reads a bias 16 bytes at a time. */
static bool bias_goes_along(const struct device_cuda *cuda, const struct matmul_args *a)
{
    return a->bias.data != NULL && cuda->products == DEVICE_PRODUCTS_BF16 &&
           (uintptr_t)a->bias.data % 16 == 0;
}

bool matmul_run(struct device_cuda *cuda, const struct matmul_args *a)
{
    int k = a->transpose_a ? a->a.rows : a->a.columns;
    struct matmul_key key =
        matmul_key_bf16(a->c.rows, a->c.columns, k, a->transpose_a, a->transpose_b, a->accumulate);
    struct matmul_operands operands = {.c = a->c.data, .a = a->a.data, .b = a->b.data};
    if (cuda->products != DEVICE_PRODUCTS_BF16) {
        key.type_a = key.type_b = key.type_c = CUDA_R_32F;
        key.compute = matmul_compute(cuda);
    }
    if (bias_goes_along(cuda, a)) {
        struct matmul_key biased = key;
        biased.epilogue = CUBLASLT_EPILOGUE_BIAS;
        operands.bias = a->bias.data;
        if (matmul_enqueue(cuda, &biased, operands))
            return true;
    }
    matmul_enqueue(cuda, &key, operands);
    return a->bias.data == NULL;
}
