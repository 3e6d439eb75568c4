/* SPDX-License-Identifier: Apache-2.0 */
#include "report/group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/params.h"
#include "lib/preset.h"
#include "lib/stats.h"
#include "report/group_internal.h"
#include "report/lang.h"
#include "report/repeats.h"

#define GROUP_WIDE 0.05 /* spread of repeats that is marked */

const char *const group_keys[GROUP_KEYS] = {"tokenizer", "data_sum",  "workload", "form",
                                            "version",   "cuda",      "blas",     "states",
                                            "zero",      "recompute", "nccl",     "mpi"};
/* Repeats may differ in these, and say so. */
static const char *const others[] = {"hosts", "seed", "steps", "measure_s", "warmup", "nccl_env"};

/* Throughput of the first form is another figure. */
static const char *key_of(const struct row *row, const char *key)
{
    if (strcmp(key, "form") == 0)
        return row->marks & ROW_MEDIAN ? "median" : "";
    return text_of(row, key);
}

static struct group_series series_of(const struct row *row)
{
    int nodes = whole_of(row, "nodes"), ranks = whole_of(row, "ranks");
    struct group_series series = {
        .model = text_of(row, "model"),
        .method = text_of(row, "method"),
        .precision = text_of(row, "precision"),
        .data = text_of(row, "data"),
        .device = text_of(row, "device"),
        .backend = text_of(row, "backend"),
        .seq = whole_of(row, "seq"),
        .micro_batch = whole_of(row, "micro_batch"),
        .accumulation = whole_of(row, "accumulation"),
        .ranks_per_node = nodes > 0 ? ranks / nodes : 0,
    };
    for (int i = 0; i < GROUP_KEYS; i++)
        series.key[i] = key_of(row, group_keys[i]);
    return series;
}

static double size_of(const char *model)
{
    const struct sft_preset *preset = sft_preset_find(model);
    return preset != NULL ? (double)sft_params_count(preset) : INFINITY;
}

static int compare_sizes(const char *a, const char *b)
{
    double x = size_of(a), y = size_of(b);
    return (x > y) - (x < y);
}

static int series_compare(const struct group_series *a, const struct group_series *b)
{
    int order = compare_sizes(a->model, b->model);
    const char *const texts[][2] = {{a->model, b->model},         {a->method, b->method},
                                    {a->precision, b->precision}, {a->data, b->data},
                                    {a->device, b->device},       {a->backend, b->backend}};
    const int wholes[][2] = {{a->seq, b->seq},
                             {a->micro_batch, b->micro_batch},
                             {a->accumulation, b->accumulation},
                             {a->ranks_per_node, b->ranks_per_node}};
    for (size_t i = 0; order == 0 && i < sizeof texts / sizeof texts[0]; i++)
        order = strcmp(texts[i][0], texts[i][1]);
    for (size_t i = 0; order == 0 && i < sizeof wholes / sizeof wholes[0]; i++)
        order = (wholes[i][0] > wholes[i][1]) - (wholes[i][0] < wholes[i][1]);
    for (int i = 0; order == 0 && i < GROUP_SOFTWARE_KEYS; i++)
        order = strcmp(a->key[i], b->key[i]);
    return order;
}

static int way_compare(const struct row *a, const struct row *b)
{
    int order = 0;
    for (int i = GROUP_SOFTWARE_KEYS; order == 0 && i < GROUP_KEYS; i++)
        order = strcmp(key_of(a, group_keys[i]), key_of(b, group_keys[i]));
    return order;
}

/* Did a cell do it in another way than the first one? A lone rank has no collectives. */
static bool is_other_way(const struct row *row, const struct row *first)
{
    for (int i = GROUP_SOFTWARE_KEYS; i < GROUP_KEYS; i++) {
        const char *here = key_of(row, group_keys[i]), *there = key_of(first, group_keys[i]);
        if (strcmp(here, there) != 0 &&
            (i < GROUP_COLLECTIVE_KEYS || (*here != '\0' && *there != '\0')))
            return true;
    }
    return false;
}

static bool same_size(const struct row *a, const struct row *b)
{
    return whole_of(a, "nodes") == whole_of(b, "nodes") &&
           whole_of(a, "ranks") == whole_of(b, "ranks");
}

static int rows_compare(const struct row *a, const struct row *b, bool ways)
{
    const struct group_series x = series_of(a), y = series_of(b);
    int order = series_compare(&x, &y);
    if (order == 0 && ways)
        order = way_compare(a, b);
    const double keys[][2] = {{whole_of(a, "nodes"), whole_of(b, "nodes")},
                              {whole_of(a, "ranks"), whole_of(b, "ranks")},
                              {(double)a->job_id, (double)b->job_id}};
    for (size_t i = 0; order == 0 && i < sizeof keys / sizeof keys[0]; i++)
        order = (keys[i][0] > keys[i][1]) - (keys[i][0] < keys[i][1]);
    return order != 0 ? order : strcmp(row_step(a), row_step(b));
}

