/* SPDX-License-Identifier: Apache-2.0 */
/* Where the accounting comes from: sacct, or a file that holds what sacct printed. */
#ifndef ACCOUNTS_SOURCE_H
#define ACCOUNTS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "accounts/filter.h"
#include "accounts/scan.h"

#define SOURCE_ARGUMENTS_MAX 24
#define SOURCE_BATCH 512 /* jobs of one question */

/* sacct's command line. Texts are in the struct itself, in the filter or the mark. */
struct source_command {
    const char *argument[SOURCE_ARGUMENTS_MAX]; /* ended by NULL */
    char jobs[FILTER_JOBS_MAX * 11 + 1];
    char since[32], until[32];
};

/* Which jobs are meant: scan.h's text of all that the filter asks sacct for. */
void source_command_scan(struct source_command *command, const struct filter *filter,
                         const char *mark);

/* All of these jobs (at most SOURCE_BATCH, by id) as JSON, whoever has them. */
void source_command_jobs(struct source_command *command, const struct scan_job *job, size_t count);

/* Run sacct ($SFT_SACCT, or the one on PATH) without a shell and read all that it prints. *text is
 * for free() and ends with a NUL beside its *length. */
int source_read_sacct(const struct scan_job *job, size_t count, char **text, size_t *length,
                      struct sft_error *err);

/* All that slurmctld still knows, as JSON: squeue's ($SFT_SQUEUE, or the one on PATH), since that
 * of Debian 12's scontrol has no JSON, and of its text a job's name can make another job's. */
int source_read_queue(char **text, size_t *length, struct sft_error *err);

/* Is it sacct's word for a cluster without accounting? */
bool source_has_no_accounting(const struct sft_error *err);

/* Those of the filter's jobs whose comments may hold a record: a cluster has many jobs and few of
 * them are ours. What stands in a comment, line breaks and all, is no job's id: nobody knew the
 * mark between the fields when it was written. *scan is to be cleared also after a failure. */
int source_scan_sacct(const struct filter *filter, struct scan *scan, struct sft_error *err);

/* Read a whole file, or stdin for "-". */
int source_read_file(const char *path, char **text, size_t *length, struct sft_error *err);

#endif
