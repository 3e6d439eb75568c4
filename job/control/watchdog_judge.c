/* SPDX-License-Identifier: Apache-2.0 */
#include "job/control/watchdog_judge.h"

#include <stdio.h>
#include <string.h>

#define LATER 2.0      /* seconds that rank 0, which sees all of them, has to judge first */
#define LATER_RANKS 10 /* ranks that wait a second more each before they judge rank 0 too */

/* The ranks at fault: the first of them by name, the others by number. */
struct culprits {
    int first, count;
};

static void culprits_add(struct culprits *culprits, int rank)
{
    if (culprits->count++ == 0)
        culprits->first = rank;
}

/* "rank 3 on node7 and 2 more ranks have not come" */
static void culprits_write(const struct watchdog_table *table, struct culprits culprits,
                           const char *one, const char *many, const char *what, char *text,
                           size_t size)
{
    char more[40] = "";
    if (culprits.count > 1)
        snprintf(more, sizeof more, " and %d more rank%s", culprits.count - 1,
                 culprits.count > 2 ? "s" : "");
    snprintf(text, size, "rank %d on %.255s%s %s %s", culprits.first,
             table->rows[culprits.first].host, more, culprits.count > 1 ? many : one, what);
}

/* A rank's connection closed and it did not come back in time. */
static bool judge_gone(const struct watchdog_table *table, double now, char *why, size_t size)
{
    struct culprits gone = {0, 0};
    bool due = false;
    for (int rank = 0; rank < table->size; rank++)
        if (table->rows[rank].state == WATCHDOG_GONE) {
            culprits_add(&gone, rank);
            due = due || now - table->rows[rank].gone > WATCHDOG_GRACE;
        }
    if (!due)
        return false;
    culprits_write(table, gone, "is", "are",
                   gone.count > 1 ? "gone (their connections closed)"
                                  : "gone (its connection closed)",
                   why, size);
    return true;
}

static bool row_is_stale(const struct watchdog_table *table, const struct watchdog_row *row,
                         double now)
{
    return row->state == WATCHDOG_GONE ||
           (row->state == WATCHDOG_LIVE && now - row->heard > table->stale);
}

static bool row_is_inside(const struct watchdog_row *row)
{
    return row->progress.entered > row->progress.left;
}

/* How long a live rank has been inside its collective; 0 for others: the stopped are not waiting.
 */
static double row_waits(const struct watchdog_table *table, const struct watchdog_row *row,
                        double now)
{
    if (row->state != WATCHDOG_LIVE || row_is_stale(table, row, now) || !row_is_inside(row))
        return 0;
    return row->waited + now - row->heard;
}

/* The collective that somebody waits in for too long: of several the earliest, for the later ones
 * wait for it; and who has waited in it for longest. NULL: none. */
static const struct watchdog_row *table_stuck(const struct watchdog_table *table, double now)
{
    const struct watchdog_row *stuck = NULL;
    for (int rank = 0; rank < table->size; rank++) {
        const struct watchdog_row *row = &table->rows[rank];
        double waits = row_waits(table, row, now);
        if (waits <= table->limit)
            continue;
        if (stuck == NULL || row->progress.left < stuck->progress.left ||
            (row->progress.left == stuck->progress.left && waits > row_waits(table, stuck, now)))
            stuck = row;
    }
    return stuck;
}

static struct culprits table_silent(const struct watchdog_table *table, double now)
{
    struct culprits silent = {0, 0};
    for (int rank = 0; rank < table->size; rank++)
        if (row_is_stale(table, &table->rows[rank], now))
            culprits_add(&silent, rank);
    return silent;
}

/* Those furthest behind among the ranks in that state that have not entered that collective. */
static struct culprits table_absent(const struct watchdog_table *table, uint64_t number,
                                    enum watchdog_state state)
{
    struct culprits absent = {0, 0};
    uint64_t least = number;
    for (int rank = 0; rank < table->size; rank++) {
        const struct watchdog_row *row = &table->rows[rank];
        if (row->state != state || row->progress.entered > least || row->progress.entered >= number)
            continue;
        if (row->progress.entered < least)
            absent.count = 0;
        least = row->progress.entered;
        culprits_add(&absent, rank);
    }
    return absent;
}

