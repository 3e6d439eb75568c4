/* SPDX-License-Identifier: Apache-2.0 */
/* The figures by configuration and number of nodes, with their charts. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

/* Measured points of a series with the repeats' range, and the ideal: the smallest number of nodes' throughput
 * times the nodes. */
static int throughput_lines(struct page *page, struct chart *chart, const struct group_series *series)
{
    char title[256];
    group_title(page->groups, series, title, sizeof title);
    struct chart_line *line = chart_add(chart, title, series->count, true);
    struct chart_line *ideal = chart_add(chart, _("ideal"), series->count + 1, false);
    if (line == NULL || ideal == NULL)
        return -1;
    ideal->ideal = true;
    double base = NAN;
    for (size_t k = 0; k < series->count; k++) {
        struct group_figure tok_s = group_figure(&series->cell[k], "tok_s");
        double nodes = series->cell[k].nodes;
        if (tok_s.count > 0 && isnan(base))
            base = tok_s.median / nodes;
        line->x[k] = ideal->x[k] = nodes;
        line->y[k] = tok_s.median;
        line->low[k] = tok_s.min;
        line->high[k] = tok_s.max;
        ideal->y[k] = base * nodes;
    }
    return 0;
}

static int throughput_chart(struct page *page, size_t index, struct sft_error *err)
{
    const struct group_series *series = &page->groups->series[index];
    struct chart chart = { .x_title = _("nodes"), .y_title = _("tokens/s") };
    char id[48], caption[512], title[256];
    snprintf(id, sizeof id, "throughput-%zu", index + 1);
    chart.id = id;
    if (throughput_lines(page, &chart, series) < 0) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    group_title(page->groups, series, title, sizeof title);
    snprintf(caption, sizeof caption, _("Throughput of %s by nodes: median of the repeats, the range from the slowest "
                                        "to the fastest, and the ideal line from the smallest number of nodes"),
             title);
    return page_chart(page, &chart, caption, err);
}

int page_throughput(struct page *page, struct sft_error *err)
{
    struct page_place place = { NULL, NULL };
    page_heading(page, "throughput", _("Throughput"));
    page_table(page, _("Medians over the counted runs"));
    page_th_place(page);
    html_th_count(page->out, _("Runs"));
    html_th(page->out, _("Tokens"), "tok_s");
    html_th(page->out, _("Samples"), "samples_s");
    html_th(page->out, _("Step"), "step_ms");
    html_th_unit(page->out, _("Tokens a rank"), _("tokens/s"), SFT_DERIVED);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        page_td_place(page, &place);
        html_td_whole(page->out, (long long)place.cell->count);
        page_td_figure(page, place.cell, "tok_s", 0);
        page_td_figure(page, place.cell, "samples_s", 1);
        page_td_figure(page, place.cell, "step_ms", 1);
        html_td_number(page->out, group_figure(place.cell, "tok_s").median / place.cell->ranks, 0);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
    for (size_t i = 0; i < page->groups->count; i++)
        if (page->groups->series[i].base_nodes > 0 && page->groups->series[i].count > 1
            && throughput_chart(page, i, err) < 0)
            return -1;
    return 0;
}

/* The series with the most nodes first would crowd the chart; it takes the first ones of the page. */
static int scaling_chart(struct page *page, struct sft_error *err)
{
    struct chart chart = { .id = "scaling", .x_title = _("nodes"), .y_title = _("scaling efficiency, %") };
    struct chart_line *goal = chart_add(&chart, _("goal"), 3, false);
    bool any = false;
    for (size_t i = 0; goal != NULL && i < 3; i++) {
        goal->x[i] = goal_scalings()[i].nodes;
        goal->y[i] = goal_scalings()[i].efficiency;
        goal->ideal = true;
    }
    for (size_t i = 0; i < page->groups->count; i++) {
        const struct group_series *series = &page->groups->series[i];
        char title[256];
        group_title(page->groups, series, title, sizeof title);
        struct chart_line *line = series->count > 1 && series->base_nodes > 0
            ? chart_add(&chart, title, series->count, false)
            : NULL;
        for (size_t k = 0; line != NULL && k < series->count; k++) {
            line->x[k] = series->cell[k].nodes;
            line->y[k] = series->cell[k].efficiency;
            any = true;
        }
    }
    if (any)
        return page_chart(page, &chart, _("Scaling efficiency by nodes against the goals"), err);
    chart_clear(&chart);
    return 0;
}

