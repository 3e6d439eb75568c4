/* SPDX-License-Identifier: Apache-2.0 */
/* Every goal that somebody has set beside what was measured. */
#include "report/page_internal.h"

#include <math.h>
#include <string.h>

static bool is_rate(const struct goal_check *check)
{
    return check->goal->kind == SFT_GOAL_RATE;
}

/* Was any of the kind measured? Its table is narrower where none was. */
static bool any_measured(const struct page *page, enum sft_goal_kind kind)
{
    for (size_t i = 0; i < page->goals.count; i++)
        if (page->goals.check[i].goal->kind == kind && goal_is_measured(&page->goals.check[i]))
            return true;
    return false;
}

static void goal_table(struct page *page, enum sft_goal_kind kind, bool measured)
{
    static const char *const captions[] = {
        [SFT_GOAL_RATE] = N_("Throughput; the fastest configuration of each goal's work"),
        [SFT_GOAL_SCALING] = N_("Scaling efficiency; the lowest that was measured"),
        [SFT_GOAL_USE] = N_("GPU utilization; the lowest that was measured"),
    };
    const char *unit = kind == SFT_GOAL_RATE ? "" : "%";
    page_table(page, _(captions[kind]));
    html_th(page->out, _("Goal"), NULL);
    html_th(page->out, _("What"), NULL);
    html_th_unit(page->out, _("Asked for"), unit, SFT_GIVEN);
    if (kind == SFT_GOAL_RATE)
        html_th_unit(page->out, _("Needs of the peak"), "%", SFT_ESTIMATED);
    if (measured) {
        html_th_unit(page->out, _("Measured"), unit,
                     kind == SFT_GOAL_USE ? SFT_MEASURED : SFT_DERIVED);
        html_th(page->out, _("Configuration"), NULL);
        html_th(page->out, _("Nodes"), "nodes");
        html_th_count(page->out, _("Configurations"));
    }
    html_th(page->out, _("Result"), NULL);
    if (measured)
        page_th_jobs(page);
    page_table_rows(page);
}

/* "samples/s of 128 tokens, 8 GPUs, alpaca-packed" */
static void td_asked(struct page *page, const struct sft_goal *goal)
{
    char tokens[64];
    fprintf(page->out, "<td>");
    if (goal->samples_s > 0) {
        html_number_text(goal->sample_tokens, goal->sample_tokens < 10 ? 1 : 0, tokens,
                         sizeof tokens);
        fprintf(page->out, _("samples/s of %s tokens"), tokens);
    } else if (goal->kind == SFT_GOAL_RATE) {
        html_text(page->out, _("tokens/s a GPU"));
    } else {
        html_text(page->out, goal->kind == SFT_GOAL_USE ? _("time busy, by NVML")
                                                        : _("of the rate of a GPU on one node"));
    }
    const char *const texts[] = {goal->kind == SFT_GOAL_RATE ? "" : goal->model, goal->method,
                                 goal->precision, goal->workload};
    if (goal->gpus > 0)
        fprintf(page->out, _(", GPUs: %d"), goal->gpus);
    if (goal->nodes > 0)
        fprintf(page->out, _(", nodes: %d"), goal->nodes);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i][0] != '\0') {
            fprintf(page->out, ", ");
            html_text(page->out, texts[i]);
        }
    fprintf(page->out, "</td>");
}

/* met, not met, not measured and why, or beyond the hardware */
static void td_result(struct page *page, const struct goal_check *check)
{
    bool measured = goal_is_measured(check), met = goal_is_met(check);
    bool beyond = !measured && goal_is_beyond(check);
    fprintf(page->out, "<td class=\"%s\">", met ? "met" : measured || beyond ? "missed" : "none");
    html_text(page->out, met        ? _("met")
                         : measured ? _("not met")
                         : beyond   ? _("beyond the hardware")
                                    : _("not measured"));
    page_put_texts(page, measured ? 0 : check->why, goal_why_text, ": ");
    fprintf(page->out, "</td>");
}

