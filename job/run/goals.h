/* SPDX-License-Identifier: Apache-2.0 */
/* --plan --goals FILE: each goal of the file, sft-goals(5), held against what is derived for a run
 * of its model on its GPUs, before anything runs. */
#ifndef SFT_JOB_RUN_GOALS_H
#define SFT_JOB_RUN_GOALS_H

#include <jansson.h>

#include "job/run/scaling.h"
#include "lib/goals.h"

/* What a plan says of one goal. Values are in what the goal counts: samples/s, tokens/s of a GPU,
 * or %. */
struct goal_outlook {
    const struct sft_goal *goal;
    const struct sft_preset *model; /* that is planned: the goal's, else the request's */
    int nodes, gpus;                /* of a node; nodes 0: not to be planned */
    double low, high;               /* NaN: nothing is predicted, and why says the reason */
    double needs;    /* % of the device's peak that a rate asks for; NaN: no rate, or not known */
    double sustains; /* % of that peak that matrix products reach; NaN: not known */
    bool fp8; /* that peak is FP8's: the goal's precision, or the plan's where it says none */
    struct sft_error why;
    char cause[SCALING_CAUSE]; /* of a scaling above 100%, else "" */
};

/* The goal at its own model and size, all else as the request says it. */
void goal_look(struct goal_outlook *outlook, const struct sft_goal *goal,
               const struct forecast_question *question);

/* "would be met", "would not be met", "open" (inside the range), "cannot be met" (needs more than
 * the peak) or "not predicted": of the figures as they are printed. */
const char *goal_verdict(const struct goal_outlook *outlook);

/* All of a file that was read from `path`. */
void goals_print(const struct sft_goals *goals, const char *path,
                 const struct forecast_question *question);
json_t *goals_json(const struct sft_goals *goals, const struct forecast_question *question);

#endif
