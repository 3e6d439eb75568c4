/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of sft-report. */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "lib/error.h"
#include "accounts/filter.h"
#include "accounts/grid.h"
#include "accounts/text.h"
#include "lib/goals.h"

/* The first ones are a grid's. */
enum options_form {
    OPTIONS_TABLE = GRID_TABLE,
    OPTIONS_CSV = GRID_CSV,
    OPTIONS_JSON = GRID_JSON,
    OPTIONS_HTML,
    OPTIONS_PDF
};
enum options_action {
    OPTIONS_REPORT,
    OPTIONS_COMPARE,
    OPTIONS_VERIFY,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_KEYS
};

/* What may differ between the sets of a comparison. */
enum options_across { OPTIONS_PRECISION = 1, OPTIONS_METHOD = 2 };

struct options {
    enum options_action action;
    enum options_form form;
    bool wide;
    bool groups;   /* repeats side by side, in place of a line for each record */
    bool japanese; /* the page's language */
    char **files;  /* and folders, that were saved */
    size_t inputs; /* so many; 0: ask sacct */
    const char *sort;
    const char *output; /* file; NULL: stdout */
    const char *charts; /* folder for the charts' files; NULL: none */
    double price;       /* of a GPU for an hour; 0: not said */
    char currency[TEXT_CURRENCY];
    double tokens;          /* of the reader's own fine-tuning; 0: not said */
    const char *title;      /* of the page; NULL: the usual one */
    const char *site;       /* who ran it; NULL: the clusters */
    const char *compare[2]; /* the sets */
    const char *verify;     /* file or folder of verify's runs; NULL: training's records */
    const char *node;       /* whose history is shown; NULL: of none */
    unsigned across;        /* of enum options_across */
    char dated[40];         /* output's default of --report-only */
    const char *goals_file; /* NULL: the site's, where there is one; "none": none */
    struct sft_goals goals; /* of a page; none where count is 0 */
    struct filter filter;
};

/* Read the command line. Texts stay in argv. Fails with one line on what cannot be read; to be
 * cleared in any case. */
int options_parse(struct options *options, int argc, char **argv, time_t now,
                  struct sft_error *err);

void options_clear(struct options *options);

void options_help(FILE *out);

#endif
