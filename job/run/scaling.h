/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast of many nodes: what a run on each number of nodes would choose, and its timeline. */
#ifndef SFT_JOB_RUN_SCALING_H
#define SFT_JOB_RUN_SCALING_H

#include "job/data/input.h"
#include "lib/ceilings.h"

/* --plan of a model and nodes: a table of 1, 2, 4, ... nodes up to the request's, 8 at least. */
void scaling_print(const struct input *input, const struct sft_request *request,
                   const struct sft_gpu *gpu);
/* --plan --json: one object for the plan's own number of nodes: whether and how it fits, and the
 * estimated step. */
void scaling_print_json(const struct input *input, const struct sft_request *request,
                        const struct sft_gpu *gpu);

#endif
