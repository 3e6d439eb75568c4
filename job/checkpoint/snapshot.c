/* SPDX-License-Identifier: Apache-2.0 */
/* The memory is asked for in huge pages and once, since 40 GB are 10 million faults of 4 KiB
 * otherwise; and threads touch it while training begins: one core clears 40 GB in some 10 s, and a
 * virtual machine that is given its memory then takes longer, for which the first checkpoint would
 * make training wait. */
#include "job/checkpoint/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/file_write.h"
#include "lib/parallel.h"

#define CHUNK ((size_t)32 << 20) /* bytes of a write */
#define TOUCH ((size_t)16 << 20) /* bytes that a thread touches, before it looks whether to end */
enum { TOUCHERS = 8, WRITERS = 8 }; /* at most */

struct snapshot {
    enum format formats[CHECKPOINT_KINDS];
    char *memory;
    size_t room, used; /* bytes */
    struct checkpoint_piece *pieces;
    size_t count, pieces_room;
    char path[PATH_MAX + 40];
    struct parallel *touchers; /* NULL: nobody touches */
    pthread_t thread;
    bool running; /* there is a thread to be joined */
    atomic_bool busy;
    int file;
    atomic_int wrong;        /* errno of the first write that failed, 0: none */
    struct sft_error failed; /* the thread's word */
};

struct snapshot *snapshot_create(struct sft_error *err)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (s == NULL)
        sft_error_set(err, "no memory for checkpoints");
    return s;
}

static void chunk_touch(void *argument, size_t chunk)
{
    const struct snapshot *s = argument;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), at = chunk * TOUCH;
    size_t end = s->room - at < TOUCH ? s->room : at + TOUCH;
    for (; at < end; at += page)
        *(volatile char *)(s->memory + at) = 0;
}

/* From here on the memory is the caller's alone. */
static void touch_end(struct snapshot *s)
{
    parallel_destroy(s->touchers);
    s->touchers = NULL;
}

void snapshot_destroy(struct snapshot *s)
{
    if (s == NULL)
        return;
    snapshot_finish(s, NULL);
    touch_end(s);
    if (s->memory != NULL)
        munmap(s->memory, s->room);
    free(s->pieces);
    free(s);
}

static int room_map(struct snapshot *s, uint64_t bytes, struct sft_error *err)
{
    if (bytes <= s->room)
        return 0;
    if (s->memory != NULL)
        munmap(s->memory, s->room);
    s->room = 0;
    s->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s->memory == MAP_FAILED) {
        s->memory = NULL;
        return sft_error_set(err, "no %.3g GB of host memory for a copy of what is trained",
                             (double)bytes / 1e9);
    }
    s->room = bytes;
    madvise(s->memory, bytes, MADV_HUGEPAGE);
    return 0;
}

int snapshot_reserve(struct snapshot *s, uint64_t bytes, struct sft_error *err)
{
    touch_end(s);
    if (room_map(s, bytes, err) < 0)
        return -1;
    s->touchers = parallel_create(parallel_cores(TOUCHERS));
    if (s->touchers != NULL) /* else the first copy touches it */
        parallel_begin(s->touchers, chunk_touch, s, (bytes + TOUCH - 1) / TOUCH);
    return 0;
}

int snapshot_begin(struct snapshot *s, const enum format formats[CHECKPOINT_KINDS], uint64_t bytes,
                   struct sft_error *err)
{
    touch_end(s);
    memcpy(s->formats, formats, sizeof s->formats);
    s->used = s->count = 0;
    return room_map(s, bytes, err);
}

char *snapshot_piece(struct snapshot *s, uint32_t tensor, uint64_t from, uint64_t count)
{
    uint64_t bytes = checkpoint_bytes(s->formats, count);
    if (bytes > s->room - s->used)
        return NULL;
    if (s->count == s->pieces_room) {
        size_t room = s->pieces_room * 2 + 64;
        struct checkpoint_piece *more = realloc(s->pieces, room * sizeof *more);
        if (more == NULL)
            return NULL;
        s->pieces = more;
        s->pieces_room = room;
    }
    s->pieces[s->count++] =
        (struct checkpoint_piece){.from = from, .count = count, .at = s->used, .tensor = tensor};
    char *to = s->memory + s->used;
    s->used += bytes;
    return to;
}

