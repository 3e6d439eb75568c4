/* SPDX-License-Identifier: Apache-2.0 */
/* What the watchdog knows, and the judgement on it: pure functions. Times are seconds of the
 * judge's own clock, which stands still while the judge is stopped. */
#ifndef SFT_JOB_CONTROL_WATCHDOG_JUDGE_H
#define SFT_JOB_CONTROL_WATCHDOG_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "job/control/progress.h"

#define WATCHDOG_GRACE                                                                             \
    2.0 /* seconds from a closed connection to a verdict: Slurm ends most runs first */
#define WATCHDOG_WHY 768

enum watchdog_state {
    WATCHDOG_UNKNOWN, /* not a word yet */
    WATCHDOG_LIVE,
    WATCHDOG_GONE,  /* its connection closed without goodbye */
    WATCHDOG_ENDED, /* it said goodbye */
};

struct watchdog_row {
    const char *host;
    enum watchdog_state state;
    double heard; /* when it last said something; at first the start */
    double gone;  /* when its connection closed */
    double
        waited; /* seconds that it was inside its collective when it was heard; 0: it was outside */
    struct watchdog_progress progress;
};

struct watchdog_table {
    struct watchdog_row *rows; /* [size] by rank */
    int size;
    double limit; /* of waiting */
    double stale; /* of silence */
};

/* Rank 0's judgement on all. true: end the run, `why` says what is wrong. Silence alone is no
 * fault, for a rank may stand in a debugger, until a live rank waits for longer than the limit. */
bool watchdog_judge(const struct watchdog_table *table, double now, char *why, size_t size);

/* Another rank's judgement on rank 0, which cannot speak for itself. Later the higher the rank, so
 * that mostly one of them speaks. */
bool watchdog_judge_root(const struct watchdog_row *root, const struct watchdog_row *own, int rank,
                         double limit, double now, char *why, size_t size);

#endif
