/* SPDX-License-Identifier: Apache-2.0 */
/* What --check and --plan print of a run. */
#ifndef SFT_JOB_RUN_PREVIEW_H
#define SFT_JOB_RUN_PREVIEW_H

#include "job/data/input.h"
#include "lib/ceilings.h"

/* --check: what was found. */
void preview_check(const struct input *input);
/* --plan */
void preview_plan(const struct input *input, const struct sft_request *request,
                  const struct sft_gpu *gpu);

#endif
