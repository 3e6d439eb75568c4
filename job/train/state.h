/* SPDX-License-Identifier: Apache-2.0 */
/* What is trained, between this rank's memory and a checkpoint: values, master values and moments
 * of the parameters that train. */
#ifndef SFT_JOB_TRAIN_STATE_H
#define SFT_JOB_TRAIN_STATE_H

#include "job/checkpoint/checkpoint.h"
#include "job/checkpoint/snapshot.h"
#include "job/train/training.h"

/* Where there are master values they are the value: weights are what they round to. With
 * CHECKPOINT_BEST where weights of an evaluation are kept that are not those after `step`; 0: where
 * some may be. */
void state_formats(const struct training *t, long long step, enum format formats[CHECKPOINT_KINDS]);
/* The parameters that train, without pieces, into an index. -1 and err without memory. */
int state_list(const struct training *t, struct checkpoint *c, struct sft_error *err);
/* Host memory for them, made ready while the caller goes on; needs no optimizer yet. */
int state_reserve(const struct training *t, struct snapshot *s, struct sft_error *err);
/* This rank's elements into host memory, `step` steps being done; waits. All ranks' together are
 * each element once. */
int state_copy(const struct training *t, long long step, struct snapshot *s, struct sft_error *err);
/* What this rank keeps, in the place of what it has, but what evaluations kept; waits. */
int state_load(const struct training *t, struct checkpoint *c, struct sft_error *err);
/* Collective, once all ranks have theirs: the weights reach all that keep them. */
int state_share(const struct training *t, struct sft_error *err);

#endif
