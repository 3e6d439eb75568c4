/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "report/page.h"
#include "report/page_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/jobs.h"

static const char style[] =
    ":root{--ink:#1a1a1a;--soft:#555;--line:#c8c8c8;--band:#f4f6f8;--good:#00674f;--bad:#a33c00}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1180px;padding:24px;color:var(--ink);background:#fff;"
    "font:15px/1.5 'Noto Sans','Noto Sans CJK JP','Hiragino Sans','Yu Gothic',Meiryo,'DejaVu "
    "Sans',sans-serif}"
    "h1{font-size:28px;line-height:1.25;margin:0 0 4px}h2{font-size:20px;margin:36px 0 8px;"
    "border-bottom:2px solid var(--ink);padding-bottom:2px}"
    "p,ul{margin:8px 0;max-width:90ch}li{margin:4px 0}"
    "table{border-collapse:collapse;width:100%;margin:12px 0;font-size:13.5px}"
    "caption{text-align:left;font-weight:600;margin-bottom:4px}"
    "th,td{border-bottom:1px solid var(--line);padding:4px 8px;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "th{background:var(--band);font-weight:600;vertical-align:bottom;overflow-wrap:normal}th "
    "small{font-weight:400;color:var(--soft)}"
    "td.n,th.n{text-align:right}td.n{white-space:nowrap;font-variant-numeric:tabular-nums}"
    "th,td:first-child{min-width:3.2em}tbody "
    "td:first-child{min-width:8.5em}td.n:first-child{min-width:3em}"
    "td:last-child{min-width:5.5em}"
    ".result{font-size:19px;line-height:1.45;font-weight:600;max-width:none;margin:14px 0}"
    ".box{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:6px 24px;"
    "margin:16px 0;padding:12px 16px;border:1px solid var(--line);background:var(--band)}"
    ".box div{min-width:0}.box dt{font-size:12.5px;color:var(--soft)}.box "
    "dd{margin:0;overflow-wrap:anywhere}"
    "td.n small{display:block;color:var(--soft)}"
    ".jobs{columns:2;column-gap:28px;max-width:none;font-size:12px;padding-left:18px}"
    "sup{font-size:10px;color:var(--soft);margin-left:1px}"
    ".met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}.none{color:"
    "var(--soft)}"
    ".soft{color:var(--soft)}code{font:12.5px/1.4 'DejaVu Sans "
    "Mono',Consolas,monospace;overflow-wrap:anywhere}"
    "figure{margin:12px 0;break-inside:avoid}figure svg{width:100%;height:auto;display:block}"
    "figcaption{font-size:13px;color:var(--soft)}.missing{border:1px dashed "
    "var(--line);padding:12px}"
    "@page{size:A4;margin:14mm 12mm}"
    "@media "
    "print{body{max-width:none;padding:0;font-size:9.5pt;line-height:1.35}"
    "h1{font-size:18pt}h2{font-size:12.5pt;margin:13pt 0 4pt;break-after:avoid}"
    "table{font-size:7.5pt;margin:5pt 0 8pt}th,td{padding:1.5px 3px}tr{break-inside:avoid}"
    "thead{display:table-header-group}caption,thead{break-after:avoid}"
    "tbody tr:first-child{break-before:avoid}figure{margin:5pt 0}figure "
    "svg{max-height:60mm}figcaption{font-size:8pt}"
    "code{font-size:7pt}p,ul{max-width:none;margin:3pt 0}.result{font-size:12pt}"
    ".box{margin:6pt 0;padding:5pt 8pt;gap:2pt 14pt;grid-template-columns:repeat(4,1fr)}"
    ".jobs{font-size:7pt}}";

