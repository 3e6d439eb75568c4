/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "accounts/grid.h"
#include "report/group_print.h"

static double log_mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += log(values[i]);
    return sum / (double)count;
}

/* Of the mean: the sample's variance over its count. */
static double log_variance(const double *values, size_t count, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pow(log(values[i]) - mean, 2);
    return sum / (double)(count - 1) / (double)count;
}

/* P(T <= t) for t >= 0 by the regularized incomplete beta function's continued fraction (Lentz;
 * Press et al., Numerical Recipes, 6.4). */
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

static double t_distribution(double t, double freedom)
{
    return 1 - 0.5 * beta_regular(freedom / 2, 0.5, freedom / (freedom + t * t));
}

double compare_t975(double freedom)
{
    double low = 0, high = 1000;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (t_distribution(middle, freedom) < 0.975)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

static void interval(struct compare_ratio *r, double va, size_t na, double vb, size_t nb)
{
    double both = va + vb;
    /* Repeats that are all the same tell nothing of their spread but that it is small. */
    double freedom = both > 0
                         ? both * both / (va * va / (double)(na - 1) + vb * vb / (double)(nb - 1))
                         : (double)(na + nb - 2);
    double half = compare_t975(freedom) * sqrt(both);
    r->low = r->ratio * exp(-half);
    r->high = r->ratio * exp(half);
}

struct compare_ratio compare_figures(const double *a, size_t na, const double *b, size_t nb)
{
    double ma = log_mean(a, na), mb = log_mean(b, nb);
    struct compare_ratio r = {
        sft_stats_median(a, na), sft_stats_median(b, nb), exp(mb - ma), NAN, NAN, COMPARE_TOO_FEW};
    if (na < 2 || nb < 2)
        return r;
    interval(&r, log_variance(a, na, ma), na, log_variance(b, nb, mb), nb);
    if (na >= GROUP_REPEATS && nb >= GROUP_REPEATS)
        r.verdict = r.low > 1 ? COMPARE_FASTER : r.high < 1 ? COMPARE_SLOWER : COMPARE_NONE;
    return r;
}

const char *compare_verdict_text(enum compare_verdict verdict)
{
    static const char *const texts[] = {"B is faster", "B is slower",
                                        "no difference beyond the spread", "too few repeats"};
    return texts[verdict];
}

static const struct grid_column columns[] = {
    {"series", "SERIES", "", true},
    {"nodes", "NODES", "", false},
    {"a_runs", "RUNS A", "", false},
    {"b_runs", "RUNS B", "", false},
    {"a_tok_s", "SPEED A", "tokens/s", false},
    {"b_tok_s", "SPEED B", "tokens/s", false},
    {"ratio", "B/A", "", false},
    {"low", "FROM", "95%", false},
    {"high", "TO", "95%", false},
    {"verdict", "VERDICT", "", true},
    {NULL, NULL, NULL, false},
};

static bool same_keys(const struct group_series *a, const struct group_series *b, int from, int to)
{
    for (int i = from; i < to; i++)
        if (strcmp(a->key[i], b->key[i]) != 0)
            return false;
    return true;
}

/* The same work: all that tells series apart but device, software and way, which is what two
 * clusters, or before and after, differ in. */
static bool same_work(const struct group_series *a, const struct group_series *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->method, b->method) == 0 &&
           strcmp(a->precision, b->precision) == 0 && strcmp(a->data, b->data) == 0 &&
           a->seq == b->seq && a->micro_batch == b->micro_batch &&
           a->accumulation == b->accumulation && a->ranks_per_node == b->ranks_per_node &&
           same_keys(a, b, 0, GROUP_WORK_KEYS);
}

/* Of several the one that was done in the same way. */
static const struct group_cell *cell_find(const struct groups *groups,
                                          const struct group_series *series,
                                          const struct group_cell *cell)
{
    const struct group_cell *found = NULL;
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; same_work(&groups->series[i], series) && k < groups->series[i].count;
             k++) {
            const struct group_cell *other = &groups->series[i].cell[k];
            if (other->nodes == cell->nodes && other->ranks == cell->ranks && other->count > 0 &&
                (found == NULL ||
                 same_keys(&groups->series[i], series, GROUP_SOFTWARE_KEYS, GROUP_KEYS)))
                found = other;
        }
    return found;
}

/* The counted runs' tok_s; all of them have it, or they would not count. */
static double *cell_speeds(const struct group_cell *cell)
{
    double *values = calloc(cell->count, sizeof *values);
    for (size_t i = 0; values != NULL && i < cell->count; i++)
        values[i] = sft_record_get_real(&cell->run[i]->record, "tok_s", NAN);
    return values;
}

static int pair_add(struct grid *grid, const char *title, const struct group_cell *a,
                    const struct group_cell *b)
{
    double *x = cell_speeds(a), *y = cell_speeds(b);
    int rc = -1;
    if (x != NULL && y != NULL && grid_line(grid) == 0) {
        struct compare_ratio r = compare_figures(x, a->count, y, b->count);
        rc = grid_set(grid, "series", "%s", title) | grid_set(grid, "nodes", "%d", a->nodes) |
             grid_set(grid, "a_runs", "%zu", a->count) | grid_set(grid, "b_runs", "%zu", b->count) |
             grid_set_real(grid, "a_tok_s", r.a, 0) | grid_set_real(grid, "b_tok_s", r.b, 0) |
             grid_set_real(grid, "ratio", r.ratio, 4) | grid_set_real(grid, "low", r.low, 4) |
             grid_set_real(grid, "high", r.high, 4) |
             grid_set(grid, "verdict", "%s", compare_verdict_text(r.verdict));
    }
    free(x);
    free(y);
    return rc;
}

/* What only `groups` has. */
static void print_alone(const struct groups *groups, const struct groups *other, char which,
                        FILE *out)
{
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++) {
            const struct group_cell *cell = &groups->series[i].cell[k];
            char title[256];
            group_title(groups, &groups->series[i], title, sizeof title);
            if (cell->count > 0 && cell_find(other, &groups->series[i], cell) == NULL)
                fprintf(out, "only in %c: %s on %d node%s\n", which, title, cell->nodes,
                        cell->nodes == 1 ? "" : "s");
        }
}

int compare_print(const struct groups *a, const struct groups *b, enum options_form form, FILE *out,
                  struct sft_error *err)
{
    struct grid grid;
    int rc = 0;
    grid_init(&grid, columns);
    for (size_t i = 0; rc == 0 && i < a->count; i++)
        for (size_t k = 0; rc == 0 && k < a->series[i].count; k++) {
            const struct group_cell *cell = &a->series[i].cell[k];
            const struct group_cell *other =
                cell->count > 0 ? cell_find(b, &a->series[i], cell) : NULL;
            char title[256];
            group_title(a, &a->series[i], title, sizeof title);
            if (other != NULL)
                rc = pair_add(&grid, title, cell, other);
        }
    rc = rc < 0 ? sft_error_set(err, "no memory for the comparison")
                : grid_write(&grid, (enum grid_form)form, out, err);
    grid_clear(&grid);
    if (rc == 0 && form == OPTIONS_TABLE) {
        print_alone(a, b, 'A', out);
        print_alone(b, a, 'B', out);
    }
    return rc;
}
