/* SPDX-License-Identifier: Apache-2.0 */
/* What Slurm's controller says of partitions, nodes and allocations. */
#ifndef SFT_SPANK_FACTS_H
#define SFT_SPANK_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/plan.h"
#include "spank/gres.h"

/* The largest of the partitions `names` ("a,b"; NULL or "": the cluster's default one). With
 * `gpus` only nodes that have GPUs count, if any has; never the hosts of `exclude` ("node[3,5-7]", "": none). */
int facts_partition(struct sft_cluster *cluster, const char *names, bool gpus, const char *exclude,
                    struct sft_error *err);

/* The shape of the allocation that we are in. */
int facts_allocation(struct sft_cluster *cluster, uint32_t job_id, struct sft_error *err);

#endif
