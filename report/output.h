/* SPDX-License-Identifier: Apache-2.0 */
/* Where the report goes: stdout, or a file that is there whole or not at all. */
#ifndef REPORT_OUTPUT_H
#define REPORT_OUTPUT_H

#include <limits.h>
#include <stdio.h>

#include "lib/error.h"
#include "report/options.h"

struct output {
    FILE *file;            /* to write to */
    const char *path;      /* NULL: stdout */
    char target[PATH_MAX]; /* what path leads to */
    char beside[PATH_MAX];
};

/* A link stays, and what it leads to is written. Refuses what is there and no regular file: a
 * device or a FIFO would be replaced by the report; and another user's link in a folder in which
 * everyone may make files. */
int output_begin(struct output *output, const char *path, struct sft_error *err);

/* rc: how the writing went. On success the file takes its name, as what `form` says (of a page for
 * OPTIONS_PDF a PDF is made); else it is taken away. Returns 0 or -1. */
int output_end(struct output *output, int rc, enum options_form form, struct sft_error *err);

#endif
