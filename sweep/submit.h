/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep's jobs: submitted, counted, cancelled. */
#ifndef SWEEP_SUBMIT_H
#define SWEEP_SUBMIT_H

#include "sweep/state.h"

/* The words of one submission, ended by NULL, for free() each and the list. NULL without memory. */
char **submit_words(const struct sweep_options *options, const struct sweep_cell *cell);

/* On a terminal. 0: yes, 1: no; fails where nobody is there. */
int submit_ask(int jobs, struct sft_error *err);

/* How many were submitted, and how to go on. */
void submit_say(const struct sweep_options *options, int submitted);

/* Submit what is missing: the first run of every cell, then the second, ... so that an interrupted
 * sweep has something of everything. Ends at the first that sbatch refuses, and, with 1, at an
 * interrupt (follow.h). *submitted counts up as it goes. */
int submit_missing(struct sweep_cells *cells, const struct sweep_options *options, int *submitted,
                   struct sft_error *err);

/* scancel ($SFT_SCANCEL) of the pending and running jobs; *count: how many. */
int submit_cancel(const struct sweep_state *state, int *count, struct sft_error *err);

/* scancel of one that is still pending. */
int submit_drop(long long id, struct sft_error *err);

/* A line for each cell, and what is missing. */
void submit_status(const struct sweep_cells *cells, const struct sweep_options *options, FILE *out);

/* The newest jobs of the cells that failed, a line each. */
void submit_failed(const struct sweep_state *state, struct sweep_cells *cells, FILE *out);

/* Has every cell all its runs? One that is refused has not, unless it ran before. */
bool submit_is_whole(const struct sweep_cells *cells, int repeat);

#endif
