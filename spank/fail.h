/* SPDX-License-Identifier: Apache-2.0 */
/* The node ends a step that cannot end well: its slurmstepd is gone, or no task of it began. */
#ifndef SFT_SPANK_FAIL_H
#define SFT_SPANK_FAIL_H

#include <stdint.h>

#include "spank/slurm_compat.h"

/* In slurmstepd, before anything fails and before the keeper is forked: which program it is. */
void fail_init(spank_t spank);

/* As root. Where srun itself made the allocation, for this step, the job ends as FAILED with exit
 * code 1; where a batch script or a shell has it, the step is killed and the job goes on. Returns 0
 * or -1, with errno from Slurm. */
int fail_step(uint32_t job_id, uint32_t step_id);

#endif
