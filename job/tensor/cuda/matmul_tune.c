/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of an algorithm: those that the library proposes are timed on the operands at hand,
 * since its own order is a guess and real data runs slower than zeros (matmul_search.c). What was
 * the fastest for other rows, or elsewhere, needs no more than to be right and as fast as the
 * library's first one.
 *
 * Whether an algorithm is right is seen by its difference from the library's first one: that one's
 * product is taken from C, and what is left is rounding, or the algorithm is another's. A bias
 * would be left, too, so it is zeros then. */
#include <math.h>
#include <string.h>

#include "job/tensor/cuda/kernels.h"
#include "job/tensor/cuda/matmul_cublaslt.h"
#include "job/tensor/cuda/matmul_search.h"

enum { PROPOSED = 16 };

/* Milliseconds of work that warms a cold chip up, once, before anything is timed for long. */
static const double warming = 500;
/* Of the root of C's mean square: of bf16 results that both are right of, some 2^-9 of it differs.
 */
static const double rounding = 0.02;

/* What is timed: a product and its operands, and what may be chosen from. Timed without adding to
 * C, also where it will be: beta is a factor in the same kernel. */
struct trial {
    struct matmul *matmul;
    const struct matmul_product *product;
    const struct matmul_key *key;
    struct matmul_operands operands;
    void *zeros;                                         /* as large as a bias; NULL: it has none */
    cublasLtMatmulHeuristicResult_t found[PROPOSED + 1]; /* the last one: known from elsewhere */
    int count;
    double each[PROPOSED + 1]; /* ms of one product, as it was seen last; 0: not yet */
};

static cublasStatus_t trial_run(struct trial *t, int candidate, float alpha, float beta)
{
    return matmul_product_scaled(t->matmul, t->product, &t->found[candidate].algo, alpha, beta,
                                 t->operands);
}

/* Milliseconds of `times` in a row; below 0 when this algorithm cannot do it. */
static double trial_time(struct trial *t, int candidate, int times)
{
    struct matmul *matmul = t->matmul;
    cudaStream_t stream = matmul->cuda->stream;
    float time;
    cudaEventRecord(matmul->begin, stream);
    for (int i = 0; i < times; i++)
        if (trial_run(t, candidate, 1, 0) != CUBLAS_STATUS_SUCCESS)
            return -1;
    cudaEventRecord(matmul->end, stream);
    if (cudaEventSynchronize(matmul->end) != cudaSuccess ||
        cudaEventElapsedTime(&time, matmul->begin, matmul->end) != cudaSuccess)
        return -1;
    return (double)time;
}

static double bench_time(void *user, int candidate, double settling, double span)
{
    struct trial *t = user;
    double each = t->each[candidate];
    if (each <= 0 && trial_run(t, candidate, 1, 0) != CUBLAS_STATUS_SUCCESS) /* loads it */
        return -1;
    if (span <= 0 || each <= 0)
        return t->each[candidate] = trial_time(t, candidate, 1);
    if (!t->matmul->warm)
        settling = warming;
    t->matmul->warm = true;
    int first = (int)(settling / each), times = (int)(span / each) + 1;
    for (int i = 0; i < first; i++)
        trial_run(t, candidate, 1, 0);
    return trial_time(t, candidate, times) / times;
}

/* The sum of C's squares; NaN where it cannot be had. */
static double squares_of(struct trial *t)
{
    struct device_cuda *cuda = t->matmul->cuda;
    double sum = 0, *room = t->matmul->sum;
    size_t count = (size_t)t->key->m * (size_t)t->key->n;
    void *scratch = cuda_scratch(cuda, kernel_sum_scratch(cuda->processors));
    if (scratch == NULL || cudaMemsetAsync(room, 0, sizeof sum, cuda->stream) != cudaSuccess)
        return NAN;
    kernel_sum(cuda->stream, room, t->operands.c, count, t->key->type_c == CUDA_R_32F, true,
               cuda->processors, scratch);
    if (cudaMemcpyAsync(&sum, room, sizeof sum, cudaMemcpyDeviceToHost, cuda->stream) !=
            cudaSuccess ||
        cudaStreamSynchronize(cuda->stream) != cudaSuccess)
        return NAN;
    return sum;
}

static bool trial_right(struct trial *t, int candidate)
{
    if (t->key->stride_c != t->key->n || trial_run(t, 0, 1, 0) != CUBLAS_STATUS_SUCCESS)
        return true;
    double whole = squares_of(t);
    if (!isfinite(whole) || whole <= 0)
        return true;
    if (trial_run(t, candidate, -1, 1) != CUBLAS_STATUS_SUCCESS)
        return false;
    return squares_of(t) <= rounding * rounding * whole;
}

