/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_DESCRIBE_H
#define SFT_JOB_RUN_DESCRIBE_H

#include "job/run/run.h"

/* Rank 0, and nothing elsewhere: plan, data and versions into the record. */
int describe_run(struct run *run, struct sft_error *err);
/* The summary of a finished run on stdout. */
void describe_summary(const struct run *run);

#endif
