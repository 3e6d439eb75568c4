/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader wants first: the figures in sentences, the goals that were missed, and what it ran
 * on. */
#include "report/page_internal.h"

#include <stdlib.h>
#include <string.h>

/* Of a series the cell with the most nodes that has counted runs. */
static const struct group_cell *largest(const struct group_series *series)
{
    const struct group_cell *best = NULL;
    for (size_t k = 0; k < series->count; k++)
        if (series->cell[k].count > 0)
            best = &series->cell[k];
    return best;
}

/* "<b>title</b>, 8 nodes, 64 ranks: 1,234 tokens/s, 96 samples/s, MFU 60.1%, scaling 95.1%" */
static void put_series(struct page *page, const struct group_series *series)
{
    const struct group_cell *cell = largest(series);
    char title[256];
    if (cell == NULL)
        return;
    group_title(page->groups, series, title, sizeof title);
    fprintf(page->out, "<li><b>");
    html_text(page->out, title);
    fprintf(page->out, "</b>, ");
    fprintf(page->out, _("nodes: %d, ranks: %d"), cell->nodes, cell->ranks);
    fprintf(page->out, ": ");
    html_number(page->out, group_figure(cell, "tok_s").median, 0);
    html_origin(page->out, "tok_s");
    fprintf(page->out, " %s, ", _("tokens/s"));
    html_number(page->out, group_figure(cell, "samples_s").median, 1);
    html_origin(page->out, "samples_s");
    fprintf(page->out, " %s", _("samples/s"));
    if (group_figure(cell, "mfu").count > 0) {
        fprintf(page->out, ", MFU ");
        html_number(page->out, group_figure(cell, "mfu").median, 1);
        html_origin(page->out, "mfu");
        fprintf(page->out, " %%");
    }
    if (cell->nodes > series->base_nodes) {
        fprintf(page->out, ", %s ", _("scaling efficiency"));
        html_number(page->out, cell->efficiency, 1);
        html_origin_of(page->out, SFT_DERIVED);
        fprintf(page->out, " %%");
    }
    page_put_jobs(page, cell);
    fprintf(page->out, "</li>\n");
}

/* "Not met: 7B on 8 GPUs, 512.0 of 1,280 samples/s (jobs 7 8 9)" */
static void put_missed(struct page *page, const struct goal_check *check)
{
    char title[256];
    fprintf(page->out, "<li><span class=\"missed\">");
    html_text(page->out, _("not met"));
    fprintf(page->out, "</span>: ");
    if (check->kind == GOAL_RATE) {
        fprintf(page->out, _("%s on %d GPUs"), check->rate->title, check->rate->ranks);
    } else {
        group_title(page->groups, check->series, title, sizeof title);
        html_text(page->out, title);
        fprintf(page->out, ", ");
        fprintf(page->out, _("nodes: %d, ranks: %d"), check->cell->nodes, check->cell->ranks);
    }
    fprintf(page->out, ", ");
    html_text(page->out, check->kind == GOAL_RATE      ? _("throughput")
                         : check->kind == GOAL_SCALING ? _("scaling efficiency")
                                                       : _("GPU utilization"));
    fprintf(page->out, " ");
    html_number(page->out, check->value, 1);
    if (check->kind == GOAL_SCALING)
        html_origin_of(page->out, SFT_DERIVED);
    else
        html_origin(page->out, check->kind == GOAL_RATE ? "samples_s" : "gpu_util");
    fprintf(page->out, " %s, ", check->kind == GOAL_RATE ? _("samples/s") : "%");
    html_text(page->out, _("goal"));
    fprintf(page->out, " ");
    html_number(page->out, check->goal, 0);
    page_put_jobs(page, check->cell);
    fprintf(page->out, "</li>\n");
}

static void put_goals(struct page *page)
{
    int met = 0, missed = 0, open = 0;
    for (size_t i = 0; i < page->goals.count; i++) {
        const struct goal_check *check = &page->goals.check[i];
        bool measured = goal_is_measured(check);
        met += measured && goal_is_met(check);
        missed += measured && !goal_is_met(check);
        /* No NVML where the CPU trains. */
        open +=
            !measured && (check->kind != GOAL_USE || strcmp(check->series->backend, "cuda") == 0);
    }
    fprintf(page->out, "<li>");
    fprintf(page->out, _("Goals met: %d, not met: %d, not measured: %d."), met, missed, open);
    if (missed > 0) {
        fprintf(page->out, "\n<ul>\n");
        for (size_t i = 0; i < page->goals.count; i++)
            if (goal_is_measured(&page->goals.check[i]) && !goal_is_met(&page->goals.check[i]))
                put_missed(page, &page->goals.check[i]);
        fprintf(page->out, "</ul>\n");
    }
    fprintf(page->out, "</li>\n");
}

