/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/tree.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/clock.h"

#define LOOK 0.5 /* seconds between two looks at the clock; no gap between them counts double */
#define PATIENCE 20.0 /* seconds more than the watchdog has, which sees all ranks */

struct tree_message tree_message_make(const struct control_tree *t, enum tree_kind kind, int to,
                                      size_t bytes)
{
    struct tree_message message;
    memset(&message, 0, sizeof message);
    message.head = (struct net_head){TREE_VERSION, kind, t->token, t->rank, t->size};
    message.to = to;
    message.number = t->number;
    message.bytes = bytes;
    return message;
}

bool tree_message_is(const struct control_tree *t, const struct tree_message *message,
                     enum tree_kind kind, int from)
{
    const struct net_head *head = &message->head;
    return head->version == TREE_VERSION && head->kind == kind && head->token == t->token &&
           head->rank == from && head->size == t->size && message->to == t->rank;
}

static const char *kind_name(uint32_t kind)
{
    static const char *const names[TREE_KINDS] = {
        [TREE_SUM] = "a sum",         [TREE_MAX] = "a maximum",
        [TREE_GATHER] = "a gather",   [TREE_BROADCAST] = "a broadcast",
        [TREE_BARRIER] = "a barrier", [TREE_AGREE] = "an agreement",
    };
    return kind < TREE_KINDS && names[kind] != NULL ? names[kind] : "something else";
}

