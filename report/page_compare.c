/* SPDX-License-Identifier: Apache-2.0 */
/* Two sets of runs side by side. */
#include "report/page.h"
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"
#include "report/jobs.h"

/* "A", and what it ran on: "A: NVIDIA H100, cluster-1"; of several devices the first, and that
 * there are more. */
static void set_name(const struct groups *groups, char letter, char *text, size_t size)
{
    const char *device = "", *cluster = "";
    bool more = false;
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++) {
            const struct group_cell *cell = &groups->series[i].cell[k];
            if (cell->count == 0)
                continue;
            more |= *device != '\0' && strcmp(device, groups->series[i].device) != 0;
            device = *device == '\0' ? groups->series[i].device : device;
            cluster = *cluster == '\0' ? cell->run[0]->cluster : cluster;
        }
    snprintf(text, size, "%c: %.80s%s%s%.60s", letter, *device != '\0' ? device : "?",
             more ? " ..." : "", *cluster != '\0' ? ", " : "", cluster);
    text_make_utf8(text, strlen(text));
}

/* "no difference beyond the spread; up to 1.3% may hide" */
static void put_verdict(struct page *page, const struct compare_ratio *r)
{
    char text[256], hidden[96] = "";
    if (!isnan(r->hidden))
        snprintf(hidden, sizeof hidden, _("; up to %.1f%% may hide"), r->hidden);
    snprintf(text, sizeof text, "%s%s", _(compare_verdict_text(r->verdict)), hidden);
    html_td_text(page->out, text);
}

static void put_line(struct page *page, const struct compare *compare,
                     const struct compare_pair *pair)
{
    const struct compare_ratio *r = &pair->ratio;
    char title[512], jobs[256], marks[COMPARE_MARKS];
    compare_title(compare, pair, title, sizeof title);
    compare_marks(pair, marks);
    fprintf(page->out, "<tr>");
    html_th_row(page->out, title);
    html_td_whole(page->out, pair->a->nodes);
    html_td_number(page->out, r->a, 0);
    html_td_number(page->out, r->b, 0);
    html_td_number(page->out, r->ratio, 3);
    html_td_number(page->out, r->low, 3);
    html_td_number(page->out, r->high, 3);
    put_verdict(page, r);
    html_td_text(page->out, marks);
    jobs_text(pair->a->run, pair->a->count, JOBS_MOST, jobs, sizeof jobs);
    html_td_text(page->out, jobs);
    jobs_text(pair->b->run, pair->b->count, JOBS_MOST, jobs, sizeof jobs);
    html_td_text(page->out, jobs);
    fprintf(page->out, "</tr>\n");
}

static void put_table(struct page *page, const struct compare *compare)
{
    page_table(page, _("Both sets, geometric means of the counted runs"));
    html_th(page->out, _("Configuration"), NULL);
    html_th(page->out, _("Nodes"), "nodes");
    html_th_unit(page->out, "A", _("tokens/s"), SFT_DERIVED);
    html_th_unit(page->out, "B", _("tokens/s"), SFT_DERIVED);
    html_th_unit(page->out, "B/A", "", SFT_DERIVED);
    html_th_unit(page->out, _("From"), "95%", SFT_DERIVED);
    html_th_unit(page->out, _("To"), "95%", SFT_DERIVED);
    html_th(page->out, _("Verdict"), NULL);
    html_th(page->out, _("Marks"), NULL);
    html_th(page->out, _("Jobs of A"), NULL);
    html_th(page->out, _("Jobs of B"), NULL);
    page_table_rows(page);
    for (size_t i = 0; i < compare->count; i++)
        put_line(page, compare, &compare->pair[i]);
    page_table_end(page);
}

