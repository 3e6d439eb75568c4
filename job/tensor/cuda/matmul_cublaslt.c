/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by cuBLASLt: bf16 in and out, fp32 inside. The first product of a shape times the
 * algorithms that the library proposes on the operands at hand, since its own order is a guess and
 * real data runs slower than zeros, and the best few again long enough that the chip runs at the
 * clock which its power allows under load; the choice is kept for the process and in a file
 * (matmul_cache.c), so that other runs on the same kind of GPU need not time again. */
#include "job/tensor/cuda/matmul_cache.h"

#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/cuda_internal.h"

enum { CANDIDATES = 16, REPEATS = 3, FINALISTS = 8 };

static const float close_enough = 1.3f; /* times the least: not worth another look beyond */
/* Milliseconds: of a product worth a second look; of work that warms a cold chip up, once; of work
 * until its clock has settled; and of work that is then timed. Seen on an H200 at its power limit:
 * what is fastest alone (808 TFLOP/s) can be slower for long (685) than another (702 and 699). */
static const float worth_it = 0.1f, warming = 1000, settling = 120, timed = 150;

/* A product as the library sees it: column-major, so the operands change places. */
struct product {
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, c;
    float beta;
};

struct matmul {
    struct device_cuda *cuda;
    cublasLtHandle_t handle;
    cublasLtMatmulPreference_t preference;
    cudaEvent_t begin, end;
    struct matmul_cache *cache;
    bool warm;                     /* something was timed for long before */
    struct matmul_choice *choices; /* [count] of this process */
    size_t count, capacity;
};

static bool blas_failed(struct device_cuda *cuda, cublasStatus_t status, const char *what)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return false;
    cuda_fail(cuda, what, cublasLtGetStatusString(status));
    return true;
}

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
        cudaEventCreate(&matmul->end) != cudaSuccess) {
        sft_error_set(err, "cuBLASLt %zu does not start on %s", cublasLtGetVersion(),
                      cuda->table.title);
        matmul_destroy(matmul);
        return NULL;
    }
    matmul->cache = matmul_cache_open(cuda->table.title, cublasLtGetVersion());
    return matmul;
}

void matmul_destroy(struct matmul *matmul)
{
    if (matmul == NULL)
        return;
    matmul_cache_close(matmul->cache);
    if (matmul->begin != NULL)
        cudaEventDestroy(matmul->begin);
    if (matmul->end != NULL)
        cudaEventDestroy(matmul->end);
    if (matmul->preference != NULL)
        cublasLtMatmulPreferenceDestroy(matmul->preference);
    if (matmul->handle != NULL)
        cublasLtDestroy(matmul->handle);
    free(matmul->choices);
    free(matmul);
}

static void product_destroy(struct product *p)
{
    if (p->operation != NULL)
        cublasLtMatmulDescDestroy(p->operation);
    if (p->a != NULL)
        cublasLtMatrixLayoutDestroy(p->a);
    if (p->b != NULL)
        cublasLtMatrixLayoutDestroy(p->b);
    if (p->c != NULL)
        cublasLtMatrixLayoutDestroy(p->c);
}

