/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "spank/account.h"
#include "spank/page.h"
#include "spank/slurm_compat.h"
#include "spank/witness.h"

enum { WATCH_PATIENCE = 5, WATCH_FIRST = 2 }; /* seconds */

static struct {
    int fd;
    uint32_t job_id;
    char step[32];
    bool comment;
    int longest;
    bool started, ran;
    pthread_mutex_t lock;
    pthread_cond_t wake, ended;
    bool stop, done; /* under the lock */
    /* The thread's own. */
    char page[SFT_RECORD_PAGE]; /* as it was published last */
    bool published, over;
    int interval, wait; /* seconds between updates, and until the next */
} watch = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

/* The size is sealed: a page is all that a task can ever make slurmstepd hold or read. */
int watch_create(uint32_t job_id, uint32_t step_id, bool comment, int longest_seconds,
                 struct sft_error *err)
{
    watch.fd = memfd_create("sft-bench-record", MFD_ALLOW_SEALING);
    if (watch.fd < 0)
        return sft_error_set(err, "memory file: %s", strerror(errno));
    if (ftruncate(watch.fd, SFT_RECORD_PAGE) < 0
        || fcntl(watch.fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        sft_error_set(err, "memory file: %s", strerror(errno));
        close(watch.fd);
        watch.fd = -1;
        return -1;
    }
    watch.job_id = job_id;
    snprintf(watch.step, sizeof watch.step, "%u.%u", job_id, step_id);
    watch.comment = comment;
    watch.longest = longest_seconds;
    return 0;
}

int watch_fd(void)
{
    return watch.fd;
}

static void watch_publish(const struct sft_record *record)
{
    struct sft_error err = { "" };
    int rc = account_publish(watch.job_id, record, watch.comment, &err);
    if (rc < 0)
        slurm_error("sft-bench: record of %s: %s", watch.step, err.text);
    watch.over = rc == 1;
    watch.published = watch.published || rc == 0;
}

/* A task may write while we read; a page that is no record is looked at again a second later. The last
 * record is more than the page: it tells how rank 0 ended. An empty page counts for nothing but a first
 * record: what comes after it is looked for each second. */
static void watch_look(bool last)
{
    char page[SFT_RECORD_PAGE];
    struct sft_record record;
    struct sft_error err = { "" };
    struct page_facts facts;
    ssize_t length = pread(watch.fd, page, sizeof page, 0);
    if (length != (ssize_t)sizeof page
        || (!last && watch.published && memcmp(page, watch.page, sizeof page) == 0))
        return;
    witness_facts(&facts);
    int rc = page_read(page, sizeof page, &facts, &record, &err);
    if (err.text[0] != '\0' && last)
        slurm_error("sft-bench: record of %s: %s", watch.step, err.text);
    if (rc <= 0)
        return;
    watch_publish(&record);
    sft_record_clear(&record);
    memcpy(watch.page, page, sizeof page);
    if (page[0] == '\0')
        return;
    watch.interval = watch.interval == 0 ? WATCH_FIRST : watch.interval * 2;
    if (watch.interval > watch.longest)
        watch.interval = watch.longest;
    watch.wait = watch.interval;
}

/* Wait a second or until woken; returns whether to stop. Called with the lock. */
static bool watch_pause(void)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    while (!watch.stop && pthread_cond_timedwait(&watch.wake, &watch.lock, &until) != ETIMEDOUT)
        ;
    return watch.stop;
}

/* A record stands from the step's start. Look every second for what rank 0 writes first, then at growing
 * intervals: a job that is cancelled or runs out of time takes no update any more, so the last one before
 * has to do. */
static void *watch_run(void *unused)
{
    (void)unused;
    watch_look(false);
    pthread_mutex_lock(&watch.lock);
    while (!watch_pause()) {
        pthread_mutex_unlock(&watch.lock);
        if (!watch.over && --watch.wait <= 0)
            watch_look(false);
        pthread_mutex_lock(&watch.lock);
    }
    pthread_mutex_unlock(&watch.lock);
    if (!watch.over)
        watch_look(true);
    pthread_mutex_lock(&watch.lock);
    watch.done = true;
    pthread_cond_broadcast(&watch.ended);
    pthread_mutex_unlock(&watch.lock);
    return NULL;
}

/* The thread takes no signal: they are slurmstepd's. It is detached, for nobody may wait for it
 * without a limit; the plugin is linked to stay in memory (-z nodelete), should it outlive us. */
int watch_start(struct sft_error *err)
{
    sigset_t all, was;
    pthread_condattr_t clock;
    pthread_attr_t detached;
    pthread_t thread;
    if (watch.fd < 0 || watch.started)
        return 0;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.wake, &clock);
    pthread_cond_init(&watch.ended, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&thread, &detached, watch_run, NULL);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    pthread_attr_destroy(&detached);
    watch.started = watch.ran = rc == 0;
    return rc == 0 ? 0 : sft_error_set(err, "thread: %s", strerror(rc));
}

void watch_stop(void)
{
    struct timespec until;
    if (!watch.started && watch.fd >= 0 && !watch.ran) { /* no task was started */
        watch.ran = true;
        watch_look(true);
    }
    if (!watch.started)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WATCH_PATIENCE;
    pthread_mutex_lock(&watch.lock);
    watch.stop = true;
    pthread_cond_signal(&watch.wake);
    while (!watch.done && pthread_cond_timedwait(&watch.ended, &watch.lock, &until) != ETIMEDOUT)
        ;
    if (!watch.done)
        slurm_error("sft-bench: record of %s: the controller does not answer", watch.step);
    watch.started = false;
    pthread_mutex_unlock(&watch.lock);
}
