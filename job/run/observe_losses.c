/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/observe_losses.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/run/result.h"
#include "job/train/curve.h"
#include "job/train/keep.h"
#include "lib/clock.h"
#include "lib/file_write.h"

#define FILE_NAME "losses.jsonl"
#define WRITE_SECONDS 1.0 /* between two writes of file and record */
#define LINE 256          /* bytes of one */

struct losses {
    const struct observed *run;
    struct result *result;
    char path[sizeof((struct result *)NULL)->out + sizeof FILE_NAME];
    int file; /* -1: none */
    char text[16384];
    size_t used;
    double written; /* seconds of sft_clock_now */
    double tokens;
    long long evaluated; /* steps that were done at the last evaluation in the file; -1: none */
    struct curve curve;
    struct curve_points held;
};

static void losses_close(void *self)
{
    struct losses *l = self;
    l->result->log = NULL;
    if (l->file >= 0)
        close(l->file);
    free(l);
}

/* What cannot be written does not end the run. */
static void losses_fail(struct losses *l)
{
    struct sft_error why;
    file_write_cannot(l->path, errno, &why);
    close(l->file);
    l->file = -1;
    result_file_end(l->result, RESULT_LOSSES, &why);
}

static void losses_flush(struct losses *l)
{
    if (l->file >= 0 && l->used > 0 && file_write_all(l->file, l->text, l->used, -1) < 0)
        losses_fail(l);
    l->used = 0;
}

/* The number of that name in a line of ours; NAN: it has none. */
static double line_number(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? NAN : strtod(at + strlen(name), NULL);
}

static void curves_add(struct losses *l, int step, double loss, double held)
{
    if (isfinite(loss))
        curve_add(&l->curve, step, loss);
    if (!isfinite(held))
        return;
    curve_points_add(&l->held, step, held);
    l->evaluated = step;
}

/* NULL and errno. */
static FILE *lines_open(const struct losses *l)
{
    int copy = dup(l->file);
    FILE *stream = copy < 0 ? NULL : fdopen(copy, "r");
    int failed = errno;
    if (stream == NULL && copy >= 0)
        close(copy);
    errno = failed;
    return stream;
}

/* Where the lines of an earlier run end that this one goes on from; they are in its curves. -1 and
 * errno where they cannot be read: then nobody knows their end. */
static long lines_take(struct losses *l, int steps)
{
    const struct keep *keep = l->run->training->keep;
    bool same = keep != NULL && keep->eval.any; /* the checkpoint's records are held out here */
    char line[LINE];
    long end = 0;
    int step;
    FILE *stream = lines_open(l);
    if (stream == NULL)
        return -1;
    while (fgets(line, sizeof line, stream) != NULL && strchr(line, '\n') != NULL &&
           sscanf(line, "{\"step\": %d,", &step) == 1 && step <= steps) {
        double tokens = line_number(line, "\"tokens\": ");
        end = ftell(stream);
        l->tokens = isfinite(tokens) ? tokens : l->tokens;
        curves_add(l, step, line_number(line, "\"loss\": "),
                   same ? line_number(line, "\"eval_loss\": ") : NAN);
    }
    int failed = errno;
    end = ferror(stream) ? -1 : end;
    fclose(stream);
    errno = failed;
    return end;
}

