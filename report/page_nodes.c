/* SPDX-License-Identifier: Apache-2.0 */
/* Of a suite (sft-sweep): what verify said of the nodes before the runs, which of them no run was
 * on, and what each node reached alone. */
#include "report/page_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"
#include "node/hosts.h"
#include "report/page_verify.h"

enum { NODES_VERIFIES = 8, NODES_SERIES = 8 };

static const char *text_of(const struct row *row, const char *key)
{
    const char *text = sft_record_get(&row->record, key);
    return text != NULL ? text : "";
}

/* Slurm's list of a run's nodes, or, of a file, the hosts that its record names. */
static void row_hosts(const struct row *row, struct words *hosts)
{
    struct words wrong = {0};
    hosts_expand(*row->nodelist != '\0' ? row->nodelist : text_of(row, "hosts"), hosts, &wrong);
    words_clear(&wrong);
}

/* Runs that began after this one of verify had ended, on a node of the list. */
static size_t runs_on(const struct page *page, const struct row *verify, const struct words *list)
{
    const struct rows *rows = page->groups->rows;
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct words hosts = {0};
        bool on = false;
        row_hosts(rows->row[i], &hosts);
        for (int k = 0; !on && k < list->count; k++)
            on = hosts_has(&hosts, list->list[k]);
        count += on && rows->row[i]->started >= verify->ended;
        words_clear(&hosts);
    }
    return count;
}

static void td_nodes(struct page *page, const struct row *row, const char *count, const char *list)
{
    fprintf(page->out, "<td class=\"n\">");
    html_text(page->out, *text_of(row, count) != '\0' ? text_of(row, count) : "–");
    if (list != NULL && *text_of(row, list) != '\0') {
        fprintf(page->out, "<small>");
        html_text(page->out, text_of(row, list));
        fprintf(page->out, "</small>");
    }
    fprintf(page->out, "</td>");
}

static void verify_line(struct page *page, const struct row *row)
{
    char job[ROW_JOB], date[PAGE_DATE];
    page_date(row->ended, date, sizeof date);
    fprintf(page->out, "<tr><td class=\"n\">%s</td>", row_job(row, job));
    html_td_text(page->out, date);
    html_td_text(page->out, _(row->state));
    td_nodes(page, row, "nodes", NULL);
    td_nodes(page, row, "nodes_good", NULL);
    td_nodes(page, row, "nodes_warning", NULL);
    td_nodes(page, row, "nodes_bad", "hosts_bad");
    td_nodes(page, row, "nodes_unknown", "hosts_unknown");
    fprintf(page->out, "<td>");
    html_text(page->out, text_of(row, "worst_host"));
    html_text(page->out, *text_of(row, "worst_why") != '\0' ? ": " : "");
    html_text(page->out, text_of(row, "worst_why"));
    fprintf(page->out, "</td></tr>\n");
}

static void verify_table(struct page *page)
{
    const struct rows *verifies = page->verifies;
    size_t first = verifies->count > NODES_VERIFIES ? verifies->count - NODES_VERIFIES : 0;
    page_table(page, _("What verify found"));
    html_th_count(page->out, _("Job"));
    html_th(page->out, _("Ended"), NULL);
    html_th(page->out, _("State"), NULL);
    html_th_count(page->out, _("Nodes"));
    html_th_count(page->out, _("Good"));
    html_th_count(page->out, _("Warning"));
    html_th_count(page->out, _("Bad"));
    html_th_count(page->out, _("Could not tell"));
    html_th(page->out, _("The worst node"), NULL);
    page_table_rows(page);
    for (size_t i = first; i < verifies->count; i++)
        verify_line(page, verifies->row[i]);
    page_table_end(page);
}

/* The bad nodes by name, as far as the record had room for them, and whether a run was on them. */
static void put_bad(struct page *page, const struct row *verify)
{
    struct words bad = {0}, wrong = {0};
    hosts_expand(text_of(verify, "hosts_bad"), &bad, &wrong);
    if (bad.count > 0 && strcmp(bad.list[bad.count - 1], "...") == 0) { /* it was cut there */
        free(bad.list[--bad.count]);
        bad.list[bad.count] = NULL;
    }
    double unnamed = sft_record_get_real(&verify->record, "nodes_bad", bad.count) - bad.count;
    size_t runs = runs_on(page, verify, &bad);
    fprintf(page->out, "<p class=\"result\">");
    html_text(page->out, _("verify called these nodes bad: "));
    for (int i = 0; i < bad.count; i++) {
        html_text(page->out, i > 0 ? ", " : "");
        html_text(page->out, bad.list[i]);
    }
    if (unnamed > 0)
        fprintf(page->out, _(" and %.0f more, which its record has no room for"), unnamed);
    html_text(page->out, ". ");
    if (runs > 0)
        fprintf(page->out, _("Runs after it that were on them: %zu."), runs);
    else if (!(unnamed > 0))
        html_text(page->out, _("No run after it was on them: they were left out."));
    fprintf(page->out, "</p>\n");
    words_clear(&bad);
    words_clear(&wrong);
}

