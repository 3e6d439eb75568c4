/* SPDX-License-Identifier: Apache-2.0 */
/* What Slurm's controller says of partitions, nodes, reservations and allocations. */
#ifndef SFT_SPANK_FACTS_H
#define SFT_SPANK_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/plan.h"
#include "spank/shape.h"

struct facts_partition {
    struct shape_partition shape;
    bool standard; /* the cluster's default one */
    int nodes;
    const char *qos; /* its own, NULL: none */
};

struct facts {
    struct shape_site site;
    struct facts_partition *partition;
    int partitions;
    bool steered; /* a cli_filter or job_submit plugin may change what is asked for */
    bool limited; /* accounts and QOS have limits that hold */
    void *nodes_answer, *partitions_answer; /* Slurm's, whose texts the tables point to */
};

/* All partitions and nodes, hidden ones too. facts_clear always. */
int facts_load(struct facts *facts, struct sft_error *err);
void facts_clear(struct facts *facts);

/* The partition with this name (capitals do not matter if no other one fits); NULL: none. */
const struct facts_partition *facts_find(const struct facts *facts, const char *name, int length);

/* Add the hosts of the reservations "a,b". */
int facts_reserved(const char *names, struct words *hosts, struct sft_error *err);

/* The shape of the allocation that we are in; *slices: its GPUs are slices. With `threads` above 0
 * a task may use only so many threads of each core. */
int facts_allocation(struct sft_cluster *cluster, uint32_t job_id, int threads, bool *slices,
                     struct sft_error *err);

/* SlurmUser of this host's slurm.conf; root where that is not to be known. */
uid_t facts_slurm_user(void);

#endif
