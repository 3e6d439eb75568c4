/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "report/page.h"
#include "report/page_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/jobs.h"

size_t page_runs_that(const struct page *page, bool (*are)(const struct row *row))
{
    struct group_place place = {NULL, NULL};
    size_t count = 0;
    while (group_next(page->groups, &place))
        for (size_t i = 0; i < place.cell->count; i++)
            count += are(place.cell->run[i]);
    return count;
}

void page_heading(struct page *page, const char *id, const char *title)
{
    fprintf(page->out, "<h2 id=\"%s\">", id);
    html_text(page->out, title);
    fprintf(page->out, "</h2>\n");
}

void page_paragraph(struct page *page, const char *text)
{
    fprintf(page->out, "<p>");
    html_text(page->out, text);
    fprintf(page->out, "</p>\n");
}

void page_say(struct page *page, const char *format, ...)
{
    va_list arguments;
    fprintf(page->out, "<p>");
    va_start(arguments, format);
    vfprintf(page->out, format, arguments);
    va_end(arguments);
    fprintf(page->out, "</p>\n");
}

void page_put_jobs(struct page *page, const struct group_cell *cell)
{
    char jobs[256], letters[16];
    jobs_text(cell->run, cell->count, JOBS_MOST, jobs, sizeof jobs);
    group_letters(cell->marks, letters);
    fprintf(page->out, " <span class=\"soft\">(");
    html_text(page->out, _("jobs"));
    fprintf(page->out, " ");
    html_text(page->out, jobs);
    if (letters[0] != '\0')
        fprintf(page->out, ", %s %s", _("marks"), letters);
    fprintf(page->out, ")</span>");
}

void page_put_texts(struct page *page, unsigned bits, const char *(*text)(unsigned bit),
                    const char *before)
{
    for (unsigned bit = 1; bit != 0 && bit <= bits; bit <<= 1)
        if (bits & bit) {
            fprintf(page->out, "%s", before);
            html_text(page->out, _(text(bit)));
            before = "; ";
        }
}

/* The page is worth having without charts, too. */
static void chart_missing(struct page *page)
{
    fprintf(page->out, "<p class=\"missing\">");
    html_text(page->out, _("No chart here: gnuplot is not installed where this report was made."));
    fprintf(page->out, "</p>\n");
    if (!page->said)
        fprintf(stderr, "sft-report: note: gnuplot is not installed: the page has no charts "
                        "(Debian: gnuplot-nox)\n");
    page->said = true;
}

static int chart_draw(struct page *page, const struct chart *chart, const char *caption,
                      struct sft_error *err)
{
    char *svg;
    if (chart_svg(chart, &svg, err) < 0)
        return -1;
    fprintf(page->out, "<figure id=\"chart-%s\"><div class=\"chart\" role=\"img\" aria-label=\"",
            chart->id);
    html_attribute(page->out, caption);
    fprintf(page->out, "\">\n%s\n</div><figcaption>", svg);
    html_text(page->out, caption);
    fprintf(page->out, "</figcaption>");
    page_chart_aloud(page, chart);
    fprintf(page->out, "</figure>\n");
    int rc =
        page->options->charts == NULL ? 0 : chart_files(chart, svg, page->options->charts, err);
    free(svg);
    return rc;
}

int page_chart(struct page *page, struct chart *chart, const char *caption, struct sft_error *err)
{
    int rc = 0;
    if (!page->gnuplot)
        chart_missing(page);
    else
        rc = chart_draw(page, chart, caption, err);
    chart_clear(chart);
    return rc;
}

void page_date(long long at, char *text, size_t size)
{
    time_t time = (time_t)at;
    struct tm tm;
    text[0] = '\0';
    if (at > 0 && localtime_r(&time, &tm) != NULL)
        strftime(text, size, "%Y-%m-%d %H:%M %z", &tm);
}

/* The clusters that the runs are from, the first three of them. */
static void put_clusters(struct page *page)
{
    const char *known[3];
    size_t count = 0;
    for (size_t i = 0; i < page->groups->rows->count && count < 3; i++) {
        const char *name = page->groups->rows->row[i]->cluster;
        size_t k = 0;
        while (k < count && strcmp(known[k], name) != 0)
            k++;
        if (k < count || *name == '\0')
            continue;
        known[count++] = name;
        fputs(count > 1 ? ", " : "", page->out);
        html_text(page->out, name);
    }
    if (count > 0)
        fprintf(page->out, " &middot; ");
}

