/* SPDX-License-Identifier: Apache-2.0 */
/* Who computes slower than the others: of each model the last counted run on the most nodes. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/ranks.h"

static bool has_ranks(const struct row *row)
{
    return sft_record_get(&row->record, "ranks_ms") != NULL;
}

/* Models are together in the groups. */
static const struct row *run_of(const struct page *page, size_t first, size_t *next)
{
    const struct groups *groups = page->groups;
    const struct row *best = NULL;
    int most = 0;
    for (*next = first; *next < groups->count &&
                        strcmp(groups->series[*next].model, groups->series[first].model) == 0;
         (*next)++)
        for (size_t k = 0; k < groups->series[*next].count; k++) {
            const struct group_cell *cell = &groups->series[*next].cell[k];
            for (size_t i = 0; i < cell->count; i++)
                if (has_ranks(cell->run[i]) &&
                    (best == NULL || cell->nodes > most ||
                     (cell->nodes == most && cell->run[i]->job_id > best->job_id))) {
                    best = cell->run[i];
                    most = cell->nodes;
                }
        }
    return best;
}

/* Bars, those that stand out marked; labels NULL: ranks. */
static int bars_chart(struct page *page, const double *ms, const bool *out, size_t count,
                      const struct ranks *hosts, const char *id, const char *caption,
                      struct sft_error *err)
{
    struct chart chart = {.id = id,
                          .x_title = hosts != NULL ? "" : _("rank"),
                          .y_title = _("time to compute a step, ms"),
                          .bars = true};
    struct chart_line *plain = chart_add(&chart, _("as the others"), count, false);
    struct chart_line *marked = chart_add(&chart, _("stands out"), count, false);
    chart.label = hosts != NULL ? calloc(count, sizeof *chart.label) : NULL;
    if (plain == NULL || marked == NULL || (hosts != NULL && chart.label == NULL)) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    chart.stacked = true;
    chart.labels = hosts != NULL ? count : 0;
    marked->marked = true;
    for (size_t i = 0; i < count; i++) {
        struct chart_line *line = out[i] ? marked : plain;
        line->x[i] = (double)i;
        line->y[i] = ms[i];
        if (hosts != NULL)
            snprintf(chart.label[i], sizeof chart.label[i], "%.60s", hosts->host[i]);
    }
    return page_chart(page, &chart, caption, err);
}

static void list_outliers(struct page *page, const struct ranks *ranks, size_t first, size_t count)
{
    bool any = false;
    fprintf(page->out, "<td>");
    for (size_t i = first; i < first + count; i++) {
        if (!ranks->out[i])
            continue;
        fprintf(page->out, "%s<span class=\"missed\">", any ? ", " : "");
        fprintf(page->out, _("rank %zu"), i);
        fprintf(page->out, "</span> ");
        html_number(page->out, 100 * (ranks->ms[i] / ranks->median - 1), 1);
        fprintf(page->out, " %%");
        any = true;
    }
    fprintf(page->out, "%s</td></tr>\n", any ? "" : "\xe2\x80\x93");
}

static void td_host(struct page *page, const struct ranks *ranks, size_t host)
{
    bool out = ranks->hosts > 0 && ranks->host_out[host];
    fprintf(page->out, "<td%s>", out ? " class=\"missed\"" : "");
    html_text(page->out, ranks->hosts > 0 ? ranks->host[host] : _("all"));
    fprintf(page->out, "</td>");
}

static void hosts_table(struct page *page, const struct ranks *ranks, const struct row *run)
{
    char caption[160];
    snprintf(caption, sizeof caption, _("Time to compute by host, job %lld"), run->job_id);
    page_table(page, caption);
    html_th(page->out, _("Host"), NULL);
    html_th(page->out, _("Ranks"), NULL);
    html_th_unit(page->out, _("Median of its ranks"), "ms", SFT_DERIVED);
    html_th_unit(page->out, _("Against all"), "%", SFT_DERIVED);
    html_th_unit(page->out, _("Ranks that stand out, against the median"), "%", SFT_DERIVED);
    page_table_rows(page);
    size_t hosts = ranks->hosts > 0 ? ranks->hosts : 1,
           each = ranks->hosts > 0 ? ranks->each : ranks->count;
    for (size_t h = 0; h < hosts; h++) {
        char span[64];
        double median = ranks->hosts > 0 ? ranks->host_ms[h] : ranks->median;
        snprintf(span, sizeof span, "%zu\xe2\x80\x93%zu", h * each, (h + 1) * each - 1);
        fprintf(page->out, "<tr>");
        td_host(page, ranks, h);
        html_td_text(page->out, span);
        html_td_number(page->out, median, 2);
        html_td_number(page->out, 100 * (median / ranks->median - 1), 1);
        list_outliers(page, ranks, h * each, each);
    }
    page_table_end(page);
}

static int run_charts(struct page *page, const struct ranks *ranks, const struct row *run,
                      size_t index, struct sft_error *err)
{
    const char *model = sft_record_get(&run->record, "model");
    char id[32], caption[256];
    model = model != NULL ? model : "?";
    if (ranks->hosts > 1) {
        snprintf(id, sizeof id, "hosts-%zu", index + 1);
        snprintf(caption, sizeof caption,
                 _("Time to compute a step by host, median of its ranks, waiting left out: "
                   "%.60s, job %lld"),
                 model, run->job_id);
        if (bars_chart(page, ranks->host_ms, ranks->host_out, ranks->hosts, ranks, id, caption,
                       err) < 0)
            return -1;
    }
    snprintf(id, sizeof id, "ranks-%zu", index + 1);
    snprintf(caption, sizeof caption,
             _("Median time to compute a step of each rank, waiting left out: %.60s, job %lld"),
             model, run->job_id);
    return bars_chart(page, ranks->ms, ranks->out, ranks->count, NULL, id, caption, err);
}

static int page_run(struct page *page, const struct row *run, size_t index, struct sft_error *err)
{
    struct ranks ranks;
    if (!ranks_read(&ranks, &run->record))
        return 0;
    hosts_table(page, &ranks, run);
    int rc = run_charts(page, &ranks, run, index, err);
    ranks_clear(&ranks);
    return rc;
}

int page_ranks(struct page *page, struct sft_error *err)
{
    size_t next;
    int shown = 0;
    page_heading(page, "ranks", _("Hosts and ranks"));
    page_paragraph(page, /* xgettext:no-c-format */
                   _("Of each model the last counted run on the most nodes. A rank stands "
                     "out where its time is "
                     "more than 3 scaled median absolute deviations and more than 3% from "
                     "the median of all."));
    for (size_t i = 0; i < page->groups->count; i = next) {
        const struct row *run = run_of(page, i, &next);
        if (run == NULL)
            continue;
        if (page_run(page, run, i, err) < 0)
            return -1;
        shown++;
    }
    if (shown == 0)
        page_paragraph(page, _("No counted run has the times of its ranks."));
    return 0;
}