static int rows_by_group(const void *a, const void *b)
{
    return rows_compare(*(const struct row *const *)a, *(const struct row *const *)b, false);
}

static int rows_by_way(const void *a, const void *b)
{
    return rows_compare(*(const struct row *const *)a, *(const struct row *const *)b, true);
}

struct group_figure group_figure(const struct group_cell *cell, const char *key)
{
    struct group_figure figure = {0, NAN, NAN, NAN, NAN};
    double *values = calloc(cell->count + 1, sizeof *values);
    for (size_t i = 0; values != NULL && i < cell->count; i++) {
        double value = real_of(cell->run[i], key);
        if (isfinite(value))
            values[figure.count++] = value;
    }
    for (size_t i = 0; i < figure.count; i++) {
        figure.min = i == 0 ? values[i] : fmin(figure.min, values[i]);
        figure.max = i == 0 ? values[i] : fmax(figure.max, values[i]);
    }
    if (figure.count > 0) {
        figure.median = sft_stats_median(values, figure.count);
        figure.mad = sft_stats_mad(values, figure.count);
    }
    free(values);
    return figure;
}

static bool cell_has_others(const struct group_cell *cell)
{
    for (size_t i = 1; i < cell->count; i++)
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            if (strcmp(text_of(cell->run[i], others[k]), text_of(cell->run[0], others[k])) != 0)
                return true;
    return false;
}

/* Of the repeats in the order of their jobs. */
static unsigned cell_shape(const struct group_cell *cell)
{
    double *values = calloc(cell->count + 1, sizeof *values);
    unsigned marks = 0;
    if (values == NULL)
        return 0;
    for (size_t i = 0; i < cell->count; i++)
        values[i] = real_of(cell->run[i], "tok_s");
    if (repeats_outlier(values, cell->count))
        marks |= GROUP_OUTLIER;
    if (repeats_drift(values, cell->count))
        marks |= GROUP_DRIFT;
    free(values);
    return marks;
}

static unsigned cell_marks(const struct group_cell *cell)
{
    struct group_figure tok_s = group_figure(cell, "tok_s");
    unsigned marks = 0;
    if (cell->count < GROUP_REPEATS)
        marks |= GROUP_FEW;
    if (cell_has_others(cell))
        marks |= GROUP_OTHERS;
    for (size_t i = 0; i < cell->count; i++) {
        marks |= cell->run[i]->marks & ROW_SYNTHETIC ? GROUP_SYNTHETIC : 0;
        marks |= cell->run[i]->marks & ROW_EDITED ? GROUP_EDITED : 0;
    }
    if (cell->aside > 0)
        marks |= GROUP_ASIDE;
    marks |= cell_shape(cell);
    if (tok_s.count > 1 && (tok_s.max - tok_s.min) / tok_s.median > GROUP_WIDE)
        marks |= GROUP_SPREAD;
    return marks;
}

static int cell_make(struct group_cell *cell, struct row *const *row, size_t count,
                     struct sft_error *err)
{
    *cell = (struct group_cell){
        .nodes = whole_of(row[0], "nodes"), .ranks = whole_of(row[0], "ranks"), .efficiency = NAN};
    cell->run = calloc(count, sizeof *cell->run);
    cell->aside_run = calloc(count, sizeof *cell->aside_run);
    cell->aside_why = calloc(count, sizeof *cell->aside_why);
    if (cell->run == NULL || cell->aside_run == NULL || cell->aside_why == NULL)
        return sft_error_set(err, "no memory for groups of runs");
    for (size_t i = 0; i < count; i++) {
        unsigned why = group_aside_of(row[i]);
        if (why == 0) {
            cell->run[cell->count++] = row[i];
        } else {
            cell->aside_why[cell->aside] = why;
            cell->aside_run[cell->aside++] = row[i];
        }
    }
    cell->marks = cell_marks(cell);
    return 0;
}

/* samples_s a rank: a rank does the same work at every number of nodes. */
static double cell_rate(const struct group_cell *cell)
{
    return cell->ranks > 0 ? group_figure(cell, "samples_s").median / cell->ranks : NAN;
}

