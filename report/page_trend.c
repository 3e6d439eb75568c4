/* SPDX-License-Identifier: Apache-2.0 */
/* Has a configuration become slower or faster? Where its runs span weeks: medians of parts of that
 * time, of a week or, of long spans, of several. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/stats.h"

enum { DAY = 86400, WEEK = 7 * DAY, PARTS = 26 /* at most */, SPAN = 14 * DAY };

struct trend {
    long long first; /* seconds since 1970: where the first part begins */
    long long part;  /* seconds */
    int parts;
};

static bool cell_span(const struct group_cell *cell, long long *first, long long *last)
{
    *first = *last = 0;
    for (size_t i = 0; i < cell->count; i++) {
        long long at = cell->run[i]->started;
        if (at <= 0)
            continue;
        *first = *first == 0 || at < *first ? at : *first;
        *last = at > *last ? at : *last;
    }
    return *last - *first >= SPAN;
}

/* All shown cells have the same parts; false: none spans weeks. */
static bool trend_make(struct trend *trend, const struct page *page)
{
    struct group_place place = {NULL, NULL};
    long long from = 0, to = 0, first, last;
    while (page_next_shown(page, &place))
        if (cell_span(place.cell, &first, &last)) {
            from = from == 0 || first < from ? first : from;
            to = last > to ? last : to;
        }
    if (from == 0)
        return false;
    long long weeks = (to - from) / WEEK + 1;
    trend->first = from;
    trend->part = (weeks + PARTS - 1) / PARTS * WEEK;
    trend->parts = (int)((to - from) / trend->part) + 1;
    return true;
}

/* Median tokens/s of the cell's runs of one part; NaN: none. */
static double part_median(const struct trend *trend, const struct group_cell *cell, int part)
{
    double *value = calloc(cell->count + 1, sizeof *value);
    size_t count = 0;
    for (size_t i = 0; value != NULL && i < cell->count; i++) {
        const struct row *row = cell->run[i];
        double tok_s = sft_record_get_real(&row->record, "tok_s", NAN);
        if (row->started >= trend->first && isfinite(tok_s) &&
            (row->started - trend->first) / trend->part == part)
            value[count++] = tok_s;
    }
    double median = sft_stats_median(value, count);
    free(value);
    return median;
}

/* A cell's way through the parts. */
struct way {
    int measured; /* parts with runs */
    double first, last, lowest;
    double median[PARTS]; /* NaN: no run */
};

static struct way way_of(const struct trend *trend, const struct group_cell *cell)
{
    struct way way = {.first = NAN, .last = NAN, .lowest = NAN};
    for (int part = 0; part < trend->parts; part++) {
        double median = way.median[part] = part_median(trend, cell, part);
        if (isnan(median))
            continue;
        way.first = way.measured++ == 0 ? median : way.first;
        way.last = median;
        way.lowest = fmin(way.lowest, median);
    }
    return way;
}

static void trend_table(struct page *page, const struct trend *trend)
{
    struct group_place place = {NULL, NULL};
    long long from, to;
    page_table(page, _("Median throughput of the first and of the last weeks with runs"));
    page_th_place(page);
    html_th_count(page->out, _("Parts with runs"));
    html_th(page->out, _("First"), "tok_s");
    html_th(page->out, _("Last"), "tok_s");
    html_th(page->out, _("Lowest"), "tok_s");
    html_th_unit(page->out, _("Change"), "%", SFT_DERIVED);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next_shown(page, &place)) {
        if (!cell_span(place.cell, &from, &to))
            continue;
        struct way way = way_of(trend, place.cell);
        page_td_place(page, &place);
        html_td_whole(page->out, way.measured);
        html_td_number(page->out, way.first, 0);
        html_td_number(page->out, way.last, 0);
        html_td_number(page->out, way.lowest, 0);
        html_td_number(page->out, 100 * (way.last / way.first - 1), 1);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

static void date_label(long long at, char *label, size_t size)
{
    time_t time = (time_t)at;
    struct tm tm;
    label[0] = '\0';
    if (localtime_r(&time, &tm) != NULL)
        strftime(label, size, "%m-%d", &tm);
}

/* Of its first part, percent, so that all stand on one axis. */
static bool trend_line(struct chart *chart, const struct trend *trend,
                       const struct group_place *place)
{
    char title[256], name[320];
    group_title(place->series, title, sizeof title);
    snprintf(name, sizeof name, "%s x%d", title, place->cell->nodes);
    struct chart_line *line = chart_add(chart, name, (size_t)trend->parts, false);
    struct way way = way_of(trend, place->cell);
    for (int part = 0; line != NULL && part < trend->parts; part++) {
        line->x[part] = part;
        line->y[part] = 100 * way.median[part] / way.first;
    }
    return line != NULL;
}

static int trend_chart(struct page *page, const struct trend *trend, struct sft_error *err)
{
    struct chart chart = {.id = "trend",
                          .x_title = _("weeks that begin on"),
                          .y_title = /* xgettext:no-c-format */ _("tokens/s, % of the first"),
                          .labels = (size_t)trend->parts};
    struct group_place place = {NULL, NULL};
    long long from, to;
    bool good = (chart.label = calloc(chart.labels, sizeof *chart.label)) != NULL;
    for (int part = 0; good && part < trend->parts; part++)
        date_label(trend->first + part * trend->part, chart.label[part], sizeof chart.label[part]);
    while (good && chart.lines < CHART_LINES && page_next_shown(page, &place))
        if (cell_span(place.cell, &from, &to))
            good = trend_line(&chart, trend, &place);
    if (good)
        return page_chart(page, &chart,
                          _("Throughput by date, against the first weeks: medians of the runs of a "
                            "configuration and number of nodes"),
                          err);
    chart_clear(&chart);
    return sft_error_set(err, "no memory for a chart");
}

int page_trend(struct page *page, struct sft_error *err)
{
    struct trend trend;
    if (!trend_make(&trend, page))
        return 0;
    page_heading(page, "trend", _("By date"));
    trend_table(page, &trend);
    return trend_chart(page, &trend, err);
}
