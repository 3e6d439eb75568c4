/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spank/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "spank/account.h"
#include "spank/deliver.h"
#include "spank/hold.h"
#include "spank/keeper.h"
#include "spank/page.h"
#include "spank/publish.h"
#include "spank/settings.h"
#include "spank/slurm_compat.h"
#include "spank/witness.h"

/* Seconds: to the second update; until it is said that the end waits; where rank 0's end is not
 * known. */
enum { WATCH_FIRST = 2, WATCH_PATIENCE = 5, WATCH_SHORT = 5 };

static struct {
    int fd;
    uint32_t job_id, step_id;
    char step[32];
    bool comment;
    int longest;
    bool started, ran;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under the lock */
    /* The thread's own. */
    char page[SFT_RECORD_PAGE]; /* as it was handed over last */
    bool handed;
    int interval, wait; /* seconds between updates, and until the next */
} watch = {.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* The size is sealed: a page is all that a task can ever make slurmstepd hold or read. */
int watch_create(uint32_t job_id, uint32_t step_id, bool comment, int longest_seconds,
                 struct sft_error *err)
{
    watch.fd = memfd_create("sft-bench-record", MFD_ALLOW_SEALING);
    if (watch.fd < 0)
        return sft_error_set(err, "memory file: %s", strerror(errno));
    if (ftruncate(watch.fd, SFT_RECORD_PAGE) < 0 ||
        fcntl(watch.fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        sft_error_set(err, "memory file: %s", strerror(errno));
        close(watch.fd);
        watch.fd = -1;
        return -1;
    }
    watch.job_id = job_id;
    watch.step_id = step_id;
    snprintf(watch.step, sizeof watch.step, "%u.%u", job_id, step_id);
    watch.comment = comment;
    watch.longest = longest_seconds;
    return 0;
}

int watch_fd(void)
{
    return watch.fd;
}

/* The record that stands for the step now, as text. Returns as page_read. */
static int watch_text(const char *page, char text[SFT_RECORD_MAX], bool *complete,
                      struct sft_error *err)
{
    struct page_facts facts;
    struct sft_record record;
    witness_facts(&facts);
    int rc = page_read(page, SFT_RECORD_PAGE, &facts, &record, err);
    if (rc <= 0)
        return rc;
    const char *state = sft_record_get(&record, "state");
    *complete = state != NULL && strcmp(state, "complete") == 0;
    rc = sft_record_format(&record, false, text, SFT_RECORD_MAX, err) < 0 ? -1 : 1;
    sft_record_clear(&record);
    return rc;
}

/* A task may write while we read; a page that is no record is looked at again a second later. What
 * was handed over the keeper tries until it is in: only then is the page done with. An empty page
 * counts for nothing but a first record: what comes after it is looked for each second. */
static void watch_look(void)
{
    char page[SFT_RECORD_PAGE], text[SFT_RECORD_MAX];
    bool complete;
    if (pread(watch.fd, page, sizeof page, 0) != (ssize_t)sizeof page ||
        (watch.handed && memcmp(page, watch.page, sizeof page) == 0) ||
        watch_text(page, text, &complete, NULL) <= 0 || keeper_publish(text, false) < 0)
        return;
    watch.handed = true;
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

/* A record stands from the step's start. Look every second for what rank 0 writes first, then at
 * growing intervals: a job that is cancelled or runs out of time takes no update any more, so the
 * last one before has to do. */
static void *watch_run(void *unused)
{
    (void)unused;
    watch_look();
    pthread_mutex_lock(&watch.lock);
    while (!watch_pause()) {
        pthread_mutex_unlock(&watch.lock);
        if (--watch.wait <= 0)
            watch_look();
        pthread_mutex_lock(&watch.lock);
    }
    pthread_mutex_unlock(&watch.lock);
    return NULL;
}

/* The thread takes no signal: they are slurmstepd's. */
int watch_start(struct sft_error *err)
{
    sigset_t all, was;
    pthread_condattr_t clock;
    if (watch.fd < 0 || watch.started)
        return 0;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&watch.wake, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&watch.thread, NULL, watch_run, NULL);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    watch.started = watch.ran = rc == 0;
    return rc == 0 ? 0 : sft_error_set(err, "thread: %s", strerror(rc));
}

static void watch_join(void)
{
    pthread_mutex_lock(&watch.lock);
    watch.stop = true;
    pthread_cond_signal(&watch.wake);
    pthread_mutex_unlock(&watch.lock);
    pthread_join(watch.thread, NULL);
    watch.started = false;
}

/* Without a keeper we ask slurmctld ourselves, once: libslurm sets the limit, and what it prints is
 * seen. */
static void watch_alone(const char *text, struct keeper_answer *answer)
{
    struct publish publish;
    publish_init(&publish, watch.job_id, watch.comment);
    if (publish_set(&publish, text, true, NULL) == 0)
        publish_try(&publish);
    sft_record_clear(&publish.record);
    answer->result = publish.result;
    answer->refused = publish.account.refused;
    strcpy(answer->why, publish.account.why);
}

/* Wait until the final record is in, `limit` seconds at most, and say so when it takes longer. */
static void watch_hold(const char *text, int limit, struct keeper_answer *answer)
{
    int patience = limit < WATCH_PATIENCE ? limit : WATCH_PATIENCE;
    answer->result = ACCOUNT_SILENT;
    if (keeper_publish(text, true) < 0) {
        watch_alone(text, answer);
        return;
    }
    if (keeper_wait(patience * 1000, answer) || limit <= patience)
        return;
    slurm_spank_log("sft-bench: %s: slurmctld does not answer: the end of step %s is held until "
                    "its record is in the accounting, %d s at most",
                    settings_node(), watch.step, limit);
    keeper_wait((limit - patience) * 1000, answer);
}

static void watch_why(const struct keeper_answer *answer, char *why, size_t size)
{
    if (answer->result == ACCOUNT_REFUSED)
        snprintf(why, size, "slurmctld refuses it: %s", answer->why);
    else if (answer->result == ACCOUNT_OVER)
        snprintf(why, size, "the job was over before");
    else
        snprintf(why, size, "slurmctld does not answer");
}

/* What the user has to know, in one line; nothing when all is well. */
static void watch_tell(const struct keeper_answer *answer, const char *file,
                       const struct sft_error *spool)
{
    static const char *const name[] = {"comment", "admin comment"};
    bool admin = answer->refused == ACCOUNT_ADMIN;
    char why[256];
    watch_why(answer, why, sizeof why);
    if (answer->result == ACCOUNT_STANDS && answer->refused != 0)
        slurm_error("sft-bench: record of %s: the %s is refused (%s); it stands in the job's %s "
                    "alone",
                    watch.step, name[admin], answer->why, name[!admin]);
    else if (answer->result != ACCOUNT_STANDS && file[0] != '\0')
        slurm_error("sft-bench: record of %s is not in the accounting yet: %s; %s has it in %s, "
                    "from where it is delivered later, or by sft-bench-deliver",
                    watch.step, why, settings_node(), file);
    else if (answer->result != ACCOUNT_STANDS)
        slurm_error("sft-bench: record of %s is in no accounting: %s; nor could it be kept: %s",
                    watch.step, why, spool->text);
}

static int watch_limit(bool complete, int status, int hold_seconds)
{
    struct hold hold = {.well = complete,
                        .seconds = hold_seconds,
                        .unkillable = settings_unkillable(),
                        .message_timeout = settings_message_timeout()};
    return status == WATCH_NO_STATUS ? WATCH_SHORT : hold_limit(&hold);
}

void watch_stop(int status, int hold_seconds)
{
    struct spooled spooled = {
        .job_id = watch.job_id, .step_id = watch.step_id, .comment = watch.comment};
    struct keeper_answer answer = {0};
    struct sft_error err = {""}, spool = {""};
    char page[SFT_RECORD_PAGE], file[PATH_MAX];
    bool complete = false;
    if (watch.fd < 0 || (watch.ran && !watch.started))
        return;
    if (watch.started)
        watch_join();
    watch.ran = true; /* or no task was started: the record tells that */
    if (pread(watch.fd, page, sizeof page, 0) != (ssize_t)sizeof page)
        return;
    int rc = watch_text(page, spooled.text, &complete, &err);
    if (err.text[0] != '\0')
        slurm_error("sft-bench: record of %s: %s", watch.step, err.text);
    if (rc <= 0)
        return;
    deliver_spool(&spooled, file, sizeof file, &spool);
    watch_hold(spooled.text, watch_limit(complete, status, hold_seconds), &answer);
    watch_tell(&answer, file, &spool);
}
