/* SPDX-License-Identifier: Apache-2.0 */
/* Do the nodes of a run go together? Asked at every start, before a device is opened: one line for
 * each thing that differs, which names the nodes. */
#ifndef SFT_JOB_RUN_ALIKE_H
#define SFT_JOB_RUN_ALIKE_H

#include "job/run/ranks.h"
#include "job/run/software.h"

/* Collective, between ranks_meet and ranks_join. Warnings on rank 0's stderr. -1 on all ranks where
 * the run must not begin: on rank 0 err says why, on the others it is "". brief: on rank 0 what
 * differs, for the record; "" elsewhere, and where nothing does. */
int alike_check(struct ranks *ranks, char brief[SOFTWARE_BRIEF], struct sft_error *err);

#endif
