/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int stats_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sft_stats_quantile(const double *values, size_t count, double fraction)
{
    if (count == 0)
        return NAN;
    double *sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL)
        return NAN;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, stats_compare);
    double position = fraction * (double)(count - 1);
    size_t below = (size_t)position;
    size_t above = below + 1 < count ? below + 1 : below;
    double result = sorted[below] + (position - (double)below) * (sorted[above] - sorted[below]);
    free(sorted);
    return result;
}

double sft_stats_median(const double *values, size_t count)
{
    return sft_stats_quantile(values, count, 0.5);
}

double sft_stats_mad(const double *values, size_t count)
{
    if (count == 0)
        return NAN;
    double median = sft_stats_median(values, count);
    double *deviations = malloc(count * sizeof *deviations);
    if (deviations == NULL)
        return NAN;
    for (size_t i = 0; i < count; i++)
        deviations[i] = fabs(values[i] - median);
    double result = sft_stats_median(deviations, count);
    free(deviations);
    return result;
}

double sft_stats_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return count == 0 ? NAN : sum / (double)count;
}

double sft_stats_log_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += log(values[i]);
    return count == 0 ? NAN : sum / (double)count;
}

/* Its distribution is the normal one's to the power of the count; the mean is an integral over
 * both, by the middles of small steps. */
double sft_stats_largest(double count)
{
    enum { END = 10, STEPS = 64 }; /* of 1 */
    double mean = 0;
    for (int i = 0; i < END * STEPS; i++) {
        double above = erfc((i + 0.5) / STEPS / sqrt(2)) / 2;
        mean += (1 - pow(1 - above, count)) - pow(above, count);
    }
    return mean / STEPS;
}
