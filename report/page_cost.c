/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's own fine-tuning would take: --tokens and --price. */
#include "report/page_internal.h"

#include <math.h>
#include <string.h>

static double seconds_of(const struct page *page, const struct group_place *place)
{
    return page->options->tokens / group_figure(place->cell, "tok_s").median;
}

static double minutes(const struct page *page, const struct group_place *place)
{
    return seconds_of(page, place) / 60;
}

static double hours(const struct page *page, const struct group_place *place)
{
    return seconds_of(page, place) / 3600;
}

/* Of runs on GPUs. */
static double gpu_hours(const struct page *page, const struct group_place *place)
{
    return strcmp(place->series->backend, "cuda") == 0 ? hours(page, place) * place->cell->ranks
                                                       : NAN;
}

static double cost(const struct page *page, const struct group_place *place)
{
    return page->options->price * gpu_hours(page, place);
}

static double cost_of_million(const struct page *page, const struct group_place *place)
{
    if (strcmp(place->series->backend, "cuda") != 0)
        return NAN;
    return page->options->price * place->cell->ranks / 3600 /
           group_figure(place->cell, "tok_s").median * 1e6;
}

/* Behind the point of an amount: yen have none, and its hundredths say enough of a small one. */
static int amount_digits(const struct page *page, int digits)
{
    return strcmp(page->options->currency, "JPY") == 0 ? digits - 2 : digits;
}

/* One unit for the column: hours where the longest takes two. */
static bool is_short(const struct page *page)
{
    struct group_place place = {NULL, NULL};
    double longest = 0;
    while (page_next_shown(page, &place))
        longest = fmax(longest, hours(page, &place));
    return longest < 2;
}

static void put_price(struct page *page)
{
    char text[512], amount[64];
    double price = page->options->price;
    html_number_text(price, price == floor(price) ? amount_digits(page, 2) : 2, amount,
                     sizeof amount);
    snprintf(text, sizeof text, _("Cost: a GPU costs %s %s an hour, as given with --price."),
             amount, lang_currency(page->options->currency));
    page_paragraph(page, text);
}

static void put_heading(struct page *page)
{
    char text[512], amount[64];
    page_heading(page, "cost", _("Time and cost of your fine-tuning"));
    if (page->options->tokens > 0) {
        html_number_text(page->options->tokens, 0, amount, sizeof amount);
        snprintf(text, sizeof text,
                 _("Of %s tokens over all epochs, as given with --tokens, at the measured "
                   "throughput; loading and checkpoints are not in it."),
                 amount);
        page_paragraph(page, text);
    }
    if (page->options->price > 0)
        put_price(page);
}

void page_cost(struct page *page)
{
    double tokens = page->options->tokens, price = page->options->price;
    bool brief = is_short(page);
    char unit[80];
    struct page_column column[4];
    size_t count = 0;
    snprintf(unit, sizeof unit, _("%s for a million tokens"),
             lang_currency(page->options->currency));
    const struct page_column time = {.title = N_("Time"),
                                     .unit = brief ? "min" : "h",
                                     .origin = SFT_DERIVED,
                                     .digits = 1,
                                     .value = brief ? minutes : hours};
    const struct page_column used = {.title = N_("GPU time"),
                                     .unit = N_("GPU-hours"),
                                     .origin = SFT_DERIVED,
                                     .digits = 1,
                                     .value = gpu_hours};
    const struct page_column paid = {.title = N_("Cost"),
                                     .unit = lang_currency(page->options->currency),
                                     .origin = SFT_DERIVED,
                                     .digits = amount_digits(page, 2),
                                     .value = cost};
    const struct page_column each = {.title = N_("Cost"),
                                     .unit = unit,
                                     .origin = SFT_DERIVED,
                                     .digits = amount_digits(page, 4),
                                     .value = cost_of_million};
    if (tokens > 0) {
        column[count++] = time;
        column[count++] = used;
        if (price > 0)
            column[count++] = paid;
    }
    if (price > 0)
        column[count++] = each;
    if (count == 0 || !page_has_columns(page, SFT_VIEWS, column, count))
        return;
    put_heading(page);
    page_columns(page, _("At the median throughput of the counted runs"), SFT_VIEWS, column, count);
    page_left_out(page);
}
