/* SPDX-License-Identifier: Apache-2.0 */
#include "report/goals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct goal_rate rates[] = {
    {"llama-7b", "7B", 8, 1280},
    {"llama-13b", "13B", 8, 640},
    {"llama-70b", "70B", 8, 160},
    {NULL, NULL, 0, 0},
};

static const struct goal_scaling scalings[] = {{2, 95}, {4, 90}, {8, 80}, {0, 0}};

const struct goal_rate *goal_rates(void)
{
    return rates;
}

const struct goal_scaling *goal_scalings(void)
{
    return scalings;
}

double goal_efficiency(int nodes)
{
    for (const struct goal_scaling *goal = scalings; goal->nodes != 0; goal++)
        if (goal->nodes == nodes)
            return goal->efficiency;
    return 0;
}

const struct group_cell *goal_cell(const struct groups *groups, const struct goal_rate *goal,
                                   const struct group_series **series)
{
    const struct group_cell *best = NULL;
    double most = 0;
    for (size_t i = 0; i < groups->count; i++) {
        const struct group_series *s = &groups->series[i];
        if (strcmp(s->model, goal->model) != 0)
            continue;
        for (size_t k = 0; k < s->count; k++) {
            const struct group_cell *cell = &s->cell[k];
            double rate = group_figure(cell, "samples_s").median;
            if (cell->ranks == goal->ranks && cell->count > 0 &&
                (cell->marks & GROUP_SYNTHETIC) == 0 && rate > most) {
                best = cell;
                most = rate;
                *series = s;
            }
        }
    }
    return best;
}

static void add(struct goal_checks *checks, struct goal_check check)
{
    checks->check[checks->count++] = check;
}

static void add_rates(struct goal_checks *checks, const struct groups *groups)
{
    for (const struct goal_rate *goal = rates; goal->model != NULL; goal++) {
        struct goal_check check = {GOAL_RATE, goal, 0, goal->samples_s, NAN, NULL, NULL};
        check.cell = goal_cell(groups, goal, &check.series);
        if (check.cell != NULL)
            check.value = group_figure(check.cell, "samples_s").median;
        add(checks, check);
    }
}

static const struct group_cell *cell_of(const struct group_series *series, int nodes)
{
    for (size_t k = 0; k < series->count; k++)
        if (series->cell[k].nodes == nodes && series->cell[k].count > 0)
            return &series->cell[k];
    return NULL;
}

static void add_scaling(struct goal_checks *checks, const struct group_series *series)
{
    bool more = false;
    for (size_t k = 0; k < series->count; k++)
        more |= series->cell[k].count > 0 && series->cell[k].nodes > 1;
    if (series->base_nodes != 1 || !more)
        return;
    for (const struct goal_scaling *goal = scalings; goal->nodes != 0; goal++) {
        struct goal_check check = {GOAL_SCALING, NULL,   goal->nodes, goal->efficiency,
                                   NAN,          series, NULL};
        check.cell = cell_of(series, goal->nodes);
        if (check.cell != NULL)
            check.value = check.cell->efficiency;
        add(checks, check);
    }
}

static void add_use(struct goal_checks *checks, const struct group_series *series)
{
    for (size_t k = 0; k < series->count; k++) {
        struct group_figure use = group_figure(&series->cell[k], "gpu_util");
        struct goal_check check = {
            GOAL_USE,        NULL, 0, GOAL_UTILIZATION, use.count > 0 ? use.median : NAN, series,
            &series->cell[k]};
        if (series->cell[k].count > 0)
            add(checks, check);
    }
}

int goal_checks_make(struct goal_checks *checks, const struct groups *groups, struct sft_error *err)
{
    size_t room = sizeof rates / sizeof *rates;
    for (size_t i = 0; i < groups->count; i++)
        room += sizeof scalings / sizeof *scalings + groups->series[i].count;
    checks->count = 0;
    checks->check = calloc(room, sizeof *checks->check);
    if (checks->check == NULL)
        return sft_error_set(err, "no memory for %zu goals", room);
    add_rates(checks, groups);
    for (size_t i = 0; i < groups->count; i++)
        add_scaling(checks, &groups->series[i]);
    for (size_t i = 0; i < groups->count; i++)
        add_use(checks, &groups->series[i]);
    return 0;
}

void goal_checks_clear(struct goal_checks *checks)
{
    free(checks->check);
    *checks = (struct goal_checks){0, NULL};
}
