/* SPDX-License-Identifier: Apache-2.0 */
/* Before anything is submitted: what the partition has, how long runs should take, what cannot run.
 */
#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H

#include <stdio.h>

#include "sweep/cells.h"

#define PLAN_START_S 30 /* a run's start and end, assumed */

struct plan_nodes {
    char partition[128]; /* "" unknown */
    int nodes;           /* 0: unknown */
    int gpus;            /* of a node; 0: none */
    char gpu[64];        /* gpu_model= of the type that Slurm's gres names; "" it names none */
    bool other;          /* it names several, or one of which nothing is known */
    bool can_ask;        /* `job` can be asked for estimates */
    char job[4200];
};

/* From `sinfo -h -o "%P|%D|%G"`: the named partition, NULL the default one (its name ends in '*').
 */
void plan_nodes_read(struct plan_nodes *nodes, const char *text, const char *partition);

/* Ask sinfo ($SFT_SINFO); then, for GPUs, sft-bench-job --plan --json for each cell, whose
 * estimates are for the request's gpu_model=, else for the GPUs that Slurm names, else for H200:
 * `plan_print` says which. Fails when the site's configuration is one that the plugin refuses,
 * sinfo cannot be asked, or there is no such partition. */
int plan_make(struct sweep_cells *cells, struct plan_nodes *nodes,
              const struct sweep_options *options, struct sft_error *err);

/* Runs of the cell that are still to be submitted. */
int plan_missing(const struct sweep_cell *cell, int repeat);

/* The table, what is refused and why, and the sums. Returns how many jobs are to be submitted. */
int plan_print(const struct sweep_cells *cells, const struct plan_nodes *nodes,
               const struct sweep_options *options, FILE *out);

#endif
