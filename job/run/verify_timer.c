/* SPDX-License-Identifier: Apache-2.0 */
/* Rank 0's own part, which may hang as the others' may. A thread that hangs cannot be ended, and
 * without rank 0 nobody judges: so the run ends. */
#include "job/run/verify.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "lib/clock.h"

#define LOOK 0.5
/* For the last word, whatever hangs. */
enum { LAST_SECONDS = 20 };
struct timer {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    double limit;
    const char *what;
    struct ranks *ranks;
};

static void timer_end_run(const struct timer *timer)
{
    struct ranks *ranks = timer->ranks;
    char why[VERIFY_TEXT];
    snprintf(why, sizeof why,
             "rank 0 on %.100s did not come back from %s within %.0f s, and nobody else judges: "
             "look at its node",
             ranks->bootstrap.host, timer->what, timer->limit);
    bootstrap_abort_within(VERIFY_COULD_NOT_TELL, LAST_SECONDS);
    fprintf(stderr, "sft-bench-job: %s\n", why);
    ranks->last_word(ranks->user, why);
    bootstrap_abort(&ranks->bootstrap, VERIFY_COULD_NOT_TELL);
}

static void *timer_watch(void *user)
{
    struct timer *timer = user;
    double last = sft_clock_now(), spent = 0;
    struct timespec until;
    pthread_mutex_lock(&timer->lock);
    while (!timer->done && spent < timer->limit) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(1e9 * LOOK);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&timer->ended, &timer->lock, &until);
        spent += sft_clock_lapse(&last, 2 * LOOK);
    }
    if (!timer->done)
        timer_end_run(timer);
    pthread_mutex_unlock(&timer->lock);
    return NULL;
}

void verify_timer_do(struct verify_worker *worker, const struct verify_order *order, double limit,
                     struct verify_answer *answer)
{
    struct timer timer = {.lock = PTHREAD_MUTEX_INITIALIZER,
                          .ended = PTHREAD_COND_INITIALIZER,
                          .limit = limit,
                          .what = check_title(order->check),
                          .ranks = worker->ranks};
    pthread_t thread;
    bool watched = pthread_create(&thread, NULL, timer_watch, &timer) == 0;
    verify_worker_do(worker, order, answer);
    if (!watched)
        return;
    pthread_mutex_lock(&timer.lock);
    timer.done = true;
    pthread_cond_signal(&timer.ended);
    pthread_mutex_unlock(&timer.lock);
    pthread_join(thread, NULL);
}
