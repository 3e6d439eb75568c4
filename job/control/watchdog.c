/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/watchdog_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"

#define INTERVAL 1.0 /* seconds between two reports, for all but the shortest limits */
#define GAP 2.0      /* intervals: a longer gap in a thread's time, and it was stopped */
#define LIMIT_PART 8 /* of the limit: intervals, and silence, are no longer */
#define STALE_BEATS 3

void watchdog_tick(struct watchdog *w)
{
    w->clock += sft_clock_lapse(&w->real, GAP * w->interval);
}

void watchdog_enter(struct watchdog *w, const char *name)
{
    if (w == NULL)
        return;
    atomic_store_explicit(&w->name, name, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->entered, 1, memory_order_release);
}

void watchdog_leave(struct watchdog *w)
{
    if (w != NULL)
        atomic_fetch_add_explicit(&w->left, 1, memory_order_release);
}

struct watchdog_message watchdog_message_make(const struct watchdog *w, enum watchdog_kind kind)
{
    const struct watchdog_row *own = &w->table.rows[w->rank];
    struct watchdog_message message;
    memset(&message, 0, sizeof message);
    message.head = (struct net_head){WATCHDOG_VERSION, kind, w->cards[0].token, w->rank, w->size};
    message.waited = own->waited;
    message.progress = own->progress;
    return message;
}

enum net_news watchdog_take(struct net_link *link, struct watchdog_message *message)
{
    enum net_news news = net_link_take(link, message, sizeof *message);
    if (news == NET_MESSAGE && message->head.version != WATCHDOG_VERSION)
        return NET_BROKEN;
    message->progress.name[WATCHDOG_NAME - 1] = '\0';
    return news;
}

/* `left` first: a collective that ends in between then looks as if it went on, never the other way.
 */
static int own_read(struct watchdog *w, struct watchdog_progress *progress, struct sft_error *err)
{
    memset(progress, 0, sizeof *progress);
    progress->left = atomic_load_explicit(&w->left, memory_order_acquire);
    progress->entered = atomic_load_explicit(&w->entered, memory_order_acquire);
    const char *name = atomic_load_explicit(&w->name, memory_order_relaxed);
    if (progress->entered > progress->left) /* its maker may have gone with the collective */
        snprintf(progress->name, sizeof progress->name, "%s", name);
    return w->options.poll == NULL ? 0 : w->options.poll(w->options.user, progress, err);
}

/* How far this rank is. The thread itself times the waiting, to one interval, so that enter and
 * leave need no clock. */
static int own_update(struct watchdog *w, struct sft_error *err)
{
    struct watchdog_row *own = &w->table.rows[w->rank];
    struct watchdog_progress was = own->progress;
    int result = own_read(w, &own->progress, err);
    if (own->progress.entered <= own->progress.left || was.entered <= was.left ||
        was.left != own->progress.left)
        w->inside = w->clock;
    own->heard = w->clock;
    own->waited = w->clock - w->inside;
    return result;
}

static bool thread_judges(struct watchdog *w, char *why, size_t size)
{
    struct sft_error err = {""};
    const struct watchdog_row *own = &w->table.rows[w->rank];
    watchdog_tick(w);
    if (own_update(w, &err) < 0) {
        snprintf(why, size, "rank %d on %s: %.400s", w->rank, own->host, err.text);
        return true;
    }
    if (w->size == 1)
        return false;
    if (w->rank == 0)
        return watchdog_judge(&w->table, w->clock, why, size);
    return watchdog_judge_root(&w->table.rows[0], own, w->rank, w->options.limit, w->clock, why,
                               size);
}

static void thread_turn(struct watchdog *w)
{
    struct pollfd polled = {.fd = w->wake, .events = POLLIN};
    if (w->size == 1)
        poll(&polled, 1, (int)(w->interval * 1e3) + 1);
    else if (w->rank == 0)
        watchdog_root_turn(w, w->interval);
    else
        watchdog_far_turn(w, w->interval);
}

