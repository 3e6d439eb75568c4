/* SPDX-License-Identifier: Apache-2.0 */
#include "report/goals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/roofline.h"
#include "report/group_internal.h"
#include "report/lang.h"

static bool is_other(const char *wanted, const char *text)
{
    return wanted[0] != '\0' && strcmp(wanted, text) != 0;
}

/* A rate of no said workload is about real records; other goals are about any. */
static bool is_other_workload(const struct sft_goal *goal, const struct row *row)
{
    if (goal->workload[0] == '\0')
        return goal->kind == SFT_GOAL_RATE && (row->marks & ROW_SYNTHETIC) != 0;
    return !sft_goal_is_work(goal, text_of(row, "workload"), text_of(row, "data"));
}

static unsigned row_why(const struct sft_goal *goal, const struct row *row)
{
    bool whole = real_of(row, "cut") == 0, fit = sft_goal_is_length(goal, sample_length_of(row));
    unsigned why = is_other_workload(goal, row) ? GOAL_WORKLOAD : 0;
    if (is_other(goal->method, text_of(row, "method")) ||
        is_other(goal->precision, text_of(row, "precision")))
        why |= GOAL_METHOD;
    if (row->record.form == 1)
        return why | GOAL_OLD;
    return why | (whole ? 0u : GOAL_CUT) | (fit ? 0u : GOAL_SAMPLES);
}

static unsigned cell_why(const struct sft_goal *goal, const struct group_cell *cell)
{
    unsigned why = 0;
    for (size_t i = 0; i < cell->count; i++)
        why |= row_why(goal, cell->run[i]);
    return why;
}

/* Is the goal about this place, whatever ran there? */
static bool is_about(const struct sft_goal *goal, const struct group_series *series,
                     const struct group_cell *cell)
{
    return cell->count > 0 && !is_other(goal->model, series->model) &&
           (goal->nodes < 0 || goal->nodes == cell->nodes) &&
           (goal->gpus < 0 || goal->gpus == cell->ranks) &&
           (goal->kind == SFT_GOAL_SCALING ? cell->nodes > 1
                                           : strcmp(series->backend, "cuda") == 0);
}

static double cell_value(const struct sft_goal *goal, const struct group_cell *cell)
{
    double tok_s = group_figure(cell, "tok_s").median;
    switch (goal->kind) {
    case SFT_GOAL_SCALING:
        return cell->efficiency;
    case SFT_GOAL_USE:
        return group_figure(cell, "gpu_util").median;
    case SFT_GOAL_RATE:
        break;
    }
    return goal->samples_s > 0 ? tok_s / goal->sample_tokens : tok_s / cell->ranks;
}

/* The highest peak of bf16 among the devices and MIG slices that ran, or of FP8 where the goal says
 * so. */
static double peak_of(struct goal_checks *checks, const struct sft_goal *goal,
                      const struct groups *groups)
{
    double most = NAN;
    for (size_t i = 0; i < groups->count; i++) {
        double peak =
            sft_roofline_peak(groups->series[i].device, 0, strcmp(goal->precision, "fp8") == 0);
        if (groups->series[i].base_nodes > 0 && peak > 0 && !(peak <= most)) {
            most = peak;
            checks->device = groups->series[i].device;
        }
    }
    return most;
}

/* The most that ran on a node: with these a rate of some nodes asks the least of each. */
static int gpus_of_node(const struct groups *groups)
{
    int most = 0;
    for (size_t i = 0; i < groups->count; i++)
        if (groups->series[i].base_nodes > 0 && strcmp(groups->series[i].backend, "cuda") == 0 &&
            groups->series[i].ranks_per_node > most)
            most = groups->series[i].ranks_per_node;
    return most;
}

static bool is_decisive(const struct goal_check *check, const struct goal_check *than)
{
    if (isnan(than->value))
        return true;
    return check->goal->kind == SFT_GOAL_RATE ? check->value > than->value
                                              : check->value < than->value;
}

static void judge(struct goal_check *decided, const struct group_series *series,
                  const struct group_cell *cell)
{
    struct goal_check check = *decided;
    unsigned why = cell_why(check.goal, cell);
    if (check.goal->kind == SFT_GOAL_SCALING && series->base_nodes != 1)
        why |= GOAL_BASE;
    decided->why |= why;
    check.value = why == 0 ? cell_value(check.goal, cell) : NAN;
    if (isnan(check.value))
        return;
    check.series = series;
    check.cell = cell;
    check.of = ++decided->of;
    check.why = decided->why;
    if (is_decisive(&check, decided))
        *decided = check;
}

static struct goal_check check_of(struct goal_checks *checks, const struct sft_goal *goal,
                                  const struct groups *groups)
{
    struct goal_check check = {.goal = goal, .value = NAN};
    check.needs = 100 * sft_goal_tflops(goal, gpus_of_node(groups)) / peak_of(checks, goal, groups);
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++)
            if (is_about(goal, &groups->series[i], &groups->series[i].cell[k]))
                judge(&check, &groups->series[i], &groups->series[i].cell[k]);
    return check;
}

int goal_checks_make(struct goal_checks *checks, const struct sft_goals *goals,
                     const struct groups *groups, struct sft_error *err)
{
    *checks = (struct goal_checks){goals, NULL, 0, NULL};
    if (goals == NULL)
        return 0;
    checks->check = calloc(goals->count + 1, sizeof *checks->check);
    if (checks->check == NULL)
        return sft_error_set(err, "no memory for %zu goals", goals->count);
    for (size_t i = 0; i < goals->count; i++)
        checks->check[checks->count++] = check_of(checks, &goals->goal[i], groups);
    return 0;
}

void goal_checks_clear(struct goal_checks *checks)
{
    free(checks->check);
    *checks = (struct goal_checks){NULL, NULL, 0, NULL};
}

const char *goal_why_text(unsigned bit)
{
    static const char *const texts[] = {
        N_("other workload"),
        N_("other method or precision"),
        N_("records were cut, or the run does not say that none was"),
        N_("samples of another length"),
        N_("older records, whose throughput is a median with padding"),
        N_("one node was not measured"),
    };
    return group_bit_text(texts, sizeof texts / sizeof texts[0], bit);
}

int goal_digits(const struct goal_check *check)
{
    double goal = sft_goal_value(check->goal), value = check->value;
    int digits = sft_goal_digits(check->goal);
    while (digits < 6 && (fabs(sft_goal_rounded(goal, digits) - goal) > 1e-9 * goal ||
                          (isfinite(value) && value < goal &&
                           sft_goal_rounded(value, digits) >= sft_goal_rounded(goal, digits))))
        digits++;
    return digits;
}