/* "llama-7b x2", and where the two differ in it "llama-7b bf16/fp8 x2". */
static void put_label(const struct compare_pair *pair, char *label, size_t size)
{
    const struct group_series *a = pair->a_series, *b = pair->b_series;
    char differs[64] = "";
    if (strcmp(a->precision, b->precision) != 0)
        snprintf(differs, sizeof differs, " %.10s/%.10s", a->precision, b->precision);
    else if (strcmp(a->method, b->method) != 0)
        snprintf(differs, sizeof differs, " %.10s/%.10s", a->method, b->method);
    snprintf(label, size, "%.16s%s x%d", a->model, differs, pair->a->nodes);
}

/* Bars in pairs; more than stand side by side are in the table alone. */
static int put_chart(struct page *page, const struct compare *compare, const char *a, const char *b,
                     struct sft_error *err)
{
    size_t count = compare->count < 16 ? compare->count : 16;
    struct chart chart = {
        .id = "compare", .x_title = "", .y_title = _("tokens/s"), .bars = true, .labels = count};
    chart.label = calloc(count + 1, sizeof *chart.label);
    struct chart_line *line[2] = {chart_add(&chart, a, count, false),
                                  chart_add(&chart, b, count, false)};
    if (chart.label == NULL || line[0] == NULL || line[1] == NULL) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    for (size_t i = 0; i < count; i++) {
        const struct compare_pair *pair = &compare->pair[i];
        put_label(pair, chart.label[i], sizeof chart.label[i]);
        text_make_utf8(chart.label[i], strlen(chart.label[i]));
        line[0]->x[i] = line[1]->x[i] = (double)i;
        line[0]->y[i] = pair->ratio.a;
        line[1]->y[i] = pair->ratio.b;
    }
    return page_chart(page, &chart,
                      _("Throughput of A and B by model and number of nodes, in the table's order"),
                      err);
}

static void put_alone(struct page *page, const struct compare *compare, const struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        for (size_t k = 0; k < groups->series[i].count; k++) {
            const struct group_cell *cell = &groups->series[i].cell[k];
            char title[256];
            if (cell->count == 0 || compare_has(compare, groups, &groups->series[i], cell))
                continue;
            group_title(groups, &groups->series[i], title, sizeof title);
            fprintf(page->out, "<li>");
            fprintf(page->out, _("only in %c:"), groups == compare->a ? 'A' : 'B');
            fprintf(page->out, " ");
            html_text(page->out, title);
            fprintf(page->out, "%s", _(", "));
            fprintf(page->out, _("nodes: %d, ranks: %d"), cell->nodes, cell->ranks);
            fprintf(page->out, "</li>\n");
        }
}

int page_compare(const struct compare *compare, const struct options *options, FILE *out,
                 struct sft_error *err)
{
    struct page page = {.out = out, .groups = compare->a, .options = options};
    char a[192], b[192];
    int rc = 0;
    if (lang_set(options->japanese, err) < 0)
        return -1;
    page.gnuplot = chart_possible();
    set_name(compare->a, 'A', a, sizeof a);
    set_name(compare->b, 'B', b, sizeof b);
    page_begin(out, _("Fine-tuning performance, two sets compared"), options->japanese);
    fprintf(out, "<header><h1>");
    html_text(out, _("Fine-tuning performance, two sets compared"));
    fprintf(out, "</h1>\n");
    page_paragraph(&page, a);
    page_paragraph(&page, b);
    fprintf(out, "</header>\n");
    if (compare->count == 0)
        page_paragraph(&page, _("Nothing was run in both sets."));
    else if ((rc = put_chart(&page, compare, a, b, err)) == 0)
        put_table(&page, compare);
    fprintf(out, "<ul>\n");
    put_alone(&page, compare, compare->a);
    put_alone(&page, compare, compare->b);
    fprintf(out, "</ul>\n");
    page_paragraph(&page, /* xgettext:no-c-format */
                   _("B/A is how many times as fast B is, with the 95% interval that the repeats' "
                     "own spread allows (Welch, of logarithms). There is a verdict from 3 repeats "
                     "on each side on."));
    page_marks(&page, compare_all_marks(compare));
    page_legend(&page);
    page_end(out);
    return rc;
}