/* Of operands that are no numbers, or all zeros, nothing can be said, and nothing is. */
static bool bench_right(void *user, int candidate)
{
    struct trial *t = user;
    const void *bias = t->operands.bias;
    if (bias != NULL && t->zeros == NULL)
        return true;
    t->operands.bias = bias == NULL ? NULL : t->zeros;
    bool right = trial_right(t, candidate);
    t->operands.bias = bias;
    return right;
}

cublasStatus_t matmul_preference_align(struct matmul *matmul, uint32_t alignment)
{
    static const cublasLtMatmulPreferenceAttributes_t names[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == CUBLAS_STATUS_SUCCESS; i++)
        status = cublasLtMatmulPreferenceSetAttribute(matmul->preference, names[i], &alignment,
                                                      sizeof alignment);
    return status;
}

/* What the library proposes, best first. -1 when that is nothing. */
static int trial_propose(struct trial *t, uint32_t alignment)
{
    static const char what[] = "the choice of a matrix product's algorithm";
    struct matmul *matmul = t->matmul;
    const struct matmul_product *p = t->product;
    cublasStatus_t status = matmul_preference_align(matmul, alignment);
    if (status == CUBLAS_STATUS_SUCCESS)
        status =
            cublasLtMatmulAlgoGetHeuristic(matmul->handle, p->operation, p->first, p->second, p->c,
                                           p->c, matmul->preference, PROPOSED, t->found, &t->count);
    if (matmul_failed(matmul->cuda, status, what))
        return -1;
    if (t->count == 0)
        cuda_fail(matmul->cuda, what, "none fits");
    return t->count == 0 ? -1 : 0;
}

/* Memory as large as C, NULL: there is none. */
static void *room_for(const struct matmul_key *key)
{
    void *room = NULL;
    size_t element = key->type_c == CUDA_R_32F ? sizeof(float) : sizeof(uint16_t);
    size_t elements = ((size_t)key->m - 1) * (size_t)key->stride_c + (size_t)key->n;
    if (cudaMalloc(&room, elements * element) == cudaSuccess)
        return room;
    cudaGetLastError();
    return NULL;
}

/* A bias of zeros, NULL: there is none. */
static void *zeros_for(struct matmul *matmul, const struct matmul_key *key)
{
    void *zeros = NULL;
    size_t bytes = (size_t)key->n * sizeof(float); /* or half of it */
    if (cudaMalloc(&zeros, bytes) == cudaSuccess &&
        cudaMemsetAsync(zeros, 0, bytes, matmul->cuda->stream) == cudaSuccess)
        return zeros;
    cudaGetLastError();
    cudaFree(zeros);
    return NULL;
}

/* What is known of elsewhere: true where it is good here, too. It is tried without a search. */
static bool known_decides(struct trial *t, const struct matmul_bench *bench,
                          const struct matmul_choice *hint, float *milliseconds)
{
    enum { KNOWN = PROPOSED };
    double ms;
    cublasLtMatmulAlgo_t *algorithm = &t->found[KNOWN].algo;
    memcpy(algorithm, hint->algorithm, sizeof *algorithm);
    if (!matmul_product_takes(t->matmul, t->product, algorithm) ||
        !matmul_search_agrees(bench, KNOWN, &ms))
        return false;
    t->found[0].algo = *algorithm;
    *milliseconds = (float)ms;
    return true;
}

/* The algorithm is in found[0] then. */
static void trial_decide(struct trial *t, struct matmul_choice *choice)
{
    const struct matmul_bench bench = {t, t->count, bench_time, bench_right};
    const struct matmul_cache *const tables[] = {t->matmul->cache, t->matmul->site,
                                                 t->matmul->shipped};
    double ms = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const struct matmul_choice *hint = matmul_cache_hint(tables[i], &choice->key);
        if (hint != NULL && known_decides(t, &bench, hint, &choice->milliseconds))
            return;
    }
    int winner = matmul_search(&bench, &ms);
    if (winner > 0)
        t->found[0] = t->found[winner];
    choice->milliseconds = winner < 0 ? 0 : (float)ms; /* the call itself will say why */
}

int matmul_tune(struct matmul *matmul, const struct matmul_product *product,
                struct matmul_choice *choice, struct matmul_operands operands)
{
    struct trial t = {
        .matmul = matmul, .product = product, .key = &choice->key, .operands = operands};
    void *room = NULL;
    choice->milliseconds = 0;
    if (trial_propose(&t, (uint32_t)choice->key.alignment) < 0)
        return -1;
    if (product->beta != 0)
        t.operands.c = room = room_for(&choice->key);
    if (operands.bias != NULL)
        t.zeros = zeros_for(matmul, &choice->key);
    if (t.operands.c != NULL)
        trial_decide(&t, choice);
    cudaFree(room);
    cudaFree(t.zeros);
    memcpy(choice->algorithm, &t.found[0].algo, sizeof t.found[0].algo);
    return 0;
}
