/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a run leaves behind. Each is written under a new name beside its own and renamed: a
 * reader, or a kill, never finds half a file, and what others have put in its place is replaced and
 * not written through: no link is followed, no second name of a file is written to, no pipe or
 * device opened. */
#ifndef SFT_LIB_FILE_WRITE_H
#define SFT_LIB_FILE_WRITE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct file_write {
    int folder, file;
    const char *path, *name; /* name: the path's last part */
    char beside[NAME_MAX + 1];
    int failed; /* errno of the first failure, for the caller too; 0: none, or none that has one */
    size_t used;
    char buffer[16384];
};

/* Before a run: the path can be written to as far as can be said without writing, and what an
 * earlier run left under that name is gone. Removing needs no space, so a full disk leaves nobody
 * another run's figures. */
int file_write_clear(const char *path, struct sft_error *err);

/* What to say of a path that could not be written, by its errno, and what helps. Returns -1. */
int file_write_cannot(const char *path, int number, struct sft_error *err);

/* Could the path be a file's? Refuses a folder, pipe, socket or device, or a link to one; looks,
 * and changes nothing. */
int file_write_check(const char *path, struct sft_error *err);

/* Remove what writers of this path that were killed left beside it. */
void file_write_sweep(const char *path);

/* The path stays the caller's until the end. On failure nothing is left to close. */
int file_write_open(struct file_write *w, const char *path, struct sft_error *err);

/* A failure is kept for the end. */
void file_write_put(struct file_write *w, const char *bytes, size_t size);
void file_write_print(struct file_write *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The name is the new file's, or nothing has changed and err says why. `durable`: on the disk, too,
 * when this returns. */
int file_write_close(struct file_write *w, bool durable, struct sft_error *err);

/* All of it, however many writes that takes, at `offset`, or below 0 where the file stands; -1 and
 * errno. */
int file_write_all(int file, const char *bytes, size_t size, long offset);

#endif
