/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strverscmp */
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

const char *const group_keys[GROUP_KEYS] = {
    "tokenizer", "template", "data_sum",     "workload",     "form",    "lora_rank",
    "optimizer", "base",     "lora_targets", "lora_dropout", "scaling", /* software: */
    "version",   "cuda",     "blas",                                    /* the way: */
    "states",    "zero",     "recompute",    "pinned",       "nccl",    "mpi"};
/* Repeats may differ in these, and say so. */
static const char *const others[] = {"hosts",  "seed",     "lr",       "steps",      "measure_s",
                                     "warmup", "nccl_env", "nic_gbps", "peak_tflops"};

/* Of ranks, which there are more of on more nodes: how many of them. */
static const char *pinned_of(const struct row *row)
{
    double pinned = real_of(row, "pinned"), ranks = real_of(row, "ranks");
    return isnan(pinned) || isnan(ranks) ? ""
           : pinned >= ranks             ? "all"
           : pinned > 0                  ? "some"
                                         : "none";
}

/* Throughput of the first form is another figure. */
static const char *key_of(const struct row *row, const char *key)
{
    if (strcmp(key, "form") == 0)
        return row->marks & ROW_MEDIAN ? "median" : "";
    if (strcmp(key, "pinned") == 0)
        return pinned_of(row);
    return text_of(row, key);
}

/* A row and what decides where it stands, looked up once. */
struct run {
    const struct row *row;
    struct group_series series; /* without cells */
    double parameters;          /* of its model */
    int nodes, ranks;
    unsigned aside; /* group_aside_of */
};

static double size_of(const char *model)
{
    const struct sft_preset *preset = sft_preset_find(model);
    return preset != NULL ? (double)sft_params_count(preset) : INFINITY;
}

