/* SPDX-License-Identifier: Apache-2.0 */
/* Two sets of runs side by side: what they are. */
#include "report/page_compare.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"
#include "report/jobs.h"

/* What it ran on. */
static void set_place(const struct groups *groups, char *text, size_t size)
{
    const char *device = "", *cluster = "";
    bool more = false;
    struct group_place place = {NULL, NULL};
    while (group_next(groups, &place)) {
        more |= *device != '\0' && strcmp(device, place.series->device) != 0;
        device = *device == '\0' ? place.series->device : device;
        cluster = *cluster == '\0' ? place.cell->run[0]->cluster : cluster;
    }
    snprintf(text, size, "%.80s%s%s%.60s", *device != '\0' ? device : "?", more ? " ..." : "",
             *cluster != '\0' ? ", " : "", cluster);
    text_make_utf8(text, strlen(text));
}

void page_compare_names(const struct compare *compare, const struct options *options,
                        char a[COMPARE_NAME], char b[COMPARE_NAME])
{
    char on_a[160], on_b[160];
    set_place(compare->a, on_a, sizeof on_a);
    set_place(compare->b, on_b, sizeof on_b);
    bool same = strcmp(on_a, on_b) == 0;
    snprintf(a, COMPARE_NAME, "A: %.160s", same ? options->compare[0] : on_a);
    snprintf(b, COMPARE_NAME, "B: %.160s", same ? options->compare[1] : on_b);
    text_make_utf8(a, strlen(a));
    text_make_utf8(b, strlen(b));
}

/* "A: NVIDIA H100, cluster-1 . sweep:monday . first - last . 12 runs, 10 of them counted" */
static void put_set(struct page *page, const struct groups *groups, const char *set, char letter)
{
    char on[160], from[PAGE_DATE], to[PAGE_DATE];
    set_place(groups, on, sizeof on);
    page_span(groups->rows, from, to);
    fprintf(page->out, "<p class=\"soft\"><b>%c: ", letter);
    html_text(page->out, on);
    fprintf(page->out, "</b> &middot; ");
    html_text(page->out, set);
    fprintf(page->out, " &middot; %s &ndash; %s &middot; ", from, to);
    fprintf(page->out, _("%zu runs, %zu of them counted"), groups->runs, groups->counted);
    fprintf(page->out, "</p>\n");
}

void page_compare_begin(struct page *page, const struct compare *compare)
{
    const struct options *options = page->options;
    page_header(page, _("Fine-tuning performance, two sets compared"));
    page_made_by(page);
    fprintf(page->out, "</p>\n");
    put_set(page, compare->a, options->compare[0], 'A');
    put_set(page, compare->b, options->compare[1], 'B');
    fprintf(page->out, "</header>\n");
}

static void put_alone(struct page *page, const struct compare *compare, const struct groups *groups)
{
    struct group_place place = {NULL, NULL};
    while (compare_next_alone(compare, groups, &place)) {
        char title[256];
        group_title(place.series, title, sizeof title);
        fprintf(page->out, "<li>");
        fprintf(page->out, _("only in %c:"), groups == compare->a ? 'A' : 'B');
        fprintf(page->out, " ");
        html_text(page->out, title);
        fprintf(page->out, "%s", _(", "));
        fprintf(page->out, _("nodes: %d, ranks: %d"), place.cell->nodes, place.cell->ranks);
        fprintf(page->out, "</li>\n");
    }
}

void page_compare_alone(struct page *page, const struct compare *compare)
{
    fprintf(page->out, "<ul>\n");
    put_alone(page, compare, compare->a);
    put_alone(page, compare, compare->b);
    fprintf(page->out, "</ul>\n");
    page_aside_table(page, compare->a, _("Runs of A that stand aside: they are in no figure"));
    page_aside_table(page, compare->b, _("Runs of B that stand aside: they are in no figure"));
}

static void put_jobs(struct page *page, const struct group_cell *cell, char letter)
{
    size_t size = cell->count * 24 + 128;
    char *jobs = malloc(size);
    if (jobs == NULL)
        return;
    jobs_text(cell->run, cell->count, cell->count, jobs, size);
    fprintf(page->out, "; %c: ", letter);
    html_text(page->out, jobs);
    free(jobs);
}

void page_compare_jobs(struct page *page, const struct compare *compare)
{
    if (compare->count == 0)
        return;
    page_heading(page, "jobs", _("Jobs"));
    fprintf(page->out, "<ul class=\"jobs\">\n");
    for (size_t i = 0; i < compare->count; i++) {
        const struct compare_pair *pair = &compare->pair[i];
        char title[512];
        compare_title(pair, title, sizeof title);
        fprintf(page->out, "<li><b>");
        html_text(page->out, title);
        fprintf(page->out, "</b>, ");
        fprintf(page->out, _("nodes: %d"), pair->a->nodes);
        put_jobs(page, pair->a, 'A');
        put_jobs(page, pair->b, 'B');
        fprintf(page->out, "</li>\n");
    }
    fprintf(page->out, "</ul>\n");
}
