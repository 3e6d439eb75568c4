/* SPDX-License-Identifier: Apache-2.0 */
/* The other ranks' side: a connection to rank 0, made again when it breaks. */
#include "job/control/watchdog_internal.h"

#include <sys/socket.h>

#define ANSWER_SECONDS                                                                             \
    3.0 /* that rank 0 has for its first answer: else it is somebody else's address */
#define BYE_SECONDS 0.5 /* to see it read before the socket closes */

/* Until then, or until the socket has something to say, or somebody stops us. */
static void far_wait(struct watchdog *w, short events, double seconds)
{
    struct pollfd polled[] = {{.fd = w->wake, .events = POLLIN},
                              {.fd = w->link.fd, .events = events}};
    poll(polled, w->link.fd < 0 ? 1 : 2, (int)(seconds * 1e3) + 1);
    watchdog_tick(w);
}

/* An address a turn: one that swallows packets costs a turn and no more. */
static void far_connect(struct watchdog *w, double seconds)
{
    const struct net_card *root = &w->cards[0];
    w->link.fd = net_dial(&root->address[w->address], root->port);
    double end = w->clock + seconds;
    struct pollfd polled = {.fd = w->link.fd, .events = POLLOUT};
    while (w->link.fd >= 0 && w->clock < end && !atomic_load(&w->stopping) &&
           poll(&polled, 1, 0) == 0)
        far_wait(w, POLLOUT, end - w->clock);
    if (w->link.fd >= 0 && poll(&polled, 1, 0) > 0 && (polled.revents & POLLOUT) &&
        net_dialled(w->link.fd)) {
        w->linked = w->clock;
        w->answered = false;
        return;
    }
    net_link_close(&w->link);
    w->address = (w->address + 1) % root->addresses;
}

/* A connection whose end never answers is not rank 0's: the next address. */
static void far_doubt(struct watchdog *w)
{
    if (w->link.fd < 0 || w->answered || w->clock - w->linked < ANSWER_SECONDS)
        return;
    net_link_close(&w->link);
    w->address = (w->address + 1) % w->cards[0].addresses;
}

static void far_hear(struct watchdog *w, const struct watchdog_message *message)
{
    struct watchdog_row *root = &w->table.rows[0];
    if (message->head.token != w->cards[0].token || message->head.rank != 0)
        return;
    w->answered = true;
    root->heard = w->clock;
    root->state = message->head.kind == WATCHDOG_BYE ? WATCHDOG_ENDED : WATCHDOG_LIVE;
}

static void far_read(struct watchdog *w)
{
    struct watchdog_message message;
    struct watchdog_row *root = &w->table.rows[0];
    enum net_news news = NET_MESSAGE;
    while (w->link.fd >= 0 && news == NET_MESSAGE) {
        news = watchdog_take(&w->link, &message);
        if (news == NET_MESSAGE)
            far_hear(w, &message);
    }
    if (news == NET_CLOSED && w->answered && root->state == WATCHDOG_LIVE) {
        root->state = WATCHDOG_GONE;
        root->gone = w->clock;
    }
    if (news == NET_CLOSED || news == NET_BROKEN)
        net_link_close(&w->link);
}

void watchdog_far_turn(struct watchdog *w, double seconds)
{
    double end = w->clock + seconds;
    bool ended = w->table.rows[0].state == WATCHDOG_ENDED;
    if (w->link.fd < 0 && !ended)
        far_connect(w, seconds);
    if (w->link.fd >= 0 && !ended) {
        struct watchdog_message beat = watchdog_message_make(w, WATCHDOG_BEAT);
        net_link_send(&w->link, &beat, sizeof beat);
    }
    while (w->clock < end && !atomic_load(&w->stopping)) {
        far_wait(w, POLLIN, end - w->clock);
        far_read(w);
    }
    far_doubt(w);
}

/* Rank 0 closes the connection when it has read the goodbye: wait for that, but not for long. */
void watchdog_far_bye(struct watchdog *w)
{
    struct watchdog_message message, bye = watchdog_message_make(w, WATCHDOG_BYE);
    if (w->link.fd < 0)
        return;
    net_link_send(&w->link, &bye, sizeof bye);
    shutdown(w->link.fd, SHUT_WR);
    double end = w->clock + BYE_SECONDS;
    enum net_news news = NET_NOTHING;
    while (w->clock < end && (news == NET_NOTHING || news == NET_MESSAGE)) {
        struct pollfd polled = {.fd = w->link.fd, .events = POLLIN};
        if (news == NET_NOTHING)
            poll(&polled, 1, (int)((end - w->clock) * 1e3) + 1);
        watchdog_tick(w);
        news = watchdog_take(&w->link, &message);
    }
    net_link_close(&w->link);
}
