/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/hub.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"

enum { LOOK_MS = 200, STRANGERS = 64 };
#define LOOK (LOOK_MS * 1e-3)

/* A connection, and the part of a message that has come. */
struct hub_link {
    int fd; /* -1: none */
    size_t have;
    char *room; /* of the larger of the two sizes */
};

struct hub_peer {
    struct hub_link link;
    bool ordered, lost;
};

struct hub {
    int rank, size;
    double limit;
    uint64_t token;
    char (*hosts)[CONTROL_HOST];
    size_t order_bytes, answer_bytes, room_bytes;
    struct hub_peer *peer; /* [size]; on the others only the first, rank 0's */
    struct pollfd *polled; /* [size + STRANGERS + 1] */
};

/* What a rank says first, and is told then: who does not know the token is none of the run's. */
struct hub_hello {
    uint64_t token;
    int32_t rank;
    uint32_t welcome;
};

static void link_close(struct hub_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static int link_room(struct hub_link *link, const struct hub *hub)
{
    if (link->room == NULL)
        link->room = malloc(hub->room_bytes);
    return link->room == NULL ? -1 : 0;
}

/* 1: a whole message; 0: not yet; -1: the connection has ended. */
static int link_take(struct hub_link *link, size_t size)
{
    while (link->have < size) {
        ssize_t got = recv(link->fd, link->room + link->have, size - link->have, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        if (got <= 0)
            return -1;
        link->have += (size_t)got;
    }
    link->have = 0;
    return 1;
}

/* All of it, within a time that a peer which reads needs by far not; else its connection ends. */
static void link_send(struct hub_link *link, const void *message, size_t size)
{
    const char *at = message;
    double last = sft_clock_now(), spent = 0;
    while (size > 0 && link->fd >= 0 && spent < 10) {
        ssize_t sent = send(link->fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            break;
        } else {
            struct pollfd writes = {.fd = link->fd, .events = POLLOUT};
            poll(&writes, 1, LOOK_MS);
            spent += sft_clock_lapse(&last, 2 * LOOK);
        }
    }
    if (size > 0)
        link_close(link);
}

/* Connections that have not said who they are, on rank 0. */
struct comers {
    int listener, count;
    struct hub_link link[STRANGERS];
};

static void comer_drop(struct comers *comers, int which)
{
    link_close(&comers->link[which]);
    free(comers->link[which].room);
    comers->link[which] = comers->link[--comers->count];
}

static void comers_accept(struct comers *comers, const struct hub *hub)
{
    int fd;
    while (comers->count < STRANGERS && (fd = net_accept(comers->listener)) >= 0) {
        struct hub_link *link = &comers->link[comers->count];
        *link = (struct hub_link){.fd = fd};
        comers->count++;
        if (link_room(link, hub) < 0)
            comer_drop(comers, comers->count - 1);
    }
}

/* Its rank has come before under another of our addresses: the first connection stays, and this one
 * ends, which tells the rank so. */
static bool comer_hear(struct comers *comers, struct hub *hub, int which)
{
    struct hub_link *link = &comers->link[which];
    struct hub_hello hello;
    int news = link_take(link, sizeof hello);
    if (news <= 0)
        return news == 0;
    memcpy(&hello, link->room, sizeof hello);
    if (hello.token != hub->token || hello.rank < 1 || hello.rank >= hub->size ||
        hub->peer[hello.rank].link.fd >= 0)
        return false;
    hello.welcome = 1;
    link_send(link, &hello, sizeof hello);
    hub->peer[hello.rank].link = *link;
    *link = comers->link[--comers->count];
    return true;
}

static int hub_missing(const struct hub *hub)
{
    for (int rank = 1; rank < hub->size; rank++)
        if (hub->peer[rank].link.fd < 0)
            return rank;
    return 0;
}

/* Rank 0: everybody's connection. */
static int hub_gather(struct hub *hub, int listener, struct sft_error *err)
{
    struct comers comers = {.listener = listener};
    double last = sft_clock_now(), spent = 0;
    net_raise_files(hub->size + STRANGERS);
    while (hub_missing(hub) > 0 && spent < hub->limit) {
        nfds_t count = 0;
        hub->polled[count++] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (int i = 0; i < comers.count; i++)
            hub->polled[count++] = (struct pollfd){.fd = comers.link[i].fd, .events = POLLIN};
        poll(hub->polled, count, LOOK_MS);
        comers_accept(&comers, hub);
        for (int i = comers.count - 1; i >= 0; i--)
            if (!comer_hear(&comers, hub, i))
                comer_drop(&comers, i);
        spent += sft_clock_lapse(&last, 2 * LOOK);
    }
    while (comers.count > 0)
        comer_drop(&comers, comers.count - 1);
    int missing = hub_missing(hub);
    return missing == 0 ? 0
                        : sft_error_set(err,
                                        "rank %d on %.100s did not reach rank 0 on %.100s "
                                        "within %.0f s",
                                        missing, hub->hosts[missing], hub->hosts[0], hub->limit);
}

/* One address of rank 0's: the connection where its owner answers with the token. */
static int hub_try(struct hub *hub, const struct net_card *card, int address)
{
    struct hub_hello hello = {.token = hub->token, .rank = hub->rank}, answer;
    struct hub_link *link = &hub->peer[0].link;
    double last = sft_clock_now(), spent = 0;
    link->fd = net_dial(&card->address[address], card->port);
    link->have = 0;
    struct pollfd ready = {.fd = link->fd, .events = POLLOUT};
    if (link->fd < 0 || poll(&ready, 1, 2000) != 1 || !net_dialled(link->fd)) {
        link_close(link);
        return -1;
    }
    link_send(link, &hello, sizeof hello);
    ready.events = POLLIN;
    for (int news = 0; link->fd >= 0 && news == 0 && spent < 5;) {
        poll(&ready, 1, LOOK_MS);
        news = link_take(link, sizeof answer);
        memcpy(&answer, link->room, sizeof answer);
        if (news == 1 && answer.token == hub->token && answer.rank == hub->rank && answer.welcome)
            return 0;
        spent += sft_clock_lapse(&last, 2 * LOOK);
    }
    link_close(link);
    return -1;
}

static int hub_dial(struct hub *hub, const struct net_card *card, struct sft_error *err)
{
    double begin = sft_clock_now();
    if (link_room(&hub->peer[0].link, hub) < 0)
        return sft_error_set(err, "no memory for orders");
    while (sft_clock_now() - begin < hub->limit)
        for (int i = 0; i < card->addresses && i < NET_ADDRESSES; i++)
            if (hub_try(hub, card, i) == 0)
                return 0;
    return sft_error_set(err, "rank %d on %.100s cannot reach rank 0 on %.100s within %.0f s",
                         hub->rank, hub->hosts[hub->rank], hub->hosts[0], hub->limit);
}

static int hub_connect(struct hub *hub, struct control *control, struct sft_error *err)
{
    struct net_card card = {.port = 0};
    int listener = hub->rank == 0 ? net_listen(&card, err) : -1;
    int failed = hub->rank == 0 && listener < 0 ? -1 : 0;
    if (control_agree(control, failed, err) < 0 ||
        control_broadcast(control, &card, sizeof card, err) < 0)
        failed = -1;
    hub->token = card.token;
    if (failed == 0)
        failed = hub->rank == 0 ? hub_gather(hub, listener, err) : hub_dial(hub, &card, err);
    if (listener >= 0)
        close(listener);
    return failed;
}

struct hub *hub_open(struct control *control, size_t order_bytes, size_t answer_bytes,
                     struct sft_error *err)
{
    struct hub *hub = calloc(1, sizeof *hub);
    size_t peers = control->rank == 0 ? (size_t)control->size : 1;
    if (hub != NULL) {
        *hub = (struct hub){.rank = control->rank,
                            .size = control->size,
                            .limit = control->limit,
                            .hosts = control->hosts,
                            .order_bytes = order_bytes,
                            .answer_bytes = answer_bytes,
                            .room_bytes = order_bytes > answer_bytes ? order_bytes : answer_bytes,
                            .peer = calloc(peers, sizeof *hub->peer),
                            .polled = calloc(peers + STRANGERS + 1, sizeof *hub->polled)};
        hub->room_bytes += sizeof(struct hub_hello);
    }
    if (hub == NULL || hub->peer == NULL || hub->polled == NULL) {
        sft_error_set(err, "no memory for connections to %d ranks", control->size);
        hub_close(hub);
        return NULL;
    }
    for (size_t i = 0; i < peers; i++)
        hub->peer[i].link.fd = -1;
    if (control->size == 1 || hub_connect(hub, control, err) == 0)
        return hub;
    hub_close(hub);
    return NULL;
}

void hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    int peers = hub->rank == 0 ? hub->size : 1;
    for (int i = 0; i < peers && hub->peer != NULL; i++) {
        link_close(&hub->peer[i].link);
        free(hub->peer[i].link.room);
    }
    free(hub->peer);
    free(hub->polled);
    free(hub);
}

void hub_lose(struct hub *hub, int rank)
{
    link_close(&hub->peer[rank].link);
    hub->peer[rank].lost = true;
}

void hub_order(struct hub *hub, int rank, const void *order)
{
    hub->peer[rank].ordered = true;
    hub_tell(hub, rank, order);
}

void hub_tell(struct hub *hub, int rank, const void *order)
{
    struct hub_peer *peer = &hub->peer[rank];
    link_send(&peer->link, order, hub->order_bytes);
    if (peer->link.fd < 0)
        peer->lost = true;
}

bool hub_has_answered(const struct hub *hub, int rank)
{
    return !hub->peer[rank].ordered && !hub->peer[rank].lost;
}

bool hub_is_lost(const struct hub *hub, int rank)
{
    return hub->peer[rank].lost;
}

static bool hub_waits(const struct hub *hub, int rank)
{
    return hub->peer[rank].ordered && !hub->peer[rank].lost;
}

void hub_wait(struct hub *hub, double limit, void *answers)
{
    double last = sft_clock_now(), spent = 0;
    for (;;) {
        nfds_t count = 0;
        for (int rank = 1; rank < hub->size; rank++) {
            struct hub_link *link = &hub->peer[rank].link;
            if (!hub_waits(hub, rank))
                continue;
            int news = link_take(link, hub->answer_bytes);
            if (news == 1) {
                memcpy((char *)answers + (size_t)rank * hub->answer_bytes, link->room,
                       hub->answer_bytes);
                hub->peer[rank].ordered = false;
            } else if (news < 0 || spent > limit) {
                hub_lose(hub, rank);
            } else {
                hub->polled[count++] = (struct pollfd){.fd = link->fd, .events = POLLIN};
            }
        }
        if (count == 0)
            return;
        poll(hub->polled, count, LOOK_MS);
        spent += sft_clock_lapse(&last, 2 * LOOK);
    }
}

int hub_take(struct hub *hub, void *order, double patience, struct sft_error *err)
{
    struct hub_link *link = &hub->peer[0].link;
    double last = sft_clock_now(), spent = 0;
    for (;;) {
        int news = link->fd < 0 ? -1 : link_take(link, hub->order_bytes);
        if (news == 1) {
            memcpy(order, link->room, hub->order_bytes);
            return 0;
        }
        if (news < 0)
            return sft_error_set(err, "rank 0 on %.100s has ended", hub->hosts[0]);
        if (spent > patience)
            return sft_error_set(err, "rank 0 on %.100s has not been heard of for %.0f s",
                                 hub->hosts[0], spent);
        struct pollfd reads = {.fd = link->fd, .events = POLLIN};
        poll(&reads, 1, LOOK_MS);
        spent += sft_clock_lapse(&last, 2 * LOOK);
    }
}

void hub_answer(struct hub *hub, const void *answer)
{
    link_send(&hub->peer[0].link, answer, hub->answer_bytes);
}
