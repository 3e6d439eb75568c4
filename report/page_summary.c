/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader wants first: the figures in sentences, the goals, and what it ran on. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/goals.h"

/* Of a series the cell with the most nodes that has counted runs. */
static const struct group_cell *largest(const struct group_series *series)
{
    const struct group_cell *best = NULL;
    for (size_t k = 0; k < series->count; k++)
        if (series->cell[k].count > 0)
            best = &series->cell[k];
    return best;
}

static void put_jobs(struct page *page, const struct group_cell *cell)
{
    char jobs[256];
    group_jobs(cell, jobs, sizeof jobs);
    fprintf(page->out, " <span class=\"soft\">(");
    html_text(page->out, _("jobs"));
    fprintf(page->out, " ");
    html_text(page->out, jobs);
    fprintf(page->out, ")</span>");
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
    put_jobs(page, cell);
    fprintf(page->out, "</li>\n");
}

/* Of a series that can be judged: its base is one node. */
static bool scaling_measured(const struct group_series *series, const struct group_cell *cell)
{
    return series->base_nodes == 1 && isfinite(cell->efficiency) && goal_efficiency(cell->nodes) > 0;
}

/* NVML's; a run on CPUs has none. */
static bool utilization_measured(const struct group_cell *cell)
{
    return group_figure(cell, "gpu_util").count > 0;
}

static bool utilization_met(const struct group_cell *cell)
{
    return group_figure(cell, "gpu_util").median >= GOAL_UTILIZATION;
}

struct tally {
    int met, missed, open, few, cells;
};

static struct tally tally_make(const struct page *page)
{
    struct tally t = { 0, 0, 0, 0, 0 };
    const struct group_series *series;
    struct page_place place = { NULL, NULL };
    for (const struct goal_rate *goal = goal_rates(); goal->model != NULL; goal++) {
        const struct group_cell *cell = goal_cell(page->groups, goal, &series);
        if (cell == NULL)
            t.open++;
        else if (group_figure(cell, "samples_s").median >= goal->samples_s)
            t.met++;
        else
            t.missed++;
    }
    while (page_next(page, &place)) {
        t.cells++;
        t.few += (place.cell->marks & GROUP_FEW) != 0;
        if (utilization_measured(place.cell)) {
            t.met += utilization_met(place.cell);
            t.missed += !utilization_met(place.cell);
        }
        if (!scaling_measured(place.series, place.cell))
            continue;
        if (place.cell->efficiency >= goal_efficiency(place.cell->nodes))
            t.met++;
        else
            t.missed++;
    }
    return t;
}

