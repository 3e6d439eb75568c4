/* SPDX-License-Identifier: Apache-2.0 */
/* What training did to the model: losses on records that were held out, and on those that were
 * trained, of the newest run of each configuration that evaluated. Runs that did not say nothing
 * here: a benchmark's losses are of weights that were drawn at random. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>

enum { DIGITS = 4 };
#define LOSS_MOST 1e6 /* more is no loss of a token, and would hide the others */

/* The newest counted run of the cell that evaluated; NULL: none. */
static const struct row *evaluated(const struct group_cell *cell)
{
    for (size_t i = cell->count; i > 0; i--)
        if (sft_record_get(&cell->run[i - 1]->record, "eval_curve") != NULL)
            return cell->run[i - 1];
    return NULL;
}

static bool has_evaluated(const struct row *row)
{
    return sft_record_get(&row->record, "eval_curve") != NULL;
}

/* Of "STEP:LOSS,STEP:LOSS" the next pair, *list behind it; NaN: it is none. */
static double pair_next(const char **list, double *step)
{
    char *colon, *end = NULL;
    double loss = NAN;
    *step = strtod(*list, &colon);
    if (colon > *list && *colon == ':')
        loss = strtod(colon + 1, &end);
    bool pair = end != NULL && end > colon + 1 && (*end == ',' || *end == '\0');
    while (**list != '\0' && *(*list)++ != ',')
        continue;
    return pair && isfinite(*step) && fabs(loss) < LOSS_MOST ? loss : NAN;
}

/* A line of the pairs that are some. */
static bool curve_line(struct chart *chart, const char *name, const char *curve)
{
    size_t count = 0, at = 0;
    double step;
    for (const char *list = curve; *list != '\0';)
        count += isfinite(pair_next(&list, &step));
    if (count == 0)
        return true;
    struct chart_line *line = chart_add(chart, name, count, false);
    for (const char *list = curve; line != NULL && *list != '\0';) {
        double loss = pair_next(&list, &step);
        if (isnan(loss))
            continue;
        line->x[at] = step;
        line->y[at++] = loss;
    }
    return line != NULL;
}

static bool run_lines(struct chart *chart, const struct group_place *place, const struct row *row)
{
    char title[256], name[320];
    const char *trained = sft_record_get(&row->record, "loss_curve");
    group_title(place->series, title, sizeof title);
    snprintf(name, sizeof name, _("%s x%d, held out"), title, place->cell->nodes);
    if (!curve_line(chart, name, sft_record_get(&row->record, "eval_curve")))
        return false;
    snprintf(name, sizeof name, _("%s x%d, trained"), title, place->cell->nodes);
    return trained == NULL || curve_line(chart, name, trained);
}

static int loss_chart(struct page *page, struct sft_error *err)
{
    struct chart chart = {
        .id = "loss", .x_title = _("step"), .y_title = _("mean loss of a token"), .digits = DIGITS};
    struct group_place place = {NULL, NULL};
    bool good = true;
    while (good && chart.lines + 2 <= CHART_LINES && page_next_shown(page, &place)) {
        const struct row *row = evaluated(place.cell);
        good = row == NULL || run_lines(&chart, &place, row);
    }
    if (good && chart.lines == 0)
        return 0;
    if (good)
        return page_chart(page, &chart,
                          _("Loss by step: on the records that were held out, and means over parts "
                            "of the run on those that were trained"),
                          err);
    chart_clear(&chart);
    return sft_error_set(err, "no memory for a chart");
}

static void loss_table(struct page *page)
{
    static const struct {
        const char *title, *key;
        int digits;
    } columns[] = {
        {N_("Passes over the data"), "epochs", 2}, {N_("Before"), "eval_first", DIGITS},
        {N_("Lowest"), "eval_best", DIGITS},       {N_("After step"), "eval_best_step", 0},
        {N_("At the end"), "eval_loss", DIGITS},
    };
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    struct group_place place = {NULL, NULL};
    page_table(page, _("Loss on records that were held out, of the newest run that evaluated"));
    page_th_place(page);
    for (size_t i = 0; i < COLUMNS; i++)
        html_th(page->out, _(columns[i].title), columns[i].key);
    page_th_jobs(page);
    page_table_rows(page);
    while (page_next_shown(page, &place)) {
        const struct row *row = evaluated(place.cell);
        if (row == NULL)
            continue;
        page_td_place(page, &place);
        for (size_t i = 0; i < COLUMNS; i++)
            html_td_number(page->out, sft_record_get_real(&row->record, columns[i].key, NAN),
                           columns[i].digits);
        page_td_jobs(page, place.cell);
    }
    page_table_end(page);
}

int page_loss(struct page *page, struct sft_error *err)
{
    if (page_runs_that(page, has_evaluated) == 0)
        return 0;
    page_heading(page, "loss", _("Loss"));
    loss_table(page);
    return loss_chart(page, err);
}
