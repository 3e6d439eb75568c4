/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are not in the accounting for certain: files of root's on the node, one a step, in
 * SlurmdSpoolDir/sft-bench. Knows nothing of Slurm. */
#ifndef SFT_SPANK_SPOOL_H
#define SFT_SPANK_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/error.h"
#include "lib/record.h"

#define SPOOL_NAME 48    /* longest name of a file, with the NUL */
#define SPOOL_FILES 1024 /* as many are looked at in one go */

struct spooled {
    char cluster[128];
    uint32_t job_id, step_id;
    bool comment;              /* the job's comment is wanted, too */
    time_t time;               /* when it was written */
    char text[SFT_RECORD_MAX]; /* sft2{...} */
};

/* DIR/sft-bench of a SlurmdSpoolDir, in which %n is the node's name and %h its host's. Returns 0,
 * or -1 when it does not fit. */
int spool_place(const char *dir, const char *node, const char *host, char *path, size_t size);

/* Open the folder; with `make` it is made (0700). It has to be the caller's, and nobody else's to
 * write. Returns a descriptor, or -1: then errno is ENOENT if there is none. */
int spool_open(const char *path, bool make, struct sft_error *err);

/* JOB.STEP */
void spool_name(uint32_t job_id, uint32_t step_id, char name[SPOOL_NAME]);

/* Write a record's file (0600), in the place of an earlier one of the same step. When this returns
 * 0 it is on the disk. */
int spool_write(int folder, const struct spooled *spooled, struct sft_error *err);

/* Read one. What is no regular file of the caller's own, or no record, is an error. */
int spool_read(int folder, const char *name, struct spooled *spooled, struct sft_error *err);

/* Take one away. */
int spool_remove(int folder, const char *name, struct sft_error *err);

/* The names in the folder, sorted by job and step; the caller frees *names. Returns how many, or
 * -1. */
int spool_list(int folder, char (**names)[SPOOL_NAME], struct sft_error *err);

#endif
