/* SPDX-License-Identifier: Apache-2.0 */
/* What the page's sections share. */
#ifndef REPORT_PAGE_INTERNAL_H
#define REPORT_PAGE_INTERNAL_H

#include "report/chart.h"
#include "report/goals.h"
#include "report/group_print.h"
#include "report/html.h"
#include "report/lang.h"
#include "report/options.h"

struct page {
    FILE *out;
    const struct groups *groups;
    const struct rows *rows;
    const struct options *options;
    bool gnuplot;
    bool said; /* that it is missing */
    struct goal_checks goals;
};

/* A cell with counted runs, and its series. */
struct page_place {
    const struct group_series *series;
    const struct group_cell *cell;
};

/* The next cell with counted runs after *place (all NULL: the first); false at the end. */
bool page_next(const struct page *page, struct page_place *place);

/* All of a page before its first heading, and after its last line. */
void page_begin(FILE *out, const char *title, bool japanese);
void page_end(FILE *out);

void page_heading(struct page *page, const char *id, const char *title);
void page_paragraph(struct page *page, const char *text);
/* <table><caption>...<thead><tr>, for the headings; then page_table_rows, and page_table_end. */
void page_table(struct page *page, const char *caption);
void page_table_rows(struct page *page);
void page_table_end(struct page *page);
/* First cells of a line: series, nodes, ranks; and the last: marks and jobs. */
void page_th_place(struct page *page);
void page_td_place(struct page *page, const struct page_place *place);
void page_th_jobs(struct page *page);
void page_td_jobs(struct page *page, const struct group_cell *cell);

/* A column of a table with a line for each cell. With a key of the record: headed with its unit and
 * origin, and the median over the counted runs where there is no `value`. Without: headed with unit
 * and origin, or, with no unit, a count. `value` is NaN where there is none. Titles and units are
 * marked with N_ and translated here. */
struct page_column {
    int place; /* between the figures of the view */
    const char *title, *key, *unit;
    enum sft_origin origin;
    int digits, digits_cpu; /* behind the point; of runs on CPUs, where that says more */
    double (*value)(const struct page *page, const struct page_place *place);
};

/* All of the table: configuration, these columns and the figures of `view` (SFT_VIEWS: none) by
 * their places, marks and jobs. */
void page_columns(struct page *page, const char *caption, enum sft_view view,
                  const struct page_column *own, size_t count);

/* "(jobs 12 13, marks F)", in small letters. */
void page_put_jobs(struct page *page, const struct group_cell *cell);

/* Draw and clear the chart; the caption stands below it. */
int page_chart(struct page *page, struct chart *chart, const char *caption, struct sft_error *err);

/* The chart's figures in words, for who cannot see it. */
void page_chart_aloud(struct page *page, const struct chart *chart);

/* The sections, in the page's order. */
void page_summary(struct page *page);
void page_goals(struct page *page);
void page_system(struct page *page);
int page_throughput(struct page *page, struct sft_error *err);
int page_scaling(struct page *page, struct sft_error *err);
int page_utilization(struct page *page, struct sft_error *err);
void page_plan(struct page *page);
int page_ranks(struct page *page, struct sft_error *err);
void page_energy(struct page *page);
void page_spread(struct page *page);
void page_aside(struct page *page);
void page_method(struct page *page);

#endif
