/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/halts.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"

#define LOOK 0.25 /* seconds between two looks */

struct halts {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ending;
    double last;  /* look at the clock */
    double total; /* seconds stopped */
};

/* Called with the lock. The time between two looks is no halt: half of it on average. */
static double halts_look(struct halts *halts)
{
    double now = sft_clock_now();
    double lapse = now - halts->last;
    halts->last = now;
    if (lapse > HALTS_LEAST)
        halts->total += lapse - LOOK / 2;
    return now - halts->total;
}

static void *halts_run(void *argument)
{
    struct halts *halts = argument;
    pthread_mutex_lock(&halts->lock);
    while (!halts->ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)(LOOK * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&halts->wake, &halts->lock, &until);
        halts_look(halts);
    }
    pthread_mutex_unlock(&halts->lock);
    return NULL;
}

struct halts *halts_start(struct sft_error *err)
{
    pthread_condattr_t monotonic;
    struct halts *halts = calloc(1, sizeof *halts);
    if (halts == NULL) {
        sft_error_set(err, "no memory for a thread");
        return NULL;
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&halts->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&halts->lock, NULL);
    halts->last = sft_clock_now();
    int failed = pthread_create(&halts->thread, NULL, halts_run, halts);
    if (failed == 0)
        return halts;
    sft_error_set(err, "cannot start a thread: %s", strerror(failed));
    free(halts);
    return NULL;
}

void halts_stop(struct halts *halts)
{
    if (halts == NULL)
        return;
    pthread_mutex_lock(&halts->lock);
    halts->ending = true;
    pthread_cond_signal(&halts->wake);
    pthread_mutex_unlock(&halts->lock);
    pthread_join(halts->thread, NULL);
    free(halts);
}

double halts_now(struct halts *halts)
{
    pthread_mutex_lock(&halts->lock);
    double now = halts_look(halts);
    pthread_mutex_unlock(&halts->lock);
    return now;
}
