/* SPDX-License-Identifier: Apache-2.0 */
/* The tree's connections. A host has several addresses, and which of them another host reaches, or
 * reaches somebody else under, nobody knows: a child dials all of its parent's at once, and keeps
 * the first that answers with the run's token. Who does not show the token in its first message is
 * dropped. When all have come nobody listens any more. */
#include "job/control/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

enum { COMERS = 256, DEAF_MS = 50, LOOK_MS = 500 };
#define LOOK (LOOK_MS * 1e-3)
#define REDIAL 1.0 /* seconds */

struct comer {
    struct net_link link;
    int rank; /* of a child; -1: it has not said */
};

struct call {
    struct net_link link;
    bool said; /* hello */
};

struct connect {
    struct control_tree *tree;
    int listener; /* -1: no children */
    bool deaf;    /* no descriptor is left: take none for a while */
    struct net_card mine, parent;
    struct comer comers[COMERS];
    int count;
    struct call calls[NET_ADDRESSES];
    double redial; /* seconds until then */
};

static void comer_drop(struct connect *n, int which)
{
    net_link_close(&n->comers[which].link);
    memmove(n->comers + which, n->comers + which + 1,
            (size_t)(n->count - which - 1) * sizeof *n->comers);
    n->count--;
}

/* When there is no room, the oldest goes that never said its rank. */
static void connect_accept(struct connect *n)
{
    int fd;
    while ((fd = net_accept(n->listener)) >= 0) {
        for (int i = 0; i < n->count && n->count == COMERS; i++)
            if (n->comers[i].rank < 0)
                comer_drop(n, i);
        if (n->count == COMERS)
            close(fd);
        else
            n->comers[n->count++] = (struct comer){.link = {.fd = fd}, .rank = -1};
    }
    n->deaf = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
}

static struct tree_link *child_of(struct control_tree *t, int rank)
{
    for (int i = 1; i <= t->place.children; i++)
        if (t->link[i].rank == rank)
            return &t->link[i];
    return NULL;
}

/* False: it is no child of this rank, or has chosen another connection, or this one. */
static bool comer_hear(struct connect *n, struct comer *comer, const struct tree_message *message)
{
    struct control_tree *t = n->tree;
    struct tree_link *child = child_of(t, message->head.rank);
    if (child == NULL || child->fd >= 0)
        return false;
    if (comer->rank < 0 && tree_message_is(t, message, TREE_HELLO, child->rank)) {
        struct tree_message answer = tree_message_make(t, TREE_WELCOME, child->rank, 0);
        comer->rank = child->rank;
        net_link_send(&comer->link, &answer, sizeof answer);
        return true;
    }
    if (comer->rank == child->rank && tree_message_is(t, message, TREE_CHOICE, child->rank)) {
        child->fd = comer->link.fd;
        comer->link.fd = -1;
    }
    return false;
}

static void connect_hear(struct connect *n)
{
    struct tree_message message;
    for (int i = n->count - 1; i >= 0; i--) {
        struct comer *comer = &n->comers[i];
        enum net_news news = NET_MESSAGE;
        while (news == NET_MESSAGE) {
            news = net_link_take(&comer->link, &message, sizeof message);
            if (news == NET_MESSAGE && !comer_hear(n, comer, &message))
                news = NET_CLOSED;
        }
        if (news != NET_NOTHING)
            comer_drop(n, i);
    }
}

static void calls_close(struct connect *n)
{
    for (int i = 0; i < NET_ADDRESSES; i++)
        net_link_close(&n->calls[i].link);
}

/* All of the parent's addresses, again and again those that refuse. */
static void connect_dial(struct connect *n)
{
    for (int i = 0; i < n->parent.addresses && i < NET_ADDRESSES; i++)
        if (n->calls[i].link.fd < 0)
            n->calls[i] =
                (struct call){.link = {.fd = net_dial(&n->parent.address[i], n->parent.port)}};
    n->redial = REDIAL;
}

/* The first that answers is the parent's; false: this one is of no use. */
static bool call_hear(struct connect *n, struct call *call)
{
    struct control_tree *t = n->tree;
    struct tree_message message, choice;
    enum net_news news = net_link_take(&call->link, &message, sizeof message);
    if (news == NET_NOTHING)
        return true;
    if (news != NET_MESSAGE || !tree_message_is(t, &message, TREE_WELCOME, t->place.parent))
        return false;
    choice = tree_message_make(t, TREE_CHOICE, t->place.parent, 0);
    net_link_send(&call->link, &choice, sizeof choice);
    t->link[0].fd = call->link.fd;
    call->link.fd = -1;
    return false;
}

static bool call_say(struct connect *n, struct call *call)
{
    struct tree_message hello = tree_message_make(n->tree, TREE_HELLO, n->tree->place.parent, 0);
    if (!net_dialled(call->link.fd))
        return false;
    net_link_send(&call->link, &hello, sizeof hello);
    call->said = true;
    return true;
}

static void connect_call(struct connect *n, const struct pollfd *polled)
{
    for (int i = 0; i < NET_ADDRESSES && n->tree->link[0].fd < 0; i++) {
        struct call *call = &n->calls[i];
        if (call->link.fd >= 0 && polled[i].revents != 0 &&
            !(call->said ? call_hear(n, call) : call_say(n, call)))
            net_link_close(&call->link);
    }
    if (n->tree->link[0].fd >= 0)
        calls_close(n);
}