static void link_close(struct tree_link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

/* A dead rank is told of by Slurm, which ends the run, or by the watchdog, which sees all ranks:
 * both need a moment. */
static int link_gone(struct control_tree *t, struct tree_link *link, struct sft_error *err)
{
    bool middle = link->have > 0;
    double last = sft_clock_now(), spent = 0;
    link_close(link);
    for (; spent < TREE_GONE_SECONDS; spent += sft_clock_lapse(&last, 2 * LOOK))
        poll(NULL, 0, (int)(LOOK * 1e3));
    return sft_error_set(err, "rank %d on %s is gone (its connection closed%s)", link->rank,
                         t->hosts[link->rank], middle ? " in the middle of a message" : "");
}

static int link_broken(struct control_tree *t, struct tree_link *link, struct sft_error *err)
{
    if (errno == ECONNRESET || errno == EPIPE)
        return link_gone(t, link, err);
    sft_error_set(err, "rank %d on %s cannot be reached any more: %s", link->rank,
                  t->hosts[link->rank], strerror(errno));
    link_close(link);
    return -1;
}

void tree_expect(struct tree_link *link, enum tree_kind kind, void *to, size_t bytes)
{
    link->done = false;
    if (link->have >= sizeof link->message) /* in the middle of the sender's last words */
        return;
    link->kind = kind;
    link->to = to;
    link->bytes = bytes;
}

/* The message in front is whole: is it what was asked for, or the sender's end? */
static int link_check(struct control_tree *t, struct tree_link *link, struct sft_error *err)
{
    const struct tree_message *m = &link->message;
    if (tree_message_is(t, m, TREE_FAILED, link->rank) && m->bytes == sizeof link->failed) {
        link->kind = TREE_FAILED;
        link->to = link->failed;
        link->bytes = sizeof link->failed;
        return 0;
    }
    if (tree_message_is(t, m, link->kind, link->rank) && m->number == t->number &&
        m->bytes == link->bytes)
        return 0;
    return sft_error_set(
        err,
        "rank %d on %s sends %s (number %llu, %llu bytes), and rank %d on %s waits for "
        "%s (number %llu, %zu bytes): do all nodes have the same sft-bench-job?",
        link->rank, t->hosts[link->rank],
        m->head.token == t->token ? kind_name(m->head.kind) : "without the token",
        (unsigned long long)m->number, (unsigned long long)m->bytes, t->rank, t->hosts[t->rank],
        kind_name(link->kind), (unsigned long long)t->number, link->bytes);
}

/* Where the next bytes go, and how many at most; 0: nothing more. */
static size_t link_next(struct tree_link *link, char **to)
{
    size_t front = sizeof link->message;
    if (link->have < front) {
        *to = (char *)&link->message + link->have;
        return front - link->have;
    }
    *to = link->to + (link->have - front);
    return front + link->bytes - link->have;
}

int tree_read(struct control_tree *t, struct tree_link *link, struct sft_error *err)
{
    char *to;
    size_t want;
    while ((want = link_next(link, &to)) > 0) {
        ssize_t got = recv(link->fd, to, want, MSG_DONTWAIT);
        if (got == 0)
            return link_gone(t, link, err);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : link_broken(t, link, err);
        link->have += (size_t)got;
        if (link->have == sizeof link->message && link_check(t, link, err) < 0)
            return -1;
    }
    link->have = 0;
    link->done = link->kind != TREE_FAILED;
    if (link->done)
        return 1;
    link->failed[sizeof link->failed - 1] = '\0';
    link_close(link);
    return sft_error_set(err, "%s", link->failed);
}

/* Seconds for those links. The watchdog judges first, where there is one; then who waits for the
 * rank at fault itself, which is below, and last who waits for an answer from above. */
static double links_patience(const struct control_tree *t, const struct tree_link *links)
{
    const struct tree_place *place = &t->place;
    bool up = links == t->link;
    int later = up ? 1 + place->above + place->levels : place->below;
    return t->limit + (t->watched ? PATIENCE : 0) + later;
}

const char *tree_more(int late, char text[TREE_MORE])
{
    text[0] = '\0';
    if (late > 1)
        snprintf(text, TREE_MORE, " and %d more rank%s", late - 1, late > 2 ? "s" : "");
    return text;
}

static int links_late(struct control_tree *t, const struct tree_link *links, int count,
                      double spent, struct sft_error *err)
{
    int late = 0, first = -1;
    char more[TREE_MORE];
    for (int i = 0; i < count; i++)
        if (!links[i].done) {
            late++;
            first = first < 0 ? i : first;
        }
    return sft_error_set(err,
                         "rank %d on %s%s %s not come: rank %d on %s waits in %s (number %llu) for "
                         "%.0f s (timeout=%.0f)",
                         links[first].rank, t->hosts[links[first].rank], tree_more(late, more),
                         late > 1 ? "have" : "has", t->rank, t->hosts[t->rank],
                         kind_name(links[first].kind), (unsigned long long)t->number, spent,
                         t->limit);
}

/* While children are waited for, the parent has nothing to say but that it has failed, or is gone.
 */
static struct tree_link *parent_watch(struct control_tree *t, const struct tree_link *waited)
{
    struct tree_link *parent = &t->link[0];
    if (parent == waited || parent->fd < 0)
        return NULL;
    tree_expect(parent, TREE_FAILED, parent->failed, sizeof parent->failed);
    return parent;
}

int tree_wait(struct control_tree *t, struct tree_link *links, int count, struct sft_error *err)
{
    struct pollfd polled[TREE_LINKS];
    struct tree_link *parent = parent_watch(t, links);
    double last = sft_clock_now();
    for (double spent = 0;; spent += sft_clock_lapse(&last, 2 * LOOK)) {
        int missing = 0;
        for (int i = 0; i < count; i++) {
            if (!links[i].done && tree_read(t, &links[i], err) < 0)
                return -1;
            polled[i] = (struct pollfd){.fd = links[i].done ? -1 : links[i].fd, .events = POLLIN};
            missing += !links[i].done;
        }
        if (missing == 0)
            return 0;
        if (parent != NULL && tree_read(t, parent, err) < 0)
            return -1;
        if (spent > links_patience(t, links))
            return links_late(t, links, count, spent, err);
        polled[count] = (struct pollfd){.fd = parent != NULL ? parent->fd : -1, .events = POLLIN};
        poll(polled, (nfds_t)count + 1, (int)(LOOK * 1e3));
    }
}

/* One turn of writing; what is left stays in iov. */
static int link_write(struct control_tree *t, struct tree_link *link, struct iovec iov[2],
                      struct sft_error *err)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t sent = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR
                   ? 0
                   : link_broken(t, link, err);
    for (int i = 0; i < 2; i++) {
        size_t part = (size_t)sent < iov[i].iov_len ? (size_t)sent : iov[i].iov_len;
        iov[i].iov_base = (char *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        sent -= (ssize_t)part;
    }
    return 0;
}

int tree_send(struct control_tree *t, struct tree_link *link, enum tree_kind kind, const void *from,
              size_t bytes, struct sft_error *err)
{
    struct tree_message message = tree_message_make(t, kind, link->rank, bytes);
    struct iovec iov[2] = {{&message, sizeof message}, {(void *)(uintptr_t)from, bytes}};
    double last = sft_clock_now(), spent = 0;
    for (;;) {
        if (link_write(t, link, iov, err) < 0)
            return -1;
        if (iov[0].iov_len + iov[1].iov_len == 0)
            return 0;
        spent += sft_clock_lapse(&last, 2 * LOOK);
        if (spent > links_patience(t, link))
            break;
        struct pollfd polled = {.fd = link->fd, .events = POLLOUT};
        poll(&polled, 1, (int)(LOOK * 1e3));
    }
    link_close(link); /* part of a message has gone: nothing may follow */
    return sft_error_set(err,
                         "rank %d on %s has not taken %zu bytes of rank %d on %s within %.0f s "
                         "(timeout=%.0f)",
                         link->rank, t->hosts[link->rank], bytes, t->rank, t->hosts[t->rank], spent,
                         t->limit);
}

void tree_fail(struct control_tree *t, const struct sft_error *err)
{
    struct {
        struct tree_message message;
        char text[SFT_ERROR_SIZE];
    } end;
    t->failure = *err;
    memcpy(end.text, err->text, sizeof end.text);
    for (int i = 0; i < TREE_LINKS; i++)
        if (t->link[i].fd >= 0) {
            end.message = tree_message_make(t, TREE_FAILED, t->link[i].rank, sizeof end.text);
            (void)!send(t->link[i].fd, &end, sizeof end, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
}
