/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/nccl_time.h"

#include <math.h>

static const double micro = 1e-6;

/* Of the protocols LL moves too few bytes for anything that we send. Microseconds. */
struct protocol {
    double busbw;           /* share of the links' that it uses */
    double base;            /* until the first step */
    double inside, between; /* a step of a ring inside of a node, between nodes */
    double alone;           /* between nodes where each has one rank: nothing hides it */
    double tree_base, tree_inside, tree_between;
};

static const struct protocol simple = {1, 8.4, 3.4, 14, 14, 8.4, 4, 14};
static const struct protocol ll128 = {120.0 / 128, 14, 1.9, 4, 8.5, 14, 1.25, 8.5};
static const double tree_busbw = 0.92;

static double ring(const struct protocol *p, enum sft_collective_kind kind, int nodes, int gpus,
                   double transfer)
{
    double passes = kind == SFT_ALL_REDUCE ? 2 : 1;
    double between = passes * (nodes - 1), inside = passes * ((double)nodes * gpus - nodes);
    double hop = gpus == 1 ? p->alone : p->between;
    return transfer / p->busbw + (p->base + inside * p->inside + between * hop) * micro;
}

/* Up and down the tree: the whole array twice, where a ring leaves out each rank's own part. */
static double tree(const struct protocol *p, int nodes, int gpus, double transfer)
{
    double ranks = (double)nodes * gpus;
    double steps = (gpus - 1) * p->tree_inside + floor(log2(nodes)) * p->tree_between;
    return transfer * ranks / (ranks - 1) / (p->busbw * tree_busbw) +
           (p->tree_base + 2 * steps) * micro;
}

double sft_nccl_more(enum sft_collective_kind kind, int nodes, int gpus, double transfer)
{
    if (nodes * gpus < 2)
        return 0;
    double least =
        fmin(ring(&simple, kind, nodes, gpus, transfer), ring(&ll128, kind, nodes, gpus, transfer));
    if (kind == SFT_ALL_REDUCE)
        least = fmin(
            least, fmin(tree(&simple, nodes, gpus, transfer), tree(&ll128, nodes, gpus, transfer)));
    return least - transfer;
}
