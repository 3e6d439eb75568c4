/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of an algorithm: those that the library proposes are timed on the operands at hand,
 * since its own order is a guess and real data runs slower than zeros, and the best few again long
 * enough that the chip runs at the clock which its power allows under load. */
#include <string.h>

#include "job/tensor/cuda/matmul_cublaslt.h"

enum { CANDIDATES = 16, REPEATS = 3, FINALISTS = 8 };

static const float close_enough = 1.3f; /* times the least: not worth another look beyond */
/* Milliseconds: of a product worth a second look; of work that warms a cold chip up, once; of work
 * until its clock has settled; and of work that is then timed. Seen on an H200 at its power limit:
 * what is fastest alone (808 TFLOP/s) can be slower for long (685) than another (702 and 699). */
static const float worth_it = 0.1f, warming = 1000, settling = 120, timed = 150;
static const float never = 1e30f; /* milliseconds of what cannot be done */

/* What is timed: a product and its operands, and what may be chosen from. Timed without adding to
 * C, also where it will be: beta is a factor in the same kernel. */
struct trial {
    struct matmul *matmul;
    const struct matmul_product *product;
    struct matmul_operands operands;
    cublasLtMatmulHeuristicResult_t found[CANDIDATES];
    float times[CANDIDATES];
    int count;
};

static cublasStatus_t trial_run(struct trial *t, int candidate)
{
    return matmul_product_run(t->matmul, t->product, &t->found[candidate].algo, 0, t->operands);
}

/* Milliseconds of `times` in a row; `never` when this algorithm cannot do it. */
static float trial_time(struct trial *t, int candidate, int times)
{
    struct matmul *matmul = t->matmul;
    cudaStream_t stream = matmul->cuda->stream;
    float time;
    cudaEventRecord(matmul->begin, stream);
    for (int i = 0; i < times; i++)
        if (trial_run(t, candidate) != CUBLAS_STATUS_SUCCESS)
            return never;
    cudaEventRecord(matmul->end, stream);
    if (cudaEventSynchronize(matmul->end) != cudaSuccess ||
        cudaEventElapsedTime(&time, matmul->begin, matmul->end) != cudaSuccess)
        return never;
    return time;
}

/* Of one product, the best of a few. */
static float trial_time_short(struct trial *t, int candidate)
{
    float best = never;
    if (trial_run(t, candidate) != CUBLAS_STATUS_SUCCESS)
        return never;
    for (int i = 0; i < REPEATS; i++) {
        float time = trial_time(t, candidate, 1);
        if (time == never)
            return never;
        best = time < best ? time : best;
    }
    return best;
}

/* Of one product among many; `each` is about what it takes. */
static float trial_time_long(struct trial *t, int candidate, float each)
{
    int first = (int)((t->matmul->warm ? settling : warming) / each) + 1;
    int times = (int)(timed / each) + 1;
    t->matmul->warm = true;
    for (int i = 0; i < first; i++)
        trial_run(t, candidate);
    return trial_time(t, candidate, times) / (float)times;
}

static int least_of(const float *times, int count)
{
    int best = 0;
    for (int i = 0; i < count; i++)
        if (times[i] < times[best])
            best = i;
    return best;
}

/* Of the candidates that are close to the fastest the one that is fastest for long. */
static int trial_decide(struct trial *t, float *milliseconds)
{
    int finalists[FINALISTS], entered = 0;
    float times_long[FINALISTS];
    for (int i = 0; i < t->count; i++)
        t->times[i] = trial_time_short(t, i);
    int best = least_of(t->times, t->count);
    float least = *milliseconds = t->times[best];
    for (int i = 0; i < t->count && entered < FINALISTS; i++)
        if (t->times[i] <= least * close_enough)
            finalists[entered++] = i;
    if (least < worth_it || entered < 2)
        return best;
    for (int i = 0; i < entered; i++)
        times_long[i] = trial_time_long(t, finalists[i], least);
    int winner = least_of(times_long, entered);
    *milliseconds = times_long[winner];
    return finalists[winner];
}

static cublasStatus_t preference_align(struct matmul *matmul, uint32_t alignment)
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
    cublasStatus_t status = preference_align(matmul, alignment);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasLtMatmulAlgoGetHeuristic(matmul->handle, p->operation, p->first, p->second,
                                                p->c, p->c, matmul->preference, CANDIDATES,
                                                t->found, &t->count);
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

int matmul_tune(struct matmul *matmul, const struct matmul_product *product,
                struct matmul_choice *choice, struct matmul_operands operands)
{
    struct trial t = {.matmul = matmul, .product = product, .operands = operands};
    void *room = NULL;
    int best = 0;
    choice->milliseconds = 0;
    if (trial_propose(&t, (uint32_t)choice->key.alignment) < 0)
        return -1;
    if (product->beta != 0)
        t.operands.c = room = room_for(&choice->key);
    if (t.operands.c != NULL)
        best = trial_decide(&t, &choice->milliseconds);
    if (choice->milliseconds >= never)
        choice->milliseconds = 0; /* the call itself will say why */
    cudaFree(room);
    memcpy(choice->algorithm, &t.found[best].algo, sizeof t.found[best].algo);
    return 0;
}
