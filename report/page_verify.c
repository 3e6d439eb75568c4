/* SPDX-License-Identifier: Apache-2.0 */
#include "report/page_verify.h"

#include <math.h>
#include <string.h>

/* The judge's own limits, beside the other nodes: 5% and, of few nodes, 15%. */
const char *page_verify_heat(double ratio)
{
    return isnan(ratio)   ? ""
           : ratio < 0.70 ? "h3"
           : ratio < 0.85 ? "h2"
           : ratio < 0.95 ? "h1"
                          : "h0";
}

static int digits_of(double value)
{
    double size = fabs(value);
    return size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4;
}

/* The part stands beside the figure where it is warm, so that nobody needs the colour. */
void page_verify_td(struct page *page, double value, double ratio)
{
    fprintf(page->out, "<td class=\"n %s\">", page_verify_heat(ratio));
    html_number(page->out, value, digits_of(value));
    if (ratio < 0.95) {
        fprintf(page->out, "<small>&times;");
        html_number(page->out, ratio, 2);
        fprintf(page->out, "</small>");
    }
    fprintf(page->out, "</td>");
}

void page_verify_kind(struct page *page, enum verify_kind kind)
{
    fprintf(page->out, "<td class=\"%s\">",
            kind == VERIFY_GOOD      ? "met"
            : kind == VERIFY_UNKNOWN ? "none"
                                     : "missed");
    html_text(page->out, _(verify_kind_text(kind)));
    fprintf(page->out, "</td>");
}

static void put_result(struct page *page, const struct verify_run *run)
{
    size_t of[VERIFY_KINDS] = {0};
    for (size_t i = 0; i < run->nodes; i++)
        of[run->node[i].kind]++;
    fprintf(page->out, "<p class=\"result\">");
    fprintf(page->out, _("Of %zu nodes %zu are good, %zu have a warning, %zu are bad."), run->nodes,
            of[VERIFY_GOOD], of[VERIFY_WARNING], of[VERIFY_BAD]);
    if (of[VERIFY_UNKNOWN] > 0) {
        fprintf(page->out, " ");
        fprintf(page->out, _("Of %zu nothing can be said."), of[VERIFY_UNKNOWN]);
    }
    fprintf(page->out, "</p>\n");
}

