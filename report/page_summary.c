/* SPDX-License-Identifier: Apache-2.0 */
/* The first screen: what it ran on, the result in a sentence, in a chart and in a table. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The leader whose cell is the largest; of equal ones the largest model, which comes last. */
static const struct group_series *headline(const struct page *page)
{
    const struct group_series *best = NULL;
    for (size_t i = 0, next; i < page->groups->count; i = next) {
        const struct group_series *series = page_leader(page, i, &next);
        if (series != NULL &&
            (best == NULL || page_largest(series)->ranks >= page_largest(best)->ranks))
            best = series;
    }
    return best;
}

/* Tokens/s of a CPU's rank are few. */
static int rate_digits(const struct group_series *series)
{
    return strcmp(series->backend, "cuda") == 0 ? 0 : 1;
}

/* ", MFU 60.1 %" */
static void put_share(struct page *page, const char *title, double value)
{
    if (!isfinite(value))
        return;
    char text[128];
    snprintf(text, sizeof text, _(", %s"), title);
    html_text(page->out, text);
    fprintf(page->out, " ");
    html_number(page->out, value, 1);
    fprintf(page->out, " %%");
}

/* "llama-7b full bf16 trains 1,234,567 tokens/s on 64 GPUs (nodes: 8): 19,290 tokens/s a GPU, MFU
 * 60.1 %, scaling efficiency 95.1 % (jobs 10, 12, 14)" */
static void put_sentence(struct page *page, const struct group_series *series)
{
    const struct group_cell *cell = page_largest(series);
    bool on_gpus = strcmp(series->backend, "cuda") == 0;
    char title[256], all[80], each[80], text[768];
    group_title(series, title, sizeof title);
    html_number_text(group_figure(cell, "tok_s").median, rate_digits(series), all, sizeof all);
    html_number_text(page_rate(cell), rate_digits(series), each, sizeof each);
    snprintf(text, sizeof text,
             on_gpus ? _("%s trains %s tokens/s on %d GPUs (nodes: %d): %s tokens/s a GPU")
                     : _("%s trains %s tokens/s on %d ranks (nodes: %d): %s tokens/s a rank"),
             title, all, cell->ranks, cell->nodes, each);
    fprintf(page->out, "<p class=\"result\">");
    html_text(page->out, text);
    put_share(page, "MFU", group_figure(cell, "mfu").median);
    if (cell->nodes > series->base_nodes)
        put_share(page, _("scaling efficiency"), cell->efficiency);
    page_put_jobs(page, cell);
    fprintf(page->out, "</p>\n");
}

static bool chart_series(struct chart *chart, const struct group_series *series, const char *title)
{
    bool first = chart->lines == 0;
    struct chart_line *line = chart_add(chart, title, series->count, true);
    struct chart_line *ideal = chart_add(chart, first ? _("ideal") : "", series->count, false);
    double base = NAN;
    if (line == NULL || ideal == NULL)
        return false;
    ideal->ideal = true;
    for (size_t k = 0; k < series->count; k++) {
        const struct group_cell *cell = &series->cell[k];
        struct group_figure tok_s = group_figure(cell, "tok_s");
        if (isnan(base))
            base = page_rate(cell);
        line->x[k] = ideal->x[k] = cell->nodes;
        line->y[k] = page_rate(cell);
        line->low[k] = tok_s.min / cell->ranks;
        line->high[k] = tok_s.max / cell->ranks;
        ideal->y[k] = base;
    }
    return true;
}

/* Of each model the leader, while there is room; where no model ran on two numbers of nodes there
 * is no line to draw. */
static int speed_chart(struct page *page, struct sft_error *err)
{
    struct chart chart = {
        .id = "speed", .x_title = _("nodes"), .y_title = _("tokens/s a GPU or rank")};
    bool any = false;
    for (size_t i = 0, next; i < page->groups->count && chart.lines + 2 <= CHART_LINES; i = next) {
        const struct group_series *series = page_leader(page, i, &next);
        char title[256];
        if (series == NULL || page_largest(series)->nodes == series->base_nodes)
            continue;
        group_title(series, title, sizeof title);
        if (!chart_series(&chart, series, title)) {
            chart_clear(&chart);
            return sft_error_set(err, "no memory for a chart");
        }
        any = true;
    }
    if (any)
        return page_chart(page, &chart,
                          _("Tokens a second of a GPU or rank by nodes: median of the repeats, the "
                            "range from the slowest to the fastest, and the ideal, which is the "
                            "smallest number of nodes"),
                          err);
    chart_clear(&chart);
    return 0;
}

enum { NODES_MOST = 8 };

