/* SPDX-License-Identifier: Apache-2.0 */
/* Where the accounting comes from: sacct, or a file that holds what sacct printed. */
#ifndef REPORT_SOURCE_H
#define REPORT_SOURCE_H

#include <stddef.h>

#include "lib/error.h"
#include "report/filter.h"

#define SOURCE_ARGUMENTS_MAX 16

/* sacct's command line for a filter. Texts are in the struct itself or in the filter. */
struct source_command {
    const char *argument[SOURCE_ARGUMENTS_MAX]; /* ended by NULL */
    char jobs[FILTER_JOBS_MAX * 11 + 1];
    char since[32], until[32];
};

void source_command_make(struct source_command *command, const struct filter *filter);

/* Run sacct ($SFT_SACCT, or the one on PATH) without a shell and read all that it prints. Its
 * messages go to our stderr. *text is for free() and ends with a NUL beside its *length. */
int source_read_sacct(const struct filter *filter, char **text, size_t *length,
                      struct sft_error *err);

/* Read a whole file, or stdin for "-". */
int source_read_file(const char *path, char **text, size_t *length, struct sft_error *err);

#endif
