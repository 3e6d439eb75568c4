/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks of a run, from the moment that they know of each other: what each has, who watches over
 * them, and on which hosts they are. */
#ifndef SFT_JOB_RUN_RANKS_H
#define SFT_JOB_RUN_RANKS_H

#include <stdbool.h>

#include "job/collective/comm.h"
#include "job/control/bootstrap.h"
#include "job/control/watchdog.h"
#include "lib/request.h"

struct ranks {
    struct bootstrap bootstrap;
    int device; /* which GPU of those that this process sees; -1: none */
    struct comm *comm;
    struct watchdog *watchdog;
    char *hosts; /* [comm->size] names of COMM_HOST bytes, on rank 0 */
    int nodes;   /* different names among them */
    /* What is left to be done when the watchdog ends the run, from its thread, while this rank or
     * another hangs somewhere: nothing in it may hang too. */
    void (*last_word)(void *user, const char *why);
    void *user;
};

/* Collective: bootstrap, collectives, watchdog, hosts. Until it has ended a rank can only speak for
 * itself. Takes the last two fields, the others zero. */
int ranks_join(struct ranks *ranks, const struct sft_request *request, struct sft_error *err);
void ranks_leave(struct ranks *ranks);

/* Has no rank before it that host? */
bool ranks_host_is_new(const char *hosts, int rank);

#endif
