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
    const struct rows *verifies; /* NULL: none */
    const struct options *options;
    bool gnuplot;
    bool said; /* that it is missing */
    struct goal_checks goals;
    const struct group_cell **shown; /* [shown_count] whose figures the tables have */
    size_t shown_count, cells;       /* cells: all with counted runs */
};

/* More cells than this, four models on four numbers of nodes, do not all stand in each table: a
 * report is read. */
#define PAGE_LINES 16

/* Choose page->shown: all, or of each model as many as of the others, its fastest configurations
 * first. Fails without memory. */
int page_choose(struct page *page, struct sft_error *err);

/* As group_next, of the shown ones. */
bool page_next_shown(const struct page *page, struct group_place *place);

/* How many counted runs are so. */
size_t page_runs_that(const struct page *page, bool (*are)(const struct row *row));

/* Tokens/s of a rank; NaN where nothing counts. */
double page_rate(const struct group_cell *cell);

/* Models are together in the groups: behind the last series of the model of series `first`. */
size_t page_model_end(const struct groups *groups, size_t first);

/* The series that stands for the model of the series `first`: measured on the most numbers of
 * nodes, of these the fastest. *next is the first of the next model. NULL: no counted run. */
const struct group_series *page_leader(const struct page *page, size_t first, size_t *next);

/* The series' last cell with counted runs, NULL: none. */
const struct group_cell *page_largest(const struct group_series *series);

/* "2026-11-26 18:00 +0000"; "" where the time is not known. */
void page_date(long long at, char *text, size_t size);
enum { PAGE_DATE = 64 };
/* When the first of them began and the last one ended. */
void page_span(const struct rows *rows, char from[PAGE_DATE], char to[PAGE_DATE]);
/* "made by sft-report 1.0, 2026-11-26 18:00 +0000" */
void page_made_by(struct page *page);

/* From the page's first line into the line below its title, the reader's or the standard one, up to
 * the site; what made it follows, and </p></header>. */
void page_header(struct page *page, const char *standard);

/* All of a page before its header, and after its last line. */
void page_begin(FILE *out, const char *title, bool japanese);
void page_end(FILE *out);

/* How many the tables leave out, where they do. */
void page_left_out(struct page *page);

/* What the small letters of the origins mean. */
void page_legend(struct page *page);
void page_heading(struct page *page, const char *id, const char *title);
void page_paragraph(struct page *page, const char *text);
/* A paragraph of a text of ours and numbers, which needs no escapes. */
void page_say(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The texts of the set bits with "; " between, `before` before the first. */
void page_put_texts(struct page *page, unsigned bits, const char *(*text)(unsigned bit),
                    const char *before);
/* <table><caption>...<thead><tr>, for the headings; then page_table_rows, and page_table_end. */
void page_table(struct page *page, const char *caption);
void page_table_rows(struct page *page);
void page_table_end(struct page *page);
/* First cells of a line: series, nodes, ranks; and the last: marks and jobs. */
void page_th_place(struct page *page);
void page_td_place(struct page *page, const struct group_place *place);
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
    double (*value)(const struct page *page, const struct group_place *place);
};

/* All of the table: configuration, these columns and the figures of `view` (SFT_VIEWS: none) by
 * their places, and marks; of the shown cells. A column in which none of them has a figure is
 * not there; whether any has, page_has_columns says. */
void page_columns(struct page *page, const char *caption, enum sft_view view,
                  const struct page_column *own, size_t count);
/* Has the table a figure? Counts say nothing by themselves. */
bool page_has_columns(const struct page *page, enum sft_view view, const struct page_column *own,
                      size_t count);

/* The different values of a key over the counted runs, by first appearance: at most
 * PAGE_VALUES. "cluster" and "partition" are Slurm's. */
#define PAGE_VALUES 16
size_t page_values(const struct page *page, const char *key, const char *value[PAGE_VALUES]);

/* "(jobs 12 13, marks F)", in small letters. */
void page_put_jobs(struct page *page, const struct group_cell *cell);

/* What the letters of these marks mean, where there are any. */
void page_marks(struct page *page, unsigned marks);

/* Draw and clear the chart; the caption stands below it. */
int page_chart(struct page *page, struct chart *chart, const char *caption, struct sft_error *err);

/* The chart's figures in words, for who cannot see it. */
void page_chart_aloud(struct page *page, const struct chart *chart);

/* The sections, in the page's order; one that has nothing to say is not there. */
int page_summary(struct page *page, struct sft_error *err);
void page_cost(struct page *page);
void page_goals(struct page *page);
int page_trend(struct page *page, struct sft_error *err);
int page_loss(struct page *page, struct sft_error *err);
void page_method(struct page *page);
void page_nodes(struct page *page);
void page_throughput(struct page *page);
int page_utilization(struct page *page, struct sft_error *err);
void page_plan(struct page *page);
int page_ranks(struct page *page, struct sft_error *err);
void page_system(struct page *page);
void page_aside(struct page *page);
/* The table alone: job, model, state and why, where any do. */
void page_aside_table(struct page *page, const struct groups *groups, const char *caption);
void page_definitions(struct page *page);
void page_commands(struct page *page);
void page_jobs(struct page *page);

/* Tokens/s at the speed of the median steps, of a cell with unsteady runs; else NaN. */
double page_median_step(const struct page *page, const struct group_place *place);
size_t page_unsteady_runs(const struct page *page);
/* A list of them, where there are any. */
void page_unsteady(struct page *page);

/* Of the runs that had one, where there are any. */
void page_stragglers(struct page *page);

/* The box of the first screen. */
void page_box(struct page *page);

#endif
