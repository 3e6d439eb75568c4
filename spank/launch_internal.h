/* SPDX-License-Identifier: Apache-2.0 */
/* Between launch.c, the staircase, and launch_plan.c, which asks Slurm what there is. */
#ifndef SFT_SPANK_LAUNCH_INTERNAL_H
#define SFT_SPANK_LAUNCH_INTERNAL_H

#include "lib/plan.h"
#include "spank/ask.h"
#include "spank/cmdline.h"
#include "spank/conf.h"
#include "spank/where.h"
#include "lib/words.h"

/* Set for the second start: this process's id, which exec keeps and no other process has. So a
 * variable that leaked somewhere never stops another srun. */
#define LAUNCH_GUARD "SFT_BENCH_LAUNCHED"
struct launch {
    bool step; /* srun; otherwise sbatch or salloc */
    enum ask_program program;
    bool script; /* sbatch or salloc with its own script or command: only shape the allocation */
    struct conf conf;
    struct cmdline user;
    struct ask ask;
    struct sft_request request;
    struct where where;
    struct sft_cluster cluster;
    struct sft_plan plan;
    bool slices;                /* the GPUs are slices */
    bool assumed;               /* a filter may send the job elsewhere, and nobody could be asked */
    char text[SFT_REQUEST_MAX]; /* the request as the job gets it */
};

/* The allocation that srun will make its step in; 0: none yet. */
uint32_t launch_allocation(const struct launch *launch);

/* The options that go in front of the user's. */
void launch_options(const struct launch *launch, struct words *line);

/* Fill in cluster and plan, and the request's text for the job. */
int launch_plan(struct launch *launch, struct sft_error *err);

#endif
