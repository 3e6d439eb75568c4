/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many configurations a page shows. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double page_rate(const struct group_cell *cell)
{
    return cell->count > 0 && cell->ranks > 0 ? group_figure(cell, "tok_s").median / cell->ranks
                                              : NAN;
}

static double fastest(const struct group_series *series)
{
    double most = 0;
    for (size_t k = 0; k < series->count; k++)
        most = fmax(most, page_rate(&series->cell[k]));
    return most;
}

static size_t counted_cells(const struct group_series *series)
{
    size_t count = 0;
    for (size_t k = 0; k < series->count; k++)
        count += series->cell[k].count > 0;
    return count;
}

const struct group_cell *page_largest(const struct group_series *series)
{
    const struct group_cell *largest = NULL;
    for (size_t k = 0; k < series->count; k++)
        if (series->cell[k].count > 0)
            largest = &series->cell[k];
    return largest;
}

size_t page_model_end(const struct groups *groups, size_t first)
{
    size_t end = first + 1;
    while (end < groups->count &&
           strcmp(groups->series[end].model, groups->series[first].model) == 0)
        end++;
    return end;
}

const struct group_series *page_leader(const struct page *page, size_t first, size_t *next)
{
    const struct group_series *best = NULL;
    *next = page_model_end(page->groups, first);
    for (size_t i = first; i < *next; i++) {
        const struct group_series *series = &page->groups->series[i];
        size_t cells = counted_cells(series), most = best != NULL ? counted_cells(best) : 0;
        if (cells > most || (cells > 0 && cells == most && fastest(series) > fastest(best)))
            best = series;
    }
    return best;
}

static bool is_shown(const struct page *page, const struct group_cell *cell)
{
    for (size_t i = 0; i < page->shown_count; i++)
        if (page->shown[i] == cell)
            return true;
    return false;
}

bool page_next_shown(const struct page *page, struct group_place *place)
{
    while (group_next(page->groups, place))
        if (is_shown(page, place->cell))
            return true;
    return false;
}

/* The fastest series of the model of which nothing is shown yet. */
static const struct group_series *next_fastest(const struct page *page, size_t first, size_t end)
{
    const struct group_series *best = NULL;
    for (size_t i = first; i < end; i++) {
        const struct group_series *series = &page->groups->series[i];
        const struct group_cell *largest = page_largest(series);
        if (largest != NULL && !is_shown(page, largest) &&
            (best == NULL || fastest(series) > fastest(best)))
            best = series;
    }
    return best;
}

/* From the largest number of nodes down, so that a series is known by its last cell. */
static void show_model(struct page *page, size_t first, size_t end, size_t room)
{
    const struct group_series *series;
    while (room > 0 && (series = next_fastest(page, first, end)) != NULL)
        for (size_t k = series->count; k > 0 && room > 0; k--)
            if (series->cell[k - 1].count > 0) {
                page->shown[page->shown_count++] = &series->cell[k - 1];
                room--;
            }
}

int page_choose(struct page *page, struct sft_error *err)
{
    const struct groups *groups = page->groups;
    struct group_place place = {NULL, NULL};
    size_t models = 0;
    for (page->cells = 0; group_next(page->groups, &place);)
        page->cells++;
    for (size_t i = 0; i < groups->count; i = page_model_end(groups, i))
        models++;
    page->shown_count = 0;
    page->shown = calloc(page->cells + 1, sizeof(struct group_cell *));
    if (page->shown == NULL)
        return sft_error_set(err, "no memory for a page");
    size_t each = page->cells <= PAGE_LINES ? page->cells
                  : models < PAGE_LINES     ? PAGE_LINES / models
                                            : 1;
    size_t most = page->cells <= PAGE_LINES ? page->cells : PAGE_LINES;
    for (size_t i = 0; i < groups->count; i = page_model_end(groups, i)) {
        size_t left = most - page->shown_count;
        show_model(page, i, page_model_end(groups, i), each < left ? each : left);
    }
    return 0;
}
