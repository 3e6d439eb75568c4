/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of sft-report. */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "lib/error.h"
#include "report/filter.h"

enum options_form { OPTIONS_TABLE, OPTIONS_JSON, OPTIONS_CSV };
enum options_action { OPTIONS_REPORT, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_KEYS };

struct options {
    enum options_action action;
    enum options_form form;
    bool wide;
    const char *input; /* NULL: ask sacct */
    const char *sort;
    struct filter filter;
};

/* Read the command line. Texts stay in argv. Fails with one line on what cannot be read. */
int options_parse(struct options *options, int argc, char **argv, time_t now,
                  struct sft_error *err);

void options_help(FILE *out);

#endif
