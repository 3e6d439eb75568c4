/* SPDX-License-Identifier: Apache-2.0 */
#include "job/verify/judge.h"

#include <math.h>

#include "lib/stats.h"

void series_add(struct series *series, const double *values, int count)
{
    for (int i = 0; i < count && series->count < JUDGE_SERIES; i++)
        series->value[series->count++] = values[i];
    if (series->first == 0)
        series->first = series->count;
}

double series_median(const struct series *series)
{
    return sft_stats_median(series->value, (size_t)series->count);
}

double series_median_again(const struct series *series)
{
    return sft_stats_median(series->value + series->first, (size_t)(series->count - series->first));
}
