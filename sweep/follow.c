/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/follow.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sweep/waits.h"

#define POLL_SECONDS 2
#define TELL_LOOKS                                                                                 \
    3 /* in a row at which a job needs help, before it is told: some do for a moment */
#define STUCK_LOOKS 10 /* and before nobody waits any longer */
#define FAILURES 150   /* looks in a row that Slurm may leave unanswered */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

void follow_watch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool follow_is_interrupted(void)
{
    return interrupted != 0;
}

/* The line that stands on a terminal and is rewritten. */
static void live_clear(bool *live)
{
    if (*live)
        fprintf(stderr, "\r\033[K");
    *live = false;
}

static void live_say(bool *live, const struct sweep_state *state, int left)
{
    int running = 0;
    long long id = 0;
    if (!isatty(STDERR_FILENO) || left == 0)
        return;
    for (size_t i = 0; i < state->count; i++)
        if (state->job[i].state == SWEEP_RUNNING) {
            running++;
            id = state->job[i].id;
        }
    live_clear(live);
    fprintf(stderr, "%d running, %d pending", running, left - running);
    if (id != 0)
        fprintf(stderr, " (job %lld)", id);
    *live = true;
}

/* How long it has needed help; told once. A limit that our own jobs may fill is none. */
static void look_waits(const struct sweep_job *was, struct sweep_job *job, bool runs, bool *live)
{
    bool told = was != NULL && was->told;
    bool help = waits_for_help(job) && !(runs && waits_read(job->reason) == WAITS_LIMIT);
    job->waits = help ? (was != NULL ? was->waits : 0) + 1 : 0;
    job->told = told || job->waits >= TELL_LOOKS;
    if (told || !job->told)
        return;
    live_clear(live);
    waits_say(job, stderr);
}

/* Tell what has ended between two looks, both by id; returns how many have not. */
static int look_compare(const struct sweep_state *seen, struct sweep_state *now, bool *live)
{
    size_t at = 0;
    int left = 0;
    bool runs = false;
    for (size_t i = 0; i < now->count; i++)
        runs |= now->job[i].state == SWEEP_RUNNING;
    for (size_t i = 0; i < now->count; i++) {
        struct sweep_job *job = &now->job[i];
        while (at < seen->count && seen->job[at].id < job->id)
            at++;
        const struct sweep_job *was =
            at < seen->count && seen->job[at].id == job->id ? &seen->job[at] : NULL;
        bool had_ended = was != NULL && !sweep_job_is_alive(was);
        if (sweep_job_is_alive(job)) {
            left++;
            look_waits(was, job, runs, live);
        } else if (!had_ended) {
            live_clear(live);
            sweep_job_print(job, stdout);
        }
    }
    fflush(stdout);
    return left;
}

/* One look; returns how many jobs are left, -1 where Slurm did not answer. */
static int look(struct sweep_state *seen, struct sweep_cells *cells, const char *name, bool *live,
                struct sft_error *err)
{
    struct sweep_state now;
    if (sweep_state_load(&now, name, err) < 0)
        return -1;
    int left = look_compare(seen, &now, live);
    live_say(live, &now, left);
    sweep_state_count(&now, cells, false);
    sweep_state_clear(seen);
    *seen = now;
    return left;
}

static void say_again(const struct sft_error *err)
{
    fprintf(stderr, "sft-sweep: note: %s; the jobs go on, trying again\n", err->text);
}

int follow_try(follow_asks *asks, void *context, struct sft_error *err)
{
    const struct timespec nap = {POLL_SECONDS, 0};
    int rc = -1;
    for (int i = 0; i <= FAILURES && !interrupted && (rc = asks(context, err)) < 0; i++) {
        if (i == 0 && !interrupted)
            say_again(err);
        nanosleep(&nap, NULL);
    }
    return rc;
}

int follow_sweep(struct sweep_state *seen, struct sweep_cells *cells, const char *name, bool whole,
                 struct sft_error *err)
{
    const struct timespec nap = {POLL_SECONDS, 0};
    bool live = false, stuck = false;
    int failures = 0, left;
    while (!interrupted && (left = look(seen, cells, name, &live, err)) != 0 &&
           failures <= FAILURES) {
        failures = left < 0 ? failures + 1 : 0;
        if (failures == 1 && !interrupted)
            say_again(err);
        if ((stuck = whole && left > 0 && waits_for_nothing(seen, STUCK_LOOKS)))
            break;
        nanosleep(&nap, NULL);
    }
    live_clear(&live);
    return interrupted ? FOLLOW_INTERRUPTED : failures > FAILURES ? -1 : stuck ? FOLLOW_STUCK : 0;
}
