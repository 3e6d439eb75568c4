/* SPDX-License-Identifier: Apache-2.0 */
#include "report/group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/params.h"
#include "lib/preset.h"
#include "lib/roofline.h"
#include "lib/stats.h"
#include "report/lang.h"

/* How far a record's own figures may stand apart: they have six digits. */
#define GROUP_AGREE 0.01
#define GROUP_STEADY 0.02 /* by less a record does not say that it was unsteady */
#define GROUP_WIDE 0.05   /* spread of repeats that is marked */

static const char *const versions[] = {"version", "cuda", "nccl", "mpi", "blas"};

static const char *text_of(const struct row *row, const char *key)
{
    const char *value = sft_record_get(&row->record, key);
    return value != NULL ? value : "";
}

static double real_of(const struct row *row, const char *key)
{
    return sft_record_get_real(&row->record, key, NAN);
}

/* 0 where the record has no such number. */
static int whole_of(const struct row *row, const char *key)
{
    double value = real_of(row, key);
    return value >= 0 && value <= 1e9 ? (int)value : 0;
}

static bool is_positive(double value)
{
    return isfinite(value) && value > 0;
}

/* True also where one of them is not known. */
static bool agree(double a, double b)
{
    return !is_positive(a) || !is_positive(b) || fabs(a - b) <= GROUP_AGREE * fmax(a, b);
}

static bool is_impossible(const struct row *row)
{
    double tflops = real_of(row, "tflops"), mfu = real_of(row, "mfu");
    const struct sft_roofline *roofline = sft_roofline_find(text_of(row, "device"));
    if (!is_positive(real_of(row, "step_ms")) || !is_positive(real_of(row, "tok_s")) ||
        !is_positive(real_of(row, "samples_s")))
        return true;
    double peak = roofline == NULL                                ? 0
                  : strcmp(text_of(row, "precision"), "fp8") == 0 ? roofline->fp8_tflops
                                                                  : roofline->bf16_tflops;
    return (!isnan(tflops) && sft_roofline_check(tflops, peak, "", NULL) < 0) || mfu > 100;
}

/* No more than the tokens that a step can hold, padding too; unsteady: percent by which the median
 * step was faster than all of them. */
static bool is_too_fast(const struct row *row, double tokens)
{
    double unsteady = real_of(row, "unsteady"), step_s = real_of(row, "step_ms") / 1000;
    double median = real_of(row, "tok_s") / (1 - (isnan(unsteady) ? 0 : unsteady) / 100);
    return median * step_s > tokens * (1 + GROUP_AGREE + GROUP_STEADY);
}

/* A step's tokens against the record's throughput: over all measured steps, or, in the first form,
 * the median one. A record that lost its details may say the tokens without padding alone. */
static bool tokens_agree(const struct row *row, double tokens)
{
    double processed = real_of(row, "tok_s_processed"), tok_s = real_of(row, "tok_s");
    double mean_s = real_of(row, "steps_s") / real_of(row, "steps_done");
    if (row->record.form == 1)
        return agree((is_positive(processed) ? processed : tok_s) * real_of(row, "step_ms") / 1000,
                     tokens);
    if (is_too_fast(row, tokens))
        return false;
    return is_positive(processed) ? agree(processed * mean_s, tokens)
                                  : !(tok_s * mean_s > tokens * (1 + GROUP_AGREE));
}

static bool is_inconsistent(const struct row *row)
{
    double tokens = real_of(row, "global_batch") * real_of(row, "seq");
    return !tokens_agree(row, tokens) ||
           !agree(100 * real_of(row, "tflops") / real_of(row, "peak_tflops"), real_of(row, "mfu"));
}

static unsigned aside_of(const struct row *row)
{
    unsigned why = 0;
    if (strcmp(row->state, "complete") != 0)
        why |= GROUP_NOT_COMPLETE;
    if (row->marks & ROW_COMMENT_ALONE)
        why |= GROUP_COMMENT_ALONE;
    if (row->marks & ROW_DOUBTED)
        why |= GROUP_DOUBTED;
    /* A run that ended early has not all figures; then there is nothing to judge. */
    if (why & GROUP_NOT_COMPLETE)
        return why;
    if (is_impossible(row))
        why |= GROUP_IMPOSSIBLE;
    else if (is_inconsistent(row))
        why |= GROUP_INCONSISTENT;
    return why;
}

