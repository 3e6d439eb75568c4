/* SPDX-License-Identifier: Apache-2.0 */
/* Which files data= names: one, several with + between them, or a folder's. */
#ifndef SFT_JOB_DATA_DATA_FILES_H
#define SFT_JOB_DATA_DATA_FILES_H

#include <stddef.h>

#include "lib/error.h"

struct data_files {
    char **paths; /* [count], in the order that they are read */
    size_t count;
    char *name; /* for the record: base names, or the folder's */
};

/* A path that is there is itself, whatever its name; else + parts it, and each part may be a
 * folder: its .json and .jsonl files, by name. -1: a folder without any (Parquet in it is named
 * with what to do). Whether a file can be read is seen later. */
int data_files_find(struct data_files *files, const char *data, struct sft_error *err);
void data_files_clear(struct data_files *files);

#endif
