/* SPDX-License-Identifier: Apache-2.0 */
/* What it ran on: in short for the first screen, and whole, with the jobs, for the appendix. */
#include "report/page_internal.h"

#include <stdlib.h>
#include <string.h>

#include "report/jobs.h"

static const char *value_of(const struct row *row, const char *key)
{
    const char *text = strcmp(key, "cluster") == 0     ? row->cluster
                       : strcmp(key, "partition") == 0 ? row->partition
                                                       : sft_record_get(&row->record, key);
    return text != NULL ? text : "";
}

static bool is_known(const char *const *value, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(value[i], text) == 0)
            return true;
    return false;
}

size_t page_values(const struct page *page, const char *key, const char *value[PAGE_VALUES])
{
    struct group_place place = {NULL, NULL};
    size_t count = 0;
    while (group_next(page->groups, &place))
        for (size_t i = 0; i < place.cell->count && count < PAGE_VALUES; i++) {
            const char *text = value_of(place.cell->run[i], key);
            if (*text != '\0' && !is_known(value, count, text))
                value[count++] = text;
        }
    return count;
}

/* "3 runs: jobs 10, 12, 14" of those that have this value. */
static void runs_text(const struct page *page, const char *key, const char *value, char *text,
                      size_t size)
{
    const struct row **row = calloc(page->groups->counted + 1, sizeof *row);
    struct group_place place = {NULL, NULL};
    size_t count = 0;
    char jobs[160];
    text[0] = '\0';
    if (row == NULL)
        return;
    while (group_next(page->groups, &place))
        for (size_t i = 0; i < place.cell->count; i++)
            if (strcmp(value_of(place.cell->run[i], key), value) == 0)
                row[count++] = place.cell->run[i];
    jobs_text(row, count, JOBS_MOST, jobs, sizeof jobs);
    snprintf(text, size, _("%zu runs: jobs %s"), count, jobs);
    free(row);
}

static void system_line(struct page *page, const char *title, const char *key)
{
    const char *value[PAGE_VALUES];
    size_t count = page_values(page, key, value);
    for (size_t i = 0; i < count; i++) {
        char runs[256];
        runs_text(page, key, value[i], runs, sizeof runs);
        fprintf(page->out, "<tr>");
        if (i == 0) {
            fprintf(page->out, "<th scope=\"rowgroup\" rowspan=\"%zu\">", count);
            html_text(page->out, title);
            fprintf(page->out, "</th>");
        }
        html_td_text(page->out, value[i]);
        html_td_text(page->out, runs);
        fprintf(page->out, "</tr>\n");
    }
}

void page_system(struct page *page)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    size_t count = sft_figures_shown(SFT_SYSTEM, shown);
    if (page->groups->counted == 0)
        return;
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

static void box_begin(struct page *page, const char *title)
{
    fprintf(page->out, "<div><dt>");
    html_text(page->out, title);
    fprintf(page->out, "</dt><dd>");
}

static void box_end(struct page *page)
{
    fprintf(page->out, "</dd></div>\n");
}

/* The first values of any of the keys, and how many more there are. */
static void box_line(struct page *page, const char *title, const char *key, const char *other,
                     const char *unit)
{
    enum { MOST = 3 };
    const char *value[PAGE_VALUES];
    size_t count = page_values(page, key, value);
    if (count == 0 && other != NULL)
        count = page_values(page, other, value);
    if (count == 0)
        return;
    box_begin(page, title);
    for (size_t i = 0; i < count && i < MOST; i++) {
        fputs(i > 0 ? " / " : "", page->out);
        html_text(page->out, value[i]);
        fprintf(page->out, "%s", unit);
    }
    if (count > MOST) {
        fputs(" / ", page->out);
        fprintf(page->out, _("%zu more"), count - MOST);
    }
    box_end(page);
}

/* The most nodes of a run, and of a node the GPUs. */
static void box_machines(struct page *page)
{
    struct group_place place = {NULL, NULL};
    int nodes = 0, each = 0;
    bool on_gpus = false;
    while (group_next(page->groups, &place)) {
        nodes = place.cell->nodes > nodes ? place.cell->nodes : nodes;
        each = place.series->ranks_per_node > each ? place.series->ranks_per_node : each;
        on_gpus |= strcmp(place.series->backend, "cuda") == 0;
    }
    box_begin(page, _("Servers"));
    fprintf(page->out, _("up to %d"), nodes);
    box_end(page);
    box_begin(page, on_gpus ? _("GPUs of a server") : _("Ranks of a server"));
    fprintf(page->out, "%d", each);
    box_end(page);
}

void page_box(struct page *page)
{
    fprintf(page->out, "<dl class=\"box\">\n");
    box_machines(page);
    box_line(page, _("Device"), "device", NULL, "");
    box_line(page, _("Network of a server"), "nic_gbps", NULL, " Gb/s");
    box_line(page, _("Driver and libraries"), "cuda", "blas", "");
    box_line(page, _("Collectives"), "nccl", "mpi", "");
    box_line(page, _("Workload"), "workload", "data", "");
    box_line(page, "sft-bench", "version", NULL, "");
    fprintf(page->out, "</dl>\n");
}
