/* SPDX-License-Identifier: Apache-2.0 */
/* The figures by configuration and number of nodes, with their charts. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"

#define COLUMNS(list) (list), sizeof(list) / sizeof((list)[0])

/* Measured points of a series with the repeats' range, and the ideal: the smallest number of nodes'
 * throughput times the nodes. */
static int throughput_lines(struct page *page, struct chart *chart,
                            const struct group_series *series)
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
    struct chart chart = {.x_title = _("nodes"), .y_title = _("tokens/s")};
    char id[48], caption[512], title[256];
    snprintf(id, sizeof id, "throughput-%zu", index + 1);
    chart.id = id;
    if (throughput_lines(page, &chart, series) < 0) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    group_title(page->groups, series, title, sizeof title);
    snprintf(caption, sizeof caption,
             _("Throughput of %s by nodes: median of the repeats, the range from the slowest "
               "to the fastest, and the ideal line from the smallest number of nodes"),
             title);
    return page_chart(page, &chart, caption, err);
}

static double runs(const struct page *page, const struct page_place *place)
{
    (void)page;
    return (double)place->cell->count;
}

static double rank_tok_s(const struct page *page, const struct page_place *place)
{
    (void)page;
    return group_figure(place->cell, "tok_s").median / place->cell->ranks;
}

int page_throughput(struct page *page, struct sft_error *err)
{
    static const struct page_column columns[] = {
        {.place = 10, .title = N_("Runs"), .value = runs},
        {.place = 50,
         .title = N_("Tokens a rank"),
         .unit = N_("tokens/s"),
         .origin = SFT_DERIVED,
         .value = rank_tok_s},
    };
    page_heading(page, "throughput", _("Throughput"));
    page_columns(page, _("Medians over the counted runs"), SFT_THROUGHPUT, COLUMNS(columns));
    for (size_t i = 0; i < page->groups->count; i++)
        if (page->groups->series[i].base_nodes > 0 && page->groups->series[i].count > 1 &&
            throughput_chart(page, i, err) < 0)
            return -1;
    return 0;
}

/* The series with the most nodes first would crowd the chart; it takes the first ones of the page.
 */