int page_scaling(struct page *page, struct sft_error *err)
{
    struct page_place place = { NULL, NULL };
    page_heading(page, "scaling", _("Scaling efficiency"));
    page_paragraph(page, _("Samples a second of a rank over those of a rank at the smallest number of nodes that was "
                           "measured. A rank does the same work at every number of nodes (weak scaling)."));
    page_table(page, _("Efficiency against the smallest number of nodes"));
    page_th_place(page);
    html_th_count(page->out, _("Relative to nodes"));
    html_th_unit(page->out, _("Efficiency"), "%", SFT_DERIVED);
    html_th_unit(page->out, _("Goal"), "%", SFT_SAID);
    html_th(page->out, _("Waiting for collectives"), "exposed_ms");
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        double goal = place.series->base_nodes == 1 ? goal_efficiency(place.cell->nodes) : 0;
        page_td_place(page, &place);
        html_td_whole(page->out, place.series->base_nodes);
        html_td_number(page->out, place.cell->efficiency, 1);
        html_td_number(page->out, goal > 0 ? goal : NAN, 0);
        page_td_figure(page, place.cell, "exposed_ms", 1);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
    return scaling_chart(page, err);
}

static size_t cells_count(const struct page *page)
{
    struct page_place place = { NULL, NULL };
    size_t count = 0;
    while (page_next(page, &place))
        count++;
    return count;
}

/* Bars are told apart by their labels: configurations of one model are counted, in the order of the tables. */
static void bar_label(const struct page *page, const struct page_place *place, char *label, size_t size)
{
    const struct group_series *series = page->groups->series;
    int same = 0, number = 1;
    for (size_t i = 0; i < page->groups->count; i++)
        if (series[i].base_nodes > 0 && strcmp(series[i].model, place->series->model) == 0) {
            same++;
            number += &series[i] < place->series;
        }
    char suffix[16] = "";
    if (same > 1)
        snprintf(suffix, sizeof suffix, " (%d)", number);
    snprintf(label, size, "%.14s%s x%d", place->series->model, suffix, place->cell->nodes);
    text_make_utf8(label, strlen(label));
}

static int utilization_chart(struct page *page, struct sft_error *err)
{
    static const char *const keys[] = { "mfu", "gpu_util" };
    size_t count = cells_count(page), at = 0;
    struct chart chart = { .id = "utilization", .x_title = "", .y_title = "%", .bars = true, .labels = count };
    struct page_place place = { NULL, NULL };
    chart.label = calloc(count + 1, sizeof *chart.label);
    struct chart_line *line[2] = { chart_add(&chart, "MFU", count, false),
                                   chart_add(&chart, _("GPU utilization (NVML)"), count, false) };
    if (chart.label == NULL || line[0] == NULL || line[1] == NULL) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    while (page_next(page, &place)) {
        bar_label(page, &place, chart.label[at], sizeof chart.label[at]);
        for (int i = 0; i < 2; i++) {
            line[i]->x[at] = (double)at;
            line[i]->y[at] = group_figure(place.cell, keys[i]).median;
        }
        at++;
    }
    return page_chart(page, &chart, _("MFU and GPU utilization side by side, by model and number of nodes; a number in brackets "
                                      "tells configurations of one model apart, in the order of the tables"), err);
}

static bool any_figure(const struct page *page, const char *key)
{
    struct page_place place = { NULL, NULL };
    while (page_next(page, &place))
        if (group_figure(place.cell, key).count > 0)
            return true;
    return false;
}

int page_utilization(struct page *page, struct sft_error *err)
{
    struct page_place place = { NULL, NULL };
    page_heading(page, "utilization", _("MFU and GPU utilization"));
    /* xgettext:no-c-format */
    page_paragraph(page, _("They are not the same: GPU utilization is the share of time in which any kernel ran, "
                           "however slow; MFU is the share of the device's peak that the training's own arithmetic "
                           "reached. A GPU can be 100% utilized and do half of the work."));
    page_table(page, _("Medians over the counted runs"));
    page_th_place(page);
    html_th(page->out, "MFU", "mfu");
    html_th(page->out, _("GPU utilization"), "gpu_util");
    html_th(page->out, _("Rate of a rank"), "tflops");
    html_th(page->out, _("Peak of a device"), "peak_tflops");
    html_th(page->out, _("SM clock, slowest"), "sm_mhz");
    html_th(page->out, _("Held back"), "limited");
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        page_td_place(page, &place);
        page_td_figure(page, place.cell, "mfu", 1);
        page_td_figure(page, place.cell, "gpu_util", 1);
        page_td_figure(page, place.cell, "tflops", place.series->backend[0] == 'c' && place.series->backend[1] == 'p' ? 4 : 1);
        page_td_figure(page, place.cell, "peak_tflops", 1);
        page_td_figure(page, place.cell, "sm_mhz", 0);
        page_td_figure(page, place.cell, "limited", 0);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
    return any_figure(page, "mfu") || any_figure(page, "gpu_util") ? utilization_chart(page, err) : 0;
}

