/* SPDX-License-Identifier: Apache-2.0 */
/* The card of a saved model: README.md as Hugging Face shows it. */
#ifndef SFT_JOB_RUN_CARD_H
#define SFT_JOB_RUN_CARD_H

#include "job/run/run.h"

/* In the folder, of what is `saved` there: the model it began with, data, recipe, figures and the
 * job, out of rank 0's record. */
int card_write(const struct run *run, const struct sft_preset *saved, const char *folder,
               struct sft_error *err);

#endif
