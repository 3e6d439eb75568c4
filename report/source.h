/* SPDX-License-Identifier: Apache-2.0 */
/* Where the accounting comes from: sacct, or a file that holds what sacct printed. */
#ifndef REPORT_SOURCE_H
#define REPORT_SOURCE_H

#include <stddef.h>

#include "lib/error.h"
#include "report/filter.h"

#define SOURCE_ARGUMENTS_MAX 24
#define SOURCE_SEPARATOR '\x1f' /* in no job's name; a comment that has it changes nothing */

/* All of the jobs as JSON, or a line of id and comments each. */
enum source_form { SOURCE_JSON, SOURCE_SCAN };

/* sacct's command line for a filter. Texts are in the struct itself or in the filter. */
struct source_command {
    const char *argument[SOURCE_ARGUMENTS_MAX]; /* ended by NULL */
    char jobs[FILTER_JOBS_MAX * 11 + 1];
    char since[32], until[32];
};

void source_command_make(struct source_command *command, const struct filter *filter,
                         enum source_form form);

/* Run sacct ($SFT_SACCT, or the one on PATH) without a shell and read all that it prints. Its
 * messages go to our stderr. *text is for free() and ends with a NUL beside its *length. */
int source_read_sacct(const struct filter *filter, char **text, size_t *length,
                      struct sft_error *err);

/* Ids of jobs, by sacct's order. */
struct source_ids {
    long long *id; /* for free() */
    size_t count, room;
};

/* Those of the filter's jobs whose comments may hold a record, a line at a time: a cluster has many jobs and few
 * of them are ours. A comment can forge a line, and so a job's id more; asked for by that id, sacct tells the
 * truth. */
int source_scan_sacct(const struct filter *filter, struct source_ids *ids, struct sft_error *err);

/* Read a whole file, or stdin for "-". */
int source_read_file(const char *path, char **text, size_t *length, struct sft_error *err);

#endif
