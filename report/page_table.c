/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of the page; most have a line for each configuration and number of nodes. */
#include "report/page_internal.h"

#include <math.h>
#include <string.h>

#include "report/jobs.h"

#define PAGE_COLUMNS (SFT_VIEW_MAX + 16)

void page_table(struct page *page, const char *caption)
{
    fprintf(page->out, "<div class=\"table\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_attribute(page->out, caption);
    fprintf(page->out, "\"><table><caption>");
    html_text(page->out, caption);
    fprintf(page->out, "</caption>\n<thead><tr>");
}

void page_table_rows(struct page *page)
{
    fprintf(page->out, "</tr></thead>\n<tbody>\n");
}

void page_table_end(struct page *page)
{
    fprintf(page->out, "</tbody></table></div>\n");
}

void page_th_place(struct page *page)
{
    html_th(page->out, _("Configuration"), NULL);
    html_th(page->out, _("Nodes"), "nodes");
    html_th(page->out, _("GPUs or ranks"), "ranks");
}

void page_td_place(struct page *page, const struct group_place *place)
{
    char title[256];
    group_title(place->series, title, sizeof title);
    fprintf(page->out, "<tr>");
    html_th_row(page->out, title);
    html_td_whole(page->out, place->cell->nodes);
    html_td_whole(page->out, place->cell->ranks);
}

void page_th_jobs(struct page *page)
{
    html_th(page->out, _("Marks"), NULL);
    html_th(page->out, _("Jobs"), NULL);
}

static void td_marks(struct page *page, const struct group_cell *cell)
{
    char letters[16];
    group_letters(cell->marks, letters);
    html_td_text(page->out, letters);
}

void page_td_jobs(struct page *page, const struct group_cell *cell)
{
    char jobs[256];
    jobs_text(cell->run, cell->count, JOBS_MOST, jobs, sizeof jobs);
    td_marks(page, cell);
    html_td_text(page->out, jobs);
    fprintf(page->out, "</tr>\n");
}

static void put_heading(struct page *page, const struct page_column *column)
{
    const char *title = _(column->title);
    if (column->key != NULL)
        html_th(page->out, title, column->key);
    else if (column->unit != NULL)
        html_th_unit(page->out, title, _(column->unit), column->origin);
    else
        html_th_count(page->out, title);
}

static double value_of(const struct page *page, const struct group_place *place,
                       const struct page_column *column)
{
    return column->value != NULL ? column->value(page, place)
                                 : group_figure(place->cell, column->key).median;
}

static bool is_filled(const struct page *page, const struct page_column *column)
{
    struct group_place place = {NULL, NULL};
    while (page_next_shown(page, &place))
        if (isfinite(value_of(page, &place, column)))
            return true;
    return false;
}

static void put_value(struct page *page, const struct group_place *place,
                      const struct page_column *column)
{
    bool on_cpu = strcmp(place->series->backend, "cpu") == 0;
    double value = value_of(page, place, column);
    html_td_number(page->out, value,
                   on_cpu && column->digits_cpu > 0 ? column->digits_cpu : column->digits);
}

static struct page_column column_of(const struct sft_figure *figure, enum sft_view view)
{
    const struct sft_show *show = &figure->show[view];
    return (struct page_column){.place = show->place,
                                .title = show->title,
                                .key = figure->name,
                                .digits = show->digits,
                                .digits_cpu = show->digits_cpu};
}

/* Our own columns and the view's figures, by their places, those that are filled; returns how
 * many. */
static size_t columns_make(const struct page *page, struct page_column *column, enum sft_view view,
                           const struct page_column *own, size_t count)
{
    const struct sft_figure *shown[SFT_VIEW_MAX];
    size_t figures = view == SFT_VIEWS ? 0 : sft_figures_shown(view, shown), made = 0;
    for (size_t f = 0, i = 0; f < figures || i < count;) {
        column[made] = f == figures || (i < count && own[i].place < shown[f]->show[view].place)
                           ? own[i++]
                           : column_of(shown[f++], view);
        made += is_filled(page, &column[made]);
    }
    return made;
}

static bool is_figure(const struct page_column *column)
{
    return column->key != NULL || column->unit != NULL;
}

bool page_has_columns(const struct page *page, enum sft_view view, const struct page_column *own,
                      size_t count)
{
    struct page_column column[PAGE_COLUMNS];
    count = columns_make(page, column, view, own, count);
    for (size_t c = 0; c < count; c++)
        if (is_figure(&column[c]))
            return true;
    return false;
}

void page_columns(struct page *page, const char *caption, enum sft_view view,
                  const struct page_column *own, size_t count)
{
    struct page_column column[PAGE_COLUMNS];
    struct group_place place = {NULL, NULL};
    count = columns_make(page, column, view, own, count);
    page_table(page, caption);
    page_th_place(page);
    for (size_t c = 0; c < count; c++)
        put_heading(page, &column[c]);
    html_th(page->out, _("Marks"), NULL);
    page_table_rows(page);
    while (page_next_shown(page, &place)) {
        page_td_place(page, &place);
        for (size_t c = 0; c < count; c++)
            put_value(page, &place, &column[c]);
        td_marks(page, place.cell);
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
}
