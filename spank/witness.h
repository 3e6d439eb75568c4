/* SPDX-License-Identifier: Apache-2.0 */
/* What slurmstepd, as root, sees of a step on rank 0's node: what Slurm says of it, when it began,
 * what rank 0 executes, how ranks end. One step a process. */
#ifndef SFT_SPANK_WITNESS_H
#define SFT_SPANK_WITNESS_H

#include <stdint.h>

#include "spank/conf.h"
#include "spank/page.h"
#include "spank/slurm_compat.h"

/* The option's text, as its callback sees it in slurmstepd; the last one counts. */
void witness_option(const char *request);

/* The step begins: its facts by Slurm, its clock. Later calls do nothing. */
void witness_begin(spank_t spank, const struct conf *conf);

/* In slurm_spank_task_post_fork: if the task is rank 0, look at what it executes from now on, in a
 * thread of our own. */
void witness_task(spank_t spank);

/* In slurm_spank_task_exit, before the last record is published. */
void witness_exit(spank_t spank);

/* No task will be started, and why. */
void witness_unstarted(const char *why);

/* The step is over; if no task was started, that is its end. */
void witness_over(void);

/* In another process than slurmstepd's, which has been killed. */
void witness_orphaned(void);

/* All that is known by now. From any thread. */
void witness_facts(struct page_facts *facts);

#endif
