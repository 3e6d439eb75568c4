/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"

#define PLAIN_SECONDS 10 /* plain lines: at least this far apart ... */
#define PLAIN_LINES 10   /* ... or each tenth of the run */
#define LIVE_SECONDS 0.1

void progress_start(struct progress *progress, bool shown, int warmup, int steps)
{
    const char *live = getenv(PROGRESS_LIVE_ENV);
    memset(progress, 0, sizeof *progress);
    progress->shown = shown;
    bool out = live != NULL && strcmp(live, "stdout") == 0;
    progress->live = out || isatty(STDERR_FILENO) || (live != NULL && strcmp(live, "stderr") == 0);
    progress->out = out ? stdout : stderr;
    progress->warmup = warmup;
    progress->steps = steps;
    progress->begin = progress->last = sft_clock_now();
}

void progress_duration(double seconds, char text[32])
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
    if (step == 0 || step == total - 1)
        return true;
    if (progress->live)
        return now - progress->last >= LIVE_SECONDS;
    int each = total / PLAIN_LINES > 0 ? total / PLAIN_LINES : 1;
    return (step + 1) % each == 0 || now - progress->last >= PLAIN_SECONDS;
}

void progress_step(struct progress *progress, int step, double loss, double tok_s)
{
    double now = sft_clock_now();
    int total = progress->warmup + progress->steps;
    if (!progress->shown || !progress_is_due(progress, step, now))
        return;
    char line[160], left[32], rate[32] = "";
    progress_duration((now - progress->begin) / (step + 1) * (total - step - 1), left);
    if (tok_s > 0)
        snprintf(rate, sizeof rate, "  %.0f tok/s", tok_s);
    int length = snprintf(line, sizeof line, "step %d/%d%s  loss %.4f%s  ETA %s", step + 1, total,
                          step < progress->warmup ? " (warm-up)" : "", loss, rate, left);
    if (progress->live)
        fprintf(progress->out, "\r%-*s", progress->width, line);
    else
        fprintf(progress->out, "%s\n", line);
    fflush(progress->out);
    progress->width = length;
    progress->last = now;
}

void progress_end(struct progress *progress)
{
    if (progress->shown && progress->live && progress->width > 0)
        fputc('\n', progress->out);
    progress->width = 0;
}
