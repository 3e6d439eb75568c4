/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of elements out of a checkpoint's files. A sum is a piece's, so all of a piece is read,
 * which costs a rank at most two pieces more than it keeps of a parameter. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "job/checkpoint/checkpoint.h"

static int file_use(struct checkpoint *c, uint32_t number, struct sft_error *err)
{
    char name[32], path[PATH_MAX + 40];
    if (c->opened == (size_t)number + 1)
        return 0;
    if (c->opened > 0)
        close(c->file);
    c->opened = 0;
    checkpoint_file_name(number, name);
    snprintf(path, sizeof path, "%s/%s", c->folder, name);
    c->file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (c->file < 0)
        return sft_error_set(err, "%.300s: cannot read %s: %s", c->folder, name, strerror(errno));
    c->opened = (size_t)number + 1;
    return 0;
}

static int bytes_read(int file, char *to, size_t size, uint64_t at)
{
    while (size > 0) {
        ssize_t got = pread(file, to, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* it was as long as its index says */
        if (got <= 0)
            return -1;
        to += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int piece_read(struct checkpoint *c, const struct checkpoint_piece *piece,
                      enum checkpoint_kind kind, char *to, struct sft_error *err)
{
    char name[32];
    size_t size = format_bytes(c->formats[kind], piece->count);
    uint64_t at = piece->at + checkpoint_offset(c->formats, piece->count, kind);
    if (file_use(c, piece->file, err) < 0)
        return -1;
    checkpoint_file_name(piece->file, name);
    if (bytes_read(c->file, to, size, at) < 0)
        return sft_error_set(err, "%.300s: cannot read %s: %s", c->folder, name, strerror(errno));
    uint32_t sum = (uint32_t)crc32_z(0, (const unsigned char *)to, size);
    if (sum == piece->sum[kind])
        return 0;
    return sft_error_set(err,
                         "%.300s: %s is damaged: in %s, %zu bytes at %llu have the sum %08x and "
                         "not %08x",
                         c->folder, name, c->tensors[piece->tensor].name, size,
                         (unsigned long long)at, sum, piece->sum[kind]);
}

/* For a piece of which a part is asked for. */
static int room_make(struct checkpoint *c, struct sft_error *err)
{
    if (c->room == NULL)
        c->room = malloc(format_bytes(FORMAT_FP32, CHECKPOINT_PIECE));
    return c->room != NULL ? 0 : sft_error_set(err, "no memory to read a checkpoint");
}

int checkpoint_read(struct checkpoint *c, const struct checkpoint_tensor *tensor,
                    enum checkpoint_kind kind, uint64_t from, uint64_t count, void *to,
                    struct sft_error *err)
{
    enum format format = c->formats[kind];
    for (size_t i = 0; i < tensor->pieces; i++) {
        const struct checkpoint_piece *p = &c->pieces[tensor->first + i];
        uint64_t low = p->from > from ? p->from : from, end = p->from + p->count;
        uint64_t high = end < from + count ? end : from + count;
        if (low >= high)
            continue;
        char *at = (char *)to + format_bytes(format, low - from);
        bool all = high - low == p->count;
        if (!all && room_make(c, err) < 0)
            return -1;
        if (piece_read(c, p, kind, all ? at : c->room, err) < 0)
            return -1;
        if (!all)
            memcpy(at, c->room + format_bytes(format, low - p->from),
                   format_bytes(format, high - low));
    }
    return 0;
}