/* Of b against a, percent. */
static double difference(const struct group_cell *cell, const char *a, const char *b)
{
    return 100 * (group_figure(cell, b).median / group_figure(cell, a).median - 1);
}

void page_plan(struct page *page)
{
    struct page_place place = { NULL, NULL };
    page_heading(page, "plan", _("Predicted and measured"));
    page_table(page, _("The plan made before each run beside what was measured"));
    page_th_place(page);
    html_th(page->out, _("Tokens, predicted"), "tok_s_plan");
    html_th(page->out, _("Tokens"), "tok_s");
    html_th_unit(page->out, _("Difference"), "%", SFT_DERIVED);
    html_th(page->out, _("Memory, planned"), "mem_plan_gib");
    html_th(page->out, _("Memory"), "mem_gib");
    html_th_unit(page->out, _("Difference"), "%", SFT_DERIVED);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        page_td_place(page, &place);
        page_td_figure(page, place.cell, "tok_s_plan", 0);
        page_td_figure(page, place.cell, "tok_s", 0);
        html_td_number(page->out, difference(place.cell, "tok_s_plan", "tok_s"), 1);
        page_td_figure(page, place.cell, "mem_plan_gib", 2);
        page_td_figure(page, place.cell, "mem_gib", 2);
        html_td_number(page->out, difference(place.cell, "mem_plan_gib", "mem_gib"), 1);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

/* Of a million tokens; of runs on GPUs. */
static double cost(const struct page_place *place, double price)
{
    if (strcmp(place->series->backend, "cuda") != 0)
        return NAN;
    return price * place->cell->ranks / 3600 / group_figure(place->cell, "tok_s").median * 1e6;
}

void page_energy(struct page *page)
{
    struct page_place place = { NULL, NULL };
    double price = page->options->price;
    char unit[80];
    page_heading(page, "energy", _("Energy and cost"));
    snprintf(unit, sizeof unit, _("%s for a million tokens"), page->options->currency);
    if (price > 0) {
        char text[160], amount[64];
        html_number_text(price, 2, amount, sizeof amount);
        snprintf(text, sizeof text, _("Cost: a GPU costs %s %s an hour, as given with --price."), amount,
                 page->options->currency);
        page_paragraph(page, text);
    }
    page_table(page, _("Medians over the counted runs"));
    page_th_place(page);
    html_th(page->out, _("Power of a GPU"), "power_w");
    html_th(page->out, _("Tokens for a joule"), "tok_j");
    html_th(page->out, _("Temperature, hottest"), "temp_c");
    if (price > 0)
        html_th_unit(page->out, _("Cost"), unit, SFT_DERIVED);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        page_td_place(page, &place);
        page_td_figure(page, place.cell, "power_w", 0);
        page_td_figure(page, place.cell, "tok_j", 2);
        page_td_figure(page, place.cell, "temp_c", 0);
        if (price > 0)
            html_td_number(page->out, cost(&place, price), 4);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

void page_spread(struct page *page)
{
    struct page_place place = { NULL, NULL };
    page_heading(page, "spread", _("Spread over repeats"));
    page_table(page, _("Tokens a second of the counted runs"));
    page_th_place(page);
    html_th_count(page->out, _("Runs"));
    html_th(page->out, _("Slowest"), "tok_s");
    html_th(page->out, _("Median"), "tok_s");
    html_th(page->out, _("Fastest"), "tok_s");
    html_th_unit(page->out, _("Median absolute deviation"), "%", SFT_DERIVED);
    html_th_unit(page->out, _("Range"), "%", SFT_DERIVED);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next(page, &place)) {
        struct group_figure f = group_figure(place.cell, "tok_s");
        bool several = f.count > 1; /* one run has no spread */
        page_td_place(page, &place);
        html_td_whole(page->out, (long long)place.cell->count);
        html_td_number(page->out, f.min, 0);
        html_td_number(page->out, f.median, 0);
        html_td_number(page->out, f.max, 0);
        html_td_number(page->out, several ? 100 * f.mad / f.median : NAN, 2);
        html_td_number(page->out, several ? 100 * (f.max - f.min) / f.median : NAN, 2);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}
