/* SPDX-License-Identifier: Apache-2.0 */
/* What a pending job waits for, by the reason that Slurm gives. Pure functions. */
#ifndef SWEEP_WAITS_H
#define SWEEP_WAITS_H

#include "sweep/state.h"

enum waits {
    WAITS_TURN,  /* for other jobs */
    WAITS_LIMIT, /* for a limit of an account, a QOS or a partition, which other jobs may fill */
    WAITS_NODE,  /* for a node that is down, drained or reserved */
    WAITS_HELD,  /* for somebody to release it */
    WAITS_NEVER  /* it cannot begin */
};

enum waits waits_read(const char *reason);

/* Does the job wait for what does not come with time alone? */
bool waits_for_help(const struct sweep_job *job);

/* One line: the job, Slurm's reason and what to type. */
void waits_say(const struct sweep_job *job, FILE *out);

/* Is nothing running, and has every pending job needed help for that many looks, or waits for one
 * that does? */
bool waits_for_nothing(const struct sweep_state *state, int looks);

#endif