static struct run run_of(const struct row *row)
{
    int nodes = whole_of(row, "nodes"), ranks = whole_of(row, "ranks");
    struct run run = {.row = row, .nodes = nodes, .ranks = ranks, .aside = group_aside_of(row)};
    run.series = (struct group_series){
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
        run.series.key[i] = key_of(row, group_keys[i]);
    run.parameters = size_of(run.series.model);
    return run;
}

static int work_compare(const struct run *x, const struct run *y)
{
    const struct group_series *a = &x->series, *b = &y->series;
    int order = (x->parameters > y->parameters) - (x->parameters < y->parameters);
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

static int way_compare(const struct run *a, const struct run *b)
{
    int order = 0;
    for (int i = GROUP_SOFTWARE_KEYS; order == 0 && i < GROUP_KEYS; i++)
        order = strcmp(a->series.key[i], b->series.key[i]);
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

static bool same_size(const struct run *a, const struct run *b)
{
    return a->nodes == b->nodes && a->ranks == b->ranks;
}

static int runs_compare(const struct run *a, const struct run *b, bool ways)
{
    int order = work_compare(a, b);
    if (order == 0 && ways)
        order = way_compare(a, b);
    const long long keys[][2] = {{a->nodes, b->nodes},
                                 {a->ranks, b->ranks},
                                 {a->row->started, b->row->started},
                                 {a->row->job_id, b->row->job_id}};
    for (size_t i = 0; order == 0 && i < sizeof keys / sizeof keys[0]; i++)
        order = (keys[i][0] > keys[i][1]) - (keys[i][0] < keys[i][1]);
    return order != 0 ? order : strverscmp(row_step(a->row), row_step(b->row)); /* 9, then 10 */
}

static int runs_by_work(const void *a, const void *b)
{
    return runs_compare(a, b, false);
}

static int runs_by_way(const void *a, const void *b)
{
    return runs_compare(a, b, true);
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
    for (size_t i = 1; i < cell->count; i++) {
        if (strcmp(cell->run[i]->cluster, cell->run[0]->cluster) != 0)
            return true;
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
            if (strcmp(text_of(cell->run[i], others[k]), text_of(cell->run[0], others[k])) != 0)
                return true;
    }
    return false;
}

/* Of the repeats in the order in which they ran. */
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
        marks |= cell->run[i]->marks & ROW_UNSTEADY ? GROUP_UNSTEADY : 0;
        marks |= cell->run[i]->marks & ROW_MEDIAN ? GROUP_OLD : 0;
        marks |= cell->run[i]->marks & ROW_FILE ? GROUP_FILES : 0;
        marks |= cell->run[i]->marks & ROW_PEAK ? GROUP_PEAK : 0;
    }
    if (cell->aside > 0)
        marks |= GROUP_ASIDE;
    marks |= cell_shape(cell);
    if (tok_s.count > 1 && (tok_s.max - tok_s.min) / tok_s.median > GROUP_WIDE)
        marks |= GROUP_SPREAD;
    return marks;
}

static int cell_make(struct group_cell *cell, const struct run *run, size_t count,
                     struct sft_error *err)
{
    *cell = (struct group_cell){.nodes = run[0].nodes, .ranks = run[0].ranks, .efficiency = NAN};
    cell->run = calloc(count, sizeof *cell->run);
    cell->aside_run = calloc(count, sizeof *cell->aside_run);
    cell->aside_why = calloc(count, sizeof *cell->aside_why);
    if (cell->run == NULL || cell->aside_run == NULL || cell->aside_why == NULL)
        return sft_error_set(err, "no memory for groups of runs");
    for (size_t i = 0; i < count; i++) {
        if (run[i].aside == 0) {
            cell->run[cell->count++] = run[i].row;
        } else {
            cell->aside_why[cell->aside] = run[i].aside;
            cell->aside_run[cell->aside++] = run[i].row;
        }
    }
    cell->marks = cell_marks(cell);
    return 0;
}

/* tok_s a rank, as the page shows it: a rank does the same work at every number of nodes. */
static double cell_rate(const struct group_cell *cell)
{
    return cell->ranks > 0 ? group_figure(cell, "tok_s").median / cell->ranks : NAN;
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

/* How many runs from the first on belong together. */
static size_t run_length(const struct run *run, size_t count, enum together what)
{
    size_t length = 1;
    while (length < count && work_compare(&run[0], &run[length]) == 0 &&
           (what != SERIES_OF_A_WAY || way_compare(&run[0], &run[length]) == 0) &&
           (what != CELL || same_size(&run[0], &run[length])))
        length++;
    return length;
}

/* Were counted runs of one size done in several ways? Then none of them are repeats of the others.
 */
static bool has_ways(const struct run *run, size_t count)
{
    const struct run *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (run[i].aside != 0)
            continue;
        if (first == NULL || !same_size(first, &run[i]))
            first = &run[i];
        else if (way_compare(first, &run[i]) != 0)
            return true;
    }
    return false;
}

static int series_make(struct group_series *series, const struct run *run, size_t count,
                       struct sft_error *err)
{
    *series = run[0].series;
    series->cell = calloc(count, sizeof *series->cell);
    if (series->cell == NULL)
        return sft_error_set(err, "no memory for groups of runs");
    for (size_t begin = 0; begin < count;) {
        size_t length = run_length(run + begin, count - begin, CELL);
        if (cell_make(&series->cell[series->count++], run + begin, length, err) < 0)
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
static int work_make(struct groups *groups, struct run *run, size_t count, struct sft_error *err)
{
    bool ways = has_ways(run, count);
    if (ways)
        qsort(run, count, sizeof *run, runs_by_way);
    for (size_t begin = 0; begin < count;) {
        size_t length = run_length(run + begin, count - begin, ways ? SERIES_OF_A_WAY : SERIES);
        if (series_make(&groups->series[groups->count++], run + begin, length, err) < 0)
            return -1;
        begin += length;
    }
    return 0;
}

/* Where each row stands, in the order of the series; NULL without memory. */
static struct run *runs_sorted(const struct rows *rows)
{
    struct run *runs = calloc(rows->count, sizeof *runs);
    if (runs == NULL)
        return NULL;
    for (size_t i = 0; i < rows->count; i++)
        runs[i] = run_of(rows->row[i]);
    qsort(runs, rows->count, sizeof *runs, runs_by_work);
    return runs;
}

int groups_make(struct groups *groups, const struct rows *rows, struct sft_error *err)
{
    memset(groups, 0, sizeof *groups);
    groups->rows = rows;
    groups->runs = rows->count;
    if (rows->count == 0)
        return 0;
    struct run *runs = runs_sorted(rows);
    groups->series = calloc(rows->count, sizeof *groups->series);
    if (runs == NULL || groups->series == NULL) {
        free(runs);
        groups_clear(groups);
        return sft_error_set(err, "no memory for groups of runs");
    }
    int rc = 0;
    for (size_t begin = 0; rc == 0 && begin < rows->count;) {
        size_t length = run_length(runs + begin, rows->count - begin, SERIES);
        rc = work_make(groups, runs + begin, length, err);
        begin += length;
    }
    free(runs);
    if (rc < 0)
        groups_clear(groups);
    else {
        groups_count(groups);
        group_titles(groups);
    }
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

bool group_next(const struct groups *groups, struct group_place *place)
{
    size_t i = 0, k = 0;
    if (place->series != NULL) {
        i = (size_t)(place->series - groups->series);
        k = (size_t)(place->cell - place->series->cell) + 1;
    }
    for (; i < groups->count; i++, k = 0)
        for (; k < groups->series[i].count; k++)
            if (groups->series[i].cell[k].count > 0) {
                place->series = &groups->series[i];
                place->cell = &place->series->cell[k];
                return true;
            }
    return false;
}

const char *group_mark_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("fewer than 3 repeats"),
        N_("other states, sharing, recomputation, pinning or collectives than on the fewest nodes"),
        N_("synthetic data"),
        N_("a comment was edited; the admin comment counts"),
        N_("runs stand aside"),
        N_("the repeats differ by more than 5%"),
        N_("the repeats' cluster, hosts, network, seed, learning rate, length or NCCL_* differ"),
        N_("a repeat stands apart from the others"),
        N_("the repeats rise or fall from run to run"),
        /* xgettext:no-c-format */
        N_("unsteady: throughput is more than 2% off that of the median step"),
        N_("older records, whose throughput is work over the median step"),
        N_("read from a result.json: nobody but who wrote it stands for it"),
        N_("MFU is of a peak that user or site said, not of the data sheet's"),
    };
    return group_bit_text(texts, sizeof texts / sizeof texts[0], bit);
}
