/* SPDX-License-Identifier: Apache-2.0 */
/* What --check and --plan print of a run. */
#ifndef SFT_JOB_RUN_PREVIEW_H
#define SFT_JOB_RUN_PREVIEW_H

#include <stdbool.h>

#include "job/data/input.h"

/* --check: what was found. */
void preview_check(const struct input *input);
/* --plan, or --plan --json. Returns the exit status: SFT_EXIT_FAILED where it does not fit, and
 * then the GPUs on which it would are named. */
int preview_plan(const struct input *input, const struct sft_request *request, bool json);

#endif
