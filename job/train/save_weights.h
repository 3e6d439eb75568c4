/* SPDX-License-Identifier: Apache-2.0 */
/* A model's weights into files, each rank its own part. */
#ifndef SFT_JOB_TRAIN_SAVE_WEIGHTS_H
#define SFT_JOB_TRAIN_SAVE_WEIGHTS_H

#include "job/train/training.h"
#include "job/weights/save.h"

/* Collective: into the opened files, which are then on the disk and closed. Unit by unit, so that
 * nobody waits longer for another than for a unit. */
int save_weights(const struct training *training, struct save *save, struct sft_error *err);

/* The same of the model without adapters, each folded into the matrix that it stands beside, in
 * fp32: into what the frozen weights mean that it was trained with, so that the saved model is the
 * trained one. */
int save_merged(const struct training *training, struct save *save, struct sft_error *err);

#endif
