/* SPDX-License-Identifier: Apache-2.0 */
/* What repeats of one thing say of themselves. Pure functions of positive figures in the order of
 * time, judged by their logarithms, since speeds vary by factors. */
#ifndef REPORT_REPEATS_H
#define REPORT_REPEATS_H

#include <stdbool.h>
#include <stddef.h>

/* No spread is less, whatever the repeats say: a part of a speed that clocks, other steps and six
 * digits make. */
#define REPEATS_FLOOR 0.001

/* The quantile p, from 0.5 on, of Student's t with so many degrees of freedom, from 1 on. */
double repeats_t(double p, double freedom);

/* Mean of their logarithms; count from 1 on. */
double repeats_log_mean(const double *values, size_t count);

/* Does one stand apart from the others? Grubbs' test, two-sided at 1% (Technometrics 11, 1969), of
 * 4 repeats and more. */
bool repeats_outlier(const double *values, size_t count);

/* Do they rise or fall? The slope of a line through them against its own error, Student's t,
 * two-sided at 1%, of 4 repeats and more. */
bool repeats_drift(const double *values, size_t count);

#endif
