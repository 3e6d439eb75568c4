/* SPDX-License-Identifier: Apache-2.0 */
/* Seen on an H200 at its power limit: what is fastest alone (808 TFLOP/s) can be slower for long
 * (685) than another (702 and 699). So the last rounds run long enough for the clock to settle, and
 * in turn, since a chip that warms up slows whoever comes later. */
#include "job/tensor/cuda/matmul_search.h"

enum { REPEATS = 2, HALF = 4, LAST = 2 };

static const double close_enough = 1.3; /* times the least: not worth another look beyond */
static const double worth_it = 0.1;     /* ms of a product: of less, a second look */
static const double equal = 0.002, behind = 0.005;
/* Milliseconds of work before what is timed, and timed. */
static const double settling = 10, span = 22;

struct entry {
    int candidate;
    double ms; /* below 0: out */
};

/* Of a single product, the best of a few. */
static double time_short(const struct matmul_bench *b, int candidate)
{
    double best = -1;
    for (int i = 0; i < REPEATS; i++) {
        double ms = b->time(b->user, candidate, 0, 0);
        if (ms < 0)
            return -1;
        best = best < 0 || ms < best ? ms : best;
    }
    return best;
}

/* Fastest first, those that are out behind; equals stay in their order. */
static void sort(struct entry *entries, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j > 0; j--) {
            struct entry *before = &entries[j - 1], *here = &entries[j], kept = *before;
            if (here->ms < 0 || (before->ms >= 0 && here->ms >= before->ms))
                break;
            *before = *here;
            *here = kept;
        }
}

/* How many of them can be done and are close to the fastest, `most` at most. */
static int left_of(const struct entry *entries, int count, int most)
{
    int left = 0;
    while (left < count && left < most && entries[left].ms >= 0 &&
           entries[left].ms <= close_enough * entries[0].ms)
        left++;
    return left;
}

static void round_long(const struct matmul_bench *b, struct entry *entries, int count)
{
    for (int i = 0; i < count; i++)
        entries[i].ms = b->time(b->user, entries[i].candidate, settling, span);
    sort(entries, count);
}

/* Two in turn, first and last being the same one: a chip that slows steadily slows both alike. */
static void round_turns(const struct matmul_bench *b, struct entry two[LAST])
{
    static const int turns[] = {0, 1, 1, 0};
    double sum[LAST] = {0, 0};
    for (int i = 0; i < 4; i++) {
        double ms = b->time(b->user, two[turns[i]].candidate, settling, span);
        if (ms < 0)
            two[turns[i]].ms = -1;
        sum[turns[i]] += ms;
    }
    for (int i = 0; i < LAST; i++)
        if (two[i].ms >= 0)
            two[i].ms = sum[i] / 2;
    struct entry *first = two[0].candidate < two[1].candidate ? &two[0] : &two[1];
    struct entry *second = first == &two[0] ? &two[1] : &two[0];
    if (first->ms >= 0 && second->ms >= 0 && first->ms <= second->ms * (1 + equal))
        first->ms = second->ms * (1 - 1e-9) < first->ms ? second->ms * (1 - 1e-9) : first->ms;
    sort(two, LAST);
}

/* The first that is right, of what was timed; those that are wrong are out. */
static int right_of(const struct matmul_bench *b, struct entry *entries, int count, double *ms)
{
    for (int i = 0; i < count; i++)
        if (entries[i].ms >= 0 &&
            (entries[i].candidate == 0 || b->right(b->user, entries[i].candidate))) {
            *ms = entries[i].ms;
            return entries[i].candidate;
        }
    return -1;
}

int matmul_search(const struct matmul_bench *b, double *milliseconds)
{
    struct entry entries[MATMUL_CANDIDATES];
    int count = b->count < MATMUL_CANDIDATES ? b->count : MATMUL_CANDIDATES;
    for (int i = 0; i < count; i++)
        entries[i] = (struct entry){i, time_short(b, i)};
    sort(entries, count);
    int left = left_of(entries, count, HALF);
    if (left > 1 && entries[0].ms >= worth_it) {
        round_long(b, entries, left);
        if (left_of(entries, left, LAST) == LAST)
            round_turns(b, entries);
    }
    return right_of(b, entries, count, milliseconds);
}

bool matmul_search_agrees(const struct matmul_bench *b, int known, double *milliseconds)
{
    struct entry two[LAST] = {{0, time_short(b, 0)}, {known, time_short(b, known)}};
    if (two[1].ms < 0 || (two[0].ms >= 0 && two[1].ms > close_enough * two[0].ms))
        return false;
    if (two[0].ms >= worth_it) {
        double first = 0, other = 0;
        for (int i = 0; i < 4; i++) {
            bool mine = i == 1 || i == 2;
            double ms = b->time(b->user, mine ? known : 0, settling, span);
            if (ms < 0)
                return false;
            *(mine ? &other : &first) += ms;
        }
        two[0].ms = first / 2;
        two[1].ms = other / 2;
    }
    *milliseconds = two[1].ms;
    return (two[0].ms < 0 || two[1].ms <= (1 + behind) * two[0].ms) && b->right(b->user, known);
}
