/* SPDX-License-Identifier: Apache-2.0 */
/* Two sets of runs side by side: their figures. */
#include "report/page.h"
#include "report/page_compare.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"

static void put_verdict(struct page *page, const struct compare_ratio *r)
{
    fprintf(page->out, "<td class=\"%s\">",
            r->verdict == COMPARE_FASTER   ? "met"
            : r->verdict == COMPARE_SLOWER ? "missed"
                                           : "none");
    html_text(page->out, _(compare_verdict_text(r->verdict)));
    fprintf(page->out, "</td>");
}

static void put_line(struct page *page, const struct compare_pair *pair)
{
    const struct compare_ratio *r = &pair->ratio;
    char title[512], marks[COMPARE_MARKS];
    compare_title(pair, title, sizeof title);
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
    html_td_number(page->out, r->hidden, 1);
    html_td_text(page->out, marks);
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
    html_th_unit(page->out, _("May hide"), "%", SFT_DERIVED);
    html_th(page->out, _("Marks"), NULL);
    page_table_rows(page);
    for (size_t i = 0; i < compare->count; i++)
        put_line(page, &compare->pair[i]);
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

/* How many pairs have this verdict. */
static size_t pairs_with(const struct compare *compare, enum compare_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < compare->count; i++)
        count += compare->pair[i].ratio.verdict == verdict;
    return count;
}

static void put_result(struct page *page, const struct compare *compare)
{
    size_t few = pairs_with(compare, COMPARE_TOO_FEW);
    fprintf(page->out, "<p class=\"result\">");
    fprintf(page->out,
            _("Of %zu configurations with enough repeats B is faster in %zu, slower in %zu."),
            compare->count - few, pairs_with(compare, COMPARE_FASTER),
            pairs_with(compare, COMPARE_SLOWER));
    if (few > 0) {
        fprintf(page->out, " ");
        fprintf(page->out, _("Too few repeats: %zu."), few);
    }
    fprintf(page->out, "</p>\n");
}

static int put_pairs(struct page *page, const struct compare *compare, struct sft_error *err)
{
    char a[COMPARE_NAME], b[COMPARE_NAME];
    if (compare->count == 0) {
        page_paragraph(page, _("Nothing was run in both sets."));
        return 0;
    }
    put_result(page, compare);
    page_compare_names(compare, page->options, a, b);
    if (put_chart(page, compare, a, b, err) < 0)
        return -1;
    put_table(page, compare);
    page_paragraph(page, /* xgettext:no-c-format */
                   _("B/A is how many times as fast B is, with the 95% interval that the repeats' "
                     "own spread allows (Welch, of logarithms). There is a verdict from 3 repeats "
                     "on each side on. Without a finding B may still be faster or slower by as "
                     "much as may hide."));
    return 0;
}

int page_compare(const struct compare *compare, const struct options *options, FILE *out,
                 struct sft_error *err)
{
    struct page page = {.out = out, .groups = compare->a, .options = options};
    if (lang_set(options->japanese, err) < 0)
        return -1;
    lang_zone(options->japanese);
    page.gnuplot = chart_possible();
    page_compare_begin(&page, compare);
    int rc = put_pairs(&page, compare, err);
    page_compare_alone(&page, compare);
    page_marks(&page, compare_all_marks(compare));
    page_legend(&page);
    page_compare_jobs(&page, compare);
    page_end(out);
    return rc;
}
