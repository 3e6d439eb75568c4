/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in which a rank became slower than before and than the others: which, for how long, why. */
#include "report/page_internal.h"

#include <math.h>

enum { STRAGGLER_LINES = 8 };

static bool has_straggler(const struct row *row)
{
    return sft_record_get(&row->record, "straggler_rank") != NULL;
}

static const char *text_of(const struct sft_record *record, const char *key)
{
    const char *text = sft_record_get(record, key);
    return text != NULL ? text : "?";
}

static void put_cause(struct page *page, const char *cause)
{
    if (cause == NULL || *cause == '\0')
        return;
    fprintf(page->out, " (");
    html_text(page->out, cause);
    fprintf(page->out, ")");
}

/* "llama-7b full bf16, nodes: 2, job 13: rank 13 on node-0007 took 38% longer for 120 steps from
 * step 210 on (SM clock 900 MHz, the others' 1755, HW power brake); ranks that were stragglers: 2"
 */
static void put_run(struct page *page, const struct group_place *place, const struct row *row)
{
    const struct sft_record *record = &row->record;
    double ranks = sft_record_get_real(record, "stragglers", 1);
    char title[256], percent[80], job[ROW_JOB];
    group_title(place->series, title, sizeof title);
    html_number_text(sft_record_get_real(record, "straggler_pct", NAN), 0, percent, sizeof percent);
    fprintf(page->out, "<li>");
    html_text(page->out, title);
    fprintf(page->out, _(", nodes: %d, job %s: rank %.0f on "), place->cell->nodes,
            row_job(row, job), sft_record_get_real(record, "straggler_rank", NAN));
    html_text(page->out, text_of(record, "straggler_host"));
    fprintf(page->out, /* xgettext:no-c-format */
            _(" took %s%% longer to compute, for %.0f steps from step %.0f on"), percent,
            sft_record_get_real(record, "straggler_steps", NAN),
            sft_record_get_real(record, "straggler_step", NAN));
    put_cause(page, sft_record_get(record, "straggler_cause"));
    if (ranks > 1)
        fprintf(page->out, _("; ranks that were stragglers: %.0f"), ranks);
    fprintf(page->out, "</li>\n");
}

void page_stragglers(struct page *page)
{
    struct group_place place = {NULL, NULL};
    size_t lines = 0, runs = page_runs_that(page, has_straggler);
    if (runs == 0)
        return;
    page_paragraph(page,
                   _("Stragglers: ranks that became slower to compute, waiting left out, than they "
                     "were and than the others, judged every 20 steps. Of each run the one that "
                     "cost most:"));
    fprintf(page->out, "<ul>\n");
    while (group_next(page->groups, &place))
        for (size_t i = 0; i < place.cell->count; i++)
            if (has_straggler(place.cell->run[i]) && lines++ < STRAGGLER_LINES)
                put_run(page, &place, place.cell->run[i]);
    if (runs > STRAGGLER_LINES) {
        fprintf(page->out, "<li>");
        fprintf(page->out, _("%zu more"), runs - STRAGGLER_LINES);
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}
