/* SPDX-License-Identifier: Apache-2.0 */
/* Before anything is submitted: what the partition has, how long runs should take, what cannot run.
 */
#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H

#include <stdio.h>

#include "spank/conf.h"
#include "sweep/cells.h"

#define PLAN_START_S 30 /* a run's start and end, assumed */

struct plan_nodes {
    char partition[128]; /* "" unknown */
    int nodes;           /* that may be used; 0: unknown */
    int left;            /* others that are left out, of those that are there */
    int away;            /* and that are down or drained now */
    int gpus;            /* of a node; 0: none */
    char gpu[64];        /* gpu_model= of the type that Slurm's gres names; "" it names none */
    bool other;          /* it names several, or one of which nothing is known */
    bool can_ask;        /* `job` can be asked for estimates */
    char job[4200];
};

/* From `sinfo -h -o "%P|%D|%G"`: the named partition, NULL the default one (its name ends in '*').
 */
void plan_nodes_read(struct plan_nodes *nodes, const char *text, const char *partition);

/* Ask sinfo ($SFT_SINFO), and read the site's configuration. Fails when that is one that the plugin
 * refuses, sinfo cannot be asked, or there is no such partition. */
int plan_begin(struct plan_nodes *nodes, struct conf *conf, const struct sweep_options *options,
               struct sft_error *err);

/* What reaches: for GPUs sft-bench-job --plan --json is asked for each cell, whose estimates are
 * for the request's gpu_model=, else for the GPUs that Slurm names, else for H200: `plan_print`
 * says which. Where there is no plan it is asked for a check. A request that it refuses is refused
 * with its line. */
void plan_cells(struct sweep_cells *cells, const struct plan_nodes *nodes, const struct conf *conf);

/* Runs of the cell that are still to be submitted. */
int plan_missing(const struct sweep_cell *cell, int repeat);

struct plan_sum {
    int jobs, open; /* to be submitted, and of these without an estimate */
    double
        seconds; /* one after the other, of those on one node of a cell's own beside each other */
    double gpu_hours;
};

/* Add what is still to be submitted. */
void plan_add(struct plan_sum *sum, const struct sweep_cells *cells, int repeat);

/* A line for each cell, and plan_refused's. */
void plan_table(const struct sweep_cells *cells, int repeat, FILE *out);

/* A line for each cell that is refused and has not all its runs, and why. */
void plan_refused(const struct sweep_cells *cells, int repeat, FILE *out);

/* Jobs, time and GPU-hours, and what the estimates are for. */
void plan_sums(const struct plan_sum *sum, const struct plan_nodes *nodes, FILE *out);
void plan_gpus(const struct sweep_cells *cells, const struct plan_nodes *nodes, int repeat,
               FILE *out);

/* All of that of a sweep. Returns how many jobs are to be submitted. */
int plan_print(const struct sweep_cells *cells, const struct plan_nodes *nodes,
               const struct sweep_options *options, FILE *out);

#endif
