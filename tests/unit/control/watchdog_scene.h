/* SPDX-License-Identifier: Apache-2.0 */
/* A scene: a few processes with a watchdog each, that play ranks on this host. Their bootstrap is
 * shared memory, and so are their collectives. */
#ifndef SFT_TESTS_UNIT_CONTROL_WATCHDOG_SCENE_H
#define SFT_TESTS_UNIT_CONTROL_WATCHDOG_SCENE_H

#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "job/control/watchdog_internal.h"
#include "tests/unit/control/exchange.h"

enum { RANKS = 4, ROUNDS = 1000, PATIENCE = 60 };

/* What the processes share: a bootstrap, collectives and the verdict. */
struct shared {
    pthread_barrier_t barrier;
    struct net_card cards[RANKS];
    bool bad_address; /* rank 0's first address leads nowhere */
    bool held;        /* the exchange ends when `released` says so */
    atomic_int published, released;
    atomic_int arrived[ROUNDS];
    atomic_int verdicts, judge, polls, ready;
    char why[WATCHDOG_WHY];
};

struct scene {
    double limit;
    bool bad_address, held;
    int (*poll)(void *user, struct watchdog_progress *progress, struct sft_error *err);
    void (*play)(struct watchdog *w,
                 int rank); /* what each rank does; then it stops its watchdog */
};

extern struct shared *shared;
extern pid_t pids[RANKS];

void wait_until(atomic_int *value, int least); /* fails when patience ends */

/* For the processes: collectives `first` to `last`; and what a watchdog calls, with their
 * bootstrap. */
void rounds(struct watchdog *w, int first, int last);
void rank_fails(void *user, const char *why);

void scene_begin(const struct scene *scene);
/* Rank `judge` (-1: any) has said the text; then all are killed, the stopped too. */
void expect_verdict(int judge, const char *text);
/* Every rank comes to its end, and none was blamed. */
void expect_peace(void);
/* A teardown: what a failed test leaves must not outlive it. */
int scene_clean(void **state);

#endif
