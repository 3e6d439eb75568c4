/* SPDX-License-Identifier: Apache-2.0 */
#include "report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "accounts/grid.h"
#include "report/group_print.h"
#include "report/repeats.h"
#include "report/lang.h"

/* Of the mean: the sample's variance over its count. */
static double log_variance(const double *values, size_t count, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pow(log(values[i]) - mean, 2);
    return sum / (double)(count - 1) / (double)count;
}

static void interval(struct compare_ratio *r, double va, size_t na, double vb, size_t nb)
{
    /* Repeats that are all the same tell nothing of their spread but that it is small. */
    va = fmax(va, REPEATS_FLOOR * REPEATS_FLOOR / (double)na);
    vb = fmax(vb, REPEATS_FLOOR * REPEATS_FLOOR / (double)nb);
    double both = va + vb;
    double freedom = both * both / (va * va / (double)(na - 1) + vb * vb / (double)(nb - 1));
    double half = repeats_t(COMPARE_QUANTILE, freedom) * sqrt(both);
    r->low = r->ratio * exp(-half);
    r->high = r->ratio * exp(half);
}

struct compare_ratio compare_figures(const double *a, size_t na, const double *b, size_t nb)
{
    double ma = sft_stats_log_mean(a, na), mb = sft_stats_log_mean(b, nb);
    struct compare_ratio r = {exp(ma), exp(mb), exp(mb - ma), NAN, NAN, NAN, COMPARE_TOO_FEW};
    if (na < GROUP_REPEATS || nb < GROUP_REPEATS)
        return r;
    interval(&r, log_variance(a, na, ma), na, log_variance(b, nb, mb), nb);
    r.verdict = r.low > 1 ? COMPARE_FASTER : r.high < 1 ? COMPARE_SLOWER : COMPARE_NONE;
    if (r.verdict == COMPARE_NONE)
        r.hidden = 100 * fmax(r.high - 1, 1 - r.low);
    return r;
}

const char *compare_verdict_text(enum compare_verdict verdict)
{
    static const char *const texts[] = {N_("B is faster"), N_("B is slower"),
                                        N_("no difference beyond the spread"),
                                        N_("too few repeats")};
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
    {"hidden", "HIDDEN", "%", false},
    {"verdict", "VERDICT", "", true},
    {"marks", "MARK", "", true},
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
 * clusters, or before and after, differ in; and what was asked to differ. */
static bool same_work(const struct group_series *a, const struct group_series *b, unsigned across)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->data, b->data) == 0 &&
           (strcmp(a->method, b->method) == 0 || (across & OPTIONS_METHOD)) &&
           (strcmp(a->precision, b->precision) == 0 || (across & OPTIONS_PRECISION)) &&
           a->seq == b->seq && a->micro_batch == b->micro_batch &&
           a->accumulation == b->accumulation && a->ranks_per_node == b->ranks_per_node &&
           same_keys(a, b, 0, GROUP_WORK_KEYS);
}

/* The series' cell for as many nodes and ranks, where both are the same work. */
static const struct group_cell *cell_in(const struct group_series *other,
                                        const struct group_series *series,
                                        const struct group_cell *cell, unsigned across)
{
    for (size_t k = 0; same_work(other, series, across) && k < other->count; k++)
        if (other->cell[k].nodes == cell->nodes && other->cell[k].ranks == cell->ranks &&
            other->cell[k].count > 0)
            return &other->cell[k];
    return NULL;
}

/* The counted runs' tok_s; all of them have it, or they would not count. */
static double *cell_speeds(const struct group_cell *cell)
{
    double *values = calloc(cell->count, sizeof *values);
    for (size_t i = 0; values != NULL && i < cell->count; i++)
        values[i] = sft_record_get_real(&cell->run[i]->record, "tok_s", NAN);
    return values;
}

static int pair_add(struct compare *compare, struct compare_pair pair)
{
    struct compare_pair *grown =
        realloc(compare->pair, (compare->count + 1) * sizeof *compare->pair);
    if (grown == NULL)
        return -1;
    compare->pair = grown;
    double *x = cell_speeds(pair.a), *y = cell_speeds(pair.b);
    int rc = x != NULL && y != NULL ? 0 : -1;
    if (rc == 0) {
        pair.ratio = compare_figures(x, pair.a->count, y, pair.b->count);
        compare->pair[compare->count++] = pair;
    }
    free(x);
    free(y);
    return rc;
}

/* Of several the one that was done in the same way; across what was asked all of them. */
static int pairs_of(struct compare *compare, const struct group_series *series,
                    const struct group_cell *cell)
{
    struct compare_pair found = {.a_series = series, .a = cell};
    for (size_t i = 0; i < compare->b->count; i++) {
        const struct group_series *other = &compare->b->series[i];
        const struct group_cell *same = cell_in(other, series, cell, compare->across);
        if (same == NULL)
            continue;
        if (found.b == NULL || compare->across != 0 ||
            same_keys(other, series, GROUP_SOFTWARE_KEYS, GROUP_KEYS)) {
            found.b_series = other;
            found.b = same;
        }
        if (compare->across != 0 && pair_add(compare, found) < 0)
            return -1;
    }
    return found.b == NULL || compare->across != 0 ? 0 : pair_add(compare, found);
}