/* Those alive inside that collective: the first, and how many. */
static struct culprits table_inside(const struct watchdog_table *table, uint64_t number, double now)
{
    struct culprits inside = {0, 0};
    for (int rank = 0; rank < table->size; rank++) {
        const struct watchdog_row *row = &table->rows[rank];
        if (row->state == WATCHDOG_LIVE && !row_is_stale(table, row, now) && row_is_inside(row) &&
            row->progress.left + 1 == number)
            culprits_add(&inside, rank);
    }
    return inside;
}

/* Who is at fault for it, and how; what is certain goes before what is likely. */
static void judge_blame(const struct watchdog_table *table, uint64_t number, double now, char *text,
                        size_t size)
{
    struct culprits silent = table_silent(table, now);
    struct culprits absent = table_absent(table, number, WATCHDOG_LIVE);
    struct culprits ended = table_absent(table, number, WATCHDOG_ENDED);
    struct culprits unknown = table_absent(table, number, WATCHDOG_UNKNOWN);
    char what[64];
    if (silent.count > 0) {
        snprintf(what, sizeof what, "not answered for %.0f s (stopped, dead or cut off)",
                 now - table->rows[silent.first].heard);
        culprits_write(table, silent, "has", "have", what, text, size);
    } else if (absent.count > 0)
        culprits_write(table, absent, "has", "have", "not come", text, size);
    else if (ended.count > 0)
        culprits_write(table, ended, "has", "have", "ended before it", text, size);
    else if (unknown.count > 0)
        culprits_write(table, unknown, "has", "have", "never reached rank 0's watchdog", text,
                       size);
    else
        culprits_write(table, table_inside(table, number, now), "is", "are",
                       "inside and none is missing, but the network between them does not move",
                       text, size);
}

static void judge_stuck(const struct watchdog_table *table, const struct watchdog_row *stuck,
                        double now, char *why, size_t size)
{
    uint64_t number = stuck->progress.left + 1;
    int waiting = table_inside(table, number, now).count;
    char blame[448];
    judge_blame(table, number, now, blame, sizeof blame);
    snprintf(why, size, "%s: %d rank%s in %.47s (number %llu) for %.0f s (timeout=%.0f)", blame,
             waiting, waiting == 1 ? " waits" : "s wait", stuck->progress.name,
             (unsigned long long)number, row_waits(table, stuck, now), table->limit);
}

bool watchdog_judge(const struct watchdog_table *table, double now, char *why, size_t size)
{
    const struct watchdog_row *stuck = table_stuck(table, now);
    if (judge_gone(table, now, why, size))
        return true;
    if (stuck == NULL)
        return false;
    judge_stuck(table, stuck, now, why, size);
    return true;
}

bool watchdog_judge_root(const struct watchdog_row *root, const struct watchdog_row *own, int rank,
                         double limit, double now, char *why, size_t size)
{
    double later = rank - 1 < LATER_RANKS ? rank - 1 : LATER_RANKS;
    double silence = now - root->heard;
    if (root->state == WATCHDOG_ENDED)
        return false;
    if (root->state == WATCHDOG_GONE && now - root->gone > WATCHDOG_GRACE + later) {
        snprintf(why, size, "rank 0 on %.255s is gone (its connection closed)", root->host);
        return true;
    }
    if (silence <= limit + LATER + later || own->waited <= limit + LATER + later)
        return false;
    snprintf(why, size,
             "rank 0 on %.255s has not answered for %.0f s (stopped, dead or cut off), and rank "
             "%d on %.255s waits in %.47s (number %llu) for %.0f s (timeout=%.0f)",
             root->host, silence, rank, own->host, own->progress.name,
             (unsigned long long)own->progress.left + 1, own->waited, limit);
    return true;
}