bool page_next(const struct page *page, struct page_place *place)
{
    size_t i = 0, k = 0;
    if (place->series != NULL) {
        i = (size_t)(place->series - page->groups->series);
        k = (size_t)(place->cell - place->series->cell) + 1;
    }
    for (; i < page->groups->count; i++, k = 0)
        for (; k < page->groups->series[i].count; k++)
            if (page->groups->series[i].cell[k].count > 0) {
                place->series = &page->groups->series[i];
                place->cell = &place->series->cell[k];
                return true;
            }
    return false;
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
    fprintf(page->out, "<figure id=\"chart-%s\" role=\"img\" aria-label=\"", chart->id);
    html_text(page->out, caption);
    fprintf(page->out, "\">\n%s\n<figcaption>", svg);
    html_text(page->out, caption);
    fprintf(page->out, "</figcaption></figure>\n");
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
    for (size_t i = 0; i < page->rows->count && count < 3; i++) {
        const char *name = page->rows->row[i]->cluster;
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

static const char *title_of(const struct options *options)
{
    return options->title != NULL ? options->title : _("Fine-tuning performance report");
}

static void page_title(struct page *page)
{
    long long first = 0, last = 0;
    char from[64], to[64], now[64];
    for (size_t i = 0; i < page->rows->count; i++) {
        const struct row *row = page->rows->row[i];
        first = first == 0 || (row->started > 0 && row->started < first) ? row->started : first;
        last = row->ended > last ? row->ended : last;
    }
    page_date(first, from, sizeof from);
    page_date(last, to, sizeof to);
    page_date(time(NULL), now, sizeof now);
    fprintf(page->out, "<header><h1>");
    html_text(page->out, title_of(page->options));
    fprintf(page->out, "</h1>\n<p class=\"soft\">");
    if (page->options->site != NULL) {
        html_text(page->out, page->options->site);
        fprintf(page->out, " &middot; ");
    } else {
        put_clusters(page);
    }
    if (page->options->filter.sweep != NULL) {
        html_text(page->out, page->options->filter.sweep);
        fprintf(page->out, " &middot; ");
    }
    fprintf(page->out, "%s &ndash; %s &middot; ", from, to);
    fprintf(page->out, _("%zu runs, %zu of them counted"), page->groups->runs,
            page->groups->counted);
    fprintf(page->out, " &middot; ");
    html_text(page->out, _("made by sft-report"));
    fprintf(page->out, " " PACKAGE_VERSION ", %s</p></header>\n", now);
}

static void page_legend(struct page *page)
{
    fprintf(
        page->out,
        "<p class=\"soft\"><sup>m</sup> %s &nbsp; <sup>d</sup> %s &nbsp; <sup>e</sup> %s &nbsp; "
        "<sup>c</sup> %s &nbsp; <sup>s</sup> %s</p>\n",
        _("measured"), _("derived from measured figures"), _("estimated by a model"),
        _("configured"), _("said by Slurm"));
}

/* What the appendix leaves out it says. */
static void page_appendix(struct page *page)
{
    page_heading(page, "appendix", _("Appendix"));
    page_legend(page);
    if (page->shown_count < page->cells) {
        fprintf(page->out, "<p>");
        fprintf(page->out,
                _("The tables have %zu of %zu configurations, of each model the fastest. All of "
                  "them: sft-report --groups."),
                page->shown_count, page->cells);
        fprintf(page->out, "</p>\n");
    }
}

static int page_sections(struct page *page, struct sft_error *err)
{
    if (page_summary(page, err) < 0)
        return -1;
    page_cost(page);
    page_goals(page);
    if (page_trend(page, err) < 0)
        return -1;
    page_method(page);
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

int page_write(const struct groups *groups, const struct rows *rows, const struct options *options,
               FILE *out, struct sft_error *err)
{
    struct page page = {.out = out, .groups = groups, .rows = rows, .options = options};
    const struct sft_goals *goals = options->goals.count > 0 ? &options->goals : NULL;
    page.gnuplot = chart_possible();
    if (lang_set(options->japanese, err) < 0 ||
        goal_checks_make(&page.goals, goals, groups, err) < 0)
        return -1;
    if (page_choose(&page, err) < 0) {
        goal_checks_clear(&page.goals);
        return -1;
    }
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
            options->japanese ? "ja" : "en");
    html_text(out, title_of(options));
    fprintf(out, "</title>\n<style>%s</style></head>\n<body>\n", style);
    page_title(&page);
    int rc = page_sections(&page, err);
    goal_checks_clear(&page.goals);
    free(page.shown);
    if (rc == 0)
        fprintf(out, "</body></html>\n");
    return rc;
}