/* What decided it, where anything of its kind was measured. */
static void td_measured(struct page *page, const struct goal_check *check, int digits)
{
    char title[256] = "";
    if (check->series != NULL)
        group_title(check->series, title, sizeof title);
    html_td_number(page->out, check->value, digits);
    html_td_text(page->out, title);
    html_td_number(page->out, check->cell != NULL ? (double)check->cell->nodes : NAN, 0);
    html_td_whole(page->out, (long long)check->of);
}

static void goal_line(struct page *page, const struct goal_check *check, bool measured)
{
    int digits = goal_digits(check);
    fprintf(page->out, "<tr>");
    html_th_row(page->out, check->goal->name);
    td_asked(page, check->goal);
    html_td_number(page->out, sft_goal_value(check->goal), digits);
    if (is_rate(check))
        html_td_number(page->out, check->needs, 0);
    if (measured)
        td_measured(page, check, digits);
    td_result(page, check);
    if (check->cell != NULL)
        page_td_jobs(page, check->cell);
    else
        fprintf(page->out, "%s</tr>\n", measured ? "<td></td><td></td>" : "");
}

static void kind_table(struct page *page, enum sft_goal_kind kind)
{
    bool measured = any_measured(page, kind);
    size_t lines = 0;
    for (size_t i = 0; i < page->goals.count; i++) {
        const struct goal_check *check = &page->goals.check[i];
        if (check->goal->kind != kind)
            continue;
        if (lines++ == 0)
            goal_table(page, kind, measured);
        goal_line(page, check, measured);
    }
    if (lines > 0)
        page_table_end(page);
}

static void put_counts(struct page *page)
{
    int met = 0, missed = 0, open = 0;
    for (size_t i = 0; i < page->goals.count; i++) {
        const struct goal_check *check = &page->goals.check[i];
        met += goal_is_met(check);
        missed += goal_is_measured(check) && !goal_is_met(check);
        open += !goal_is_measured(check);
    }
    fprintf(page->out, "<p>");
    if (page->goals.goals->by[0] != '\0') {
        html_text(page->out, _("Set by:"));
        fprintf(page->out, " ");
        html_text(page->out, page->goals.goals->by);
        fprintf(page->out, ". ");
    }
    fprintf(page->out, _("Goals met: %d, not met: %d, not measured: %d."), met, missed, open);
    fprintf(page->out, "</p>\n");
}

/* "70B: needs 107 % of the peak of NVIDIA H200" */
static void put_beyond(struct page *page, const struct goal_check *check)
{
    fprintf(page->out, "<li><b>");
    html_text(page->out, check->goal->name);
    fprintf(page->out, "</b>: ");
    fprintf(page->out, check->goal->method[0] == '\0' || strcmp(check->goal->method, "full") == 0
                           ? _("full training needs more than the hardware can do:")
                           : _("needs more than the hardware can do:"));
    fprintf(page->out, " ");
    html_number(page->out, check->needs, 0);
    fprintf(page->out, " %% ");
    html_text(page->out, strcmp(check->goal->precision, "fp8") == 0 ? _("of the FP8 peak")
                                                                    : _("of the bf16 peak"));
    fprintf(page->out, ", ");
    html_text(page->out, page->goals.device);
    fprintf(page->out, "</li>\n");
}

void page_goals(struct page *page)
{
    bool any = false;
    if (page->goals.goals == NULL)
        return;
    page_heading(page, "goals", _("Goals"));
    put_counts(page);
    for (size_t i = 0; i < page->goals.count; i++)
        if (goal_is_beyond(&page->goals.check[i])) {
            fprintf(page->out, "%s", any ? "" : "<ul>\n");
            put_beyond(page, &page->goals.check[i]);
            any = true;
        }
    fprintf(page->out, "%s", any ? "</ul>\n" : "");
    page_paragraph(page, /* xgettext:no-c-format */
                   _("Only runs of a goal's own work decide it: its workload, method and "
                     "precision, samples within 10% of its tokens, and no record cut. Samples "
                     "a second are tokens a second over the goal's tokens of a sample."));
    for (int kind = SFT_GOAL_RATE; kind <= SFT_GOAL_USE; kind++)
        kind_table(page, (enum sft_goal_kind)kind);
}
