/* SPDX-License-Identifier: Apache-2.0 */
/* A small process of root's beside slurmstepd. It talks with slurmctld in slurmstepd's place:
 * libslurm waits for an answer as long as it likes, in silence or with lines on the user's
 * terminal, and slurmstepd has other work. And it sees to the step's end should slurmstepd be
 * killed. Slurm itself does not: srun takes the lost connection for an end of output and waits for
 * ever, and a record that only slurmstepd held is gone. */
#ifndef SFT_SPANK_KEEPER_H
#define SFT_SPANK_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "spank/account.h"

struct keeper_step {
    uint32_t job_id, step_id;
    int record_fd; /* -1: this node has no record */
    bool comment;
};

/* What became of the record that was handed over last. */
struct keeper_answer {
    uint32_t serial;
    enum account_result result; /* ACCOUNT_SILENT: still trying */
    unsigned refused;           /* as in struct account */
    char why[160];
};

/* Start it; it waits, using no CPU, until it has something to do. On our death it publishes the
 * record's last state, kills the step through the controller, and ends. */
int keeper_start(const struct keeper_step *step, struct sft_error *err);

/* Hand over a record's text, in the place of an earlier one. It is published as soon as slurmctld
 * takes it, tried again and again until another one follows. `final`: it tells how rank 0 ended,
 * and the page counts no more. Never blocks. -1: there is no keeper, or it does not listen. */
int keeper_publish(const char *text, bool final);

/* Wait so many milliseconds at most for the answer about the last text. Returns false when there is
 * none: then answer is as it was. */
bool keeper_wait(int milliseconds, struct keeper_answer *answer);

/* The step ends: it does nothing more for it. If the node has records that are not in the
 * accounting for certain, it becomes sft-bench-deliver; it is in none of the step's control groups.
 * Waits a second at most. Later calls do nothing. */
void keeper_stop(void);

#endif
