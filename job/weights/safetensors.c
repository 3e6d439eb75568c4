/* SPDX-License-Identifier: Apache-2.0 */
#include "job/weights/safetensors.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/weights/safetensors_internal.h"
#include "lib/file_read.h"

/* Bytes that are read at once where they are converted, and elements on their way: both stay in the
 * processor's nearest memory. */
enum { PIECE = 64 << 10, CONVERTED = 1024 };
#define HEADER_MOST ((uint64_t)16 << 20) /* a model of 70 billion has 100 KB */

static const int type_bytes[] = {
    [SAFETENSORS_F32] = 4, [SAFETENSORS_BF16] = 2, [SAFETENSORS_F16] = 2};

/* All of it, or -1: errno, 0 at the file's end. */
static int read_all(int file, void *to, size_t size, uint64_t offset)
{
    char *at = to;
    while (size > 0) {
        ssize_t got = pread(file, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            return -1;
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int cannot_read(const struct safetensors *st, struct sft_error *err)
{
    if (errno == 0)
        return sft_error_set(err, "%s: the file became shorter while it was read", st->path);
    return sft_error_set(err, "%s: cannot read the weights: %s", st->path, strerror(errno));
}

static int file_open(struct safetensors *st, uint64_t *size, struct sft_error *err)
{
    struct stat info;
    if (stat(st->path, &info) < 0)
        return cannot_read(st, err);
    if (file_what(info.st_mode) != NULL) /* a pipe would wait for its writer */
        return sft_error_set(err, "%s: is %s and no file of weights", st->path,
                             file_what(info.st_mode));
    st->file = open(st->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (st->file < 0 || fstat(st->file, &info) < 0)
        return cannot_read(st, err);
    *size = (uint64_t)info.st_size;
    return 0;
}

/* Git's large files, where only the pointer was loaded. */
static int header_refuse(const struct safetensors *st, const char *begin, uint64_t length,
                         uint64_t size, struct sft_error *err)
{
    if (memcmp(begin, "version ", 8) == 0)
        return sft_error_set(err,
                             "%s: is a pointer of git-lfs and not the weights: run git lfs pull "
                             "in its folder",
                             st->path);
    if (length > HEADER_MOST)
        return sft_error_set(err,
                             "%s: its first 8 bytes tell of a header of %llu bytes: it is no file "
                             "of safetensors",
                             st->path, (unsigned long long)length);
    return sft_error_set(err,
                         "%s: its header should have %llu bytes, and the file has %llu: it is cut "
                         "short; load it again",
                         st->path, (unsigned long long)length, (unsigned long long)size);
}

static int header_read(struct safetensors *st, uint64_t size, struct sft_error *err)
{
    char begin[sizeof(uint64_t)];
    uint64_t length;
    if (size < sizeof begin)
        return sft_error_set(err, "%s: has %llu bytes: it is no file of safetensors", st->path,
                             (unsigned long long)size);
    if (read_all(st->file, begin, sizeof begin, 0) < 0)
        return cannot_read(st, err);
    memcpy(&length, begin, sizeof length);
    length = le64toh(length);
    if (length > size - sizeof begin || length > HEADER_MOST)
        return header_refuse(st, begin, length, size, err);
    char *header = malloc(length + 1);
    int failed;
    if (header == NULL)
        failed = sft_error_set(err, "%s: no memory for its header of %llu bytes", st->path,
                               (unsigned long long)length);
    else if (read_all(st->file, header, length, sizeof begin) < 0)
        failed = cannot_read(st, err);
    else if ((failed = safetensors_parse(st, header, length, size - sizeof begin - length, err)))
        sft_error_prefix(err, "%s", st->path);
    free(header);
    return failed;
}

struct safetensors *safetensors_open(const char *path, struct sft_error *err)
{
    uint64_t size = 0;
    struct safetensors *st = calloc(1, sizeof *st);
    if (st != NULL) {
        st->file = -1;
        st->path = strdup(path);
    }
    if (st == NULL || st->path == NULL) {
        sft_error_set(err, "%s: no memory to open it", path);
    } else if (file_open(st, &size, err) == 0 && header_read(st, size, err) == 0) {
        return st;
    }
    safetensors_close(st);
    return NULL;
}

void safetensors_close(struct safetensors *st)
{
    if (st == NULL)
        return;
    if (st->file >= 0)
        close(st->file);
    free(st->tensors);
    free(st->path);
    free(st);
}

static int name_compare(const void *name, const void *tensor)
{
    return strcmp(name, ((const struct safetensors_tensor *)tensor)->name);
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *st, const char *name)
{
    return bsearch(name, st->tensors, st->count, sizeof *st->tensors, name_compare);
}

/* fp16's exponent counts from 15 on, fp32's from 127; below its least normal number it counts steps
 * of 2^-24. Infinity and NaN stay. Without a branch, so that a loop of it is made of vectors. */
static inline float half_value(uint16_t half)
{
    const uint32_t apart = (uint32_t)(127 - 15) << 23;
    int32_t magnitude = half & 0x7fff;
    float value = (float)magnitude * 0x1p-24f;
    uint32_t small, bits = ((uint32_t)magnitude << 13) + apart;
    memcpy(&small, &value, sizeof small);
    bits += magnitude >= 0x7c00 ? apart : 0;
    bits = (magnitude < 0x400 ? small : bits) | (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void decode(enum safetensors_type type, float *to, const void *from, size_t count)
{
    if (type != SAFETENSORS_F16) {
        format_decode(type == SAFETENSORS_F32 ? FORMAT_FP32 : FORMAT_BF16, to, from, count);
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        to[i] = half_value(((const uint16_t *)from)[i]);
}

/* As it stands in the file, where that is what is wanted. */
static bool is_as_wanted(enum safetensors_type type, enum format format)
{
    return (type == SAFETENSORS_F32 && format == FORMAT_FP32) ||
           (type == SAFETENSORS_BF16 && format == FORMAT_BF16);
}

static void convert(enum safetensors_type type, enum format format, char *to, const char *from,
                    size_t count)
{
    float floats[CONVERTED];
    size_t size = (size_t)type_bytes[type], width = format_bytes(format, 1), now;
    for (size_t at = 0; at < count; at += now) {
        now = count - at < CONVERTED ? count - at : CONVERTED;
        if (format == FORMAT_FP32) {
            decode(type, (float *)to + at, from + at * size, now);
        } else {
            decode(type, floats, from + at * size, now);
            format_encode(format, to + at * width, floats, now);
        }
    }
}

static int read_converted(const struct safetensors *st, enum safetensors_type type, uint64_t offset,
                          size_t count, enum format format, char *to, struct sft_error *err)
{
    size_t size = (size_t)type_bytes[type], most = PIECE / size, width = format_bytes(format, 1);
    char piece[PIECE] __attribute__((aligned(64)));
    for (size_t now; count > 0; count -= now) {
        now = count < most ? count : most;
        if (read_all(st->file, piece, now * size, offset) < 0)
            return cannot_read(st, err);
        convert(type, format, to, piece, now);
        to += now * width;
        offset += now * size;
    }
    return 0;
}

int safetensors_read(const struct safetensors *st, const struct safetensors_tensor *tensor,
                     uint64_t from, size_t count, enum format format, void *to,
                     struct sft_error *err)
{
    if (tensor->type == SAFETENSORS_OTHER)
        return sft_error_set(err, "%s: tensor %s is in %s: weights are read in F32, BF16 and F16",
                             st->path, tensor->name, tensor->dtype);
    uint64_t offset = tensor->begin + from * (uint64_t)type_bytes[tensor->type];
    if (!is_as_wanted(tensor->type, format))
        return read_converted(st, tensor->type, offset, count, format, to, err);
    if (read_all(st->file, to, format_bytes(format, count), offset) < 0)
        return cannot_read(st, err);
    return 0;
}
