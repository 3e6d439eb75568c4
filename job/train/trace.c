/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/trace.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file_write.h"

#define TRACE_BEGIN "{\"displayTimeUnit\":"

struct span {
    const char *name;
    enum trace_kind kind;
    enum lane lane;
    int begin, end; /* stamps */
};

struct trace {
    struct device *device;
    bool full, at_once; /* at_once: work is done when calls return */
    struct span *spans;
    int count, room;
};

struct trace *trace_create(struct device *device, struct sft_error *err)
{
    struct trace *t = calloc(1, sizeof *t);
    if (t == NULL) {
        sft_error_set(err, "no memory for a trace");
        return NULL;
    }
    t->device = device;
    t->at_once = device->queue(device, LANE_COMPUTE) == NULL;
    return t;
}

void trace_destroy(struct trace *t)
{
    if (t == NULL)
        return;
    free(t->spans);
    free(t);
}

void trace_start(struct trace *t, bool full)
{
    t->full = full;
    t->count = 0;
    t->device->stamps_clear(t->device);
    t->device->stamp(t->device, LANE_COMPUTE);
}

static bool counts(const struct trace *t, enum trace_kind kind)
{
    return kind == (t->at_once ? TRACE_COLLECTIVE : TRACE_WAIT);
}

int trace_begin(struct trace *t, enum trace_kind kind, enum lane lane, const char *name)
{
    if (t == NULL || (!t->full && !counts(t, kind)))
        return -1;
    if (t->count == t->room) {
        int room = t->room > 0 ? 2 * t->room : 256;
        struct span *spans = realloc(t->spans, (size_t)room * sizeof *spans);
        if (spans == NULL)
            return -1; /* a gap in a picture is no reason to end the run */
        t->spans = spans;
        t->room = room;
    }
    t->spans[t->count] = (struct span){name, kind, lane, t->device->stamp(t->device, lane), -1};
    return t->count++;
}

void trace_end(struct trace *t, int span)
{
    if (span >= 0)
        t->spans[span].end = t->device->stamp(t->device, t->spans[span].lane);
}

static double length_of(const struct trace *t, const struct span *s)
{
    struct device *d = t->device;
    return s->begin < 0 || s->end < 0 ? 0 : d->stamp_time(d, s->end) - d->stamp_time(d, s->begin);
}

double trace_waited(struct trace *t)
{
    double seconds = 0;
    for (int i = 0; i < t->count; i++)
        if (counts(t, t->spans[i].kind))
            seconds += length_of(t, &t->spans[i]);
    return seconds;
}

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

int trace_clear(const char *path, struct sft_error *err)
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
static void write_rank(struct file_write *file, const struct trace *t, int rank,
                       const double *times)
{
    static const char *const kinds[] = {"compute", "collective", "wait"};
    write_names(file, rank);
    for (int i = 0; i < t->count; i++)
        file_write_print(file,
                         ",\n{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
                         "\"ts\":%.3f,\"dur\":%.3f}",
                         t->spans[i].name, kinds[t->spans[i].kind], rank, (int)t->spans[i].lane,
                         times[2 * i] * 1e6, times[2 * i + 1] * 1e6);
}

static int write_file(const struct trace *t, int ranks, const double *times, const char *path,
                      struct sft_error *err)
{
    struct file_write file;
    if (file_write_open(&file, path, err) < 0)
        return -1;
    file_write_print(&file, TRACE_BEGIN "\"ms\",\"traceEvents\":[\n");
    for (int rank = 0; rank < ranks; rank++)
        write_rank(&file, t, rank, times + (size_t)rank * 2 * (size_t)t->count);
    file_write_print(&file, "\n]}\n");
    return file_write_close(&file, true, err);
}

int trace_write(struct trace *t, struct comm *comm, const char *path, struct sft_error *why,
                struct sft_error *err)
{
    size_t count = (size_t)t->count * 2;
    double *mine = calloc(count + 1, sizeof *mine);
    double *all = calloc((count + 1) * (size_t)comm->size, sizeof *all);
    int result = -1;
    for (int i = 0; i < t->count && mine != NULL; i++) {
        mine[2 * i] = t->device->stamp_time(t->device, t->spans[i].begin);
        mine[2 * i + 1] = length_of(t, &t->spans[i]);
    }
    if (mine == NULL || all == NULL)
        sft_error_set(err, "no memory for the trace of %d ranks", comm->size);
    else
        result = comm->gather_double(comm, mine, count, all, err);
    why->text[0] = '\0';
    if (result == 0 && comm->rank == 0 && write_file(t, comm->size, all, path, why) < 0)
        sft_error_prefix(why, "trace");
    free(mine);
    free(all);
    return result;
}
