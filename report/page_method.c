/* SPDX-License-Identifier: Apache-2.0 */
/* What was left out, how it was measured, and what runs it again. */
#include "report/page_internal.h"

#include <string.h>

#include "report/goals.h"

static void aside_reasons(struct page *page, unsigned why)
{
    bool any = false;
    fprintf(page->out, "<td>");
    for (unsigned bit = 1; bit <= GROUP_DOUBTED; bit <<= 1)
        if (why & bit) {
            fprintf(page->out, "%s", any ? "; " : "");
            html_text(page->out, _(group_aside_text(bit)));
            any = true;
        }
    fprintf(page->out, "</td>");
}

static void aside_lines(struct page *page, const struct group_series *series,
                        const struct group_cell *cell)
{
    for (size_t i = 0; i < cell->aside; i++) {
        const struct row *row = cell->aside_run[i];
        const char *said =
            sft_record_get(&row->record, row->marks & ROW_DOUBTED ? "doubted" : "fail");
        fprintf(page->out, "<tr>");
        fprintf(page->out, "<td class=\"n\">%lld</td>", row->job_id);
        html_td_text(page->out, series->model);
        html_td_whole(page->out, cell->nodes);
        html_td_text(page->out, _(row->state));
        aside_reasons(page, cell->aside_why[i]);
        html_td_text(page->out, said != NULL ? said : "");
        fprintf(page->out, "</tr>\n");
    }
}

static void marks_list(struct page *page)
{
    fprintf(page->out, "<ul>\n");
    for (unsigned bit = 1; bit <= GROUP_OTHERS; bit <<= 1) {
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
    if (groups->runs == groups->counted) {
        page_paragraph(page, _("Every run is counted."));
    } else {
        page_table(page, _("Runs that stand aside: they are in no figure of this report"));
        html_th_count(page->out, _("Job"));
        html_th(page->out, _("Model"), "model");
        html_th(page->out, _("Nodes"), "nodes");
        html_th(page->out, _("State"), NULL);
        html_th(page->out, _("Why"), NULL);
        html_th(page->out, _("What the record says"), NULL);
        page_table_rows(page);
        for (size_t i = 0; i < groups->count; i++)
            for (size_t k = 0; k < groups->series[i].count; k++)
                aside_lines(page, &groups->series[i], &groups->series[i].cell[k]);
        page_table_end(page);
    }
    if (page->rows->broken > 0) {
        fprintf(page->out, "<p>");
        fprintf(page->out, _("Texts in comments that began as a record and were none: %zu."),
                page->rows->broken);
        fprintf(page->out, "</p>\n");
    }
    page_paragraph(page, _("Letters beside figures say what to know before they are used:"));
    marks_list(page);
}

static void definitions(struct page *page)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
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

static void commands(struct page *page)
{
    struct page_place place = {NULL, NULL};
    page_table(page, _("What runs each configuration again"));
    page_th_place(page);
    html_th(page->out, _("Command"), NULL);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
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
        fprintf(page->out, "</td>");
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

static void counted_and_checked(struct page *page)
{
    const struct groups *groups = page->groups;
    size_t checked = 0;
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++)
            for (size_t n = 0; n < groups->series[i].cell[k].count; n++)
                checked += row_is_checked(groups->series[i].cell[k].run[n]);
    fprintf(page->out, "<p>");
    fprintf(page->out,
            _("Runs that count: %zu; of them with program, nodes, ranks and time checked: %zu."),
            groups->counted, checked);
    fprintf(page->out, "</p>\n");
}

void page_method(struct page *page)
{
    page_heading(page, "method", _("Method"));
    page_paragraph(
        page,
        _("Every figure comes from the records that the runs left in Slurm's accounting (sacct), "
          "and "
          "nothing was typed in. A record's figures are the job's own, and a job is its user's: "
          "nobody "
          "else can vouch for them. The step daemon published them in the admin comment, which "
          "users "
          "cannot write and which counts where the job's comment says something else. Step, nodes, "
          "ranks and times in it are Slurm's; where the record says checked, root saw that the "
          "site's "
          "program ran unchanged and that the steps fit into the step's time. Runs for which that "
          "failed stand aside."));
    counted_and_checked(page);
    page_paragraph(
        page,
        _("Warm-up steps are trained and not measured. Throughput is the tokens without padding of "
          "all measured steps over their time on rank 0, communication included; in older "
          "records, marked M, over the median step. Figures of several repeats are medians over "
          "the repeats. MFU is against the dense bf16 peak of the data sheet. A figure above its "
          "hardware's roofline is an error, and its run stands aside."));
    page_paragraph(page, _("A configuration's name has what tells it from others of its model: "
                           "tokens of a sequence, "
                           "sequences of a micro-batch x micro-batches of a step on one rank, "
                           "ranks of a node, data, "
                           "device."));
    definitions(page);
    commands(page);
}
