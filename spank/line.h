/* SPDX-License-Identifier: Apache-2.0 */
/* The options that go in front of the user's own. Pure: no Slurm, no files. */
#ifndef SFT_SPANK_LINE_H
#define SFT_SPANK_LINE_H

#include "lib/plan.h"
#include "spank/ask.h"
#include "spank/cmdline.h"
#include "spank/conf.h"
#include "lib/words.h"

struct line {
    const struct cmdline *user;
    const struct ask *ask;
    const struct sft_plan *plan;
    const struct sft_cluster *cluster;
    const struct conf *conf;
    const struct words *without; /* hosts to leave out; NULL: none */
    const char *type;            /* of the GPUs, to be asked for by name; "": any */
    bool step;      /* srun: a step's options, too; otherwise only the allocation's shape */
    bool slices;    /* the GPUs are slices, of which a process sees but one */
    bool bind_none; /* this Slurm understands --gpu-bind=none */
};

/* An option that the user gave, or another that decides the same, is left to the user. */
void line_options(struct words *words, const struct line *line);

/* Are there fewer CPUs on a node of the allocation than tasks on GPUs? */
bool line_shares_cpus(const struct sft_cluster *cluster, const struct sft_plan *plan);

#endif