static int scaling_chart(struct page *page, struct sft_error *err)
{
    struct chart chart = {
        .id = "scaling", .x_title = _("nodes"), .y_title = _("scaling efficiency, %")};
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

static double base_nodes(const struct page *page, const struct page_place *place)
{
    (void)page;
    return place->series->base_nodes;
}

static double efficiency(const struct page *page, const struct page_place *place)
{
    (void)page;
    return place->cell->efficiency;
}

/* The goals are against one node. */
static double efficiency_goal(const struct page *page, const struct page_place *place)
{
    (void)page;
    double goal = place->series->base_nodes == 1 ? goal_efficiency(place->cell->nodes) : 0;
    return goal > 0 ? goal : NAN;
}

int page_scaling(struct page *page, struct sft_error *err)
{
    static const struct page_column columns[] = {
        {.place = 10, .title = N_("Relative to nodes"), .value = base_nodes},
        {.place = 20,
         .title = N_("Efficiency"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 1,
         .value = efficiency},
        {.place = 30,
         .title = N_("Goal"),
         .unit = "%",
         .origin = SFT_GIVEN,
         .value = efficiency_goal},
    };
    page_heading(page, "scaling", _("Scaling efficiency"));
    page_paragraph(
        page, _("Samples a second of a rank over those of a rank at the smallest number of nodes "
                "that was "
                "measured. A rank does the same work at every number of nodes (weak scaling)."));
    page_columns(page, _("Efficiency against the smallest number of nodes"), SFT_SCALING,
                 COLUMNS(columns));
    return scaling_chart(page, err);
}

static size_t cells_count(const struct page *page)
{
    struct page_place place = {NULL, NULL};
    size_t count = 0;
    while (page_next(page, &place))
        count++;
    return count;
}

/* Bars are told apart by their labels: configurations of one model are counted, in the order of the
 * tables. */
static void bar_label(const struct page *page, const struct page_place *place, char *label,
                      size_t size)
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
    static const char *const keys[] = {"mfu", "gpu_util"};
    size_t count = cells_count(page), at = 0;
    struct chart chart = {
        .id = "utilization", .x_title = "", .y_title = "%", .bars = true, .labels = count};
    struct page_place place = {NULL, NULL};
    chart.label = calloc(count + 1, sizeof *chart.label);
    struct chart_line *line[2] = {chart_add(&chart, "MFU", count, false),
                                  chart_add(&chart, _("GPU utilization (NVML)"), count, false)};
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
    return page_chart(page, &chart,
                      _("MFU and GPU utilization side by side, by model and number of nodes; a "
                        "number in brackets "
                        "tells configurations of one model apart, in the order of the tables"),
                      err);
}

static bool any_figure(const struct page *page, const char *key)
{
    struct page_place place = {NULL, NULL};
    while (page_next(page, &place))
        if (group_figure(place.cell, key).count > 0)
            return true;
    return false;
}

int page_utilization(struct page *page, struct sft_error *err)
{
    page_heading(page, "utilization", _("MFU and GPU utilization"));
    page_paragraph(
        page, /* xgettext:no-c-format */
        _("They are not the same: GPU utilization is the share of time in which any kernel ran, "
          "however slow; MFU is the share of the device's peak that the training's own arithmetic "
          "reached. A GPU can be 100% utilized and do half of the work."));
    page_columns(page, _("Medians over the counted runs"), SFT_UTILIZATION, NULL, 0);
    return any_figure(page, "mfu") || any_figure(page, "gpu_util") ? utilization_chart(page, err)
                                                                   : 0;
}

/* Of b against a, percent. */
static double difference(const struct group_cell *cell, const char *a, const char *b)
{
    return 100 * (group_figure(cell, b).median / group_figure(cell, a).median - 1);
}

static double speed_difference(const struct page *page, const struct page_place *place)
{
    (void)page;
    return difference(place->cell, "tok_s_plan", "tok_s");
}

static double memory_difference(const struct page *page, const struct page_place *place)
{
    (void)page;
    return difference(place->cell, "mem_plan_gib", "mem_gib");
}

void page_plan(struct page *page)
{
    static const struct page_column columns[] = {
        {.place = 30,
         .title = N_("Difference"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 1,
         .value = speed_difference},
        {.place = 60,
         .title = N_("Difference"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 1,
         .value = memory_difference},
    };
    page_heading(page, "plan", _("Predicted and measured"));
    page_columns(page, _("The plan made before each run beside what was measured"), SFT_PLAN,
                 COLUMNS(columns));
}

/* Of a million tokens; of runs on GPUs. */
static double cost(const struct page *page, const struct page_place *place)
{
    if (strcmp(place->series->backend, "cuda") != 0)
        return NAN;
    return page->options->price * place->cell->ranks / 3600 /
           group_figure(place->cell, "tok_s").median * 1e6;
}

void page_energy(struct page *page)
{
    char unit[80];
    const struct page_column columns[] = {
        {.place = 40,
         .title = N_("Cost"),
         .unit = unit,
         .origin = SFT_DERIVED,
         .digits = 4,
         .value = cost}, /* with a price */
    };
    double price = page->options->price;
    page_heading(page, "energy", _("Energy and cost"));
    snprintf(unit, sizeof unit, _("%s for a million tokens"),
             lang_currency(page->options->currency));
    if (price > 0) {
        char text[160], amount[64];
        html_number_text(price, 2, amount, sizeof amount);
        snprintf(text, sizeof text, _("Cost: a GPU costs %s %s an hour, as given with --price."),
                 amount, lang_currency(page->options->currency));
        page_paragraph(page, text);
    }
    page_columns(page, _("Medians over the counted runs"), SFT_ENERGY, columns, price > 0 ? 1 : 0);
}

static double slowest(const struct page *page, const struct page_place *place)
{
    (void)page;
    return group_figure(place->cell, "tok_s").min;
}

static double fastest(const struct page *page, const struct page_place *place)
{
    (void)page;
    return group_figure(place->cell, "tok_s").max;
}

/* One run has no spread. */
static double deviation(const struct page *page, const struct page_place *place)
{
    (void)page;
    struct group_figure f = group_figure(place->cell, "tok_s");
    return f.count > 1 ? 100 * f.mad / f.median : NAN;
}

static double range(const struct page *page, const struct page_place *place)
{
    (void)page;
    struct group_figure f = group_figure(place->cell, "tok_s");
    return f.count > 1 ? 100 * (f.max - f.min) / f.median : NAN;
}

void page_spread(struct page *page)
{
    static const struct page_column columns[] = {
        {.title = N_("Runs"), .value = runs},
        {.title = N_("Slowest"), .key = "tok_s", .value = slowest},
        {.title = N_("Median"), .key = "tok_s"},
        {.title = N_("Fastest"), .key = "tok_s", .value = fastest},
        {.title = N_("Median absolute deviation"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 2,
         .value = deviation},
        {.title = N_("Range"), .unit = "%", .origin = SFT_DERIVED, .digits = 2, .value = range},
    };
    page_heading(page, "spread", _("Spread over repeats"));
    page_columns(page, _("Tokens a second of the counted runs"), SFT_VIEWS, COLUMNS(columns));
}
