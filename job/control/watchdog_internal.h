/* SPDX-License-Identifier: Apache-2.0 */
/* What the watchdog's two sides share: rank 0 keeps the table, the others report to it. */
#ifndef SFT_JOB_CONTROL_WATCHDOG_INTERNAL_H
#define SFT_JOB_CONTROL_WATCHDOG_INTERNAL_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "job/control/watchdog.h"
#include "job/control/watchdog_judge.h"
#include "job/control/net.h"

enum watchdog_kind { WATCHDOG_BEAT = 1, WATCHDOG_ACK, WATCHDOG_BYE };

struct watchdog_message {
    struct net_head head; /* WATCHDOG_VERSION, enum watchdog_kind */
    double waited;        /* seconds inside its collective, 0: outside */
    struct watchdog_progress progress;
};

#define WATCHDOG_VERSION 0x53465701u /* "SFW" 1 */

/* One of rank 0's connections. */
struct watchdog_peer {
    struct net_link link;
    int rank; /* -1: it has not said yet */
};

struct watchdog {
    struct watchdog_options options;
    int rank, size;
    pthread_t thread;
    bool has_thread;
    int wake; /* an event: the thread should look at `stopping` */
    atomic_bool stopping;

    /* written by enter and leave, read by the thread */
    atomic_ullong entered, left;
    _Atomic(const char *) name;

    /* the thread's */
    double interval;    /* seconds between two reports */
    double clock, real; /* its own time, and the machine's when that was set */
    double inside;      /* when the thread saw this rank inside its collective for the first time */
    struct net_card *cards;      /* [size] */
    struct watchdog_table table; /* on others than rank 0 only its row and the own are kept */
    int listener;                /* rank 0's, else -1 */
    struct watchdog_peer *peers; /* rank 0's [peers_max] */
    struct pollfd *polled;       /* rank 0's [peers_max + 2] */
    int peers_count, peers_max;
    bool deaf;            /* no descriptor is left: take no connection in this turn */
    bool warned;          /* that ranks did not connect */
    struct net_link link; /* the others' */
    int address;          /* which one of rank 0's they use */
    double linked;        /* when that connection was made */
    bool answered;        /* on that connection */
};

/* Set this thread's clock. It stands still while the process is stopped or the job suspended:
 * nobody can be blamed for silence that nobody could hear. */
void watchdog_tick(struct watchdog *w);
/* net_link_take, with the text in it ended. */
enum net_news watchdog_take(struct net_link *link, struct watchdog_message *message);
struct watchdog_message watchdog_message_make(const struct watchdog *w, enum watchdog_kind kind);

/* Rank 0: sockets and table; take what came for at most `seconds`; say goodbye. */
int watchdog_root_open(struct watchdog *w, struct sft_error *err);
void watchdog_root_turn(struct watchdog *w, double seconds);
void watchdog_root_bye(struct watchdog *w);
void watchdog_root_close(struct watchdog *w);

/* The others: connect where that is wanted and report; take answers for at most `seconds`; goodbye.
 */
void watchdog_far_turn(struct watchdog *w, double seconds);
void watchdog_far_bye(struct watchdog *w);

#endif
