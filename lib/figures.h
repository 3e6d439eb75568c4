/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the record, one row each: what a key is, and where and how it is shown. Whoever
 * writes or shows a record asks here, so a new figure is a row, the line that sets it, and its text
 * in sft-record(5). */
#ifndef SFT_LIB_FIGURES_H
#define SFT_LIB_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/number.h"

enum sft_origin {
    SFT_GIVEN,     /* configured: by the user, the site or the plan */
    SFT_MEASURED,  /* read off a clock, a counter or the data */
    SFT_DERIVED,   /* computed from measured figures by the formula that sft-record(5) gives */
    SFT_ESTIMATED, /* a model's prediction */
    SFT_SLURM,     /* said by Slurm: the step daemon's word in a record that it publishes */
};

/* Who keeps it. Where a record finds no room its keys leave it in this order: those without a row,
 * long texts, the others; of one kind from the last row to the first. */
enum sft_keep {
    SFT_BRIEF,  /* stays: what a record cannot do without */
    SFT_FULL,   /* stands in a record that has the room */
    SFT_LONG,   /* the same; a long text, which leaves first */
    SFT_DETAIL, /* in result.json alone: nobody looks for it in the accounting */
};

/* The places that show some figures and not all; CSV, JSON and the manual have them all. */
enum sft_view {
    SFT_SUMMARY, /* sft-bench-job's last lines */
    SFT_TABLE,   /* sft-report, a line for each record */
    SFT_GROUPS,  /* sft-report --groups */
    /* The page's sections. */
    SFT_SYSTEM,
    SFT_THROUGHPUT,
    SFT_UTILIZATION,
    SFT_PLAN,
    SFT_DEFINITIONS,
    SFT_VIEWS
};

struct sft_show {
    int place;         /* orders the view, together with what the view itself adds; 0: not there */
    const char *title; /* English; the page's are translated */
    int digits;        /* behind the point; of the summary significant ones */
    int digits_cpu;    /* the same of runs on CPUs, where that says more; 0: no difference */
    int yields;        /* of the table: 0 stays, the highest goes first in a narrow terminal */
    const char *unit;  /* of the summary */
};

struct sft_figure {
    const char *name;
    enum sft_type type;
    enum sft_origin origin;
    enum sft_keep keep;
    const char *unit; /* "" for none */
    const char *help; /* one line; sft-record(5) begins with it */
    struct sft_show show[SFT_VIEWS];
};

/* The rows in the order of writing, ended by one whose name is NULL. */
const struct sft_figure *sft_figures(void);
const struct sft_figure *sft_figure_find(const char *name); /* NULL: none of ours */

#define SFT_VIEW_MAX 32 /* figures of one view */

/* The figures of a view by their places; returns how many. */
size_t sft_figures_shown(enum sft_view view, const struct sft_figure *shown[SFT_VIEW_MAX]);

/* The word for an origin in JSON, `--keys` and the manual. */
const char *sft_origin_name(enum sft_origin origin);
const char *sft_type_name(enum sft_type type);
const char *sft_keep_name(enum sft_keep keep); /* "" for SFT_FULL */

/* What a program takes the text of a figure for: the row's type, or SFT_TEXT where it is none such;
 * without a row (NULL) a number where it is one. *whole or *real is set accordingly. */
enum sft_type sft_figure_read(const struct sft_figure *figure, const char *text, long long *whole,
                              double *real);

#endif