void page_summary(struct page *page)
{
    struct tally t = tally_make(page);
    page_heading(page, "summary", _("Summary"));
    if (page->groups->counted == 0) {
        page_paragraph(page, _("No run counts, so there is no figure to report. The runs that stand aside, and why, "
                               "are listed below."));
        return;
    }
    fprintf(page->out, "<ul>\n");
    for (size_t i = 0; i < page->groups->count; i++)
        put_series(page, &page->groups->series[i]);
    fprintf(page->out, "<li>");
    fprintf(page->out, _("Goals met: %d, not met: %d, not measured: %d."), t.met, t.missed, t.open);
    fprintf(page->out, "</li>\n");
    if (t.few > 0) {
        fprintf(page->out, "<li>");
        fprintf(page->out, _("Configurations with fewer than %d repeats, whose figures are preliminary: %d of %d."),
                GROUP_REPEATS, t.few, t.cells);
        fprintf(page->out, "</li>\n");
    }
    if (page->groups->runs > page->groups->counted) {
        fprintf(page->out, "<li>");
        fprintf(page->out, _("Runs that stand aside and are in no figure: %zu. The reasons are listed below."),
                page->groups->runs - page->groups->counted);
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}

static void goals_of_rates(struct page *page)
{
    page_table(page, _("Samples a second on 8 GPUs"));
    html_th(page->out, _("Model"), "model");
    html_th_unit(page->out, _("Goal"), _("samples/s"), SFT_SAID);
    html_th(page->out, _("Measured on one configuration, the fastest"), "samples_s");
    html_th(page->out, _("Configuration"), NULL);
    html_th(page->out, _("Result"), NULL);
    page_th_jobs(page);
    page_table_rows(page);
    for (const struct goal_rate *goal = goal_rates(); goal->model != NULL; goal++) {
        const struct group_series *series = NULL;
        const struct group_cell *cell = goal_cell(page->groups, goal, &series);
        double rate = cell != NULL ? group_figure(cell, "samples_s").median : NAN;
        char title[256] = "";
        if (cell != NULL)
            group_title(page->groups, series, title, sizeof title);
        fprintf(page->out, "<tr>");
        html_td_text(page->out, goal->title);
        html_td_number(page->out, goal->samples_s, 0);
        html_td_number(page->out, rate, 1);
        html_td_text(page->out, title);
        page_td_goal(page, cell != NULL, rate >= goal->samples_s);
        if (cell != NULL)
            page_td_jobs(page, cell);
        else
            fprintf(page->out, "<td></td><td></td></tr>\n");
    }
    page_table_end(page);
}

static void goals_of_scaling(struct page *page)
{
    page_table(page, _("Scaling efficiency over nodes"));
    html_th(page->out, _("Configuration"), NULL);
    html_th(page->out, _("Nodes"), "nodes");
    html_th_unit(page->out, _("Goal"), "%", SFT_SAID);
    html_th_unit(page->out, _("Efficiency"), "%", SFT_DERIVED);
    html_th(page->out, _("Result"), NULL);
    page_th_jobs(page);
    page_table_rows(page);
    struct page_place place = { NULL, NULL };
    int lines = 0;
    while (page_next(page, &place)) {
        char title[256];
        if (!scaling_measured(place.series, place.cell))
            continue;
        group_title(page->groups, place.series, title, sizeof title);
        fprintf(page->out, "<tr>");
        html_td_text(page->out, title);
        html_td_whole(page->out, place.cell->nodes);
        html_td_number(page->out, goal_efficiency(place.cell->nodes), 0);
        html_td_number(page->out, place.cell->efficiency, 1);
        page_td_goal(page, true, place.cell->efficiency >= goal_efficiency(place.cell->nodes));
        page_td_jobs(page, place.cell);
        lines++;
    }
    if (lines == 0) {
        fprintf(page->out, "<tr><td colspan=\"7\" class=\"none\">");
        html_text(page->out, _("not measured: no configuration was run on one node and on 2, 4 or 8"));
        fprintf(page->out, "</td></tr>\n");
    }
    page_table_end(page);
}

static void goals_of_utilization(struct page *page)
{
    page_table(page, _("GPU utilization"));
    page_th_place(page);
    html_th_unit(page->out, _("Goal"), "%", SFT_SAID);
    html_th(page->out, _("GPU utilization"), "gpu_util");
    html_th(page->out, _("Result"), NULL);
    page_th_jobs(page);
    page_table_rows(page);
    struct page_place place = { NULL, NULL };
    while (page_next(page, &place)) {
        page_td_place(page, &place);
        html_td_number(page->out, GOAL_UTILIZATION, 0);
        page_td_figure(page, place.cell, "gpu_util", 1);
        page_td_goal(page, utilization_measured(place.cell), utilization_met(place.cell));
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

void page_goals(struct page *page)
{
    page_heading(page, "goals", _("Goals"));
    goals_of_rates(page);
    goals_of_scaling(page);
    goals_of_utilization(page);
}

/* The different values of a key over the counted runs, a line each with the jobs that have it. */
struct value {
    const char *text;
    size_t count;
    long long first, last;
};

static size_t values_of(const struct page *page, const char *key, struct value value[16])
{
    struct page_place place = { NULL, NULL };
    size_t count = 0;
    while (page_next(page, &place))
        for (size_t i = 0; i < place.cell->count; i++) {
            const struct row *row = place.cell->run[i];
            const char *text = strcmp(key, "cluster") == 0 ? row->cluster
                : strcmp(key, "partition") == 0            ? row->partition
                                                           : sft_record_get(&row->record, key);
            size_t k = 0;
            if (text == NULL || *text == '\0')
                continue;
            while (k < count && strcmp(value[k].text, text) != 0)
                k++;
            if (k == 16)
                continue;
            if (k == count)
                value[count++] = (struct value) { text, 0, row->job_id, row->job_id };
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
        snprintf(jobs, sizeof jobs, _("%zu runs, jobs %lld to %lld"), value[i].count, value[i].first, value[i].last);
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
    static const struct {
        const char *title, *key;
    } lines[] = {
        { N_("Cluster"), "cluster" },
        { N_("Partition"), "partition" },
        { N_("Device"), "device" },
        { N_("Hosts"), "hosts" },
        { N_("Network of a node, Gb/s"), "nic_gbps" },
        { N_("NCCL variables"), "nccl_env" },
        { N_("sft-bench"), "version" },
        { N_("CUDA and its libraries"), "cuda" },
        { N_("NCCL"), "nccl" },
        { N_("MPI"), "mpi" },
        { N_("PMIx"), "pmix" },
        { N_("BLAS"), "blas" },
        { N_("Data"), "data" },
        { N_("Tokenizer"), "tokenizer" },
    };
    page_heading(page, "system", _("System and software"));
    page_table(page, _("As the records have it; what differs between runs stands in lines of its own"));
    html_th(page->out, _("What"), NULL);
    html_th(page->out, _("Value"), NULL);
    html_th(page->out, _("Runs"), NULL);
    page_table_rows(page);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        system_line(page, _(lines[i].title), lines[i].key);
    page_table_end(page);
}