static int file_go_on(struct losses *l, struct sft_error *err)
{
    l->file = open(l->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    long end = l->file < 0 ? -1 : lines_take(l, l->run->training->first_step);
    if (end >= 0 && ftruncate(l->file, end) == 0 && lseek(l->file, end, SEEK_SET) == end)
        return 0;
    sft_error_set(err,
                  "out: cannot go on in %.500s: %s: it stays as it is; name another out=, or move "
                  "it away",
                  l->path, strerror(errno));
    if (l->file >= 0)
        close(l->file);
    return -1;
}

/* Beside result.json. A run that goes on appends to its own file; anything else is replaced, or is
 * none that could be. */
static int file_begin(struct losses *l, struct sft_error *err)
{
    const char *out = l->result->out, *slash = strrchr(out, '/');
    struct stat info;
    l->file = -1;
    if (slash == NULL)
        return 0;
    snprintf(l->path, sizeof l->path, "%.*s/%s", (int)(slash - out), out, FILE_NAME);
    if (l->run->training->first_step > 0 && lstat(l->path, &info) == 0 && S_ISREG(info.st_mode))
        return file_go_on(l, err);
    if (file_write_clear(l->path, err) < 0)
        return sft_error_prefix(err, "out");
    l->file = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return l->file >= 0 ? 0 : file_write_cannot(l->path, errno, err);
}

static int losses_open(const struct observed *run, void **self, struct sft_error *err)
{
    if (run->record == NULL)
        return 0;
    struct losses *l = calloc(1, sizeof *l);
    if (l == NULL)
        return sft_error_set(err, "no memory for the losses");
    l->run = run;
    l->result = run->user;
    l->evaluated = -1;
    if (file_begin(l, err) < 0) {
        free(l);
        return -1;
    }
    l->result->log = l;
    *self = l;
    return 0;
}

static void line_add(struct losses *l, const struct step *step)
{
    char held[48] = "";
    if (l->used + LINE > sizeof l->text)
        losses_flush(l);
    if (step->evaluated)
        snprintf(held, sizeof held, ", \"eval_loss\": %.9g", step->eval_loss);
    l->used += (size_t)snprintf(
        l->text + l->used, LINE,
        "{\"step\": %d, \"loss\": %.9g, \"lr\": %.9g, \"tokens\": %.0f%s}\n", step->number + 1,
        step->loss, optim_rate_now(l->run->training->optim, step->number), l->tokens, held);
}

static int losses_figures(const struct losses *l, struct sft_error *err)
{
    char text[CURVE_TEXT];
    if (sft_record_set(l->run->record, "loss_curve", curve_text(&l->curve, text), err) < 0)
        return -1;
    return l->held.count == 0 ? 0
                              : sft_record_set(l->run->record, "eval_curve",
                                               curve_points_text(&l->held, text), err);
}

/* A line of an evaluation alone, where the last one has none yet. */
static void held_add(struct losses *l)
{
    const struct keep *keep = l->run->training->keep;
    if (keep == NULL || !keep->eval.any || keep->eval.last_step <= l->evaluated)
        return;
    if (l->used + LINE > sizeof l->text)
        losses_flush(l);
    curves_add(l, (int)keep->eval.last_step, NAN, keep->eval.last);
    l->used += (size_t)snprintf(l->text + l->used, LINE,
                                "{\"step\": %lld, \"tokens\": %.0f, \"eval_loss\": %.9g}\n",
                                keep->eval.last_step, l->tokens, keep->eval.last);
}

/* With what it begins: those before this one have evaluated it. */
static int losses_start(void *self, struct sft_error *err)
{
    struct losses *l = self;
    (void)err;
    held_add(l);
    return 0;
}

static int losses_step(void *self, struct step *step, struct sft_error *err)
{
    struct losses *l = self;
    double now = sft_clock_now();
    l->tokens += step->work.real;
    curves_add(l, step->number + 1, step->loss, step->evaluated ? step->eval_loss : NAN);
    line_add(l, step);
    if (now - l->written < WRITE_SECONDS && !step->evaluated)
        return 0;
    l->written = now;
    losses_flush(l);
    return losses_figures(l, err);
}

void losses_sync(struct losses *l)
{
    if (l == NULL || l->file < 0)
        return;
    losses_flush(l);
    if (l->file >= 0 && fdatasync(l->file) < 0 && errno != EINVAL && errno != EROFS)
        losses_fail(l);
}

static void losses_end(void *self, bool complete)
{
    (void)complete;
    losses_flush(self);
}

/* Where nobody knew which step was the last it was evaluated after all of them. */
static int losses_record(void *self, struct sft_record *record, struct sft_error *err)
{
    struct losses *l = self;
    (void)record;
    held_add(l);
    losses_flush(l);
    return losses_figures(l, err);
}

const struct observer observer_losses = {
    .open = losses_open,
    .start = losses_start,
    .step = losses_step,
    .end = losses_end,
    .record = losses_record,
    .close = losses_close,
};
