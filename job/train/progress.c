/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

/* Set by whoever passes our output on to a terminal unbuffered: the stream to show the live line
 * on. "stdout" when both streams end there, since a launcher may let one overtake the other and the
 * summary follows on stdout; else "stderr". */
#define PROGRESS_LIVE_ENV "SFT_BENCH_LIVE"

#define PLAIN_SECONDS 10 /* plain lines: at least this far apart ... */
#define PLAIN_LINES 10   /* ... or each tenth of the run */
#define LIVE_SECONDS 0.1

struct progress {
    bool live;
    FILE *out;
    int warmup, steps;
    int first;          /* step of this run */
    double seconds;     /* to be measured, where steps is 0 */
    double begin, last; /* seconds of sft_clock_now; begin: when the first step had ended, which
                           searches for the fastest kernels */
    int width;          /* characters of the line that stands there */
};

static int progress_open(const struct observed *run, void **self, struct sft_error *err)
{
    const char *live = getenv(PROGRESS_LIVE_ENV);
    bool out = live != NULL && strcmp(live, "stdout") == 0;
    if (run->training->control->rank != 0)
        return 0;
    struct progress *progress = calloc(1, sizeof *progress);
    if (progress == NULL)
        return sft_error_set(err, "no memory for the progress");
    progress->live = out || isatty(STDERR_FILENO) || (live != NULL && strcmp(live, "stderr") == 0);
    progress->out = out ? stdout : stderr;
    progress->warmup = run->training->input->plan.warmup;
    progress->steps = run->training->input->plan.steps;
    progress->seconds = run->training->input->plan.seconds;
    *self = progress;
    return 0;
}

/* "42 s", "3:05 min", "1:02:03 h" */
static void progress_duration(double seconds, char text[32])
{
    long s = (long)(seconds + 0.5);
    if (s < 60)
        snprintf(text, 32, "%ld s", s);
    else if (s < 3600)
        snprintf(text, 32, "%ld:%02ld min", s / 60, s % 60);
    else
        snprintf(text, 32, "%ld:%02ld:%02ld h", s / 3600, s / 60 % 60, s % 60);
}

static bool progress_is_due(const struct progress *progress, int step, double now)
{
    int total = progress->warmup + progress->steps;
    if (step == progress->first || (progress->steps > 0 && step == total - 1))
        return true;
    if (progress->live || progress->steps == 0)
        return now - progress->last >= (progress->live ? LIVE_SECONDS : PLAIN_SECONDS);
    int each = total / PLAIN_LINES > 0 ? total / PLAIN_LINES : 1;
    return (step + 1) % each == 0 || now - progress->last >= PLAIN_SECONDS;
}

/* Other words than the line that stands there, which comes again with the next. */
static void progress_tell(const struct progress *progress, const char *told)
{
    if (progress->live && progress->width > 0)
        fprintf(progress->out, "\r%*s\r", progress->width, "");
    fputs(told, progress->out);
    fflush(progress->out);
}

static void progress_show(struct progress *progress, const char *line)
{
    if (progress->live)
        fprintf(progress->out, "\r%-*s", progress->width, line);
    else
        fprintf(progress->out, "%s\n", line);
    fflush(progress->out);
    progress->width = (int)strlen(line);
}

/* "  ETA 42 s", of steps as long as those behind the first; "" at the first. */
static void progress_left(const struct progress *progress, const struct step *step, double now,
                          char text[48])
{
    int more = progress->warmup + progress->steps - step->number - 1;
    double seconds = progress->steps > 0 ? 0 : progress->seconds - step->seconds;
    char left[32];
    text[0] = '\0';
    if (step->first && more + seconds > 0)
        return;
    if (!step->first && more > 0)
        seconds += (now - progress->begin) / (step->number - progress->first) * more;
    progress_duration(seconds > 0 ? seconds : 0, left);
    snprintf(text, 48, "  ETA %s", left);
}

static int progress_step(void *self, struct step *step, struct sft_error *err)
{
    struct progress *progress = self;
    double now = sft_clock_now();
    (void)err;
    if (step->first) {
        progress->begin = now;
        progress->first = step->number;
    }
    if (step->told != NULL)
        progress_tell(progress, step->told);
    if (!step->evaluated && !progress_is_due(progress, step->number, now))
        return 0;
    char line[200], left[48], rate[32] = "", of[32] = "", held[32] = "";
    progress_left(progress, step, now, left);
    if (step->tok_s > 0)
        snprintf(rate, sizeof rate, "  %.0f tok/s", step->tok_s);
    if (progress->steps > 0)
        snprintf(of, sizeof of, "/%d", progress->warmup + progress->steps);
    if (step->evaluated)
        snprintf(held, sizeof held, "  eval %.4f", step->eval_loss);
    snprintf(line, sizeof line, "step %d%s%s  loss %.4f%s%s%s", step->number + 1, of,
             step->measured ? "" : " (warm-up)", step->loss, held, rate, left);
    progress_show(progress, line);
    progress->last = now;
    return 0;
}

static void progress_end(void *self, bool complete)
{
    struct progress *progress = self;
    (void)complete;
    if (progress->live && progress->width > 0)
        fputc('\n', progress->out);
}

const struct observer observer_progress = {
    .open = progress_open,
    .step = progress_step,
    .end = progress_end,
    .close = free,
};
