/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/goodput.h"

#include <math.h>

double sft_outages_interval(double thousand_days, double nodes)
{
    const double day = 86400;
    return 1000 * day / (thousand_days * nodes);
}

double sft_goodput(const struct sft_outages *o, double every)
{
    double through = expm1((every + o->checkpoint) / o->interval);
    return every / (exp(o->restart / o->interval) * o->interval * through);
}

/* Where its derivative is 0: 1 - x = exp(-x - c / m) of x = every / m. The left side falls, the
 * right one falls less: one crossing, between 0 and 1. */
double sft_goodput_best(const struct sft_outages *o)
{
    double low = 0, high = 1, cost = o->checkpoint / o->interval;
    for (int i = 0; i < 60; i++) {
        double x = (low + high) / 2;
        if (1 - x > exp(-x - cost))
            low = x;
        else
            high = x;
    }
    return low * o->interval;
}
