/* SPDX-License-Identifier: Apache-2.0 */
/* Where the job will run: partition and nodes that it can get, and the shape that follows. */
#ifndef SFT_SPANK_WHERE_H
#define SFT_SPANK_WHERE_H

#include "lib/plan.h"
#include "spank/ask.h"
#include "spank/conf.h"
#include "spank/facts.h"
#include "spank/shape.h"

struct where {
    const struct conf *conf;
    const struct ask *ask;
    struct facts facts;
    struct words without;  /* hosts that the site leaves out, as Slurm calls them */
    struct words reserved; /* a reservation's hosts */
    struct words named;    /* hosts that Slurm would take; none: any that fit */
    char partition[128];   /* the site's for who names none, "": the cluster's */
    char type[GRES_TYPE];  /* of the GPUs, to be asked for by name; "": any */
};

/* Ask the controller. What the site's file names and Slurm does not know is left out, with a line
 * on stderr that names file and line. where_close always. */
int where_open(struct where *where, const struct conf *conf, const struct ask *ask,
               struct sft_error *err);
void where_close(struct where *where);

#define WHERE_ANY "*" /* no partition's name: nodes of whatever partition */

/* Plan the request for the partitions "a,b" (NULL or "": the cluster's default, or any node where
 * there is none). Fills cluster and plan. */
int where_plan(struct where *where, const char *partitions, const struct sft_request *request,
               struct sft_cluster *cluster, struct sft_plan *plan, struct sft_error *err);

/* One line on stderr on what was assumed, if anything had to be. */
void where_note(const struct where *where, const struct sft_cluster *cluster,
                const struct sft_request *request);

#endif
