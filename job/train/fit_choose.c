/* SPDX-License-Identifier: Apache-2.0 */
/* Of what fits, the fastest by the timeline. */
#include "job/train/fit_internal.h"

#include <math.h>

static const double gib = 1024.0 * 1024 * 1024;

/* Is it one that the request allows and that this layout has? Inside of one node, and with one rank
 * a node, hybrid is another way's name. */
static bool way_is_one(const struct fit_question *q, enum sft_zero zero)
{
    int nodes = q->plan->nodes, ranks = q->plan->ranks;
    if (q->request->zero > SFT_SHARE_AUTO)
        return (int)zero == q->request->zero - SFT_SHARE_0;
    if (ranks == 1)
        return zero == SFT_ZERO_0;
    return zero != SFT_ZERO_HYBRID || (nodes > 1 && ranks > nodes && ranks % nodes == 0);
}

/* As little computed again as fits: less is always faster. False: not even blocks. */
static bool least_recompute(struct fit *fit, const struct fit_question *q)
{
    for (int level = SFT_RECOMPUTE_NONE; level <= SFT_RECOMPUTE_BLOCK; level++) {
        if (q->request->recompute > SFT_RECOMPUTE_AUTO && q->request->recompute != level)
            continue;
        fit->recompute = (enum sft_recompute)level;
        if (fit_count(fit, q))
            return true;
    }
    return false;
}

struct sft_timeline fit_time(const struct fit *fit, const struct fit_question *q)
{
    struct sft_work work = workload_work(&q->workload, fit->micro_batch, fit->accumulation);
    struct sft_layout layout = {q->plan->nodes, q->plan->ranks / q->plan->nodes, fit->zero};
    work.states = fit->states;
    work.recompute = fit->recompute;
    work.precision = (enum sft_precision)q->request->precision;
    work.sgd = q->plan->sgd;
    work.by_row = fit_scaling(q->request) == SCALING_ROW;
    work.copies = (int)fit->copies;
    work.quantizers = fit_recipe(fit, q->request, q->shape).gathered ? q->plan->ranks : 0;
    return sft_timeline_make(q->shape, &work, q->ceiling, &q->fabric, &layout);
}

/* With this micro-batch; false where nothing fits, and *fit is what needs least. */
static bool fastest_way(struct fit *fit, const struct fit_question *q)
{
    static const enum sft_zero ways[] = {SFT_ZERO_1, SFT_ZERO_0, SFT_ZERO_HYBRID, SFT_ZERO_2,
                                         SFT_ZERO_3};
    if (!fit_search(fit, q))
        return false;
    struct fit found = *fit;
    found.time.tok_s = 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        fit->zero = ways[i];
        if (!way_is_one(q, ways[i]) || !least_recompute(fit, q))
            continue;
        fit->time = fit_time(fit, q);
        if (fit->time.tok_s > found.time.tok_s * (1 + 1e-9))
            found = *fit;
    }
    *fit = found;
    return true;
}

/* Is the larger micro-batch the better? Products of few rows are a little slower than the ceilings,
 * which were measured at 8192 and hold up to a hundredth from there to 16384: of those that the
 * timeline finds equal the larger up to that, else the smaller. Not for states of less precision.
 */
static bool better(const struct fit *larger, const struct fit *best, int seq)
{
    const double equal = 0.002;
    double gain = larger->time.tok_s / best->time.tok_s - 1;
    bool coarser = larger->states == SFT_STATES_BF16 && best->states == SFT_STATES_FP32;
    return gain > equal ||
           (gain > -equal && !coarser && (double)larger->micro_batch * seq <= 16384);
}

enum { MICRO_BATCH_MOST = 1024 };

/* Whatever sizes divide a rank's share, from 1 up until nothing fits. */
static bool fastest_size(struct fit *fit, const struct fit_question *q)
{
    int share = q->plan->micro_batch * q->plan->accumulation;
    bool any = false;
    for (int size = 1; size <= share && size <= MICRO_BATCH_MOST; size++) {
        if (share % size != 0)
            continue;
        struct fit next = {.micro_batch = size, .accumulation = share / size};
        bool fits = fastest_way(&next, q);
        if (!any || (fits && better(&next, fit, q->plan->seq)))
            *fit = next;
        if (!fits)
            break;
        any = true;
    }
    return any;
}

int fit_make(struct fit *fit, const struct fit_question *q, struct sft_error *err)
{
    char advice[200], zero[16];
    const struct sft_plan *plan = q->plan;
    *fit = (struct fit){.micro_batch = plan->micro_batch, .accumulation = plan->accumulation};
    if (plan->chooses ? fastest_size(fit, q) : fastest_way(fit, q))
        return 0;
    fit_advise(advice, sizeof advice, q);
    return sft_error_set(
        err,
        "%s with micro_batch=%d,seq=%d needs %.1f GiB (states=%s,recompute=%s%s) and "
        "%.1f can be had, 3%% kept free: %.1f GiB too much; %s",
        q->shape->name, fit->micro_batch, plan->seq, fit->total / gib, fit_states_name(fit->states),
        fit_recompute_name(fit->recompute), fit_zero_words(fit, plan, zero), q->available / gib,
        (fit->total - q->available) / gib, advice);
}

bool fit_possible(const struct fit_question *q)
{
    struct fit fit = {.micro_batch = q->plan->micro_batch, .accumulation = q->plan->accumulation};
    return fit_search(&fit, q);
}
