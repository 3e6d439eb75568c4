/* SPDX-License-Identifier: Apache-2.0 */
/* Charts by gnuplot: told on its stdin, in quoted texts of harmless characters, and read from its
 * stdout. Colours are Okabe and Ito's, with marks, dashes and patterns beside them, so that a chart
 * can be read without colours. */
#ifndef REPORT_CHART_H
#define REPORT_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define CHART_LINES 8

struct chart_line {
    char name[160];
    size_t count;
    double *x, *y;      /* [count]; y NaN: nothing there */
    double *low, *high; /* [count], error bars; NULL: none */
    bool ideal;         /* no measurement: grey and dashed */
    bool marked;        /* bars: outliers */
};

struct chart {
    const char *id; /* of letters, digits and '-': unique in a page, and its files' name */
    const char *x_title, *y_title;
    bool bars;
    bool stacked; /* bars at one place, as each line has others */
    double goal;  /* a horizontal line; 0: none */
    const char *goal_name;
    int digits; /* of y, in words; 0: as many as percents want */
    size_t lines;
    struct chart_line line[CHART_LINES];
    size_t labels; /* of the x axis, for x = 0, 1, ...; 0: numbers */
    char (*label)[64];
};

/* A line of `count` points, all NaN, for the caller to fill; NULL without memory or where there is
 * no more room. */
struct chart_line *chart_add(struct chart *chart, const char *name, size_t count, bool errors);
void chart_clear(struct chart *chart);

bool chart_possible(void); /* is gnuplot there? */

/* An <svg> element. For free(). */
int chart_svg(const struct chart *chart, char **svg, struct sft_error *err);
/* ID.svg and ID.png in the folder, which is made. */
int chart_files(const struct chart *chart, const char *svg, const char *folder,
                struct sft_error *err);

#endif