static void put_map(struct page *page, const struct verify_run *run)
{
    page_heading(page, "nodes", _("Nodes and checks"));
    page_table(page, _("The slowest rank of each node"));
    html_th(page->out, _("Node"), NULL);
    html_th(page->out, _("Verdict"), NULL);
    for (size_t k = 0; k < run->checks; k++)
        html_th_unit(page->out, _(verify_check_title(&run->check[k])), run->check[k].unit,
                     SFT_MEASURED);
    page_table_rows(page);
    for (size_t i = 0; i < run->nodes; i++) {
        const struct verify_node *node = &run->node[i];
        fprintf(page->out, "<tr>");
        html_th_row(page->out, node->host);
        page_verify_kind(page, node->kind);
        for (size_t k = 0; k < run->checks; k++)
            page_verify_td(page, node->value[k], verify_ratio(run, i, k));
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
    page_paragraph(
        page, /* xgettext:no-c-format */
        _("A warm cell is more than 5% worse than the median of the other nodes, a "
          "warmer one 15%, the warmest 30%; the small number is the node's part of it. "
          "The verdict asks for more: measured again, beyond the noise of the node's own "
          "repeats, or below what such a GPU must reach."));
}

static void put_entry(struct page *page, const char *title, const char *text, bool code)
{
    if (text[0] == '\0')
        return;
    fprintf(page->out, "<br>");
    html_text(page->out, title);
    fprintf(page->out, code ? " <code>" : " ");
    html_text(page->out, text);
    fprintf(page->out, code ? "</code>" : "");
}

static void put_findings(struct page *page, const struct verify_run *run)
{
    bool any = false;
    for (size_t i = 0; i < run->nodes; i++) {
        const struct verify_node *node = &run->node[i];
        if (node->kind == VERIFY_GOOD && node->finding[0] == '\0')
            continue;
        if (!any) {
            page_heading(page, "findings", _("What was found"));
            fprintf(page->out, "<ul>\n");
        }
        any = true;
        fprintf(page->out, "<li><strong>");
        html_text(page->out, node->host);
        fprintf(page->out, "</strong>: ");
        html_text(page->out, _(verify_kind_text(node->kind)));
        fprintf(page->out, ". ");
        html_text(page->out, node->finding);
        put_entry(page, _("Cause:"), node->cause, false);
        put_entry(page, _("Evidence:"), node->evidence, false);
        put_entry(page, _("To look closer:"), node->command, true);
        put_entry(page, _("For the admin:"), node->drain, true);
        fprintf(page->out, "</li>\n");
    }
    if (any)
        fprintf(page->out, "</ul>\n");
}

static void put_busbw(struct page *page, const json_t *one)
{
    fprintf(page->out, "<tr>");
    html_td_text(page->out, json_string_value(json_object_get(one, "kind")) != NULL
                                ? json_string_value(json_object_get(one, "kind"))
                                : "");
    const char *among = json_string_value(json_object_get(one, "among"));
    html_td_text(page->out, among != NULL && strcmp(among, "node") == 0 ? _("ranks of a node")
                                                                        : _("all ranks"));
    html_td_whole(page->out, json_integer_value(json_object_get(one, "ranks")));
    html_td_whole(page->out, json_integer_value(json_object_get(one, "bytes")));
    static const char *const keys[] = {"us", "algbw_gbs", "busbw_gbs"};
    for (int i = 0; i < 3; i++) {
        double value = json_number_value(json_object_get(one, keys[i]));
        html_td_number(page->out, value, digits_of(value));
    }
    fprintf(page->out, "</tr>\n");
}

static void put_collectives(struct page *page, const struct verify_run *run)
{
    const json_t *list = json_object_get(run->root, "collectives"), *one;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    page_heading(page, "collectives", _("Collectives by size"));
    page_table(page, _("As nccl-tests counts them, of the slowest rank"));
    html_th(page->out, _("Collective"), NULL);
    html_th(page->out, _("Among"), NULL);
    html_th_count(page->out, _("Ranks"));
    html_th_unit(page->out, _("Size"), _("bytes"), SFT_GIVEN);
    html_th_unit(page->out, _("Time"), "us", SFT_MEASURED);
    html_th_unit(page->out, "algbw", "GB/s", SFT_DERIVED);
    html_th_unit(page->out, "busbw", "GB/s", SFT_DERIVED);
    page_table_rows(page);
    json_array_foreach(list, i, one) put_busbw(page, one);
    page_table_end(page);
}

static void put_title(struct page *page, const struct verify_run *run)
{
    char when[PAGE_DATE];
    page_date(run->time, when, sizeof when);
    page_header(page, _("Nodes of the cluster, verified"));
    fprintf(page->out, "%s &middot; ", when);
    if (run->step[0] != '\0') {
        html_text(page->out, _("job"));
        fprintf(page->out, " ");
        html_text(page->out, run->step);
        fprintf(page->out, " &middot; ");
    }
    if (run->request[0] != '\0') {
        fprintf(page->out, "<code>");
        html_text(page->out, run->request);
        fprintf(page->out, "</code> &middot; ");
    }
    page_made_by(page);
    fprintf(page->out, "</p></header>\n");
}

int page_verify(const struct verifies *verifies, const char *host, const struct options *options,
                FILE *out, struct sft_error *err)
{
    struct page page = {.out = out, .options = options};
    const struct verify_run *run = verifies_last(verifies);
    page.gnuplot = chart_possible();
    if (lang_set(options->japanese, err) < 0)
        return -1;
    lang_zone(options->japanese);
    put_title(&page, run);
    put_result(&page, run);
    put_map(&page, run);
    put_findings(&page, run);
    if (page_verify_weeks(&page, verifies, host, err) < 0)
        return -1;
    put_collectives(&page, run);
    page_end(out);
    return 0;
}
