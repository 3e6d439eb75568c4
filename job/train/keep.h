/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that trained, as they were once, in the host's memory: each rank has its part, all
 * together the model once. Frozen ones stay as they are. */
#ifndef SFT_JOB_TRAIN_KEEP_H
#define SFT_JOB_TRAIN_KEEP_H

#include "job/train/training.h"

struct keep;

/* NULL and err without memory. */
struct keep *keep_create(const struct training *training, struct sft_error *err);
void keep_destroy(struct keep *keep); /* NULL does nothing */

/* Keep what the weights are now; waits. Not collective. */
int keep_take(struct keep *keep, struct sft_error *err);
/* Collective: the weights are again what was kept. Optimizer states are not: training does not go
 * on from here. */
int keep_give(struct keep *keep, struct sft_error *err);

#endif
