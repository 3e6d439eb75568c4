/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks of a run, from the moment that they know of each other: what each has, who watches over
 * them, and on which hosts they are. */
#ifndef SFT_JOB_RUN_RANKS_H
#define SFT_JOB_RUN_RANKS_H

#include "job/collective/collective.h"
#include "job/control/bootstrap.h"
#include "job/control/control.h"
#include "job/control/watchdog.h"
#include "lib/request.h"

struct ranks {
    struct bootstrap bootstrap;
    int device; /* which GPU of those that this process sees; -1: none */
    struct control *control;
    struct collective *collective;
    struct watchdog *watchdog;
    const char *hosts; /* control's: names of CONTROL_HOST bytes by rank */
    int nodes;         /* different names among them */
    /* What is left to be done when the watchdog ends the run, from its thread, while this rank or
     * another hangs somewhere: nothing in it may hang too. */
    void (*last_word)(void *user, const char *why);
    void *user;
    int status; /* that the step ends with then */
};

/* Collective: bootstrap and control, and which device each rank will have. Until it has ended a
 * rank can only speak for itself. Takes last_word and user, the others zero. */
int ranks_meet(struct ranks *ranks, const struct sft_request *request, struct sft_error *err);
/* Collective, after it: collectives, watchdog. */
int ranks_join(struct ranks *ranks, struct sft_error *err);
/* Collective, after ranks_meet, however far they came, and with all of a device's gone but
 * collectives. Where a rank does not come to its end within the limit, one line names it and the
 * step ends with `stuck`: Slurm would wait for that rank for ever. */
void ranks_leave(struct ranks *ranks, int stuck);

#endif
