/* SPDX-License-Identifier: Apache-2.0 */
/* Which node is measured with which other next. */
#include <math.h>
#include <stdlib.h>

#include "job/verify/judge_internal.h"

enum { PARTNERS = 2 }; /* that convict */
enum { TRIES = 2 };    /* of a pair that gives no figure */

static struct judge_pair *pair_find(const struct judge_input *input, int a, int b)
{
    for (int i = 0; i < input->pairs; i++)
        if ((input->pair[i].a == a && input->pair[i].b == b) ||
            (input->pair[i].a == b && input->pair[i].b == a))
            return &input->pair[i];
    return NULL;
}

static struct judge_pair *pair_get(struct judge_input *input, int a, int b)
{
    struct judge_pair *pair = pair_find(input, a, b);
    if (pair == NULL) {
        pair = &input->pair[input->pairs++];
        *pair = (struct judge_pair){.a = a, .b = b, .median = NAN};
    }
    return pair;
}

void judge_pair_late(struct judge_input *input, int a, int b)
{
    pair_get(input, a, b)->late++;
}

bool judge_pair_measured(const struct judge_pair *pair)
{
    return pair->series.count > 0;
}

void judge_pair_add(struct judge_input *input, int a, int b, const double *values, int count)
{
    struct judge_pair *pair = pair_get(input, a, b);
    series_add(&pair->series, values, count);
    pair->median = series_median(&pair->series);
    pair->sigma = series_sigma(&pair->series);
}

static int node_partners(const struct judge_input *input, int node)
{
    int count = 0;
    for (int i = 0; i < input->pairs; i++)
        count += judge_pair_measured(&input->pair[i]) &&
                 (input->pair[i].a == node || input->pair[i].b == node);
    return count;
}

/* Tries of all its pairs. */
static int node_late(const struct judge_input *input, int node)
{
    int late = 0;
    for (int i = 0; i < input->pairs; i++)
        if (input->pair[i].a == node || input->pair[i].b == node)
            late += input->pair[i].late;
    return late;
}

/* What is known of the nodes. */
struct pairing {
    const struct judge_input *input;
    bool *idle, *wanted, *slow;
};

static bool pair_is_out(const struct judge_pair *pair)
{
    return pair != NULL && (pair->series.count >= JUDGE_SERIES || pair->late >= TRIES);
}

static int pair_cost(const struct judge_pair *pair, bool enough)
{
    int late = pair == NULL ? 0 : 2 * JUDGE_SERIES * pair->late;
    if (pair == NULL || !judge_pair_measured(pair))
        return late + (enough ? JUDGE_SERIES + 1 : 0);
    return late + pair->series.count + (enough ? 0 : 2 * JUDGE_SERIES);
}

/* The nearest behind it that is idle and new to it, rather one that is not slow itself; or the one
 * that it was measured with least. Whom it waited for in vain comes last. -1: none. */
static int pair_partner(const struct pairing *p, int node)
{
    int nodes = p->input->nodes, best = -1, best_cost = 0;
    bool enough = node_partners(p->input, node) >= PARTNERS;
    for (int step = 1; step < nodes; step++) {
        int other = (node + step) % nodes;
        const struct judge_pair *pair = pair_find(p->input, node, other);
        if (!p->idle[other] || pair_is_out(pair))
            continue;
        int cost = pair_cost(pair, enough) + (p->slow[other] ? 4 * JUDGE_SERIES : 0);
        if (best < 0 || cost < best_cost) {
            best = other;
            best_cost = cost;
        }
    }
    return best;
}

static int pairing_take(struct pairing *p, int node, struct judge_pair *pair)
{
    p->idle[node] = false;
    int other = pair_partner(p, node);
    if (other < 0)
        return 0;
    p->idle[other] = false;
    *pair = (struct judge_pair){.a = node < other ? node : other, .b = node < other ? other : node};
    return 1;
}

/* Those in no pair so far, or slow in all of theirs and not yet convicted. Each try in vain takes
 * its time: who had so many that two partners are out has no figure. */
static int pairing_want(struct pairing *p)
{
    struct paired paired;
    if (paired_make(&paired, p->input) < 0)
        return -1;
    for (int node = 0; node < p->input->nodes; node++) {
        struct compared found = judge_node_pairs(p->input, &paired, node);
        int late = node_late(p->input, node);
        p->slow[node] = found.suspect || (!found.measured && late > 0);
        p->wanted[node] = (!found.measured && late < PARTNERS * TRIES) ||
                          ((found.suspect || found.again) && !found.bad);
    }
    paired_free(&paired);
    return 0;
}

int judge_pairs_next(const struct judge_input *input, int round, const bool *usable,
                     struct judge_pair *pair)
{
    size_t nodes = (size_t)input->nodes + 1;
    bool *room = calloc(3 * nodes, sizeof *room);
    struct pairing p = {input, room, room + nodes, room + 2 * nodes};
    int count = 0;
    if (room == NULL || round >= JUDGE_ROUNDS || pairing_want(&p) < 0) {
        free(room);
        return 0;
    }
    for (int node = 0; node < input->nodes; node++)
        p.idle[node] = usable[node];
    for (int node = 0; node < input->nodes; node++)
        if (p.idle[node] && p.wanted[node])
            count += pairing_take(&p, node, &pair[count]);
    /* The others measure once more beside them: they are what a node is held against. */
    for (int node = 0; node < input->nodes && count > 0; node++)
        if (p.idle[node])
            count += pairing_take(&p, node, &pair[count]);
    free(room);
    return count;
}
