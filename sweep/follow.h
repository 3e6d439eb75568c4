/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep's jobs, told as they end. */
#ifndef SWEEP_FOLLOW_H
#define SWEEP_FOLLOW_H

#include "sweep/state.h"

/* From here on SIGINT and SIGTERM end nothing by themselves, also where SIGINT was ignored: what is
 * under way (a submission, a look at Slurm) is ended first. */
void follow_watch_interrupts(void);
bool follow_is_interrupted(void);

/* Ask Slurm until it answers, for minutes, as follow_sweep does. -1 with the last error where it
 * has not, or at an interrupt. */
typedef int follow_asks(void *context, struct sft_error *err);
int follow_try(follow_asks *asks, void *context, struct sft_error *err);

enum { FOLLOW_ENDED, FOLLOW_INTERRUPTED, FOLLOW_STUCK };

/* Until no job of the name is pending or running, or an interrupt: a line for each that has ended
 * since `seen`, one for each that waits for what does not come by itself, and on a terminal one
 * that is rewritten. `seen` becomes what Slurm said last, and the cells' counts are of that.
 * FOLLOW_STUCK, of a suite (`whole`): nothing runs, and all that is pending needs help. -1 when
 * Slurm has not answered for minutes. */
int follow_sweep(struct sweep_state *seen, struct sweep_cells *cells, const char *name, bool whole,
                 struct sft_error *err);

#endif
