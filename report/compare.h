/* SPDX-License-Identifier: Apache-2.0 */
/* Two sets of runs: how many times as fast is B as A, and is it more than the repeats' own spread?
 */
#ifndef REPORT_COMPARE_H
#define REPORT_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "report/group.h"
#include "report/options.h"

enum compare_verdict {
    COMPARE_FASTER,  /* B: the whole interval lies above 1 */
    COMPARE_SLOWER,  /* below 1 */
    COMPARE_NONE,    /* 1 lies in it: no difference beyond the spread */
    COMPARE_TOO_FEW, /* fewer than GROUP_REPEATS runs on a side: no verdict */
};

struct compare_ratio {
    double a, b;      /* medians of tok_s */
    double ratio;     /* geometric mean of B's over that of A's */
    double low, high; /* 95% confidence interval of it; NaN with fewer than 2 runs on a side */
    enum compare_verdict verdict;
};

/* Of positive figures a[na] and b[nb], na and nb from 1: Welch's t interval of the difference of
 * the means of logarithms (Welch, Biometrika 34, 1947). Speeds vary by factors, and of a ratio of
 * medians of three runs no bootstrap tells an interval. */
struct compare_ratio compare_figures(const double *a, size_t na, const double *b, size_t nb);

/* The 0.975 quantile of Student's t with so many degrees of freedom, from 1 on. */
double compare_t975(double freedom);

const char *compare_verdict_text(enum compare_verdict verdict);

/* A line for each series and number of nodes that both sets have, by the groups' order; those that
 * only one has are told below the table. */
int compare_print(const struct groups *a, const struct groups *b, enum options_form form, FILE *out,
                  struct sft_error *err);

#endif
