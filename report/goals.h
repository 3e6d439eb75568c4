/* SPDX-License-Identifier: Apache-2.0 */
/* What the runs are held against: samples a second on 8 GPUs, scaling efficiency and GPU utilization. */
#ifndef REPORT_GOALS_H
#define REPORT_GOALS_H

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

/* The cell with the highest median of samples_s among those with counted runs of that model, real data and that
 * many ranks; NULL: not measured. */
const struct group_cell *goal_cell(const struct groups *groups, const struct goal_rate *goal,
                                   const struct group_series **series);

#endif
