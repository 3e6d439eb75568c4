/* SPDX-License-Identifier: Apache-2.0 */
#include "report/repeats.h"

#include <math.h>

#include "lib/stats.h"

/* The incomplete beta function's continued fraction (Lentz; Press et al., Numerical Recipes, 6.4).
 */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), f = d;
    for (int m = 1; m < 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / fmax(1 + even * d, tiny);
        c = fmax(1 + even / c, tiny);
        f *= d * c;
        double next = 1 + odd * d;
        d = 1 / (fabs(next) < tiny ? tiny : next);
        c = 1 + odd / c;
        f *= d * c;
        if (fabs(d * c - 1) < 1e-14)
            break;
    }
    return f;
}

static double beta_regular(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                     : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(T <= t) for t >= 0, by the regularized incomplete beta function. */
static double t_distribution(double t, double freedom)
{
    return 1 - 0.5 * beta_regular(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double repeats_t(double p, double freedom)
{
    double low = 0, high = 1e6;
    for (int i = 0; i < 200; i++) {
        double middle = (low + high) / 2;
        if (t_distribution(middle, freedom) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

enum { LEAST = 4 };
#define LEVEL 0.01 /* of both tests: so many sets of honest repeats are marked */

bool repeats_outlier(const double *values, size_t count)
{
    if (count < LEAST)
        return false;
    double n = (double)count, mean = sft_stats_log_mean(values, count), squares = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        double apart = fabs(log(values[i]) - mean);
        squares += apart * apart;
        most = fmax(most, apart);
    }
    double spread = fmax(sqrt(squares / (n - 1)), REPEATS_FLOOR);
    double t = repeats_t(1 - LEVEL / (2 * n), n - 2);
    return most / spread > (n - 1) / sqrt(n) * sqrt(t * t / (n - 2 + t * t));
}

bool repeats_drift(const double *values, size_t count)
{
    if (count < LEAST)
        return false;
    double n = (double)count, mean = sft_stats_log_mean(values, count), middle = (n - 1) / 2;
    double xx = 0, xy = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        xx += ((double)i - middle) * ((double)i - middle);
        xy += ((double)i - middle) * (log(values[i]) - mean);
    }
    double slope = xy / xx;
    for (size_t i = 0; i < count; i++)
        rest += pow(log(values[i]) - mean - slope * ((double)i - middle), 2);
    double spread = fmax(sqrt(rest / (n - 2)), REPEATS_FLOOR);
    return fabs(slope) * sqrt(xx) / spread > repeats_t(1 - LEVEL / 2, n - 2);
}
