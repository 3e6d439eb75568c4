/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_TRAIN_TRAIN_H
#define SFT_JOB_TRAIN_TRAIN_H

#include "job/train/observer.h"

/* Collective: all steps of the plan, and what the observers record of them. `host`: this rank's.
 * `record` is NULL but on rank 0. */
int train_run(const struct training *training, const char *host, const struct observers *observers,
              struct sft_record *record, struct sft_error *err);

#endif