void page_span(const struct rows *rows, char from[PAGE_DATE], char to[PAGE_DATE])
{
    long long first = 0, last = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = rows->row[i];
        first = first == 0 || (row->started > 0 && row->started < first) ? row->started : first;
        last = row->ended > last ? row->ended : last;
    }
    page_date(first, from, PAGE_DATE);
    page_date(last, to, PAGE_DATE);
}

void page_made_by(struct page *page)
{
    char now[PAGE_DATE];
    page_date(time(NULL), now, sizeof now);
    html_text(page->out, _("made by sft-report"));
    fprintf(page->out, " " PACKAGE_VERSION ", %s", now);
}

void page_header(struct page *page, const char *standard)
{
    const struct options *options = page->options;
    const char *title = options->title != NULL ? options->title : standard;
    page_begin(page->out, title, options->japanese);
    fprintf(page->out, "<header><h1>");
    html_text(page->out, title);
    fprintf(page->out, "</h1>\n<p class=\"soft\">");
    if (options->site != NULL) {
        html_text(page->out, options->site);
        fprintf(page->out, " &middot; ");
    }
}

static void page_title(struct page *page)
{
    char from[PAGE_DATE], to[PAGE_DATE];
    page_span(page->groups->rows, from, to);
    page_header(page, _("Fine-tuning performance report"));
    if (page->options->site == NULL)
        put_clusters(page);
    if (page->options->filter.sweep != NULL) {
        html_text(page->out, page->options->filter.sweep);
        fprintf(page->out, " &middot; ");
    }
    fprintf(page->out, "%s &ndash; %s &middot; ", from, to);
    fprintf(page->out, _("%zu runs, %zu of them counted"), page->groups->runs,
            page->groups->counted);
    fprintf(page->out, " &middot; ");
    page_made_by(page);
    fprintf(page->out, "</p></header>\n");
}

void page_legend(struct page *page)
{
    fprintf(
        page->out,
        "<p class=\"soft\"><sup>m</sup> %s &nbsp; <sup>d</sup> %s &nbsp; <sup>e</sup> %s &nbsp; "
        "<sup>c</sup> %s &nbsp; <sup>s</sup> %s</p>\n",
        _("measured"), _("derived from measured figures"), _("estimated by a model"),
        _("configured"), _("said by Slurm"));
}

void page_left_out(struct page *page)
{
    if (page->shown_count == page->cells)
        return;
    page_say(page,
             _("The tables have %zu of %zu configurations, of each model the fastest. All of "
               "them: sft-report --groups."),
             page->shown_count, page->cells);
}

static void page_appendix(struct page *page)
{
    page_heading(page, "appendix", _("Appendix"));
    page_legend(page);
    page_left_out(page);
}

static int page_sections(struct page *page, struct sft_error *err)
{
    if (page_summary(page, err) < 0)
        return -1;
    page_cost(page);
    page_goals(page);
    if (page_trend(page, err) < 0 || page_loss(page, err) < 0)
        return -1;
    page_method(page);
    page_nodes(page);
    page_appendix(page);
    page_throughput(page);
    if (page_utilization(page, err) < 0)
        return -1;
    page_plan(page);
    if (page_ranks(page, err) < 0)
        return -1;
    page_system(page);
    page_aside(page);
    page_definitions(page);
    page_commands(page);
    page_jobs(page);
    return 0;
}

int page_write(const struct groups *groups, const struct rows *verifies,
               const struct options *options, FILE *out, struct sft_error *err)
{
    struct page page = {.out = out, .groups = groups, .verifies = verifies, .options = options};
    const struct sft_goals *goals = options->goals.count > 0 ? &options->goals : NULL;
    page.gnuplot = chart_possible();
    if (lang_set(options->japanese, err) < 0 ||
        goal_checks_make(&page.goals, goals, groups, err) < 0)
        return -1;
    lang_zone(options->japanese);
    int rc = page_choose(&page, err);
    if (rc == 0) {
        page_title(&page);
        rc = page_sections(&page, err);
    }
    goal_checks_clear(&page.goals);
    free(page.shown);
    if (rc == 0)
        page_end(out);
    return rc;
}
