/* SPDX-License-Identifier: Apache-2.0 */
/* A small process beside slurmstepd that sees to the step's end should slurmstepd be killed. Slurm
 * itself does not: srun takes the lost connection for an end of output and waits for ever, and a
 * record that only slurmstepd held is gone. */
#ifndef SFT_SPANK_KEEPER_H
#define SFT_SPANK_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

struct keeper_step {
    uint32_t job_id, step_id;
    int record_fd; /* -1: this node has no record */
    bool comment;
};

/* Start it; it waits, using no CPU, until keeper_stop or our death. On our death it publishes the
 * record's last state, kills the step through the controller, and ends. */
int keeper_start(const struct keeper_step *step, struct sft_error *err);

/* The step ends well: the process is gone when this returns. Later calls do nothing. */
void keeper_stop(void);

#endif
