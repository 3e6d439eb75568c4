/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a user named, read whole. */
#ifndef SFT_LIB_FILE_READ_H
#define SFT_LIB_FILE_READ_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

/* What is no file, in words: "a folder", "a pipe", ...; NULL: a file. */
const char *file_what(mode_t mode);

/* The last part of a path, of a folder's too: "data" of "/a/data/". malloc'ed; NULL without memory.
 */
char *file_name(const char *path);

/* The file's first `most` bytes and a NUL behind them, malloc'ed. `what` is "data" or "tokenizer",
 * and the request's key. What is no file is refused, never opened: a pipe would wait for its
 * writer, a device could do anything. */
char *file_read(const char *path, const char *what, size_t most, size_t *size,
                struct sft_error *err);

#endif
