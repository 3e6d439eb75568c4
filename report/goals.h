/* SPDX-License-Identifier: Apache-2.0 */
/* What the runs are held against: samples a second on 8 GPUs, scaling efficiency and GPU
 * utilization. */
#ifndef REPORT_GOALS_H
#define REPORT_GOALS_H

#include <stdbool.h>

#include "report/group.h"

#define GOAL_UTILIZATION 90 /* % of the time, by NVML */

struct goal_rate {
    const char *model, *title; /* preset; "7B" */
    int ranks;
    double samples_s;
};

struct goal_scaling {
    int nodes;
    double efficiency; /* % */
};

/* Ended by a NULL model, and by 0 nodes. */
const struct goal_rate *goal_rates(void);
const struct goal_scaling *goal_scalings(void);

/* The goal for so many nodes; 0: there is none. */
double goal_efficiency(int nodes);

/* The cell with the highest median of samples_s among those with counted runs of that model, real
 * data and that many ranks; NULL: not measured. */
const struct group_cell *goal_cell(const struct groups *groups, const struct goal_rate *goal,
                                   const struct group_series **series);

/* One figure beside its goal. */
struct goal_check {
    enum goal_kind { GOAL_RATE, GOAL_SCALING, GOAL_USE } kind;
    const struct goal_rate *rate;      /* of GOAL_RATE, else NULL */
    int nodes;                         /* of GOAL_SCALING */
    double goal, value;                /* samples/s or %; NaN: not measured */
    const struct group_series *series; /* NULL where no configuration was measured */
    const struct group_cell *cell;     /* NULL: not measured */
};

struct goal_checks {
    size_t count;
    struct goal_check *check;
};

/* The rates of all models; the scaling to each number of nodes of every series that was measured on
 * one node and on more; GPU utilization of every cell with counted runs. Fails without memory. */
int goal_checks_make(struct goal_checks *checks, const struct groups *groups,
                     struct sft_error *err);
void goal_checks_clear(struct goal_checks *checks);

static inline bool goal_is_measured(const struct goal_check *check)
{
    return check->value == check->value; /* not NaN */
}

static inline bool goal_is_met(const struct goal_check *check)
{
    return check->value >= check->goal;
}

#endif
