/* SPDX-License-Identifier: Apache-2.0 */
/* Runs whose throughput is not that of their median step: both figures, and which steps were slow.
 */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>

#include "lib/stats.h"

enum { UNSTEADY_LINES = 8 };

/* In a steady run they are the same to 2%. */
static double at_median_step(const struct row *row)
{
    double median = sft_record_get_real(&row->record, "tok_s_median", NAN);
    return isfinite(median) ? median : sft_record_get_real(&row->record, "tok_s", NAN);
}

double page_median_step(const struct page *page, const struct group_place *place)
{
    const struct group_cell *cell = place->cell;
    double *values = calloc(cell->count + 1, sizeof *values), median = NAN;
    (void)page;
    for (size_t i = 0; values != NULL && i < cell->count; i++)
        values[i] = at_median_step(cell->run[i]);
    if (values != NULL && (cell->marks & GROUP_UNSTEADY))
        median = sft_stats_median(values, cell->count);
    free(values);
    return median;
}

static bool is_unsteady(const struct row *row)
{
    return (row->marks & ROW_UNSTEADY) != 0;
}

size_t page_unsteady_runs(const struct page *page)
{
    return page_runs_that(page, is_unsteady);
}

/* "llama-7b full bf16, nodes: 2, job 13: 123,808 tokens/s, 233,600 at the median step; slow steps:
 * 27 of 60 (3-20,25-33)" */
static void put_run(struct page *page, const struct group_place *place, const struct row *row)
{
    const struct sft_record *record = &row->record;
    double slow = sft_record_get_real(record, "slow_steps", NAN);
    const char *at = sft_record_get(record, "slow_at");
    char title[256], all[80], step[80], job[ROW_JOB];
    group_title(place->series, title, sizeof title);
    html_number_text(sft_record_get_real(record, "tok_s", NAN), 0, all, sizeof all);
    html_number_text(at_median_step(row), 0, step, sizeof step);
    fprintf(page->out, "<li>");
    html_text(page->out, title);
    fprintf(page->out, _(", nodes: %d, job %s: %s tokens/s, %s at its median step"),
            place->cell->nodes, row_job(row, job), all, step);
    if (isfinite(slow))
        fprintf(page->out, _("; slow steps: %.0f of %.0f"), slow,
                sft_record_get_real(record, "steps_done", NAN));
    if (isfinite(slow) && at != NULL && *at != '\0') {
        fprintf(page->out, " (");
        html_text(page->out, at);
        fprintf(page->out, ")");
    }
    fprintf(page->out, "</li>\n");
}

void page_unsteady(struct page *page)
{
    struct group_place place = {NULL, NULL};
    size_t lines = 0, runs = page_unsteady_runs(page);
    if (runs == 0)
        return;
    page_paragraph(page, /* xgettext:no-c-format */
                   _("Unsteady runs: work over time is more than 2% off what the median step would "
                     "give. Slow steps are those longer than 1.1 times the median, counted from "
                     "1:"));
    fprintf(page->out, "<ul>\n");
    while (group_next(page->groups, &place))
        for (size_t i = 0; i < place.cell->count; i++)
            if (is_unsteady(place.cell->run[i]) && lines++ < UNSTEADY_LINES)
                put_run(page, &place, place.cell->run[i]);
    if (runs > UNSTEADY_LINES) {
        fprintf(page->out, "<li>");
        fprintf(page->out, _("%zu more"), runs - UNSTEADY_LINES);
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}