/* Put into the ascending list, where it is not there; of more than NODES_MOST the smallest ones and
 * the largest stay. */
static size_t nodes_add(int nodes[NODES_MOST], size_t count, int next)
{
    size_t at = 0;
    while (at < count && nodes[at] < next)
        at++;
    if (at < count && nodes[at] == next)
        return count;
    if (count == NODES_MOST && at == count)
        nodes[count - 1] = next;
    if (count == NODES_MOST && at >= count - 1)
        return count;
    size_t last = count == NODES_MOST ? count - 2 : count;
    for (size_t i = last; i > at; i--)
        nodes[i] = nodes[i - 1];
    nodes[at] = next;
    return count + (count < NODES_MOST);
}

/* The numbers of nodes that the shown series were run on, those that other tables leave out, too.
 */
static size_t nodes_of(const struct page *page, int nodes[NODES_MOST])
{
    struct group_place place = {NULL, NULL};
    size_t count = 0;
    while (page_next_shown(page, &place))
        for (size_t k = 0; k < place.series->count; k++)
            if (place.series->cell[k].count > 0)
                count = nodes_add(nodes, count, place.series->cell[k].nodes);
    return count;
}

static void td_cell(struct page *page, const struct group_series *series, int nodes)
{
    fprintf(page->out, "<td class=\"n\">");
    for (size_t k = 0; k < series->count; k++) {
        const struct group_cell *cell = &series->cell[k];
        if (cell->nodes != nodes || cell->count == 0)
            continue;
        html_number(page->out, page_rate(cell), rate_digits(series));
        if (cell->nodes > series->base_nodes) {
            fprintf(page->out, "<small>");
            html_number(page->out, cell->efficiency, 1);
            fprintf(page->out, " %%</small>");
        }
        if (cell->marks & GROUP_UNSTEADY) {
            fprintf(page->out, "<small>");
            html_text(page->out, _("unsteady"));
            fprintf(page->out, "</small>");
        }
        break;
    }
    fprintf(page->out, "</td>");
}

static void speed_table(struct page *page)
{
    struct group_place place = {NULL, NULL};
    const struct group_series *last = NULL;
    int nodes[NODES_MOST];
    size_t count = nodes_of(page, nodes);
    page_table(page, _("Tokens a second of a GPU or rank by nodes; below it the scaling "
                       "efficiency"));
    html_th(page->out, _("Configuration"), NULL);
    for (size_t i = 0; i < count; i++) {
        char title[64];
        snprintf(title, sizeof title, nodes[i] == 1 ? _("%d node") : _("%d nodes"), nodes[i]);
        html_th_unit(page->out, title, _("tokens/s"), SFT_DERIVED);
    }
    page_table_rows(page);
    while (page_next_shown(page, &place)) {
        char title[256];
        if (place.series == last)
            continue;
        last = place.series;
        group_title(last, title, sizeof title);
        fprintf(page->out, "<tr>");
        html_th_row(page->out, title);
        for (size_t i = 0; i < count; i++)
            td_cell(page, last, nodes[i]);
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
}

static size_t few_repeats(const struct page *page)
{
    struct group_place place = {NULL, NULL};
    size_t few = 0;
    while (group_next(page->groups, &place))
        few += (place.cell->marks & GROUP_FEW) != 0;
    return few;
}

static void put_warnings(struct page *page)
{
    size_t few = few_repeats(page), aside = page->groups->runs - page->groups->counted,
           unsteady = page_unsteady_runs(page);
    if (few > 0)
        page_say(page,
                 _("Configurations with fewer than %d repeats, whose figures are preliminary: %zu "
                   "of %zu."),
                 GROUP_REPEATS, few, page->cells);
    if (unsteady > 0)
        page_say(page,
                 _("Unsteady runs: %zu of %zu. Their throughput is more than 2%% off that of their "
                   "median step; the appendix has both."),
                 unsteady, page->groups->counted);
    if (aside > 0)
        page_say(
            page,
            _("Runs that stand aside and are in no figure: %zu. The reasons are listed below."),
            aside);
}

int page_summary(struct page *page, struct sft_error *err)
{
    const struct group_series *series = headline(page);
    if (series == NULL) {
        page_heading(page, "summary", _("Summary"));
        page_paragraph(
            page,
            _("No run counts, so there is no figure to report. The runs that stand aside, and why, "
              "are listed below."));
        return 0;
    }
    page_box(page);
    page_heading(page, "summary", _("Result"));
    put_sentence(page, series);
    if (speed_chart(page, err) < 0)
        return -1;
    speed_table(page);
    put_warnings(page);
    return 0;
}