static struct group_series series_of(const struct row *row)
{
    int nodes = whole_of(row, "nodes"), ranks = whole_of(row, "ranks");
    return (struct group_series){
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
    return order;
}

static int rows_compare(const struct row *a, const struct row *b)
{
    const struct group_series x = series_of(a), y = series_of(b);
    int order = series_compare(&x, &y);
    const double keys[][2] = {{whole_of(a, "nodes"), whole_of(b, "nodes")},
                              {whole_of(a, "ranks"), whole_of(b, "ranks")},
                              {(double)a->job_id, (double)b->job_id}};
    for (size_t i = 0; order == 0 && i < sizeof keys / sizeof keys[0]; i++)
        order = (keys[i][0] > keys[i][1]) - (keys[i][0] < keys[i][1]);
    return order != 0 ? order : strcmp(row_step(a), row_step(b));
}

static int rows_by_group(const void *a, const void *b)
{
    return rows_compare(*(const struct row *const *)a, *(const struct row *const *)b);
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

static bool cell_is_mixed(const struct group_cell *cell)
{
    for (size_t i = 1; i < cell->count; i++)
        for (size_t k = 0; k < sizeof versions / sizeof versions[0]; k++)
            if (strcmp(text_of(cell->run[i], versions[k]), text_of(cell->run[0], versions[k])) != 0)
                return true;
    return false;
}

static unsigned cell_marks(const struct group_cell *cell)
{
    struct group_figure tok_s = group_figure(cell, "tok_s");
    unsigned marks = 0;
    if (cell->count < GROUP_REPEATS)
        marks |= GROUP_FEW;
    if (cell_is_mixed(cell))
        marks |= GROUP_MIXED;
    for (size_t i = 0; i < cell->count; i++) {
        marks |= cell->run[i]->marks & ROW_SYNTHETIC ? GROUP_SYNTHETIC : 0;
        marks |= cell->run[i]->marks & ROW_EDITED ? GROUP_EDITED : 0;
    }
    if (cell->aside > 0)
        marks |= GROUP_ASIDE;
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
        unsigned why = aside_of(row[i]);
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
    for (size_t i = 0; i < series->count; i++) {
        struct group_cell *cell = &series->cell[i];
        series->marks |= cell->marks;
        if (cell->count == 0)
            continue;
        if (series->base_nodes == 0) {
            series->base_nodes = cell->nodes;
            base = cell_rate(cell);
        }
        cell->efficiency = 100 * cell_rate(cell) / base;
    }
}

/* How many rows from the first on belong together; cell: by nodes and ranks, too. */
static size_t run_length(struct row *const *row, size_t count, bool cell)
{
    const struct group_series first = series_of(row[0]);
    size_t length = 1;
    for (; length < count; length++) {
        const struct group_series next = series_of(row[length]);
        if (series_compare(&first, &next) != 0 ||
            (cell && (whole_of(row[length], "nodes") != whole_of(row[0], "nodes") ||
                      whole_of(row[length], "ranks") != whole_of(row[0], "ranks"))))
            break;
    }
    return length;
}

static int series_make(struct group_series *series, struct row *const *row, size_t count,
                       struct sft_error *err)
{
    *series = series_of(row[0]);
    series->cell = calloc(count, sizeof *series->cell);
    if (series->cell == NULL)
        return sft_error_set(err, "no memory for groups of runs");
    for (size_t begin = 0; begin < count;) {
        size_t length = run_length(row + begin, count - begin, true);
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
        size_t length = run_length(sorted + begin, rows->count - begin, false);
        rc = series_make(&groups->series[groups->count++], sorted + begin, length, err);
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

static const char *text_of_bit(const char *const *texts, size_t count, unsigned bit)
{
    for (size_t i = 0; i < count; i++)
        if (bit == 1u << i)
            return texts[i];
    return "";
}

const char *group_aside_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("not complete"),
        N_("in the user's comment alone: no step daemon published it"),
        N_("impossible: above the hardware's roofline, or a figure is missing or not positive"),
        N_("inconsistent: its own figures contradict each other"),
        N_("doubted: program, nodes, ranks or time are not what Slurm and root saw"),
    };
    return text_of_bit(texts, sizeof texts / sizeof texts[0], bit);
}

const char *group_mark_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("fewer than 3 repeats"), N_("mixed versions of software"),
        N_("synthetic data"),       N_("a comment was edited; the admin comment counts"),
        N_("runs stand aside"),     N_("the repeats differ by more than 5%"),
    };
    return text_of_bit(texts, sizeof texts / sizeof texts[0], bit);
}