static void piece_sum(void *argument, size_t number)
{
    const struct snapshot *s = argument;
    struct checkpoint_piece *p = &s->pieces[number];
    for (int kind = 0; kind < CHECKPOINT_KINDS; kind++) {
        enum checkpoint_kind k = (enum checkpoint_kind)kind;
        size_t at = p->at + checkpoint_offset(s->formats, p->count, k);
        p->sum[kind] = (uint32_t)crc32_z(0, (const unsigned char *)s->memory + at,
                                         checkpoint_kind_bytes(s->formats, k, p->count));
    }
}

/* What was written is sent on its way piece by piece: the kernel would else hold gigabytes back,
 * and writers with them. */
static void chunk_write(void *argument, size_t chunk)
{
    struct snapshot *s = argument;
    size_t at = chunk * CHUNK, size = s->used - at < CHUNK ? s->used - at : CHUNK;
    int none = 0;
    if (atomic_load(&s->wrong) != 0)
        return;
    if (file_write_all(s->file, s->memory + at, size, (long)at) < 0)
        atomic_compare_exchange_strong(&s->wrong, &none, errno);
    sync_file_range(s->file, (off_t)at, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

/* Room first, so that a full disk shows at once. */
static int bytes_write(struct snapshot *s, struct parallel *writers)
{
    if (s->used > 0 && fallocate(s->file, 0, 0, (off_t)s->used) < 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS && errno != EINVAL)
        return -1;
    atomic_store(&s->wrong, 0);
    parallel_run(writers, chunk_write, s, (s->used + CHUNK - 1) / CHUNK);
    errno = atomic_load(&s->wrong);
    return errno != 0 ? -1 : fsync(s->file);
}

static void file_write(struct snapshot *s, struct parallel *writers)
{
    s->file = open(s->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int failed = s->file < 0 || bytes_write(s, writers) < 0 ? errno : 0;
    if (s->file >= 0 && close(s->file) < 0 && failed == 0)
        failed = errno;
    if (failed != 0)
        sft_error_set(&s->failed, "cannot write %s: %s", s->path, strerror(failed));
}

/* Signals are the main thread's business. */
static int thread_start(pthread_t *thread, void *(*run)(void *), struct snapshot *s)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed;
}

static void *snapshot_run(void *argument)
{
    struct snapshot *s = argument;
    struct parallel *writers = parallel_create(parallel_cores(WRITERS) / 2); /* training goes on */
    parallel_run(writers, piece_sum, s, s->count);
    file_write(s, writers);
    parallel_destroy(writers);
    atomic_store(&s->busy, false);
    return NULL;
}

int snapshot_write(struct snapshot *s, const char *folder, uint32_t number, struct sft_error *err)
{
    char name[32];
    checkpoint_file_name(number, name);
    if ((size_t)snprintf(s->path, sizeof s->path, "%s/%s", folder, name) >= sizeof s->path)
        return sft_error_set(err, "%.200s: its name is too long", folder);
    for (size_t i = 0; i < s->count; i++)
        s->pieces[i].file = number;
    s->failed.text[0] = '\0';
    atomic_store(&s->busy, true);
    int failed = thread_start(&s->thread, snapshot_run, s);
    s->running = failed == 0;
    if (failed == 0)
        return 0;
    atomic_store(&s->busy, false);
    return sft_error_set(err, "cannot start a thread: %s", strerror(failed));
}

bool snapshot_is_busy(struct snapshot *s)
{
    return atomic_load(&s->busy);
}

int snapshot_finish(struct snapshot *s, struct sft_error *err)
{
    if (s->running)
        pthread_join(s->thread, NULL);
    s->running = false;
    return s->failed.text[0] == '\0' ? 0 : sft_error_set(err, "%s", s->failed.text);
}

const struct checkpoint_piece *snapshot_pieces(const struct snapshot *s, size_t *count)
{
    *count = s->count;
    return s->pieces;
}

uint64_t snapshot_bytes(const struct snapshot *s)
{
    return s->used;
}
