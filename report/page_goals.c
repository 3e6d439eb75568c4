/* SPDX-License-Identifier: Apache-2.0 */
/* Every goal beside what was measured. */
#include "report/page_internal.h"

static void goal_table(struct page *page, enum goal_kind kind)
{
    static const struct {
        const char *caption, *title, *key;
    } tables[] = {
        [GOAL_RATE] = {N_("Samples a second on 8 GPUs"),
                       N_("Measured on one configuration, the fastest"), "samples_s"},
        [GOAL_SCALING] = {N_("Scaling efficiency over nodes"), N_("Efficiency"), NULL},
        [GOAL_USE] = {N_("GPU utilization"), N_("GPU utilization"), "gpu_util"},
    };
    const char *unit = kind == GOAL_RATE ? _("samples/s") : "%";
    page_table(page, _(tables[kind].caption));
    if (kind == GOAL_RATE)
        html_th(page->out, _("Model"), "model");
    html_th(page->out, _("Configuration"), NULL);
    if (kind != GOAL_RATE)
        html_th(page->out, _("Nodes"), "nodes");
    html_th_unit(page->out, _("Goal"), unit, SFT_GIVEN);
    if (tables[kind].key != NULL)
        html_th(page->out, _(tables[kind].title), tables[kind].key);
    else
        html_th_unit(page->out, _(tables[kind].title), unit, SFT_DERIVED);
    html_th(page->out, _("Result"), NULL);
    page_th_jobs(page);
    page_table_rows(page);
}

/* met, not met or not measured */
static void td_result(struct page *page, const struct goal_check *check)
{
    bool measured = goal_is_measured(check), met = goal_is_met(check);
    fprintf(page->out, "<td class=\"%s\">", !measured ? "none" : met ? "met" : "missed");
    html_text(page->out, !measured ? _("not measured") : met ? _("met") : _("not met"));
    fprintf(page->out, "</td>");
}

static void goal_line(struct page *page, const struct goal_check *check)
{
    char title[256] = "";
    if (check->series != NULL)
        group_title(page->groups, check->series, title, sizeof title);
    fprintf(page->out, "<tr>");
    if (check->kind == GOAL_RATE)
        html_td_text(page->out, check->rate->title);
    html_td_text(page->out, title);
    if (check->kind != GOAL_RATE)
        html_td_whole(page->out, check->kind == GOAL_SCALING ? check->nodes : check->cell->nodes);
    html_td_number(page->out, check->goal, 0);
    html_td_number(page->out, check->value, 1);
    td_result(page, check);
    if (check->cell != NULL)
        page_td_jobs(page, check->cell);
    else
        fprintf(page->out, "<td></td><td></td></tr>\n");
}

void page_goals(struct page *page)
{
    page_heading(page, "goals", _("Goals"));
    for (enum goal_kind kind = GOAL_RATE; kind <= GOAL_USE; kind++) {
        int lines = 0;
        goal_table(page, kind);
        for (size_t i = 0; i < page->goals.count; i++)
            if (page->goals.check[i].kind == kind) {
                goal_line(page, &page->goals.check[i]);
                lines++;
            }
        if (lines == 0) {
            fprintf(page->out, "<tr><td colspan=\"7\" class=\"none\">");
            html_text(page->out,
                      kind == GOAL_SCALING
                          ? _("not measured: no configuration was run on one node and on 2, 4 or 8")
                          : _("not measured"));
            fprintf(page->out, "</td></tr>\n");
        }
        page_table_end(page);
    }
}
