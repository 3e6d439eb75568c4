/* SPDX-License-Identifier: Apache-2.0 */
/* The driver copies to pageable memory through a small buffer with one core, 5 to 8 GB/s, which
 * also takes the page faults. Here the GPU fills one pinned buffer while threads empty the other.
 */
#include "job/tensor/cuda/read_cuda.h"

#include <stdlib.h>
#include <string.h>

#include "job/tensor/cuda/cuda_internal.h"
#include "lib/parallel.h"

enum { BUFFERS = 2, COPIES = 1024, THREADS = 8 /* at most, with the caller */ };

struct read_copy {
    void *to;
    const char *from; /* in the buffer */
    size_t bytes;
};

struct read_buffer {
    char *memory;       /* pinned */
    cudaEvent_t filled; /* all its copies have come from the GPU */
    size_t used, count;
    struct read_copy copies[COPIES];
};

struct reading {
    struct read_buffer buffers[BUFFERS];
    struct parallel *threads; /* besides the caller; NULL: none */
    bool refused;             /* there is no pinned memory to be had */
};

/* How far the parts have been enqueued. */
struct read_at {
    const struct read_part *part, *end;
    size_t done; /* bytes of part */
};

void read_destroy(struct device_cuda *cuda)
{
    struct reading *r = cuda->reading;
    if (r == NULL)
        return;
    parallel_destroy(r->threads);
    for (int i = 0; i < BUFFERS; i++) {
        if (r->buffers[i].filled != NULL)
            cudaEventDestroy(r->buffers[i].filled);
        if (r->buffers[i].memory != NULL)
            cudaFreeHost(r->buffers[i].memory);
    }
    free(r);
    cuda->reading = NULL;
}

static bool buffer_make(struct read_buffer *b)
{
    if (cudaMallocHost((void **)&b->memory, READ_BUFFER) == cudaSuccess &&
        cudaEventCreateWithFlags(&b->filled, cudaEventDisableTiming) == cudaSuccess)
        return true;
    cudaGetLastError();
    return false;
}

/* Made at the first need; NULL where that cannot be, which is not tried again. */
static struct reading *reading_get(struct device_cuda *cuda)
{
    struct reading *r = cuda->reading;
    if (r != NULL)
        return r->refused ? NULL : r;
    r = cuda->reading = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->refused = !buffer_make(&r->buffers[0]) || !buffer_make(&r->buffers[1]);
    if (r->refused)
        return NULL;
    int cores = parallel_cores(THREADS);
    r->threads = cores > 1 ? parallel_create(cores - 1) : NULL;
    return r;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* As much as fits is enqueued; false after a failure. */
static bool buffer_fill(struct device_cuda *cuda, struct read_buffer *b, struct read_at *at)
{
    b->used = b->count = 0;
    while (at->part < at->end && b->used < READ_BUFFER && b->count < COPIES) {
        size_t bytes = least(least(at->part->bytes - at->done, READ_CHUNK), READ_BUFFER - b->used);
        if (bytes == 0) {
            at->part++;
            at->done = 0;
            continue;
        }
        struct read_copy *c = &b->copies[b->count++];
        *c = (struct read_copy){(char *)at->part->host + at->done, b->memory + b->used, bytes};
        if (cuda_failed(cuda,
                        cudaMemcpyAsync(b->memory + b->used,
                                        (const char *)at->part->from + at->done, bytes,
                                        cudaMemcpyDeviceToHost, cuda->stream),
                        "a copy from the GPU"))
            return false;
        b->used += bytes;
        at->done += bytes;
    }
    return b->count == 0 ||
           !cuda_failed(cuda, cudaEventRecord(b->filled, cuda->stream), "an event");
}

static void copy_run(void *user, size_t number)
{
    const struct read_buffer *b = user;
    const struct read_copy *c = &b->copies[number];
    memcpy(c->to, c->from, c->bytes);
}

/* Until a failure, which sync tells. */
static void parts_pass(struct device_cuda *cuda, struct reading *r, struct read_at at)
{
    struct read_buffer *b = &r->buffers[0], *other = &r->buffers[1];
    if (!buffer_fill(cuda, b, &at))
        return;
    while (b->count > 0) {
        if (!buffer_fill(cuda, other, &at) ||
            cuda_failed(cuda, cudaEventSynchronize(b->filled), "the GPU's work"))
            return;
        parallel_run(r->threads, copy_run, b, b->count);
        struct read_buffer *emptied = b;
        b = other;
        other = emptied;
    }
}

static void parts_plain(struct device_cuda *cuda, const struct read_part *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].bytes > 0)
            cuda_failed(cuda,
                        cudaMemcpyAsync(parts[i].host, parts[i].from, parts[i].bytes,
                                        cudaMemcpyDeviceToHost, cuda->stream),
                        "a copy from the GPU");
}

void read_many(struct device *d, const struct read_part *parts, size_t count)
{
    struct device_cuda *cuda = d->state;
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].bytes;
    struct reading *r = bytes >= READ_LEAST ? reading_get(cuda) : NULL;
    if (r != NULL)
        parts_pass(cuda, r, (struct read_at){parts, parts + count, 0});
    else
        parts_plain(cuda, parts, count);
    cuda_failed(cuda, cudaStreamSynchronize(cuda->stream), "the GPU's work");
}

void read_one(struct device *d, void *host, const void *from, size_t bytes)
{
    read_many(d, &(struct read_part){host, from, bytes}, 1);
}
