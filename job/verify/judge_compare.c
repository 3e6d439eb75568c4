/* SPDX-License-Identifier: Apache-2.0 */
/* Medians beside medians, one check at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "job/verify/judge_internal.h"
#include "lib/stats.h"

enum { FEW_GPUS = 4 };

/* MAD of so few values estimates low: factors of Croux and Rousseeuw (1992), by their number. */
static double mad_factor(int count)
{
    static const double factors[] = {0, 0, 1.196, 1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107};
    if (count < 2)
        return 0;
    return 1.4826 * (count < 10 ? factors[count] : count / (count - 0.8));
}

double series_sigma(const struct series *series)
{
    double median = series_median(series);
    if (!(median > 0))
        return 0;
    return mad_factor(series->count) * sft_stats_mad(series->value, (size_t)series->count) / median;
}

/* 1.2533: that of the normal distribution. */
double median_error(double sigma, int count)
{
    return count < 3 ? sigma / sqrt(count) : 1.2533 * sigma / sqrt(count);
}

/* One check's medians, where there are any, in their order. */
struct table {
    int count;
    int nodes;      /* different ones */
    int repeats;    /* of the one that has fewest */
    double sigma;   /* of one repeat, typical */
    double *median; /* [count] */
    int *node;      /* [count] */
    double *others; /* [count] room */
};

static void table_free(struct table *table)
{
    free(table->median);
    free(table->node);
    free(table->others);
}

static int table_make(struct table *table, int room)
{
    *table = (struct table){.median = calloc((size_t)room, sizeof *table->median),
                            .node = calloc((size_t)room, sizeof *table->node),
                            .others = calloc((size_t)room, sizeof *table->others)};
    if (table->median != NULL && table->node != NULL && table->others != NULL)
        return 0;
    table_free(table);
    return -1;
}

/* Insertion: most often there are few ranks, and always few calls. */
static void table_add(struct table *table, const struct series *series, int node,
                      const struct compared *found)
{
    double median = found->value;
    bool known = false;
    int at = table->count;
    for (int i = 0; i < table->count && !known; i++)
        known = table->node[i] == node;
    table->nodes += !known;
    if (table->count == 0 || series->count < table->repeats)
        table->repeats = series->count;
    table->others[table->count++] = found->sigma; /* for table_close */
    for (; at > 0 && table->median[at - 1] > median; at--) {
        table->median[at] = table->median[at - 1];
        table->node[at] = table->node[at - 1];
    }
    table->median[at] = median;
    table->node[at] = node;
}

static void table_close(struct table *table)
{
    double sigma = sft_stats_median(table->others, (size_t)table->count);
    table->sigma = sigma > JUDGE_SIGMA_LEAST ? sigma : JUDGE_SIGMA_LEAST;
}

/* Medians of other nodes, or, `own`, of the node's other ranks, in their order: of the node's own
 * one with that value is left out. */
static int table_pick(const struct table *table, int node, double value, bool own)
{
    int count = 0;
    bool left = false;
    for (int i = 0; i < table->count; i++) {
        bool self = own && !left && table->node[i] == node && table->median[i] == value;
        left = left || self;
        if (!self && (table->node[i] == node) == own)
            table->others[count++] = table->median[i];
    }
    return count;
}

static double sorted_median(const double *sorted, int count)
{
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static double ratio_of(bool less, double value, double reference)
{
    return less ? reference / value : value / reference;
}

/* The spread between the others leaves no room for it. */
static bool z_is_low(bool less, const double *others, int count, double value, double reference)
{
    double off = less ? reference - value : value - reference;
    return 0.6745 * off < JUDGE_Z * sft_stats_mad(others, (size_t)count);
}

static void compare_others(const struct table *table, const struct series *series, int node,
                           bool own, const struct check_traits *traits, struct compared *found)
{
    int count = table_pick(table, node, found->value, own);
    bool many = own || table->nodes >= JUDGE_FEW_NODES;
    double limit = many ? traits->limit : traits->limit_few;
    if (count < (own ? FEW_GPUS - 1 : 1))
        return;
    double reference = sorted_median(table->others, count);
    double ratio = ratio_of(traits->less, found->value, reference);
    double error = hypot(median_error(fmax(found->sigma, table->sigma), series->count),
                         median_error(median_error(table->sigma, table->repeats), count));
    bool far = ratio * (1 + JUDGE_SIGMAS * error) < limit &&
               (!many || z_is_low(traits->less, table->others, count, found->value, reference));
    found->held = true;
    if (isnan(found->ratio) || ratio < found->ratio) {
        found->ratio = ratio;
        found->reference = reference;
        found->by = own ? BY_GPUS : BY_NODES;
    }
    found->suspect = found->suspect || ratio < limit;
    found->again = found->again || ratio * (1 - JUDGE_DOUBT * error) < limit;
    found->bad = found->bad || (far && series->count > series->first);
}

/* What no healthy one has is told by the floor, wherever the others are. */
static void compare_floor(const struct series *series, const struct check_traits *traits,
                          double floor, struct compared *found)
{
    found->held = found->held || floor > 0;
    if (floor <= 0 || ratio_of(traits->less, found->value, floor) >= 1)
        return;
    found->suspect = found->again = true;
    found->bad = found->bad || ratio_of(traits->less, series_median_again(series), floor) < 1;
    if (isnan(found->ratio) || found->ratio >= 1) {
        found->ratio = ratio_of(traits->less, found->value, floor);
        found->reference = floor;
        found->by = BY_FLOOR;
    }
}

void judge_compare(const struct judge_input *input, enum check check, struct compared *ranks)
{
    const struct check_traits *traits = &check_traits[check];
    struct table table;
    for (int i = 0; i < input->ranks; i++)
        ranks[i] = (struct compared){.ratio = NAN, .value = NAN, .reference = NAN};
    if (table_make(&table, input->ranks > 0 ? input->ranks : 1) < 0)
        return;
    for (int i = 0; i < input->ranks; i++) {
        const struct series *series = &input->rank[i].series[check];
        ranks[i].measured = series->count > 0;
        if (!ranks[i].measured)
            continue;
        ranks[i].value = series_median(series);
        ranks[i].sigma = series_sigma(series);
        table_add(&table, series, input->rank[i].node, &ranks[i]);
    }
    table_close(&table);
    for (int i = 0; i < input->ranks; i++) {
        const struct judge_rank *rank = &input->rank[i];
        const struct series *series = &rank->series[check];
        const char *source;
        if (series->count == 0)
            continue;
        compare_others(&table, series, rank->node, false, traits, &ranks[i]);
        compare_others(&table, series, rank->node, true, traits, &ranks[i]);
        compare_floor(series, traits, check_floor(check, rank->facts.name, 0, &source), &ranks[i]);
    }
    table_free(&table);
}