static void *thread_run(void *argument)
{
    struct watchdog *w = argument;
    char why[WATCHDOG_WHY];
    bool failed = false;
    w->real = sft_clock_now();
    while (!failed && !atomic_load(&w->stopping)) {
        failed = thread_judges(w, why, sizeof why);
        if (!failed)
            thread_turn(w);
    }
    if (failed)
        w->options.fail(w->options.user, why);
    else if (w->size > 1 && w->rank == 0)
        watchdog_root_bye(w);
    else if (w->size > 1)
        watchdog_far_bye(w);
    return NULL;
}

/* The signals are the main thread's business. */
static int thread_start(struct watchdog *w, struct sft_error *err)
{
    sigset_t all, before;
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0)
        return sft_error_set(err, "the watchdog cannot start: %s", strerror(errno));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&w->thread, NULL, thread_run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return sft_error_set(err, "the watchdog's thread cannot start: %s", strerror(status));
    w->has_thread = true;
    return 0;
}

static struct watchdog *watchdog_new(const struct watchdog_options *options,
                                     const struct bootstrap *bootstrap)
{
    struct watchdog *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->options = *options;
    w->rank = bootstrap->rank;
    w->size = bootstrap->size;
    w->wake = w->listener = w->link.fd = -1;
    w->interval = options->limit / LIMIT_PART < INTERVAL ? options->limit / LIMIT_PART : INTERVAL;
    w->table.size = w->size;
    w->table.limit = options->limit;
    w->table.stale = STALE_BEATS * w->interval;
    if (w->table.stale < options->limit / LIMIT_PART)
        w->table.stale = options->limit / LIMIT_PART;
    w->cards = calloc((size_t)w->size, sizeof *w->cards);
    w->table.rows = calloc((size_t)w->size, sizeof *w->table.rows);
    if (w->cards != NULL && w->table.rows != NULL)
        return w;
    watchdog_stop(w);
    return NULL;
}

/* Where rank 0 listens, and everybody's host. */
static int watchdog_meet(struct watchdog *w, struct bootstrap *bootstrap, struct sft_error *err)
{
    struct net_card *mine = calloc(1, sizeof *mine);
    int failed = -1;
    if (mine == NULL)
        return sft_error_set(err, "no memory for the watchdog");
    if (w->size == 1 || w->rank != 0 || watchdog_root_open(w, err) == 0) {
        *mine = w->cards[0];
        snprintf(mine->host, sizeof mine->host, "%s", bootstrap->host);
        failed = bootstrap_exchange(bootstrap, mine, sizeof *mine, w->cards, err);
    }
    free(mine);
    for (int rank = 0; rank < w->size && !failed; rank++) {
        w->cards[rank].host[NET_HOST - 1] = '\0';
        w->table.rows[rank].host = w->cards[rank].host;
    }
    w->table.rows[w->rank].state = WATCHDOG_LIVE;
    return failed;
}

struct watchdog *watchdog_start(const struct watchdog_options *options, struct bootstrap *bootstrap,
                                struct sft_error *err)
{
    struct watchdog *w = watchdog_new(options, bootstrap);
    if (w == NULL) {
        sft_error_set(err, "no memory for a watchdog of %d ranks", bootstrap->size);
        return NULL;
    }
    bool needed = w->size > 1 || options->poll != NULL;
    if (watchdog_meet(w, bootstrap, err) < 0 || (needed && thread_start(w, err) < 0)) {
        watchdog_stop(w);
        return NULL;
    }
    return w;
}

void watchdog_stop(struct watchdog *w)
{
    uint64_t one = 1;
    if (w == NULL)
        return;
    atomic_store(&w->stopping, true);
    if (w->has_thread && write(w->wake, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(w->thread, NULL);
    watchdog_root_close(w);
    net_link_close(&w->link);
    if (w->wake >= 0)
        close(w->wake);
    free(w->cards);
    free(w->table.rows);
    free(w);
}
