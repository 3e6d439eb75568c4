/* SPDX-License-Identifier: Apache-2.0 */
/* In a task, as the user, before its exec: the node's module and what it wants to know. */
#ifndef SFT_SPANK_PLACE_H
#define SFT_SPANK_PLACE_H

#include <stdbool.h>

#include "lib/error.h"
#include "spank/conf.h"
#include "spank/slurm_compat.h"

/* In slurmstepd, before it forks. -1: the tasks then know less of each other. */
int place_prepare(spank_t spank, struct sft_error *err);

/* Bind this task near its GPU, unless the request says bind=none; true when it is bound. The
 * task's environment gets what was done (node/said.h). Whatever fails, the task starts: the reason
 * is there. */
bool place_task(spank_t spank, const struct conf *conf);

#endif
