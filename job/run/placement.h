/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin told each task of the cores, memory and NICs that it has (SFT_BENCH_PLACE), and
 * of NCCL's variables (SFT_BENCH_FABRIC). */
#ifndef SFT_JOB_RUN_PLACEMENT_H
#define SFT_JOB_RUN_PLACEMENT_H

#include <stdbool.h>

#include "job/control/control.h"
#include "lib/record.h"

/* Collective. On rank 0: into the record how many ranks are pinned and where rank 0 is, its
 * variables of NCCL and the rate of its node's ports; and on stderr one line when some ranks are
 * not pinned, and where devices talk (on_device) its variables of NCCL in short form and what is
 * wrong with a node's network. `hosts`: [size] names of CONTROL_HOST bytes on rank 0. Nothing
 * without the plugin. record NULL: not rank 0. */
int placement_record(struct control *control, bool on_device, int local_rank, const char *hosts,
                     struct sft_record *record, struct sft_error *err);

#endif
