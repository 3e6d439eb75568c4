/* SPDX-License-Identifier: Apache-2.0 */
/* What --check and --plan print of a run. */
#ifndef SFT_JOB_RUN_PREVIEW_H
#define SFT_JOB_RUN_PREVIEW_H

#include "job/data/input.h"
#include "job/weights/weights.h"
#include "job/run/options.h"

/* --check: what was found. */
void preview_check(const struct input *input, const struct weights *weights);
/* --plan, with --json and --goals. Returns the exit status: SFT_EXIT_FAILED where it does not fit,
 * and then the GPUs on which it would are named, or where the goals cannot be read. */
int preview_plan(const struct input *input, const struct options *options);

#endif
