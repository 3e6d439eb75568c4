/* SPDX-License-Identifier: Apache-2.0 */
#include "report/goals.h"

#include <string.h>

static const struct goal_rate rates[] = {
    { "llama-7b", "7B", 8, 1280 },
    { "llama-13b", "13B", 8, 640 },
    { "llama-70b", "70B", 8, 160 },
    { NULL, NULL, 0, 0 },
};

static const struct goal_scaling scalings[] = { { 2, 95 }, { 4, 90 }, { 8, 80 }, { 0, 0 } };

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
            if (cell->ranks == goal->ranks && cell->count > 0 && (cell->marks & GROUP_SYNTHETIC) == 0
                && rate > most) {
                best = cell;
                most = rate;
                *series = s;
            }
        }
    }
    return best;
}
