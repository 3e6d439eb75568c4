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

/* *next: the first series of the next model. */
static const struct row *run_of(const struct page *page, size_t first, size_t *next)
{
    const struct groups *groups = page->groups;
    const struct row *best = NULL;
    int most = 0;
    *next = page_model_end(groups, first);
    for (size_t s = first; s < *next; s++)
        for (size_t k = 0; k < groups->series[s].count; k++) {
            const struct group_cell *cell = &groups->series[s].cell[k];
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

static void host_line(struct page *page, const struct ranks *ranks, size_t host, size_t each)
{
    char span[64];
    double median = ranks->hosts > 0 ? ranks->host_ms[host] : ranks->median;
    snprintf(span, sizeof span, "%zu\xe2\x80\x93%zu", host * each, (host + 1) * each - 1);
    fprintf(page->out, "<tr>");
    td_host(page, ranks, host);
    html_td_text(page->out, span);
    html_td_number(page->out, median, 2);
    html_td_number(page->out, 100 * (median / ranks->median - 1), 1);
    list_outliers(page, ranks, host * each, each);
}

/* Something of it stands out. */
static bool host_stands_out(const struct ranks *ranks, size_t host, size_t each)
{
    bool out = ranks->hosts > 0 && ranks->host_out[host];
    for (size_t i = host * each; i < (host + 1) * each; i++)
        out |= ranks->out[i];
    return out;
}

static bool any_out(const bool *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (out[i])
            return true;
    return false;
}

enum { FEW_HOSTS = 4 }; /* all of which stand in the table */

/* Of many hosts those that stand out. */
static void hosts_table(struct page *page, const struct ranks *ranks, const struct row *run)
{
    char caption[160], job[ROW_JOB];
    size_t hosts = ranks->hosts > 0 ? ranks->hosts : 1, left = 0, lines = 0,
           each = ranks->hosts > 0 ? ranks->each : ranks->count;
    snprintf(caption, sizeof caption, _("Time to compute by host, job %s"), row_job(run, job));
    page_table(page, caption);
    html_th(page->out, _("Host"), NULL);
    html_th(page->out, _("Ranks"), NULL);
    html_th_unit(page->out, _("Median of its ranks"), "ms", SFT_DERIVED);
    html_th_unit(page->out, _("Against all"), "%", SFT_DERIVED);
    html_th_unit(page->out, _("Ranks that stand out, against the median"), "%", SFT_DERIVED);
    page_table_rows(page);
    for (size_t h = 0; h < hosts; h++)
        if (lines < PAGE_LINES && (hosts <= FEW_HOSTS || host_stands_out(ranks, h, each))) {
            host_line(page, ranks, h, each);
            lines++;
        } else {
            left++;
        }
    page_table_end(page);
    if (left > 0)
        page_say(page, _("Hosts that are not in the table: %zu; it has those that stand out."),
                 left);
}

/* Hosts, or where there is one the ranks: one chart, and only where something stands out. */
static int run_chart(struct page *page, const struct ranks *ranks, const struct row *run,
                     size_t index, struct sft_error *err)
{
    const char *model = sft_record_get(&run->record, "model");
    char id[32], caption[256], job[ROW_JOB];
    model = model != NULL ? model : "?";
    if (ranks->hosts > 1 && any_out(ranks->host_out, ranks->hosts)) {
        snprintf(id, sizeof id, "hosts-%zu", index + 1);
        snprintf(caption, sizeof caption,
                 _("Time to compute a step by host, median of its ranks, waiting left out: "
                   "%.60s, job %s"),
                 model, row_job(run, job));
        return bars_chart(page, ranks->host_ms, ranks->host_out, ranks->hosts, ranks, id, caption,
                          err);
    }
    if (!any_out(ranks->out, ranks->count))
        return 0;
    snprintf(id, sizeof id, "ranks-%zu", index + 1);
    snprintf(caption, sizeof caption,
             _("Median time to compute a step of each rank, waiting left out: %.60s, job %s"),
             model, row_job(run, job));
    return bars_chart(page, ranks->ms, ranks->out, ranks->count, NULL, id, caption, err);
}

/* A table and a chart of equals say no more. */
static void page_nothing(struct page *page, const struct ranks *ranks, const struct row *run)
{
    const char *model = sft_record_get(&run->record, "model");
    char text[256], ms[64], job[ROW_JOB];
    html_number_text(ranks->median, 2, ms, sizeof ms);
    snprintf(text, sizeof text, _("%.60s, job %s: none of %zu ranks stands out, median %s ms."),
             model != NULL ? model : "?", row_job(run, job), ranks->count, ms);
    page_paragraph(page, text);
}

static int page_run(struct page *page, const struct row *run, size_t index, struct sft_error *err)
{
    struct ranks ranks;
    if (!ranks_read(&ranks, &run->record))
        return 0;
    int rc = 0;
    if (any_out(ranks.out, ranks.count) || any_out(ranks.host_out, ranks.hosts)) {
        hosts_table(page, &ranks, run);
        rc = run_chart(page, &ranks, run, index, err);
    } else {
        page_nothing(page, &ranks, run);
    }
    ranks_clear(&ranks);
    return rc;
}

/* Is there a run whose ranks' times can be read? */
static bool any_run(const struct page *page)
{
    size_t next;
    for (size_t i = 0; i < page->groups->count; i = next)
        if (run_of(page, i, &next) != NULL)
            return true;
    return false;
}

enum { MODELS_MOST = 4 };

int page_ranks(struct page *page, struct sft_error *err)
{
    size_t next;
    int shown = 0;
    if (!any_run(page))
        return 0;
    page_heading(page, "ranks", _("Hosts and ranks"));
    page_paragraph(page, /* xgettext:no-c-format */
                   _("Of each model the last counted run on the most nodes. A rank stands "
                     "out where its time is "
                     "more than 3 scaled median absolute deviations and more than 3% from "
                     "the median of all."));
    for (size_t i = 0; i < page->groups->count && shown < MODELS_MOST; i = next) {
        const struct row *run = run_of(page, i, &next);
        if (run == NULL)
            continue;
        if (page_run(page, run, i, err) < 0)
            return -1;
        shown++;
    }
    return 0;
}