static void series_judge(struct group_series *series)
{
    double base = NAN;
    const struct row *first = NULL;
    for (size_t i = 0; i < series->count; i++) {
        struct group_cell *cell = &series->cell[i];
        if (cell->count > 0 && series->base_nodes == 0) {
            series->base_nodes = cell->nodes;
            base = cell_rate(cell);
            first = cell->run[0];
        }
        if (cell->count > 0 && is_other_way(cell->run[0], first))
            cell->marks |= GROUP_WAYS;
        series->marks |= cell->marks;
        if (cell->count == 0)
            continue;
        cell->efficiency = 100 * cell_rate(cell) / base;
    }
}

enum together { SERIES, SERIES_OF_A_WAY, CELL };

/* How many rows from the first on belong together. */
static size_t run_length(struct row *const *row, size_t count, enum together what)
{
    const struct group_series first = series_of(row[0]);
    size_t length = 1;
    for (; length < count; length++) {
        const struct group_series next = series_of(row[length]);
        if (series_compare(&first, &next) != 0 ||
            (what == SERIES_OF_A_WAY && way_compare(row[0], row[length]) != 0) ||
            (what == CELL && !same_size(row[0], row[length])))
            break;
    }
    return length;
}

/* Were counted runs of one size done in several ways? Then none of them are repeats of the others.
 */
static bool has_ways(struct row *const *row, size_t count)
{
    const struct row *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (group_aside_of(row[i]) != 0)
            continue;
        if (first != NULL && same_size(first, row[i]) && way_compare(first, row[i]) != 0)
            return true;
        first = first != NULL && same_size(first, row[i]) ? first : row[i];
    }
    return false;
}

static int series_make(struct group_series *series, struct row *const *row, size_t count,
                       struct sft_error *err)
{
    *series = series_of(row[0]);
    series->cell = calloc(count, sizeof *series->cell);
    if (series->cell == NULL)
        return sft_error_set(err, "no memory for groups of runs");
    for (size_t begin = 0; begin < count;) {
        size_t length = run_length(row + begin, count - begin, CELL);
        if (cell_make(&series->cell[series->count++], row + begin, length, err) < 0)
            return -1;
        begin += length;
    }
    series_judge(series);
    return 0;
}

static void groups_count(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++)
            groups->counted += groups->series[i].cell[k].count;
}

/* The series of one work. */
static int work_make(struct groups *groups, struct row **row, size_t count, struct sft_error *err)
{
    bool ways = has_ways(row, count);
    if (ways)
        qsort(row, count, sizeof *row, rows_by_way);
    for (size_t begin = 0; begin < count;) {
        size_t length = run_length(row + begin, count - begin, ways ? SERIES_OF_A_WAY : SERIES);
        if (series_make(&groups->series[groups->count++], row + begin, length, err) < 0)
            return -1;
        begin += length;
    }
    return 0;
}

int groups_make(struct groups *groups, const struct rows *rows, struct sft_error *err)
{
    memset(groups, 0, sizeof *groups);
    groups->runs = rows->count;
    if (rows->count == 0)
        return 0;
    struct row **sorted = calloc(rows->count, sizeof *sorted);
    groups->series = calloc(rows->count, sizeof *groups->series);
    int rc = 0;
    if (sorted == NULL || groups->series == NULL)
        rc = sft_error_set(err, "no memory for groups of runs");
    if (sorted != NULL) {
        memcpy(sorted, rows->row, rows->count * sizeof *sorted);
        qsort(sorted, rows->count, sizeof *sorted, rows_by_group);
    }
    for (size_t begin = 0; rc == 0 && begin < rows->count;) {
        size_t length = run_length(sorted + begin, rows->count - begin, SERIES);
        rc = work_make(groups, sorted + begin, length, err);
        begin += length;
    }
    free(sorted);
    if (rc < 0)
        groups_clear(groups);
    else
        groups_count(groups);
    return rc;
}

void groups_clear(struct groups *groups)
{
    if (groups == NULL)
        return;
    for (size_t i = 0; i < groups->count; i++) {
        for (size_t k = 0; k < groups->series[i].count; k++) {
            free(groups->series[i].cell[k].run);
            free(groups->series[i].cell[k].aside_run);
            free(groups->series[i].cell[k].aside_why);
        }
        free(groups->series[i].cell);
    }
    free(groups->series);
    memset(groups, 0, sizeof *groups);
}

const char *group_mark_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("fewer than 3 repeats"),
        N_("other states, sharing, recomputation or collectives than on the fewest nodes"),
        N_("synthetic data"),
        N_("a comment was edited; the admin comment counts"),
        N_("runs stand aside"),
        N_("the repeats differ by more than 5%"),
        N_("repeats of different hosts, seed, length or NCCL variables"),
        N_("a repeat stands apart from the others"),
        N_("the repeats rise or fall from run to run"),
    };
    return group_bit_text(texts, sizeof texts / sizeof texts[0], bit);
}
