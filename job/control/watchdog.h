/* SPDX-License-Identifier: Apache-2.0 */
/* A thread in each rank that ends a run in which ranks wait for each other in vain, and says who is
 * at fault: the rank, its host and the collective. Never a hang. It knows nothing of MPI, NCCL or
 * CUDA: every rank tells rank 0 over TCP, once a second, how many collectives it has entered and
 * left. */
#ifndef SFT_JOB_CONTROL_WATCHDOG_H
#define SFT_JOB_CONTROL_WATCHDOG_H

#include <stdint.h>

#include "job/control/bootstrap.h"
#include "lib/error.h"

#define WATCHDOG_NAME 48

struct watchdog;

/* Collectives so far. All ranks go through the same ones in the same order, so that numbers
 * compare; entered > left: the rank is inside number left + 1, counted from 1. */
struct watchdog_progress {
    uint64_t entered, left;
    char name[WATCHDOG_NAME]; /* of the one it is inside */
};

struct watchdog_options {
    double limit; /* seconds that a rank may be inside one collective */
    /* Called at most once, from the watchdog's thread, on the rank that judges, with one line. It
     * ends the run; if it returns, the watchdog of this rank is off. Mandatory. */
    void (*fail)(void *user, const char *why);
    /* Where collectives run on a device: called from the watchdog's thread about once a second, to
     * write over what enter and leave told. It must not block. -1 and err: an asynchronous error,
     * for fail at once. NULL: none. */
    int (*poll)(void *user, struct watchdog_progress *progress, struct sft_error *err);
    void *user;
};

/* Collective. A lone rank has nobody to wait for: then only poll is called. */
struct watchdog *watchdog_start(const struct watchdog_options *options, struct bootstrap *bootstrap,
                                struct sft_error *err);
/* Not collective: says goodbye, so that the others do not take this rank for dead. NULL does
 * nothing. */
void watchdog_stop(struct watchdog *w);

/* Around each blocking collective, from one thread. A few nanoseconds; NULL does nothing. `name`
 * must outlive the watchdog: a literal. */
void watchdog_enter(struct watchdog *w, const char *name);
void watchdog_leave(struct watchdog *w);

#endif
