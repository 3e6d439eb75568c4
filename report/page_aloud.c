/* SPDX-License-Identifier: Apache-2.0 */
/* A chart in words. */
#include "report/page_internal.h"

#include <math.h>

#define POINTS_MOST 32 /* of more the ends and the extremes are told */

static bool is_there(const struct chart_line *line, size_t k)
{
    return isfinite(line->x[k]) && isfinite(line->y[k]);
}

static void put_point(struct page *page, const struct chart *chart, const struct chart_line *line,
                      size_t k)
{
    size_t at = (size_t)fmax(line->x[k], 0);
    if (at < chart->labels)
        html_text(page->out, chart->label[at]);
    else
        fprintf(page->out, "%.9g", line->x[k]);
    fprintf(page->out, ": ");
    int digits = chart->digits > 0 ? chart->digits : fabs(line->y[k]) < 1000;
    html_number(page->out, line->y[k], digits);
}

/* Of a chart of a thousand ranks: how many there are, the least and the most. */
static void put_extremes(struct page *page, const struct chart *chart,
                         const struct chart_line *line, size_t there)
{
    size_t least = line->count, most = line->count;
    for (size_t k = 0; k < line->count; k++) {
        if (!is_there(line, k))
            continue;
        least = least == line->count || line->y[k] < line->y[least] ? k : least;
        most = most == line->count || line->y[k] > line->y[most] ? k : most;
    }
    fprintf(page->out, _("%zu points, the lowest and the highest:"), there);
    fprintf(page->out, " ");
    put_point(page, chart, line, least);
    fprintf(page->out, "%s", _(", "));
    put_point(page, chart, line, most);
}

static void put_line(struct page *page, const struct chart *chart, const struct chart_line *line)
{
    size_t there = 0, told = 0;
    for (size_t k = 0; k < line->count; k++)
        there += is_there(line, k);
    if (there == 0)
        return;
    fprintf(page->out, "<li>");
    html_text(page->out, line->name);
    fprintf(page->out, " &ndash; ");
    if (there > POINTS_MOST)
        put_extremes(page, chart, line, there);
    for (size_t k = 0; there <= POINTS_MOST && k < line->count; k++)
        if (is_there(line, k)) {
            fprintf(page->out, "%s", told++ > 0 ? _(", ") : "");
            put_point(page, chart, line, k);
        }
    fprintf(page->out, "</li>\n");
}

void page_chart_aloud(struct page *page, const struct chart *chart)
{
    fprintf(page->out, "<ul class=\"aloud\">\n");
    fprintf(page->out, "<li>%s: ", _("The chart's figures"));
    html_text(page->out, chart->x_title);
    fprintf(page->out, "%s", *chart->x_title != '\0' ? _(", ") : "");
    html_text(page->out, chart->y_title);
    fprintf(page->out, "</li>\n");
    for (size_t i = 0; i < chart->lines; i++)
        put_line(page, chart, &chart->line[i]);
    fprintf(page->out, "</ul>\n");
}