/* Configurations with counted runs, and those of them with few repeats. */
static void cells_count(const struct page *page, int *cells, int *few)
{
    struct page_place place = {NULL, NULL};
    *cells = *few = 0;
    while (page_next(page, &place)) {
        (*cells)++;
        *few += (place.cell->marks & GROUP_FEW) != 0;
    }
}

void page_summary(struct page *page)
{
    int cells, few;
    cells_count(page, &cells, &few);
    page_heading(page, "summary", _("Summary"));
    if (page->groups->counted == 0) {
        page_paragraph(
            page,
            _("No run counts, so there is no figure to report. The runs that stand aside, and why, "
              "are listed below."));
        return;
    }
    fprintf(page->out, "<ul>\n");
    for (size_t i = 0; i < page->groups->count; i++)
        put_series(page, &page->groups->series[i]);
    put_goals(page);
    if (few > 0) {
        fprintf(page->out, "<li>");
        fprintf(page->out,
                _("Configurations with fewer than %d repeats, whose figures are preliminary: %d of "
                  "%d."),
                GROUP_REPEATS, few, cells);
        fprintf(page->out, "</li>\n");
    }
    if (page->groups->runs > page->groups->counted) {
        fprintf(page->out, "<li>");
        fprintf(page->out,
                _("Runs that stand aside and are in no figure: %zu. The reasons are listed below."),
                page->groups->runs - page->groups->counted);
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}

/* The different values of a key over the counted runs, a line each with the jobs that have it. */
struct value {
    const char *text;
    size_t count;
    long long first, last;
};

static size_t values_of(const struct page *page, const char *key, struct value value[16])
{
    struct page_place place = {NULL, NULL};
    size_t count = 0;
    while (page_next(page, &place))
        for (size_t i = 0; i < place.cell->count; i++) {
            const struct row *row = place.cell->run[i];
            const char *text = strcmp(key, "cluster") == 0     ? row->cluster
                               : strcmp(key, "partition") == 0 ? row->partition
                                                               : sft_record_get(&row->record, key);
            size_t k = 0;
            if (text == NULL || *text == '\0')
                continue;
            while (k < count && strcmp(value[k].text, text) != 0)
                k++;
            if (k == 16)
                continue;
            if (k == count)
                value[count++] = (struct value){text, 0, row->job_id, row->job_id};
            value[k].count++;
            value[k].first = row->job_id < value[k].first ? row->job_id : value[k].first;
            value[k].last = row->job_id > value[k].last ? row->job_id : value[k].last;
        }
    return count;
}

static void system_line(struct page *page, const char *title, const char *key)
{
    struct value value[16];
    size_t count = values_of(page, key, value);
    for (size_t i = 0; i < count; i++) {
        char jobs[96];
        snprintf(jobs, sizeof jobs, _("%zu runs, jobs %lld to %lld"), value[i].count,
                 value[i].first, value[i].last);
        fprintf(page->out, "<tr>");
        if (i == 0) {
            fprintf(page->out, "<td rowspan=\"%zu\">", count);
            html_text(page->out, title);
            fprintf(page->out, "</td>");
        }
        html_td_text(page->out, value[i].text);
        html_td_text(page->out, jobs);
        fprintf(page->out, "</tr>\n");
    }
}

void page_system(struct page *page)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    size_t count = sft_figures_shown(SFT_SYSTEM, shown);
    page_heading(page, "system", _("System and software"));
    page_table(page,
               _("As the records have it; what differs between runs stands in lines of its own"));
    html_th(page->out, _("What"), NULL);
    html_th(page->out, _("Value"), NULL);
    html_th(page->out, _("Runs"), NULL);
    page_table_rows(page);
    system_line(page, _("Cluster"), "cluster");
    system_line(page, _("Partition"), "partition");
    for (size_t i = 0; i < count; i++)
        system_line(page, _(shown[i]->show[SFT_SYSTEM].title), shown[i]->name);
    page_table_end(page);
}
