/* SPDX-License-Identifier: Apache-2.0 */
/* Runs against the goals that somebody has set (lib/goals.h). Only runs of a goal's own work decide
 * it: its workload, method and precision, samples of its length, nothing cut. */
#ifndef REPORT_GOALS_H
#define REPORT_GOALS_H

#include <math.h>
#include <stdbool.h>

#include "lib/goals.h"
#include "report/group.h"

/* Why runs of the goal's model, on its nodes or GPUs, do not decide it. */
enum goal_why {
    GOAL_WORKLOAD = 1, /* of another workload, or generated where the goal names none */
    GOAL_METHOD = 2,   /* method or precision */
    GOAL_CUT = 4,      /* records were cut, or the run does not say that none was */
    GOAL_SAMPLES = 8,  /* longer or shorter samples */
    GOAL_OLD = 16,     /* of the first form: a median, padding in it */
    GOAL_BASE = 32,    /* scaling: one node was not measured */
};

/* One figure beside its goal: of a rate the fastest configuration's, for a single one is enough; of
 * scaling and GPU utilization the lowest, for they are about all that ran. */
struct goal_check {
    const struct sft_goal *goal;
    size_t of;                         /* configurations and numbers of nodes that it is one of */
    double value;                      /* in the goal's unit; NaN: not measured */
    double needs;                      /* % of the peak, of a rate; NaN: not known */
    unsigned why;                      /* of enum goal_why, where it is not measured */
    const struct group_series *series; /* NULL: not measured */
    const struct group_cell *cell;
};

struct goal_checks {
    const struct sft_goals *goals;
    const char *device; /* whose peak `needs` is a share of; NULL: none is known */
    size_t count;
    struct goal_check *check; /* one for each goal */
};

/* goals NULL: no checks. Fails without memory. */
int goal_checks_make(struct goal_checks *checks, const struct sft_goals *goals,
                     const struct groups *groups, struct sft_error *err);
void goal_checks_clear(struct goal_checks *checks);

/* Untranslated, of one bit. */
const char *goal_why_text(unsigned bit);

static inline bool goal_is_measured(const struct goal_check *check)
{
    return !isnan(check->value);
}

static inline bool goal_is_met(const struct goal_check *check)
{
    return check->value >= sft_goal_value(check->goal);
}

static inline bool goal_is_beyond(const struct goal_check *check)
{
    return sft_goal_is_beyond(check->needs);
}

/* Digits behind the point with which value and goal look as they compare: 94.96 of 95 is no
 * "95.0, not met". */
int goal_digits(const struct goal_check *check);

#endif
