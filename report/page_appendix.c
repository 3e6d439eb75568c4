/* SPDX-License-Identifier: Apache-2.0 */
/* What was left out, what the figures are, what runs them again, and which jobs they are from. */
#include "report/page_internal.h"

#include <stdlib.h>
#include <string.h>

#include "report/jobs.h"

static void aside_reasons(struct page *page, unsigned why)
{
    fprintf(page->out, "<td>");
    page_put_texts(page, why, group_aside_text, "");
    fprintf(page->out, "</td>");
}

static void aside_line(struct page *page, const struct group_series *series,
                       const struct group_cell *cell, size_t i)
{
    const struct row *row = cell->aside_run[i];
    const char *said = sft_record_get(&row->record, row->marks & ROW_DOUBTED ? "doubted" : "fail");
    char job[ROW_JOB];
    fprintf(page->out, "<tr>");
    fprintf(page->out, "<td class=\"n\">%s</td>", row_job(row, job));
    html_td_text(page->out, series->model);
    html_td_whole(page->out, cell->nodes);
    html_td_text(page->out, _(row->state));
    aside_reasons(page, cell->aside_why[i]);
    html_td_text(page->out, said != NULL ? said : "");
    fprintf(page->out, "</tr>\n");
}

enum { ASIDE_LINES = 8 };

/* The first ones a line each; those behind go into `rest`, with room for all. Returns how many. */
static size_t aside_lines(struct page *page, const struct groups *groups, const struct row **rest)
{
    size_t lines = 0, count = 0;
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++) {
            const struct group_cell *cell = &groups->series[i].cell[k];
            for (size_t n = 0; n < cell->aside; n++)
                if (lines++ < ASIDE_LINES)
                    aside_line(page, &groups->series[i], cell, n);
                else if (rest != NULL)
                    rest[count++] = cell->aside_run[n];
        }
    return count;
}

void page_aside_table(struct page *page, const struct groups *groups, const char *caption)
{
    if (groups->runs == groups->counted)
        return;
    const struct row **rest = calloc(groups->runs + 1, sizeof *rest);
    size_t size = groups->runs * 24 + 128;
    char *jobs = malloc(size);
    page_table(page, caption);
    html_th_count(page->out, _("Job"));
    html_th(page->out, _("Model"), "model");
    html_th(page->out, _("Nodes"), "nodes");
    html_th(page->out, _("State"), NULL);
    html_th(page->out, _("Why"), NULL);
    html_th(page->out, _("What the record says"), NULL);
    page_table_rows(page);
    size_t count = aside_lines(page, groups, rest);
    page_table_end(page);
    if (count > 0 && jobs != NULL) {
        jobs_text(rest, count, count, jobs, size);
        fprintf(page->out, "<p>");
        fprintf(page->out, _("%zu more runs that stand aside, jobs"), count);
        fprintf(page->out, " ");
        html_text(page->out, jobs);
        fprintf(page->out, "</p>\n");
    }
    free(jobs);
    free(rest);
}

void page_marks(struct page *page, unsigned marks)
{
    if (marks == 0)
        return;
    page_paragraph(page, _("Letters beside figures say what to know before they are used:"));
    fprintf(page->out, "<ul>\n");
    for (unsigned bit = 1; bit != 0 && bit <= marks; bit <<= 1) {
        if ((bit & marks) == 0)
            continue;
        fprintf(page->out, "<li><b>%c</b> ", group_mark_letter(bit));
        html_text(page->out, _(group_mark_text(bit)));
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}

void page_aside(struct page *page)
{
    const struct groups *groups = page->groups;
    page_heading(page, "aside", _("What is not counted"));
    if (groups->runs == groups->counted)
        page_paragraph(page, _("Every run is counted."));
    page_aside_table(page, groups,
                     _("Runs that stand aside: they are in no figure of this report"));
    if (page->groups->rows->broken > 0)
        page_say(page, _("Texts in comments that began as a record and were none: %zu."),
                 page->groups->rows->broken);
    page_marks(page, group_all_marks(groups));
}

void page_definitions(struct page *page)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    if (page->groups->counted == 0)
        return;
    size_t count = sft_figures_shown(SFT_DEFINITIONS, shown);
    page_table(page, _("Definitions"));
    html_th(page->out, _("Key of the record"), NULL);
    html_th(page->out, _("Unit"), NULL);
    html_th(page->out, _("What it is"), NULL);
    page_table_rows(page);
    for (size_t i = 0; i < count; i++) {
        fprintf(page->out, "<tr><td><code>%s</code>", shown[i]->name);
        html_origin_of(page->out, shown[i]->origin);
        fprintf(page->out, "</td>");
        html_td_text(page->out, *shown[i]->unit != '\0' ? _(shown[i]->unit) : "");
        html_td_text(page->out, _(shown[i]->help));
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
}

/* The word as a shell reads it back. */
static void put_quoted(FILE *out, const char *word)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,:=/+%@";
    char part[2] = "";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        html_text(out, word);
        return;
    }
    html_text(out, "'");
    for (; *word != '\0'; word++) {
        part[0] = *word;
        if (*word == '\'')
            html_text(out, "'\\''");
        else if ((unsigned char)*word >= 0x80)
            putc('?', out); /* a request has no such byte */
        else
            html_text(out, part);
    }
    html_text(out, "'");
}

void page_commands(struct page *page)
{
    struct group_place place = {NULL, NULL};
    if (page->shown_count == 0)
        return;
    page_table(page, _("What runs each configuration again"));
    page_th_place(page);
    html_th(page->out, _("Command"), NULL);
    page_table_rows(page);
    while (page_next_shown(page, &place)) {
        const struct row *last = place.cell->run[place.cell->count - 1];
        const char *request = sft_record_get(&last->record, "request");
        if (request == NULL && last->asked[0] != '\0')
            request = last->asked;
        page_td_place(page, &place);
        fprintf(page->out, "<td>");
        if (request != NULL) {
            fprintf(page->out, "<code>srun --sft-bench=");
            put_quoted(page->out, request);
            fprintf(page->out, "</code>");
        } else {
            html_text(page->out, _("not in the record"));
        }
        fprintf(page->out, "</td></tr>\n");
    }
    page_table_end(page);
}

/* "; nodes: 2: 14, 16" */
static void put_cell_jobs(struct page *page, const struct group_cell *cell)
{
    size_t size = cell->count * 24 + 128;
    char *jobs = malloc(size);
    fprintf(page->out, _("nodes: %d"), cell->nodes);
    fprintf(page->out, ": ");
    if (jobs != NULL)
        jobs_text(cell->run, cell->count, cell->count, jobs, size);
    html_text(page->out, jobs != NULL ? jobs : "");
    free(jobs);
}

/* All of them, of the configurations that no table has, too. */
void page_jobs(struct page *page)
{
    struct group_place place = {NULL, NULL};
    const struct group_series *last = NULL;
    if (page->groups->counted == 0)
        return;
    page_heading(page, "jobs", _("Jobs"));
    fprintf(page->out, "<ul class=\"jobs\">\n");
    while (group_next(page->groups, &place)) {
        char title[256];
        if (place.series != last) {
            group_title(place.series, title, sizeof title);
            fprintf(page->out, "%s<li><b>", last == NULL ? "" : "</li>\n");
            html_text(page->out, title);
            fprintf(page->out, "</b>, ");
            last = place.series;
        } else {
            fprintf(page->out, "; ");
        }
        put_cell_jobs(page, place.cell);
    }
    fprintf(page->out, "</li>\n</ul>\n");
}
