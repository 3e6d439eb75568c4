/* SPDX-License-Identifier: Apache-2.0 */
/* Robust statistics of small samples. All take count >= 1 unsorted finite values and change
 * nothing; with count 0 they return NaN. */
#ifndef SFT_LIB_STATS_H
#define SFT_LIB_STATS_H

#include <stddef.h>

double sft_stats_median(const double *values, size_t count);

/* Linear interpolation between the closest ranks (type 7 of Hyndman and Fan, NumPy's default);
 * fraction from 0 to 1. */
double sft_stats_quantile(const double *values, size_t count, double fraction);

/* Median absolute deviation from the median, not scaled. */
double sft_stats_mad(const double *values, size_t count);

double sft_stats_mean(const double *values, size_t count);

/* Of the values' logarithms; they are above 0. */
double sft_stats_log_mean(const double *values, size_t count);

/* What the largest of so many numbers of the standard normal distribution is on average; 0 for one.
 */
double sft_stats_largest(double count);

#endif