/* Of the last complete one, in whatever order they stand: the runs that follow go by it. */
static void put_verdict(struct page *page)
{
    const struct row *last = NULL;
    for (size_t i = 0; i < page->verifies->count; i++) {
        const struct row *row = page->verifies->row[i];
        if (strcmp(row->state, "complete") == 0 && (last == NULL || row->ended > last->ended))
            last = row;
    }
    if (last == NULL)
        page_paragraph(page, _("verify did not come to its end: nobody has judged the nodes."));
    else if (*text_of(last, "hosts_bad") == '\0')
        page_paragraph(page, _("verify called no node bad."));
    else
        put_bad(page, last);
}

/* What one node reached alone: a line of the table. */
struct node_line {
    const char *name;
    double value[NODES_SERIES]; /* samples/s, the median of its runs */
};

struct node_lines {
    size_t series, count, room;
    size_t more; /* series that have no column */
    const struct group_series *of[NODES_SERIES];
    struct node_line *line;
};

static struct node_line *line_of(struct node_lines *lines, const char *name)
{
    for (size_t i = 0; i < lines->count; i++)
        if (strcmp(lines->line[i].name, name) == 0)
            return &lines->line[i];
    if (lines->count == lines->room) {
        size_t room = 2 * lines->room + 64;
        struct node_line *grown = realloc(lines->line, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        lines->line = grown;
        lines->room = room;
    }
    struct node_line *line = &lines->line[lines->count++];
    line->name = name;
    for (size_t k = 0; k < NODES_SERIES; k++)
        line->value[k] = NAN;
    return line;
}

static double node_median(const struct group_cell *cell, const char *node)
{
    double *values = calloc(cell->count, sizeof *values), median;
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < cell->count; i++) {
        double value = sft_record_get_real(&cell->run[i]->record, "samples_s", NAN);
        if (isfinite(value) && strcmp(cell->run[i]->nodelist, node) == 0)
            values[count++] = value;
    }
    median = sft_stats_median(values, count);
    free(values);
    return median;
}

/* Several nodes ran it alone: they can be compared. */
static bool is_on_several(const struct group_cell *cell)
{
    for (size_t i = 1; cell->nodes == 1 && i < cell->count; i++)
        if (strcmp(cell->run[i]->nodelist, cell->run[0]->nodelist) != 0)
            return true;
    return false;
}

static void lines_make(struct node_lines *lines, const struct page *page)
{
    struct group_place place = {NULL, NULL};
    while (group_next(page->groups, &place)) {
        if (!is_on_several(place.cell))
            continue;
        if (lines->series == NODES_SERIES) {
            lines->more++;
            continue;
        }
        lines->of[lines->series] = place.series;
        for (size_t i = 0; i < place.cell->count; i++) {
            const char *name = place.cell->run[i]->nodelist;
            struct node_line *line = line_of(lines, name);
            if (line != NULL && isnan(line->value[lines->series]))
                line->value[lines->series] = node_median(place.cell, name);
        }
        lines->series++;
    }
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(((const struct node_line *)a)->name, ((const struct node_line *)b)->name);
}

static double lines_median(const struct node_lines *lines, size_t series)
{
    double *values = calloc(lines->count, sizeof *values), median;
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < lines->count; i++)
        if (isfinite(lines->line[i].value[series]))
            values[count++] = lines->line[i].value[series];
    median = sft_stats_median(values, count);
    free(values);
    return median;
}

static void lines_table(struct page *page, const struct node_lines *lines)
{
    double median[NODES_SERIES];
    for (size_t k = 0; k < lines->series; k++)
        median[k] = lines_median(lines, k);
    page_table(page, _("What each node reached alone, and its part of the nodes' median where that "
                       "is under 0.95"));
    html_th(page->out, _("Node"), NULL);
    for (size_t k = 0; k < lines->series; k++) {
        char title[256];
        group_title(lines->of[k], title, sizeof title);
        html_th_unit(page->out, title, _("samples/s"), SFT_DERIVED);
    }
    page_table_rows(page);
    for (size_t i = 0; i < lines->count; i++) {
        fprintf(page->out, "<tr>");
        html_th_row(page->out, lines->line[i].name);
        for (size_t k = 0; k < lines->series; k++)
            page_verify_td(page, lines->line[i].value[k], lines->line[i].value[k] / median[k]);
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
    if (lines->more > 0) {
        char text[256];
        snprintf(text, sizeof text, _("Series of single nodes that have no column here: %zu."),
                 lines->more);
        page_paragraph(page, text);
    }
}

void page_nodes(struct page *page)
{
    bool verified = page->verifies != NULL && page->verifies->count > 0;
    struct node_lines *lines =
        page->options->filter.sweep != NULL ? calloc(1, sizeof *lines) : NULL;
    if (lines != NULL)
        lines_make(lines, page);
    if (verified || (lines != NULL && lines->count > 0))
        page_heading(page, "nodes", _("Node by node"));
    if (verified) {
        put_verdict(page);
        verify_table(page);
    }
    if (lines != NULL && lines->count > 0) {
        qsort(lines->line, lines->count, sizeof *lines->line, line_compare);
        lines_table(page, lines);
    }
    if (lines != NULL)
        free(lines->line);
    free(lines);
}
