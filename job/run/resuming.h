/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint=: what a run finds there, and goes on from. */
#ifndef SFT_JOB_RUN_RESUMING_H
#define SFT_JOB_RUN_RESUMING_H

#include "job/run/run.h"

/* One process alone, before anything runs: could checkpoints be written, and is there room? */
int resuming_check(const struct sft_request *request, const struct sft_preset *shape,
                   struct sft_error *err);
/* Bytes of one checkpoint, with states as asked for, or the smallest. */
double resuming_bytes(const struct sft_request *request, const struct sft_preset *shape);

/* Collective, once it is known what fits: the same on rank 0, every node sees the folder, and the
 * newest whole checkpoint is one of this run's recipe. */
int resuming_agree(struct run *run, struct sft_error *err);
/* Will the weights that the run begins with be others'? */
bool resuming_replaces(const struct run *run);
/* Collective, once there is an optimizer: the newest one whose sums are right, its damage told of
 * each that is passed over. */
int resuming_load(struct run *run, struct sft_error *err);

/* The run's end, on all ranks: is it complete, or was it told to end? Rank 0 writes so into the
 * record, and has the job queued again where that was asked for. */
int resuming_end(struct run *run, struct sft_error *err);

#endif
