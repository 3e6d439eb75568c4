/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a node can start the job's program at all, seen before it is tried. */
#ifndef SFT_SPANK_START_H
#define SFT_SPANK_START_H

#include "spank/slurm_compat.h"

/* In slurmstepd, before a task is forked: which mounts are the node's own. */
void start_prepare(void);

/* In the task, as the user, last of all. A program that is not there, or whose libraries are not,
 * ends the task: one line of a node on the user's stderr, and rank 0's record tells it, too.
 * Nothing is looked at where a container or a task prolog may still come between. */
void start_check(spank_t spank);

#endif
