/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep's jobs, told as they end. */
#ifndef SWEEP_FOLLOW_H
#define SWEEP_FOLLOW_H

#include "sweep/state.h"

/* From here on SIGINT and SIGTERM end nothing by themselves, also where SIGINT was ignored: what is
 * under way (a submission, a look at Slurm) is ended first. */
void follow_watch_interrupts(void);
bool follow_is_interrupted(void);

/* Until no job of the name is pending or running, or an interrupt: a line for each that has ended
 * since `seen`, and on a terminal one that is rewritten. `seen` becomes what Slurm said last, and
 * the cells' counts are of that. Returns 1 when it was interrupted; -1 when Slurm has not answered
 * for minutes. */
int follow_sweep(struct sweep_state *seen, struct sweep_cells *cells, const char *name,
                 struct sft_error *err);

#endif
