/* SPDX-License-Identifier: Apache-2.0 */
/* Two sets of runs: how many times as fast is B as A, and is it more than the repeats' own spread?
 */
#ifndef REPORT_COMPARE_H
#define REPORT_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "report/group.h"
#include "report/options.h"

/* Welch's approximation is a little too sure of few repeats of unequal number: with 0.975, 5.2 to
 * 5.6% of equal sets of 3 to 10 would differ; with this, under 5%. */
#define COMPARE_QUANTILE 0.978

enum compare_verdict {
    COMPARE_FASTER,  /* B: the whole interval lies above 1 */
    COMPARE_SLOWER,  /* below 1 */
    COMPARE_NONE,    /* 1 lies in it: no difference beyond the spread */
    COMPARE_TOO_FEW, /* fewer than GROUP_REPEATS runs on a side: no verdict */
};

struct compare_ratio {
    double a, b; /* geometric means of tok_s, so that ratio is b / a */
    double ratio;
    double low, high; /* 95% confidence interval of it; NaN with fewer than GROUP_REPEATS runs on a
                       * side: two runs say next to nothing of a spread */
    double hidden;    /* percent by which B may still be faster or slower, where that is no finding;
                       * else NaN */
    enum compare_verdict verdict;
};

/* Of positive figures a[na] and b[nb], na and nb from 1: Welch's t interval of the difference of
 * the means of logarithms (Welch, Biometrika 34, 1947). Speeds vary by factors, and of a ratio of
 * medians of three runs no bootstrap tells an interval. A spread counts as REPEATS_FLOOR at least.
 */
struct compare_ratio compare_figures(const double *a, size_t na, const double *b, size_t nb);

const char *compare_verdict_text(enum compare_verdict verdict);

struct compare_pair {
    const struct group_series *a_series, *b_series;
    const struct group_cell *a, *b;
    struct compare_ratio ratio;
};

struct compare {
    const struct groups *a, *b;
    unsigned across; /* of enum options_across */
    size_t count;
    struct compare_pair *pair; /* by a's order */
};

/* A pair for each series and number of nodes that both sets have, or each that differs in `across`
 * alone. The groups must outlive it. Fails only without memory; to be cleared in any case. */
int compare_make(struct compare *compare, const struct groups *a, const struct groups *b,
                 unsigned across, struct sft_error *err);
void compare_clear(struct compare *compare);

/* As group_next, of those cells of `groups`, one of the two sets, that the other set lacks. */
bool compare_next_alone(const struct compare *compare, const struct groups *groups,
                        struct group_place *place);

/* Differs it in method or precision? */
bool compare_is_across(const struct compare_pair *pair);

/* What it is: A's title, and where B's is another B's behind a slash. */
void compare_title(const struct compare_pair *pair, char *text, size_t size);

/* The marks' letters of both cells: "S", or where they differ "SU/S". */
enum { COMPARE_MARKS = 40 };
void compare_marks(const struct compare_pair *pair, char text[COMPARE_MARKS]);
unsigned compare_all_marks(const struct compare *compare);

/* A line for each pair; those that only one set has are told below the table. */
int compare_print(const struct compare *compare, enum options_form form, FILE *out,
                  struct sft_error *err);

#endif
