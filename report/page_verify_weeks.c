/* SPDX-License-Identifier: Apache-2.0 */
/* Has a node become slower? Its verdicts, and each check's figures, by week. */
#include "report/page_verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/stats.h"

enum { WEEK = 7 * 86400, PARTS = 26 /* at most */ };

/* Parts of the time, a week each, or several. */
struct weeks {
    long long first, part; /* seconds */
    int parts;
};

static struct weeks weeks_make(const struct verifies *verifies)
{
    long long from = verifies->run[0].time, to = verifies_last(verifies)->time;
    long long count = (to - from) / WEEK + 1;
    struct weeks weeks = {.first = from, .part = (count + PARTS - 1) / PARTS * WEEK};
    weeks.parts = (int)((to - from) / weeks.part) + 1;
    return weeks;
}

static bool run_is_in(const struct weeks *weeks, const struct verify_run *run, int part)
{
    return (run->time - weeks->first) / weeks->part == part;
}

static void week_label(const struct weeks *weeks, int part, char *text, size_t size)
{
    time_t time = (time_t)(weeks->first + part * weeks->part);
    struct tm tm;
    text[0] = '\0';
    if (localtime_r(&time, &tm) != NULL)
        strftime(text, size, "%m-%d", &tm);
}

static void put_heads(struct page *page, const struct weeks *weeks, const char *first)
{
    char label[16];
    html_th(page->out, first, NULL);
    for (int part = 0; part < weeks->parts; part++) {
        week_label(weeks, part, label, sizeof label);
        html_th_count(page->out, label);
    }
    page_table_rows(page);
}

/* The worst verdict of the part, with how many of its runs were so. */
static void td_verdict(struct page *page, const struct verifies *verifies,
                       const struct weeks *weeks, const char *host, int part)
{
    static const char *const heat[VERIFY_KINDS] = {
        [VERIFY_GOOD] = "h0", [VERIFY_WARNING] = "h1", [VERIFY_UNKNOWN] = "", [VERIFY_BAD] = "h3"};
    int runs = 0, of[VERIFY_KINDS] = {0};
    enum verify_kind worst = VERIFY_GOOD;
    for (size_t i = 0; i < verifies->count; i++) {
        const struct verify_node *node = verify_find(&verifies->run[i], host);
        if (node == NULL || !run_is_in(weeks, &verifies->run[i], part))
            continue;
        runs++;
        of[node->kind]++;
        worst = node->kind > worst ? node->kind : worst;
    }
    if (runs == 0) {
        fprintf(page->out, "<td class=\"n\">&ndash;</td>");
        return;
    }
    fprintf(page->out, "<td class=\"n %s\">", heat[worst]);
    html_text(page->out, _(verify_kind_text(worst)));
    if (runs > 1)
        fprintf(page->out, "<small>%d/%d</small>", of[worst], runs);
    fprintf(page->out, "</td>");
}

static void put_verdicts(struct page *page, const struct verifies *verifies,
                         const struct weeks *weeks)
{
    const struct verify_run *last = verifies_last(verifies);
    page_table(page, _("The worst verdict of each week, and in how many of its runs"));
    put_heads(page, weeks, _("Node"));
    for (size_t i = 0; i < last->nodes; i++) {
        fprintf(page->out, "<tr>");
        html_th_row(page->out, last->node[i].host);
        for (int part = 0; part < weeks->parts; part++)
            td_verdict(page, verifies, weeks, last->node[i].host, part);
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
}

/* The node's figures of a check in a part; NaN: none. */
static double node_median(const struct verifies *verifies, const struct weeks *weeks,
                          const char *host, const char *check, int part)
{
    double *value = calloc(verifies->count, sizeof *value);
    size_t count = 0;
    for (size_t i = 0; i < verifies->count && value != NULL; i++) {
        const struct verify_run *run = &verifies->run[i];
        const struct verify_node *node = verify_find(run, host);
        int which = verify_check_find(run, check);
        if (node != NULL && which >= 0 && run_is_in(weeks, run, part) &&
            isfinite(node->value[which]))
            value[count++] = node->value[which];
    }
    double median = sft_stats_median(value, count);
    free(value);
    return median;
}

static double node_best(const struct verifies *verifies, const struct weeks *weeks,
                        const char *host, const struct verify_check *check)
{
    double best = NAN;
    for (int part = 0; part < weeks->parts; part++) {
        double median = node_median(verifies, weeks, host, check->name, part);
        best = check->less ? fmin(best, median) : fmax(best, median);
    }
    return best;
}

static void put_node(struct page *page, const struct verifies *verifies, const struct weeks *weeks,
                     const char *host)
{
    const struct verify_run *last = verifies_last(verifies);
    page_heading(page, "node", host);
    page_table(page, _("Medians of this node's figures by week, beside its best week"));
    put_heads(page, weeks, _("Check"));
    for (size_t k = 0; k < last->checks; k++) {
        const struct verify_check *check = &last->check[k];
        double best = node_best(verifies, weeks, host, check);
        fprintf(page->out, "<tr>");
        html_th_row(page->out, _(verify_check_title(check)));
        for (int part = 0; part < weeks->parts; part++) {
            double median = node_median(verifies, weeks, host, check->name, part);
            page_verify_td(page, median, check->less ? best / median : median / best);
        }
        fprintf(page->out, "</tr>\n");
    }
    page_table_end(page);
}

int page_verify_weeks(struct page *page, const struct verifies *verifies, const char *host,
                      struct sft_error *err)
{
    bool known = false;
    for (size_t i = 0; i < verifies->count && host != NULL; i++)
        known = known || verify_find(&verifies->run[i], host) != NULL;
    if (host != NULL && !known)
        return sft_error_set(err, "--node %.200s: in none of %zu runs of verify", host,
                             verifies->count);
    if (verifies->count < 2 && host == NULL)
        return 0;
    struct weeks weeks = weeks_make(verifies);
    page_heading(page, "weeks", _("By week"));
    page_say(page, _("%zu runs of verify; a column is headed by the day on which its week begins."),
             verifies->count);
    put_verdicts(page, verifies, &weeks);
    if (host != NULL)
        put_node(page, verifies, &weeks, host);
    return 0;
}