static bool connect_done(const struct connect *n)
{
    const struct control_tree *t = n->tree;
    for (int i = t->rank > 0 ? 0 : 1; i <= t->place.children; i++)
        if (t->link[i].fd < 0)
            return false;
    return true;
}

/* Wait for news of all sockets, or for a while; the calls' come first. */
static void connect_poll(struct connect *n, struct pollfd *polled)
{
    nfds_t count = 0;
    for (int i = 0; i < NET_ADDRESSES; i++)
        polled[count++] = (struct pollfd){.fd = n->calls[i].link.fd,
                                          .events = n->calls[i].said ? POLLIN : POLLOUT};
    polled[count++] = (struct pollfd){.fd = n->deaf ? -1 : n->listener, .events = POLLIN};
    for (int i = 0; i < n->count; i++)
        polled[count++] = (struct pollfd){.fd = n->comers[i].link.fd, .events = POLLIN};
    poll(polled, count, n->deaf ? DEAF_MS : LOOK_MS);
}

static void connect_turn(struct connect *n)
{
    struct pollfd polled[NET_ADDRESSES + 1 + COMERS];
    bool calls = n->tree->rank > 0 && n->tree->link[0].fd < 0;
    if (calls && n->redial <= 0)
        connect_dial(n);
    connect_poll(n, polled);
    if (calls)
        connect_call(n, polled);
    if (n->listener >= 0) {
        connect_accept(n);
        connect_hear(n);
    }
}

/* "10.0.0.1, fd00::1, 127.0.0.1 (port 12345)" */
static void card_write(const struct net_card *card, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < card->addresses && i < NET_ADDRESSES; i++) {
        char one[INET6_ADDRSTRLEN] = "?";
        inet_ntop(card->address[i].family == 6 ? AF_INET6 : AF_INET, card->address[i].bytes, one,
                  sizeof one);
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", one);
    }
    if (used < size)
        snprintf(text + used, size - used, " (port %d)", card->port);
}

static int connect_late(const struct connect *n, struct sft_error *err)
{
    const struct control_tree *t = n->tree;
    const struct tree_link *link = t->link;
    char where[512], more[TREE_MORE];
    int late = 0, first = 0;
    if (t->rank > 0 && link[0].fd < 0) {
        card_write(&n->parent, where, sizeof where);
        return sft_error_set(
            err, "rank %d on %.100s cannot reach rank %d on %.100s within %.0f s at %s", t->rank,
            t->hosts[t->rank], link[0].rank, t->hosts[link[0].rank], t->limit, where);
    }
    for (int i = t->place.children; i > 0; i--)
        if (link[i].fd < 0) {
            late++;
            first = i;
        }
    card_write(&n->mine, where, sizeof where);
    return sft_error_set(err,
                         "rank %d on %.100s%s did not reach rank %d on %.100s within %.0f s at %s",
                         link[first].rank, t->hosts[link[first].rank], tree_more(late, more),
                         t->rank, t->hosts[t->rank], t->limit, where);
}

static int connect_all(struct connect *n, struct sft_error *err)
{
    double last = sft_clock_now(), spent = 0;
    while (!connect_done(n)) {
        if (spent > n->tree->limit)
            return connect_late(n, err);
        connect_turn(n);
        double lapse = sft_clock_lapse(&last, 2 * LOOK);
        spent += lapse;
        n->redial -= lapse;
    }
    return 0;
}

/* Everybody's host, the run's token, and where the parent listens. */
static int connect_exchange(struct connect *n, struct bootstrap *bootstrap, struct sft_error *err)
{
    struct control_tree *t = n->tree;
    struct tree_place *place = &t->place;
    struct net_card *cards = calloc((size_t)t->size, sizeof *cards);
    if (cards == NULL)
        return sft_error_set(err, "no memory for the addresses of %d ranks", t->size);
    if (place->children > 0)
        n->listener = net_listen(&n->mine, err);
    snprintf(n->mine.host, sizeof n->mine.host, "%s", t->hosts[t->rank]);
    int failed = place->children > 0 && n->listener < 0
                     ? -1
                     : bootstrap_exchange(bootstrap, &n->mine, sizeof n->mine, cards, err);
    for (int rank = 0; rank < t->size && failed == 0; rank++)
        snprintf(t->hosts[rank], sizeof *t->hosts, "%.*s", NET_HOST - 1, cards[rank].host);
    t->token = cards[0].token;
    if (failed == 0 && place->parent >= 0)
        n->parent = cards[place->parent];
    t->link[0].rank = place->parent;
    for (int i = 0; i < place->children; i++)
        t->link[i + 1].rank = place->child[i];
    free(cards);
    return failed;
}

int tree_connect(struct control_tree *t, struct bootstrap *bootstrap, struct sft_error *err)
{
    struct connect *n = calloc(1, sizeof *n);
    if (n == NULL)
        return sft_error_set(err, "no memory for connections");
    n->tree = t;
    n->listener = -1;
    for (int i = 0; i < NET_ADDRESSES; i++)
        n->calls[i].link.fd = -1;
    int failed = connect_exchange(n, bootstrap, err);
    if (failed == 0)
        failed = connect_all(n, err);
    if (failed < 0)
        tree_fail(t, err);
    calls_close(n);
    while (n->count > 0)
        comer_drop(n, n->count - 1);
    if (n->listener >= 0)
        close(n->listener);
    free(n);
    return failed;
}
