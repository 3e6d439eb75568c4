/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SFT_JOB_RUN_REQUEUE_H
#define SFT_JOB_RUN_REQUEUE_H

#include "lib/error.h"

/* Asks Slurm, by scontrol, to queue this batch job again; which ends it. 1: it was cancelled, and
 * is not asked for. -1 and err: what scontrol said, or why there is none. */
int requeue_job(struct sft_error *err);

#endif
