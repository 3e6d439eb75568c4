/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_RECIPE_H
#define SFT_JOB_RUN_RECIPE_H

#include "job/run/run.h"

/* What makes a run's losses, once it is known what fits: a run that goes on has the same. Ranks,
 * what they share, the micro-batch and what is computed again do not matter. */
void recipe_make(const struct run *run, struct checkpoint_recipe *recipe);

#endif
