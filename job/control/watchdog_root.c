/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0's side: everybody's connections, and the table of what they say. */
#include "job/control/watchdog_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRANGERS 64         /* connections beyond one a rank */
#define CONNECT_SECONDS 30.0 /* then rank 0 says who is missing */

int watchdog_root_open(struct watchdog *w, struct sft_error *err)
{
    w->peers_max = w->size + STRANGERS;
    w->peers = calloc((size_t)w->peers_max, sizeof *w->peers);
    w->polled = calloc((size_t)w->peers_max + 2, sizeof *w->polled);
    if (w->peers == NULL || w->polled == NULL)
        return sft_error_set(err, "no memory for a watchdog of %d ranks", w->size);
    net_raise_files(w->peers_max);
    w->listener = net_listen(&w->cards[0], err);
    return w->listener < 0 ? -1 : 0;
}

static void peer_drop(struct watchdog *w, int which)
{
    net_link_close(&w->peers[which].link);
    memmove(w->peers + which, w->peers + which + 1,
            (size_t)(w->peers_count - which - 1) * sizeof *w->peers);
    w->peers_count--;
}

/* When there is no room, the oldest that never said its rank goes. */
static void root_accept(struct watchdog *w)
{
    int fd;
    while ((fd = net_accept(w->listener)) >= 0) {
        for (int i = 0; i < w->peers_count && w->peers_count == w->peers_max; i++)
            if (w->peers[i].rank < 0)
                peer_drop(w, i);
        if (w->peers_count == w->peers_max) {
            close(fd);
            continue;
        }
        w->peers[w->peers_count++] = (struct watchdog_peer){.link = {.fd = fd}, .rank = -1};
    }
    w->deaf = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

/* A rank that comes again leaves its old connection behind. */
static void peer_name(struct watchdog *w, struct watchdog_peer *peer, int rank)
{
    for (int i = 0; i < w->peers_count; i++)
        if (&w->peers[i] != peer && w->peers[i].rank == rank)
            w->peers[i].rank = -1;
    peer->rank = rank;
}

/* False: it is no rank of this job, or it has said goodbye. */
static bool peer_hear(struct watchdog *w, struct watchdog_peer *peer,
                      const struct watchdog_message *message)
{
    if (message->head.token != w->cards[0].token || message->head.size != w->size ||
        message->head.rank < 1 || message->head.rank >= w->size ||
        message->head.kind == WATCHDOG_ACK)
        return false;
    struct watchdog_row *row = &w->table.rows[message->head.rank];
    peer_name(w, peer, message->head.rank);
    row->state = message->head.kind == WATCHDOG_BYE ? WATCHDOG_ENDED : WATCHDOG_LIVE;
    row->heard = w->clock;
    row->waited = message->waited;
    row->progress = message->progress;
    struct watchdog_message answer = watchdog_message_make(w, WATCHDOG_ACK);
    if (row->state == WATCHDOG_LIVE)
        net_link_send(&peer->link, &answer, sizeof answer);
    return row->state == WATCHDOG_LIVE;
}

/* All that has come on one connection; false when it has ended. */
static bool peer_read(struct watchdog *w, struct watchdog_peer *peer)
{
    struct watchdog_message message;
    for (;;) {
        switch (watchdog_take(&peer->link, &message)) {
        case NET_NOTHING:
            return true;
        case NET_MESSAGE:
            if (!peer_hear(w, peer, &message))
                return false;
            break;
        case NET_CLOSED:
            if (peer->rank > 0 && w->table.rows[peer->rank].state == WATCHDOG_LIVE) {
                w->table.rows[peer->rank].state = WATCHDOG_GONE;
                w->table.rows[peer->rank].gone = w->clock;
            }
            return false;
        case NET_BROKEN: /* the way to it, not the rank: its silence will tell */
            return false;
        }
    }
}

/* From the last, so that dropping one leaves those to come in their places. */
static void root_read(struct watchdog *w)
{
    for (int i = w->peers_count - 1; i >= 0; i--)
        if (!peer_read(w, &w->peers[i]))
            peer_drop(w, i);
}

static void root_wait(struct watchdog *w, double seconds)
{
    w->polled[0] = (struct pollfd){.fd = w->wake, .events = POLLIN};
    w->polled[1] = (struct pollfd){.fd = w->deaf ? -1 : w->listener, .events = POLLIN};
    for (int i = 0; i < w->peers_count; i++)
        w->polled[i + 2] = (struct pollfd){.fd = w->peers[i].link.fd, .events = POLLIN};
    poll(w->polled, (nfds_t)w->peers_count + 2, (int)(seconds * 1e3) + 1);
}

static void root_warn(struct watchdog *w)
{
    int missing = 0, first = 0;
    if (w->warned || w->clock < CONNECT_SECONDS)
        return;
    w->warned = true;
    for (int rank = w->size - 1; rank > 0; rank--)
        if (w->table.rows[rank].state == WATCHDOG_UNKNOWN) {
            missing++;
            first = rank;
        }
    if (missing > 0)
        fprintf(stderr,
                "sft-bench-job: %d of %d ranks, the first rank %d on %s, cannot connect to rank "
                "0 on %s: whoever stalls may be named wrongly\n",
                missing, w->size, first, w->table.rows[first].host, w->table.rows[0].host);
}

void watchdog_root_turn(struct watchdog *w, double seconds)
{
    double end = w->clock + seconds;
    w->deaf = false;
    while (w->clock < end && !atomic_load(&w->stopping)) {
        root_wait(w, end - w->clock);
        watchdog_tick(w);
        if (!w->deaf)
            root_accept(w);
        root_read(w);
    }
    root_warn(w);
}

/* What is still unread when a socket closes resets the connection: read it first. */
void watchdog_root_bye(struct watchdog *w)
{
    struct watchdog_message bye = watchdog_message_make(w, WATCHDOG_BYE);
    root_read(w);
    for (int i = 0; i < w->peers_count; i++)
        if (w->peers[i].rank > 0)
            net_link_send(&w->peers[i].link, &bye, sizeof bye);
}

void watchdog_root_close(struct watchdog *w)
{
    while (w->peers_count > 0)
        peer_drop(w, w->peers_count - 1);
    if (w->listener >= 0)
        close(w->listener);
    free(w->peers);
    free(w->polled);
}
