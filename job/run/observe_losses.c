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
    double written;           /* seconds of sft_clock_now */
    double tokens, evaluated; /* the last loss that was evaluated and is in the file */
    int steps;
    struct curve curve;
    struct curve_points held;
};

static void losses_close(void *self)
{
    struct losses *l = self;
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

/* Where the lines of an earlier run end that this one goes on from, and its tokens by then. */
static long lines_end(int file, int steps, double *tokens)
{
    char line[LINE];
    const char *at;
    long end = 0;
    int step;
    FILE *stream = fdopen(dup(file), "r");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL &&
           strchr(line, '\n') != NULL && sscanf(line, "{\"step\": %d,", &step) == 1 &&
           step <= steps) {
        end = ftell(stream);
        at = strstr(line, "\"tokens\": ");
        *tokens = at != NULL ? strtod(at + strlen("\"tokens\": "), NULL) : *tokens;
    }
    if (stream != NULL)
        fclose(stream);
    return end;
}

/* A run that goes on appends to its own file; anything but a file is left to file_begin. */
static bool file_go_on(struct losses *l)
{
    struct stat info;
    int steps = l->run->training->first_step;
    if (steps == 0)
        return false;
    l->file = open(l->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (l->file < 0)
        return false;
    long end = fstat(l->file, &info) == 0 && S_ISREG(info.st_mode)
                   ? lines_end(l->file, steps, &l->tokens)
                   : -1;
    if (end >= 0 && ftruncate(l->file, end) == 0 && lseek(l->file, end, SEEK_SET) == end)
        return true;
    close(l->file);
    l->file = -1;
    return false;
}

/* Beside result.json, in the place of another run's. */
static int file_begin(struct losses *l, struct sft_error *err)
{
    const char *out = l->result->out, *slash = strrchr(out, '/');
    l->file = -1;
    if (slash == NULL)
        return 0;
    snprintf(l->path, sizeof l->path, "%.*s/%s", (int)(slash - out), out, FILE_NAME);
    if (file_go_on(l))
        return 0;
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
    if (file_begin(l, err) < 0) {
        free(l);
        return -1;
    }
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

/* A line of an evaluation alone. */
static void held_add(struct losses *l, int step, double loss)
{
    if (l->used + LINE > sizeof l->text)
        losses_flush(l);
    curve_points_add(&l->held, step, loss);
    l->evaluated = loss;
    l->used += (size_t)snprintf(l->text + l->used, LINE,
                                "{\"step\": %d, \"tokens\": %.0f, \"eval_loss\": %.9g}\n", step,
                                l->tokens, loss);
}

/* With what it begins: those before this one have evaluated it. */
static int losses_start(void *self, struct sft_error *err)
{
    struct losses *l = self;
    double loss = sft_record_get_real(l->run->record, "eval_first", NAN);
    (void)err;
    if (isfinite(loss))
        held_add(l, l->run->training->first_step, loss);
    return 0;
}

static int losses_step(void *self, struct step *step, struct sft_error *err)
{
    struct losses *l = self;
    double now = sft_clock_now();
    l->tokens += step->work.real;
    curve_add(&l->curve, step->number + 1, step->loss);
    l->steps = step->number + 1;
    if (step->evaluated) {
        curve_points_add(&l->held, l->steps, step->eval_loss);
        l->evaluated = step->eval_loss;
    }
    line_add(l, step);
    if (now - l->written < WRITE_SECONDS && !step->evaluated)
        return 0;
    l->written = now;
    losses_flush(l);
    return losses_figures(l, err);
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
    double loss = sft_record_get_real(record, "eval_loss", NAN);
    if (fabs(loss - l->evaluated) > 1e-5 * loss) { /* the record has six digits */
        held_add(l, l->steps, loss);
        losses_flush(l);
    }
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
