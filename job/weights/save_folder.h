/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that is written beside its name, and takes it whole: whoever looks finds the old one or
 * the new one. */
#ifndef SFT_JOB_WEIGHTS_SAVE_FOLDER_H
#define SFT_JOB_WEIGHTS_SAVE_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#define SAVE_CARD "README.md"
#define SAVE_MARK                                                                                  \
    "sft-bench" /* among the card's first lines: the folder is a run's, and may be                 \
                   replaced by another's */

/* Before a run, changing nothing: the folder could be made, it is missing, empty or an earlier
 * run's, and there is room for so many bytes. */
int save_folder_check(const char *path, uint64_t bytes, struct sft_error *err);
/* Is `other` the same path, or one inside of it? */
bool save_folder_holds(const char *path, const char *other);
/* One on its way, of whoever made it: nobody else's run removes it while that lives. */
struct save_folder {
    char beside[PATH_MAX]; /* "": none */
    int lock;
};

/* The folder's own names are on the disk; -1 and errno. */
int save_folder_sync(const char *path);

/* A new one beside it, empty but for the file that is locked. */
int save_folder_make(struct save_folder *folder, const char *path, struct sft_error *err);
/* It becomes the one of that name; what had the name is removed. Durable when this returns. Where
 * the name is not to be had any more it stays, whole, beside it: err says where. */
int save_folder_commit(struct save_folder *folder, const char *path, struct sft_error *err);
/* Removes it and the files in it, if it is there. */
void save_folder_drop(struct save_folder *folder);
/* Removes any folder, and the files in it. */
void save_folder_remove(const char *beside);
/* Removes what runs that were killed while they saved under that name have left beside it. What is
 * whole stays, unless a whole one has the name. */
void save_folder_sweep(const char *path);

#endif
