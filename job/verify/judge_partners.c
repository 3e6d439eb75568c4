/* SPDX-License-Identifier: Apache-2.0 */
/* Which of two nodes it is, when a pair of them is slow: the best that a node reaches with any
 * partner is what it can do, beside what pairs without it reach. */
#include <math.h>
#include <stdlib.h>

#include "job/verify/judge_internal.h"
#include "lib/stats.h"

static int node_nics(const struct judge_node *node)
{
    int count = 0;
    for (int i = 0; i < node->facts.ports; i++)
        count += node->facts.port[i].active;
    return count;
}

static bool pair_has(const struct judge_pair *pair, int node)
{
    return pair->a == node || pair->b == node;
}

int paired_make(struct paired *paired, const struct judge_input *input)
{
    *paired = (struct paired){.room = calloc((size_t)input->pairs + 1, sizeof *paired->room)};
    if (paired->room == NULL)
        return -1;
    size_t count = 0;
    for (int i = 0; i < input->pairs; i++)
        if (judge_pair_measured(&input->pair[i]))
            paired->room[count++] = input->pair[i].sigma;
    paired->sigma = fmax(JUDGE_SIGMA_LEAST, sft_stats_median(paired->room, count));
    return 0;
}

void paired_free(struct paired *paired)
{
    free(paired->room);
}

/* Pairs without the node: their median, how many, repeats of one of them. */
struct others {
    double reference;
    int count, repeats;
};

static struct others others_find(const struct judge_input *input, const struct paired *paired,
                                 int node)
{
    struct others others = {.count = 0};
    for (int i = 0; i < input->pairs; i++) {
        if (pair_has(&input->pair[i], node) || !judge_pair_measured(&input->pair[i]))
            continue;
        others.repeats += input->pair[i].series.count;
        paired->room[others.count++] = input->pair[i].median;
    }
    if (others.count > 0)
        others.repeats /= others.count;
    others.reference = sft_stats_median(paired->room, (size_t)others.count);
    return others;
}

/* The pair's number; -1: none. */
static int best_pair(const struct judge_input *input, int node, int *partners)
{
    int best = -1;
    *partners = 0;
    for (int i = 0; i < input->pairs; i++) {
        if (!pair_has(&input->pair[i], node) || !judge_pair_measured(&input->pair[i]))
            continue;
        ++*partners;
        if (best < 0 || input->pair[i].median > input->pair[best].median)
            best = i;
    }
    return best;
}

static void pair_floor(const struct judge_input *input, int node, bool several,
                       struct compared *found)
{
    const char *source;
    double floor =
        check_floor(CHECK_PAIR, input->rank[0].facts.name, node_nics(&input->node[node]), &source);
    if (floor <= 0 || found->value >= floor)
        return;
    found->suspect = true;
    found->again = found->again || !several;
    found->bad = found->bad || several;
    if (isnan(found->ratio) || found->ratio >= 1) {
        found->ratio = found->value / floor;
        found->reference = floor;
        found->by = BY_FLOOR;
    }
}

struct compared judge_node_pairs(const struct judge_input *input, const struct paired *paired,
                                 int node)
{
    const struct check_traits *traits = &check_traits[CHECK_PAIR];
    struct compared found = {.ratio = NAN, .value = NAN, .reference = NAN};
    int partners, best = best_pair(input, node, &partners);
    if (best < 0)
        return found;
    const struct series *series = &input->pair[best].series;
    struct others others = others_find(input, paired, node);
    double limit = input->nodes < JUDGE_FEW_NODES ? traits->limit_few : traits->limit;
    found.measured = true;
    found.value = input->pair[best].median;
    found.held = others.count > 0;
    if (found.held) {
        double own = median_error(fmax(paired->sigma, input->pair[best].sigma), series->count);
        double error =
            hypot(own, median_error(median_error(paired->sigma, others.repeats), others.count));
        found.reference = others.reference;
        found.ratio = found.value / found.reference;
        found.suspect = found.ratio < limit;
        found.again = found.ratio * (1 - JUDGE_DOUBT * error) < limit;
        found.bad = partners > 1 && found.ratio * (1 + JUDGE_SIGMAS * error) < limit;
        found.by = BY_NODES;
    }
    pair_floor(input, node, partners > 1, &found);
    return found;
}