int compare_make(struct compare *compare, const struct groups *a, const struct groups *b,
                 unsigned across, struct sft_error *err)
{
    *compare = (struct compare){.a = a, .b = b, .across = across};
    struct group_place place = {NULL, NULL};
    while (group_next(a, &place))
        if (pairs_of(compare, place.series, place.cell) < 0)
            return sft_error_set(err, "no memory for the comparison");
    return 0;
}

void compare_clear(struct compare *compare)
{
    free(compare->pair);
    compare->pair = NULL;
    compare->count = 0;
}

bool compare_next_alone(const struct compare *compare, const struct groups *groups,
                        struct group_place *place)
{
    const struct groups *other = groups == compare->a ? compare->b : compare->a;
    while (group_next(groups, place)) {
        size_t i = 0;
        while (i < other->count &&
               cell_in(&other->series[i], place->series, place->cell, compare->across) == NULL)
            i++;
        if (i == other->count)
            return true;
    }
    return false;
}

bool compare_is_across(const struct compare_pair *pair)
{
    return strcmp(pair->a_series->method, pair->b_series->method) != 0 ||
           strcmp(pair->a_series->precision, pair->b_series->precision) != 0;
}

void compare_title(const struct compare_pair *pair, char *text, size_t size)
{
    char other[256];
    group_title(pair->a_series, text, size);
    group_title(pair->b_series, other, sizeof other);
    size_t used = strlen(text);
    if (compare_is_across(pair))
        snprintf(text + used, size - used, " / %s", other);
}

void compare_marks(const struct compare_pair *pair, char text[COMPARE_MARKS])
{
    char a[16], b[16];
    group_letters(pair->a->marks, a);
    group_letters(pair->b->marks, b);
    snprintf(text, COMPARE_MARKS, "%s%s%s", a, strcmp(a, b) == 0 ? "" : "/",
             strcmp(a, b) == 0 ? "" : b);
}

static int line_add(struct grid *grid, const struct compare_pair *pair)
{
    const struct compare_ratio *r = &pair->ratio;
    char title[512], marks[COMPARE_MARKS];
    compare_title(pair, title, sizeof title);
    compare_marks(pair, marks);
    return grid_line(grid) < 0
               ? -1
               : grid_set(grid, "series", "%s", title) |
                     grid_set(grid, "nodes", "%d", pair->a->nodes) |
                     grid_set(grid, "a_runs", "%zu", pair->a->count) |
                     grid_set(grid, "b_runs", "%zu", pair->b->count) |
                     grid_set_real(grid, "a_tok_s", r->a, 0) |
                     grid_set_real(grid, "b_tok_s", r->b, 0) |
                     grid_set_real(grid, "ratio", r->ratio, 4) |
                     grid_set_real(grid, "low", r->low, 4) |
                     grid_set_real(grid, "high", r->high, 4) |
                     grid_set_real(grid, "hidden", r->hidden, 1) |
                     grid_set(grid, "verdict", "%s", compare_verdict_text(r->verdict)) |
                     grid_set(grid, "marks", "%s", marks);
}

unsigned compare_all_marks(const struct compare *compare)
{
    unsigned marks = 0;
    for (size_t i = 0; i < compare->count; i++)
        marks |= compare->pair[i].a->marks | compare->pair[i].b->marks;
    return marks;
}

/* What only `groups` has. */
static void print_alone(const struct compare *compare, const struct groups *groups, FILE *out)
{
    struct group_place place = {NULL, NULL};
    while (compare_next_alone(compare, groups, &place)) {
        char title[256];
        group_title(place.series, title, sizeof title);
        fprintf(out, "only in %c: %s on %d node%s\n", groups == compare->a ? 'A' : 'B', title,
                place.cell->nodes, place.cell->nodes == 1 ? "" : "s");
    }
}

int compare_print(const struct compare *compare, enum options_form form, FILE *out,
                  struct sft_error *err)
{
    struct grid grid;
    int rc = 0;
    grid_init(&grid, columns);
    for (size_t i = 0; rc == 0 && i < compare->count; i++)
        rc = line_add(&grid, &compare->pair[i]);
    rc = rc < 0 ? sft_error_set(err, "no memory for the comparison")
                : grid_write(&grid, (enum grid_form)form, out, err);
    grid_clear(&grid);
    if (rc == 0 && form == OPTIONS_TABLE) {
        group_print_marks(compare_all_marks(compare), out);
        print_alone(compare, compare->a, out);
        print_alone(compare, compare->b, out);
        group_print_aside(compare->a, " in A", out);
        group_print_aside(compare->b, " in B", out);
    }
    return rc;
}
