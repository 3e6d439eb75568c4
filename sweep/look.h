/* SPDX-License-Identifier: Apache-2.0 */
/* What a suite knows of itself: what Slurm has of it, the nodes, and so the cells of each phase. */
#ifndef SWEEP_LOOK_H
#define SWEEP_LOOK_H

#include "sweep/phase.h"
#include "sweep/plan.h"

struct look {
    struct sweep_options options;
    const struct suite *suite;
    struct conf conf;
    struct plan_nodes plan;
    struct phase_nodes nodes;
    struct sweep_state state, begun; /* begun: as it was at the start */
    struct sweep_cells cells[PHASES];
    char *exclude;
    bool verified; /* verify's record is read: */
    struct sweep_verify verdict;
    bool following; /* what does not answer is asked again, as long as follow_try does */
};

/* To be looked at first. NULL without memory. */
struct look *look_create(const struct sweep_options *options, const struct suite *suite,
                         struct sft_error *err);
void look_destroy(struct look *w);

/* Everything anew. Fails where Slurm does not answer, has no node that can run jobs, or the site's
 * file or a request is refused. */
int look_again(struct look *w, struct sft_error *err);

/* Wait a minute at most, until the accounting has what is complete; then look_again is needed. */
int look_await(struct look *w, struct sft_error *err);

/* The options of a phase's submissions. */
struct sweep_options look_options(const struct look *w, enum phase phase);

/* Of the suite without a file what does not fit into the GPUs' memory is no part: it is told and
 * left out. */
void look_fit(struct look *w);

#endif
