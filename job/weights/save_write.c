/* SPDX-License-Identifier: Apache-2.0 */
/* Files and elements. Ranks write to one file at places of their own, so it is opened for writing
 * alone, which lets clients of a file server keep what is others' as it is. */
#include "job/weights/save.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/weights/save_internal.h"
#include "lib/file_write.h"

static int cannot(const char *folder, const char *name, struct sft_error *err)
{
    return sft_error_set(err, "cannot write %s/%s: %s", folder, name, strerror(errno));
}

static int path_put(char path[PATH_MAX], const char *folder, const char *name,
                    struct sft_error *err)
{
    if (snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return cannot(folder, name, err);
}

/* Where the file system cannot take room ahead, a full disk shows when it is written. */
static int file_make(const struct save_file *f, const char *folder, struct sft_error *err)
{
    char path[PATH_MAX];
    off_t size = (off_t)(f->header_size + f->data);
    if (path_put(path, folder, f->name, err) < 0)
        return -1;
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0)
        return cannot(folder, f->name, err);
    int failed = fallocate(file, 0, 0, size);
    if (failed < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
        failed = ftruncate(file, size);
    if (failed == 0)
        failed = file_write_all(file, f->header, f->header_size, 0);
    if (failed == 0)
        failed = fsync(file);
    if (failed < 0)
        cannot(folder, f->name, err);
    close(file);
    return failed;
}

static int index_make(const struct save *save, const char *folder, struct sft_error *err)
{
    struct file_write file;
    char path[PATH_MAX];
    unsigned long long all = 0;
    for (int i = 0; i < save->file_count; i++)
        all += save->files[i].data;
    if (path_put(path, folder, "model.safetensors.index.json", err) < 0 ||
        file_write_open(&file, path, err) < 0)
        return -1;
    file_write_print(&file, "{\n  \"metadata\": {\"total_size\": %llu},\n  \"weight_map\": {", all);
    for (size_t i = 0; i < save->count; i++)
        file_write_print(&file, "%s\n    \"%s\": \"%s\"", i == 0 ? "" : ",", save->tensors[i].name,
                         save->files[save->tensors[i].file].name);
    file_write_print(&file, "\n  }\n}\n");
    return file_write_close(&file, true, err);
}

int save_make(const struct save *save, const char *folder, struct sft_error *err)
{
    for (int i = 0; i < save->file_count; i++)
        if (file_make(&save->files[i], folder, err) < 0)
            return -1;
    return save->file_count == 1 ? 0 : index_make(save, folder, err);
}

int save_open(struct save *save, const char *folder, struct sft_error *err)
{
    char path[PATH_MAX];
    for (int i = 0; i < save->file_count; i++) {
        struct save_file *f = &save->files[i];
        if (path_put(path, folder, f->name, err) < 0)
            return -1;
        f->file = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (f->file < 0)
            return cannot(folder, f->name, err);
    }
    return 0;
}

static const struct save_tensor *tensor_of(const struct save *save, const struct sft_param *param,
                                           int source)
{
    char name[SFT_PARAM_NAME];
    sft_param_name(param, param->source[source].name, name);
    for (size_t i = 0; i < save->count; i++)
        if (save->tensors[i].unit == param->unit && strcmp(save->tensors[i].name, name) == 0)
            return &save->tensors[i];
    return NULL;
}

static int bytes_write(const struct save *save, const struct save_tensor *t, const char *data,
                       size_t from, size_t count, struct sft_error *err)
{
    const struct save_file *f = &save->files[t->file];
    long offset = (long)(t->begin + format_bytes(save->format, from));
    if (file_write_all(f->file, data, format_bytes(save->format, count), offset) == 0)
        return 0;
    return sft_error_set(err, "cannot write %s: %s", f->name, strerror(errno));
}

/* A matrix that stands turned in the file: of each column what is in the range, one piece there.
 * `from` counts in the source as the model has it. */
static int turned_write(const struct save *save, const struct save_tensor *t, const char *data,
                        size_t from, size_t count, struct sft_error *err)
{
    size_t columns = (size_t)t->shape[0], rows = (size_t)t->shape[1], end = from + count;
    size_t size = format_bytes(save->format, 1);
    char *piece = malloc(rows * size);
    int failed = piece == NULL ? sft_error_set(err, "no memory to turn %s", t->name) : 0;
    for (size_t c = 0; c < columns && failed == 0; c++) {
        size_t first = from > c ? (from - c + columns - 1) / columns : 0, row = first;
        for (; row * columns + c < end; row++)
            memcpy(piece + (row - first) * size, data + (row * columns + c - from) * size, size);
        if (row > first)
            failed = bytes_write(save, t, piece, c * rows + first, row - first, err);
    }
    free(piece);
    return failed;
}

int save_write(const struct save *save, const struct sft_param *param, size_t from, size_t count,
               const void *data, struct sft_error *err)
{
    size_t columns = (size_t)param->columns, end = from + count;
    const char *at = data;
    for (int i = 0; i < SFT_PARAM_SOURCES && param->source[i].name != NULL; i++) {
        const struct sft_source *s = &param->source[i];
        size_t begins = (size_t)s->row * columns, ends = begins + (size_t)s->rows * columns;
        size_t low = from > begins ? from : begins, high = end < ends ? end : ends;
        const struct save_tensor *t = low < high ? tensor_of(save, param, i) : NULL;
        if (t == NULL)
            continue;
        if ((s->transposed ? turned_write : bytes_write)(save, t, at, low - begins, high - low,
                                                         err) < 0)
            return -1;
        at += format_bytes(save->format, high - low);
    }
    return 0;
}

int save_sync(struct save *save, struct sft_error *err)
{
    int failed = 0;
    for (int i = 0; i < save->file_count; i++) {
        struct save_file *f = &save->files[i];
        if (f->file < 0)
            continue;
        if (failed == 0 && fsync(f->file) < 0)
            failed = sft_error_set(err, "cannot write %s: %s", f->name, strerror(errno));
        if (close(f->file) < 0 && failed == 0)
            failed = sft_error_set(err, "cannot write %s: %s", f->name, strerror(errno));
        f->file = -1;
    }
    return failed;
}
