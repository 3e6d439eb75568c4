/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin told each task of the cores, memory and NICs that it has (SFT_BENCH_PLACE). */
#ifndef SFT_JOB_PLACEMENT_H
#define SFT_JOB_PLACEMENT_H

#include "job/comm.h"
#include "lib/record.h"

/* Collective. On rank 0: into the record how many ranks are pinned and where rank 0 is, and one line on
 * stderr when some are not. `hosts`: [size] names of COMM_HOST bytes on rank 0. Nothing without the plugin.
 * record NULL: not rank 0. */
int placement_record(struct comm *comm, const char *hosts, struct sft_record *record,
                     struct sft_error *err);

#endif
