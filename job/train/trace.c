/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/observer.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file_write.h"

#define TRACE_BEGIN "{\"displayTimeUnit\":"

struct trace {
    const struct observed *run;
    int number; /* of the step that is traced */
};

static bool is_a_trace(const char *path)
{
    char begin[sizeof TRACE_BEGIN] = "";
    struct stat info;
    if (lstat(path, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return true; /* nothing is lost */
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, begin, sizeof begin - 1);
    if (file >= 0)
        close(file);
    return got == (ssize_t)sizeof begin - 1 && strcmp(begin, TRACE_BEGIN) == 0;
}

/* Before a run: take an earlier trace of that name away. Another file that has something in it is
 * refused: the name may be that of somebody's data. */
static int trace_clear(const char *path, struct sft_error *err)
{
    if (!is_a_trace(path))
        return sft_error_set(
            err, "trace: %s is there and no trace: name another file, or remove it", path);
    return file_write_clear(path, err) < 0 ? sft_error_prefix(err, "trace") : 0;
}

static void write_names(struct file_write *file, int rank)
{
    static const char *const lanes[LANES] = {"compute", "collectives of all ranks",
                                             "collectives of the node", "collectives across nodes"};
    file_write_print(
        file,
        "%s{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":\"rank %d\"}}",
        rank > 0 ? ",\n" : "", rank, rank);
    for (int lane = 0; lane < LANES; lane++)
        file_write_print(file,
                         ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,\"args\":"
                         "{\"name\":\"%s\"}}",
                         rank, lane, lanes[lane]);
}

/* times[2 * count]: begin and length of each span, seconds */
static void write_rank(struct file_write *file, const struct spans *spans, int rank,
                       const double *times)
{
    static const char *const kinds[] = {"compute", "collective", "wait"};
    write_names(file, rank);
    for (int i = 0; i < spans_count(spans); i++) {
        struct span span = spans_get(spans, i);
        file_write_print(file,
                         ",\n{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
                         "\"ts\":%.3f,\"dur\":%.3f}",
                         span.name, kinds[span.kind], rank, (int)span.lane, times[2 * i] * 1e6,
                         times[2 * i + 1] * 1e6);
    }
}

static int write_file(const struct spans *spans, int ranks, const double *times, const char *path,
                      struct sft_error *err)
{
    struct file_write file;
    if (file_write_open(&file, path, err) < 0)
        return -1;
    file_write_print(&file, TRACE_BEGIN "\"ms\",\"traceEvents\":[\n");
    for (int rank = 0; rank < ranks; rank++)
        write_rank(&file, spans, rank, times + (size_t)rank * 2 * (size_t)spans_count(spans));
    file_write_print(&file, "\n]}\n");
    return file_write_close(&file, true, err);
}

/* The spans of all ranks, which are as many and as named on each; clocks begin with each rank's
 * step. *why on rank 0: why the file was not written, which is no failure of the collective. */
static int trace_write(const struct spans *spans, struct control *control, const char *path,
                       struct sft_error *why, struct sft_error *err)
{
    size_t count = (size_t)spans_count(spans) * 2;
    double *mine = calloc(count + 1, sizeof *mine);
    double *all = calloc((count + 1) * (size_t)control->size, sizeof *all);
    int result = -1;
    for (int i = 0; i < spans_count(spans) && mine != NULL; i++) {
        struct span span = spans_get(spans, i);
        mine[2 * i] = span.begin;
        mine[2 * i + 1] = span.length;
    }
    if (mine == NULL || all == NULL)
        sft_error_set(err, "no memory for the trace of %d ranks", control->size);
    else
        result = control_gather(control, mine, count * sizeof *mine, all, err);
    if (result == 0 && control->rank == 0 && write_file(spans, control->size, all, path, why) < 0)
        sft_error_prefix(why, "trace");
    free(mine);
    free(all);
    return result;
}

static int trace_open(const struct observed *run, void **self, struct sft_error *err)
{
    int first = run->training->first_step, before = run->training->first_measured - 1;
    if (run->trace[0] == '\0')
        return 0;
    if (run->training->control->rank == 0 && trace_clear(run->trace, err) < 0)
        return -1;
    struct trace *trace = calloc(1, sizeof *trace);
    if (trace == NULL)
        return sft_error_set(err, "no memory for a trace");
    *trace = (struct trace){run, before > first ? before : first};
    *self = trace;
    return 0;
}

static void trace_begin(void *self, int number)
{
    struct trace *trace = self;
    spans_full(trace->run->training->spans, number == trace->number);
}

static int trace_step(void *self, struct step *step, struct sft_error *err)
{
    struct trace *trace = self;
    const struct observed *run = trace->run;
    struct sft_error why = {""};
    if (step->number != trace->number)
        return 0;
    if (trace_write(run->training->spans, run->training->control, run->trace, &why, err) < 0)
        return -1;
    if (run->training->control->rank == 0)
        run->file_end(run->user, &why);
    return 0;
}

const struct observer observer_trace = {
    .open = trace_open,
    .begin = trace_begin,
    .step = trace_step,
    .close = free,
};
