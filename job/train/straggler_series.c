/* SPDX-License-Identifier: Apache-2.0 */
/* A rank's own steps: what they cost now, and since when. */
#include "job/train/straggler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

#define NORMAL 1.4826 /* standard deviations a median absolute deviation, of normal noise */
enum { PARTS = 3 };   /* words' steps that are kept */

struct straggler_series {
    size_t steps, room;
    size_t count; /* that are kept */
    double *cost; /* [room] the oldest first */
    int *number;  /* [room] */
};

struct straggler_series *straggler_series_create(size_t steps, struct sft_error *err)
{
    struct straggler_series *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->steps = steps;
        s->room = PARTS * steps;
        s->cost = calloc(s->room, sizeof *s->cost);
        s->number = calloc(s->room, sizeof *s->number);
        if (s->cost != NULL && s->number != NULL)
            return s;
    }
    straggler_series_destroy(s);
    sft_error_set(err, "no memory for the times of %zu steps", steps);
    return NULL;
}

void straggler_series_destroy(struct straggler_series *s)
{
    if (s == NULL)
        return;
    free(s->cost);
    free(s->number);
    free(s);
}

void straggler_series_add(struct straggler_series *s, int number, double seconds, double work)
{
    if (!(work > 0) || !(seconds > 0))
        return;
    if (s->count == s->room) {
        memmove(s->cost, s->cost + 1, (s->room - 1) * sizeof *s->cost);
        memmove(s->number, s->number + 1, (s->room - 1) * sizeof *s->number);
        s->count--;
    }
    s->cost[s->count] = seconds / work;
    s->number[s->count++] = number;
}

size_t straggler_split(const double *costs, size_t count, double before, double after)
{
    double middle = sqrt(before * after);
    size_t best = count, least, wrong = 0;
    /* All are taken for those before; then one after the other, from the last on, for those after.
     */
    for (size_t i = 0; i < count; i++)
        wrong += after > before ? costs[i] > middle : costs[i] < middle;
    least = wrong;
    for (size_t i = count; i-- > 0;) {
        bool late = after > before ? costs[i] > middle : costs[i] < middle;
        wrong = late ? wrong - 1 : wrong + 1;
        if (wrong < least) {
            least = wrong;
            best = i;
        }
    }
    return best;
}

static double farther(double from, double a, double b)
{
    return fabs(a - from) > fabs(b - from) ? a : b;
}

/* The steps before the newest, in two parts, of which one may have a change in it: the other is
 * what they cost before. Where that is the same, or too few are kept, nothing changed. */
static double series_since(const struct straggler_series *s, double now)
{
    if (s->count < 2 * s->steps)
        return STRAGGLER_NEVER;
    double before = farther(now, sft_stats_median(s->cost, s->steps),
                            sft_stats_median(s->cost + (s->count - 2 * s->steps), s->steps));
    if (fabs(now / before - 1) < STRAGGLER_SLOW / 2)
        return STRAGGLER_NEVER;
    size_t at = straggler_split(s->cost, s->count, before, now);
    return at < s->count ? s->number[at] : STRAGGLER_NEVER;
}

struct straggler_word straggler_series_word(const struct straggler_series *s)
{
    size_t newest = s->count < s->steps ? s->count : s->steps;
    const double *cost = s->cost + (s->count - newest);
    double now = sft_stats_median(cost, newest);
    return (struct straggler_word){
        .cost = now,
        .noise = NORMAL * sft_stats_mad(cost, newest) / now,
        .since = newest > 0 ? series_since(s, now) : STRAGGLER_NEVER,
        .sm_mhz = NAN,
    };
}
