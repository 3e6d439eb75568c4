/* SPDX-License-Identifier: Apache-2.0 */
/* The figures by configuration and number of nodes, with their charts. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"

#define COLUMNS(list) (list), sizeof(list) / sizeof((list)[0])

static double runs(const struct page *page, const struct group_place *place)
{
    (void)page;
    return (double)place->cell->count;
}

/* Heading and table, where there is anything to say. */
static bool section(struct page *page, const char *id, const char *title, const char *caption,
                    enum sft_view view, const struct page_column *own, size_t count)
{
    if (!page_has_columns(page, view, own, count))
        return false;
    page_heading(page, id, title);
    page_columns(page, caption, view, own, count);
    return true;
}

/* Said only where it is not one node. */
static double base_nodes(const struct page *page, const struct group_place *place)
{
    (void)page;
    return place->series->base_nodes == 1 ? NAN : (double)place->series->base_nodes;
}

static double efficiency(const struct page *page, const struct group_place *place)
{
    (void)page;
    return place->cell->efficiency;
}

static double slowest(const struct page *page, const struct group_place *place)
{
    (void)page;
    return place->cell->count > 1 ? group_figure(place->cell, "tok_s").min : NAN;
}

static double fastest(const struct page *page, const struct group_place *place)
{
    (void)page;
    return place->cell->count > 1 ? group_figure(place->cell, "tok_s").max : NAN;
}

/* One run has no spread. */
static double range(const struct page *page, const struct group_place *place)
{
    (void)page;
    struct group_figure f = group_figure(place->cell, "tok_s");
    return f.count > 1 ? 100 * (f.max - f.min) / f.median : NAN;
}

void page_throughput(struct page *page)
{
    static const struct page_column columns[] = {
        {.place = 10, .title = N_("Runs"), .value = runs},
        {.place = 21, .title = N_("At the median step"), .key = "tok_s", .value = page_median_step},
        {.place = 22, .title = N_("Slowest"), .key = "tok_s", .value = slowest},
        {.place = 23, .title = N_("Fastest"), .key = "tok_s", .value = fastest},
        {.place = 24,
         .title = N_("Range"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 2,
         .value = range},
        {.place = 50,
         .title = N_("Scaling efficiency"),
         .unit = "%",
         .origin = SFT_DERIVED,
         .digits = 1,
         .value = efficiency},
        {.place = 60, .title = N_("Relative to nodes"), .value = base_nodes},
    };
    if (section(page, "throughput", _("Throughput and scaling"), _("Medians over the counted runs"),
                SFT_THROUGHPUT, COLUMNS(columns)))
        page_paragraph(
            page,
            _("Scaling efficiency: tokens a second of a rank over those of a rank at the smallest "
              "number of nodes that was measured. A rank does the same work at every number of "
              "nodes (weak scaling)."));
    page_unsteady(page);
    page_stragglers(page);
}

/* Bars are told apart by their labels: configurations of one model are counted, in the order of the
 * tables. */
static void bar_label(const struct page *page, const struct group_place *place, char *label,
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
    size_t count = page->shown_count, at = 0;
    struct chart chart = {
        .id = "utilization", .x_title = "", .y_title = "%", .bars = true, .labels = count};
    struct group_place place = {NULL, NULL};
    chart.label = calloc(count + 1, sizeof *chart.label);
    struct chart_line *line[2] = {chart_add(&chart, "MFU", count, false),
                                  chart_add(&chart, _("GPU utilization (NVML)"), count, false)};
    if (chart.label == NULL || line[0] == NULL || line[1] == NULL) {
        chart_clear(&chart);
        return sft_error_set(err, "no memory for a chart");
    }
    while (page_next_shown(page, &place)) {
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
    struct group_place place = {NULL, NULL};
    while (page_next_shown(page, &place))
        if (group_figure(place.cell, key).count > 0)
            return true;
    return false;
}

/* Labels of more bars than this are not read. */
enum { BARS_MOST = 8 };

int page_utilization(struct page *page, struct sft_error *err)
{
    if (!section(page, "utilization", _("MFU, GPU utilization and energy"),
                 _("Medians over the counted runs"), SFT_UTILIZATION, NULL, 0))
        return 0;
    page_paragraph(
        page, /* xgettext:no-c-format */
        _("They are not the same: GPU utilization is the share of time in which any kernel ran, "
          "however slow; MFU is the share of the device's peak that the training's own arithmetic "
          "reached. A GPU can be 100% utilized and do half of the work."));
    bool any = any_figure(page, "mfu") || any_figure(page, "gpu_util");
    return any && page->shown_count <= BARS_MOST ? utilization_chart(page, err) : 0;
}

/* Of b against a, percent. */
static double difference(const struct group_cell *cell, const char *a, const char *b)
{
    return 100 * (group_figure(cell, b).median / group_figure(cell, a).median - 1);
}

static double speed_difference(const struct page *page, const struct group_place *place)
{
    (void)page;
    return difference(place->cell, "tok_s_plan", "tok_s");
}

static double memory_difference(const struct page *page, const struct group_place *place)
{
    (void)page;
    return difference(place->cell, "mem_plan_gib", "mem_gib");
}

/* What was measured alone stands elsewhere. */
static bool is_predicted(const struct page *page)
{
    return any_figure(page, "tok_s_plan") || any_figure(page, "mem_plan_gib");
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
    if (is_predicted(page))
        section(page, "plan", _("Predicted and measured"),
                _("The plan made before each run beside what was measured"), SFT_PLAN,
                COLUMNS(columns));
}