static int product_create(struct device_cuda *cuda, struct product *p, const struct matmul_key *key,
                          bool accumulate)
{
    /* C[m,n] row-major is C^T[n,m] column-major = op(B)^T op(A)^T */
    cublasOperation_t first = key->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t second = key->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    uint64_t m = (uint64_t)key->m, n = (uint64_t)key->n, k = (uint64_t)key->k;
    uint64_t a_rows = key->transpose_b ? k : n, b_rows = key->transpose_a ? m : k;
    memset(p, 0, sizeof *p);
    p->beta = accumulate ? 1 : 0;
    return blas_failed(cuda,
                       cublasLtMatmulDescCreate(&p->operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                       "a matrix product's description") ||
                   blas_failed(cuda,
                               cublasLtMatmulDescSetAttribute(
                                   p->operation, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first),
                               "a matrix product's description") ||
                   blas_failed(cuda,
                               cublasLtMatmulDescSetAttribute(p->operation,
                                                              CUBLASLT_MATMUL_DESC_TRANSB, &second,
                                                              sizeof second),
                               "a matrix product's description") ||
                   blas_failed(cuda,
                               cublasLtMatrixLayoutCreate(&p->a, CUDA_R_16BF, a_rows,
                                                          a_rows == k ? n : k, (int64_t)a_rows),
                               "a matrix product's layout") ||
                   blas_failed(cuda,
                               cublasLtMatrixLayoutCreate(&p->b, CUDA_R_16BF, b_rows,
                                                          key->transpose_a ? k : m,
                                                          (int64_t)b_rows),
                               "a matrix product's layout") ||
                   blas_failed(cuda,
                               cublasLtMatrixLayoutCreate(&p->c, CUDA_R_16BF, n, m, (int64_t)n),
                               "a matrix product's layout")
               ? -1
               : 0;
}

static cublasStatus_t product_run(struct matmul *matmul, const struct product *p,
                                  const cublasLtMatmulAlgo_t *algorithm, void *c, const void *a,
                                  const void *b)
{
    const float one = 1;
    return cublasLtMatmul(matmul->handle, p->operation, &one, b, p->a, a, p->b, &p->beta, c, p->c,
                          c, p->c, algorithm, matmul->cuda->workspace, CUDA_WORKSPACE,
                          matmul->cuda->stream);
}

/* Milliseconds of one product, or a huge number when this algorithm cannot do it. */
static float product_time(struct matmul *matmul, const struct product *p,
                          const cublasLtMatmulAlgo_t *algorithm, void *c, const void *a,
                          const void *b)
{
    float best = 1e30f;
    if (product_run(matmul, p, algorithm, c, a, b) != CUBLAS_STATUS_SUCCESS)
        return best;
    for (int i = 0; i < REPEATS; i++) {
        float time;
        cudaEventRecord(matmul->begin, matmul->cuda->stream);
        if (product_run(matmul, p, algorithm, c, a, b) != CUBLAS_STATUS_SUCCESS)
            return 1e30f;
        cudaEventRecord(matmul->end, matmul->cuda->stream);
        if (cudaEventSynchronize(matmul->end) != cudaSuccess ||
            cudaEventElapsedTime(&time, matmul->begin, matmul->end) != cudaSuccess)
            return 1e30f;
        best = time < best ? time : best;
    }
    return best;
}

static void matmul_promise(struct matmul *matmul, uint32_t alignment)
{
    static const cublasLtMatmulPreferenceAttributes_t names[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        blas_failed(matmul->cuda,
                    cublasLtMatmulPreferenceSetAttribute(matmul->preference, names[i], &alignment,
                                                         sizeof alignment),
                    "the choice of a matrix product's algorithm");
}

/* A line of the file may be of another day's library or a mistake: the library judges. */
static bool choice_is_good(struct matmul *matmul, const struct matmul_choice *choice)
{
    struct product p;
    cublasLtMatmulAlgo_t algorithm;
    cublasLtMatmulHeuristicResult_t judged;
    memcpy(&algorithm, choice->algorithm, sizeof algorithm);
    bool good = product_create(matmul->cuda, &p, &choice->key, false) == 0 &&
                cublasLtMatmulAlgoCheck(matmul->handle, p.operation, p.a, p.b, p.c, p.c, &algorithm,
                                        &judged) == CUBLAS_STATUS_SUCCESS &&
                judged.workspaceSize <= CUDA_WORKSPACE;
    product_destroy(&p);
    return good;
}

/* Milliseconds of one product among many. */
static float product_time_long(struct matmul *matmul, const struct product *p,
                               const cublasLtMatmulAlgo_t *algorithm, void *c, const void *a,
                               const void *b, float each)
{
    int first = (int)((matmul->warm ? settling : warming) / each) + 1;
    int times = (int)(timed / each) + 1;
    float time = 0;
    matmul->warm = true;
    for (int i = 0; i < first; i++)
        product_run(matmul, p, algorithm, c, a, b);
    cudaEventRecord(matmul->begin, matmul->cuda->stream);
    for (int i = 0; i < times; i++)
        product_run(matmul, p, algorithm, c, a, b);
    cudaEventRecord(matmul->end, matmul->cuda->stream);
    cudaEventSynchronize(matmul->end);
    cudaEventElapsedTime(&time, matmul->begin, matmul->end);
    return time / (float)times;
}

/* Of the candidates that are close to the fastest the one that is fastest for long. */
static int matmul_final(struct matmul *matmul, const struct product *p,
                        const cublasLtMatmulHeuristicResult_t *found, const float *times, int count,
                        float *least, void *c, const void *a, const void *b)
{
    int finalists[FINALISTS], entered = 0, best = 0;
    float times_long[FINALISTS];
    for (int i = 0; i < count; i++)
        if (times[i] < times[best])
            best = i;
    *least = times[best];
    for (int i = 0; i < count && entered < FINALISTS; i++)
        if (times[i] <= times[best] * close_enough)
            finalists[entered++] = i;
    if (*least < worth_it || entered < 2)
        return best;
    int winner = 0;
    for (int i = 0; i < entered; i++) {
        times_long[i] = product_time_long(matmul, p, &found[finalists[i]].algo, c, a, b, *least);
        if (times_long[i] < times_long[winner])
            winner = i;
    }
    *least = times_long[winner];
    return finalists[winner];
}

static int matmul_choose(struct matmul *matmul, const struct product *p,
                         struct matmul_choice *choice, void *c, const void *a, const void *b,
                         bool timed)
{
    cublasLtMatmulHeuristicResult_t found[CANDIDATES];
    int count = 0, best = 0;
    float least = 0, times[CANDIDATES];
    matmul_promise(matmul, (uint32_t)choice->key.alignment);
    if (blas_failed(matmul->cuda,
                    cublasLtMatmulAlgoGetHeuristic(matmul->handle, p->operation, p->a, p->b, p->c,
                                                   p->c, matmul->preference, CANDIDATES, found,
                                                   &count),
                    "the choice of a matrix product's algorithm"))
        return -1;
    for (int i = 0; i < count && timed; i++)
        times[i] = product_time(matmul, p, &found[i].algo, c, a, b);
    if (count > 0 && timed)
        best = matmul_final(matmul, p, found, times, count, &least, c, a, b);
    if (count == 0) {
        cuda_fail(matmul->cuda, "the choice of a matrix product's algorithm", "none fits");
        return -1;
    }
    memcpy(choice->algorithm, &found[best].algo, sizeof found[best].algo);
    choice->milliseconds = timed ? least : 0;
    return 0;
}

/* Timing overwrites C, so a product that adds to C is timed on a copy's room, or not at all. */
static int matmul_search(struct matmul *matmul, struct matmul_choice *choice, void *c,
                         const void *a, const void *b, bool accumulate)
{
    struct product p;
    void *room = NULL;
    size_t bytes = (size_t)choice->key.m * (size_t)choice->key.n * sizeof(uint16_t);
    int failed = product_create(matmul->cuda, &p, &choice->key, false);
    if (!failed && accumulate && cudaMalloc(&room, bytes) != cudaSuccess) {
        cudaGetLastError();
        room = NULL;
    }
    if (!failed)
        failed = matmul_choose(matmul, &p, choice, accumulate ? room : c, a, b,
                               !accumulate || room != NULL);
    if (!failed && choice->milliseconds > 0)
        matmul_cache_add(matmul->cache, choice);
    cudaFree(room);
    product_destroy(&p);
    return failed;
}

static struct matmul_choice *matmul_find(struct matmul *matmul, const struct matmul_key *key)
{
    for (size_t i = 0; i < matmul->count; i++)
        if (memcmp(&matmul->choices[i].key, key, sizeof *key) == 0)
            return &matmul->choices[i];
    return NULL;
}

static struct matmul_choice *matmul_learn(struct matmul *matmul, const struct matmul_key *key,
                                          void *c, const void *a, const void *b, bool accumulate)
{
    struct matmul_choice choice = {.key = *key};
    if (matmul->count == matmul->capacity) {
        size_t capacity = matmul->capacity * 2 + 16;
        struct matmul_choice *grown = realloc(matmul->choices, capacity * sizeof *grown);
        if (grown == NULL) {
            cuda_fail(matmul->cuda, "the list of matrix products", "no memory");
            return NULL;
        }
        matmul->choices = grown;
        matmul->capacity = capacity;
    }
    bool known = matmul_cache_find(matmul->cache, &choice) && choice_is_good(matmul, &choice);
    if (!known && matmul_search(matmul, &choice, c, a, b, accumulate) < 0)
        return NULL;
    matmul->choices[matmul->count] = choice;
    return &matmul->choices[matmul->count++];
}

void matmul_run(struct device_cuda *cuda, void *c, const void *a, bool transpose_a, const void *b,
                bool transpose_b, int m, int n, int k, bool accumulate)
{
    struct matmul *matmul = cuda->matmul;
    uintptr_t all = (uintptr_t)c | (uintptr_t)a | (uintptr_t)b | 256;
    struct matmul_key key = {m, n, k, transpose_a, transpose_b, (int32_t)(all & -all)};
    struct matmul_choice *choice = matmul_find(matmul, &key);
    struct product p;
    if (cuda->failed.text[0] != '\0')
        return;
    if (choice == NULL)
        choice = matmul_learn(matmul, &key, c, a, b, accumulate);
    if (choice == NULL)
        return;
    cublasLtMatmulAlgo_t algorithm;
    memcpy(&algorithm, choice->algorithm, sizeof algorithm);
    if (product_create(cuda, &p, &key, accumulate) == 0)
        blas_failed(cuda, product_run(matmul, &p, &algorithm, c, a, b), "a matrix product");
    product_destroy(&p);
}
