/* SPDX-License-Identifier: Apache-2.0 */
/* Which of some algorithms is the fastest for a product, by successive halving: all are timed
 * briefly, the better ones longer, the last two in turn. Needs no CUDA. */
#ifndef SFT_JOB_TENSOR_CUDA_MATMUL_SEARCH_H
#define SFT_JOB_TENSOR_CUDA_MATMUL_SEARCH_H

#include <stdbool.h>

enum { MATMUL_CANDIDATES = 24 };

/* Who runs products: candidates by number, the library's own first choice being number 0, and its
 * others in its order. */
struct matmul_bench {
    void *user;
    int count;
    /* Milliseconds of one product, a mean over about `span` milliseconds of work after `settling`
     * ones; 0 and 0: of a single one. Below 0: it cannot be done. */
    double (*time)(void *user, int candidate, double settling, double span);
    /* Is what it computes what number 0 does? */
    bool (*right)(void *user, int candidate);
};

/* The winner, or -1 where none can do it; *milliseconds of a product by it. A wrong one never wins,
 * and what is as fast to 0.2% as one that stands before it does not either. */
int matmul_search(const struct matmul_bench *bench, double *milliseconds);

/* Candidate `known` was the fastest elsewhere: for another number of rows, or on another machine of
 * this kind. True where it is right here and no more than 0.5% behind number 0. */
bool matmul_search_agrees(const struct matmul_bench *bench, int known, double *milliseconds);

#endif
