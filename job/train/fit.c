/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double gib = 1024.0 * 1024 * 1024;

static const double nccl_reserve =
    0.42; /* GiB: buffers of four communicators (measured over sockets) */

/* Attention's backward pass sums dq in fp32, in packed documents as wide as qkv; besides,
 * cuBLASLt's workspace and what the libraries load when they are first used (measured). */
double fit_reserve(const struct sft_preset *s, double rows, int ranks)
{
    return rows * (double)(sft_preset_qkv(s) + s->heads) * sizeof(float) +
           (0.1 + (ranks > 1 ? nccl_reserve : 0)) * gib;
}

static void fit_count(struct fit *fit, const struct sft_plan *plan, const struct sft_preset *shape,
                      int rows, enum format format, size_t logits)
{
    struct sft_layout layout = {plan->nodes, plan->ranks / plan->nodes, fit->zero};
    struct shard_sizes shard = shard_plan(shape, &layout, format);
    fit->model = (double)model_plan_stored(shape, rows, fit_recompute(fit),
                                           shard_storage(fit->zero, plan->ranks), format, logits);
    fit->shard = (double)shard.bytes;
    fit->optim = (double)optim_plan(shard.elements, format, fit_states(fit));
    fit->reserve = format != FORMAT_FP32 ? fit_reserve(shape, rows, plan->ranks) : 0;
    fit->total = fit->model + fit->shard + fit->optim + fit->reserve;
}

/* Ways of sharing, the fastest first by lib/timeline (a test holds the two together). Where several
 * nodes have several GPUs, weights and gradients are shared inside of nodes. Sharing them across
 * nodes costs more than computing blocks again or rounding states to bf16: only what fits no other
 * way. */
const enum sft_zero *fit_ways(int nodes, int ranks, bool far)
{
    static const enum sft_zero none[] = {SFT_ZERO_COUNT}, single[] = {SFT_ZERO_0, SFT_ZERO_COUNT};
    static const enum sft_zero one_node[] = {SFT_ZERO_1, SFT_ZERO_2, SFT_ZERO_3, SFT_ZERO_COUNT};
    static const enum sft_zero one_each[] = {SFT_ZERO_1, SFT_ZERO_COUNT};
    static const enum sft_zero levels[] = {SFT_ZERO_HYBRID, SFT_ZERO_1, SFT_ZERO_COUNT};
    static const enum sft_zero across[] = {SFT_ZERO_2, SFT_ZERO_3, SFT_ZERO_COUNT};
    if (far)
        return nodes > 1 ? across : none;
    if (ranks == 1)
        return single;
    if (nodes == 1)
        return one_node;
    return ranks > nodes && ranks % nodes == 0 ? levels : one_each;
}

/* The fastest way that fits and that the request allows; else the one that needs least, and false.
 */
static bool fit_share(struct fit *fit, const struct sft_request *request,
                      const struct sft_plan *plan, const struct sft_preset *shape, int rows,
                      bool far, double available, enum format format, size_t logits)
{
    struct fit least = {.total = INFINITY};
    const enum sft_zero said[] = {(enum sft_zero)(request->zero - SFT_SHARE_0), SFT_ZERO_COUNT};
    const enum sft_zero *ways =
        request->zero > SFT_SHARE_AUTO ? said : fit_ways(plan->nodes, plan->ranks, far);
    for (; *ways != SFT_ZERO_COUNT; ways++) {
        fit->zero = *ways;
        fit_count(fit, plan, shape, rows, format, logits);
        if (available <= 0 || fit->total <= available)
            return true;
        if (fit->total < least.total)
            least = *fit;
    }
    *fit = least;
    return false;
}

const char *fit_why(const struct fit *fit, const struct sft_request *request,
                    const struct sft_plan *plan)
{
    if (plan->ranks == 1)
        return "one rank keeps all";
    if (request->zero > SFT_SHARE_AUTO)
        return "as the request says";
    if (fit->zero == SFT_ZERO_HYBRID)
        return "fastest on several nodes: weights and gradients inside of each, states over all";
    if (fit->zero == SFT_ZERO_1)
        return "fastest where weights and gradients fit whole";
    return plan->nodes == 1 ? "what a rank must keep whole with less sharing does not fit"
                            : "nothing with less sharing across nodes fits";
}

enum model_recompute fit_recompute(const struct fit *fit)
{
    switch (fit->recompute) {
    case SFT_RECOMPUTE_BLOCK:
        return RECOMPUTE_BLOCK;
    case SFT_RECOMPUTE_NORMS:
        return RECOMPUTE_NORMS;
    default:
        return RECOMPUTE_NONE;
    }
}

enum optim_states fit_states(const struct fit *fit)
{
    return fit->states == SFT_STATES_BF16 ? OPTIM_BF16 : OPTIM_FP32;
}

const char *fit_states_name(enum sft_states states)
{
    return sft_states_words[states];
}

const char *fit_recompute_name(enum sft_recompute recompute)
{
    return sft_recompute_words[recompute];
}

struct candidate {
    enum sft_states states;
    enum sft_recompute recompute;
};

/* In the order of preference. */
static const struct candidate candidates[] = {
    {SFT_STATES_FP32, SFT_RECOMPUTE_NONE},  {SFT_STATES_FP32, SFT_RECOMPUTE_NORMS},
    {SFT_STATES_BF16, SFT_RECOMPUTE_NONE},  {SFT_STATES_BF16, SFT_RECOMPUTE_NORMS},
    {SFT_STATES_FP32, SFT_RECOMPUTE_BLOCK}, {SFT_STATES_BF16, SFT_RECOMPUTE_BLOCK},
};

enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

static bool allowed(const struct sft_request *request, const struct candidate *c)
{
    return (request->states <= SFT_STATES_AUTO || request->states == (int)c->states) &&
           (request->recompute <= SFT_RECOMPUTE_AUTO || request->recompute == (int)c->recompute);
}

/* The first that fits and is allowed, in the order of preference; else what needs least, and false.
 */
static bool fit_search(struct fit *fit, const struct sft_request *request,
                       const struct sft_plan *plan, const struct sft_preset *shape, int rows,
                       double available, enum format format, size_t logits)
{
    struct fit least = {.total = INFINITY};
    for (int i = 0; i < 2 * CANDIDATES; i++) {
        const struct candidate *c = &candidates[i % CANDIDATES];
        if (!allowed(request, c))
            continue;
        *fit = (struct fit){.states = c->states, .recompute = c->recompute};
        if (fit_share(fit, request, plan, shape, rows, i >= CANDIDATES, available, format, logits))
            return true;
        if (fit->total < least.total)
            least = *fit;
    }
    *fit = least;
    return false;
}

/* Does anything with these rows fit, whatever the request said? */
static bool fit_any(struct fit *fit, const struct sft_plan *plan, const struct sft_preset *shape,
                    int rows, double available, enum format format, size_t logits)
{
    static const struct sft_request open;
    return fit_search(fit, &open, plan, shape, rows, available, format, logits);
}

/* ",zero=3" where there is a choice */
static const char *fit_zero_words(const struct fit *fit, const struct sft_plan *plan,
                                  char words[16])
{
    words[0] = '\0';
    if (plan->ranks > 1)
        snprintf(words, 16, ",zero=%s", sft_zero_name(fit->zero));
    return words;
}

/* What else would fit: one sentence's end. */
static void advise(char *text, size_t size, const struct sft_plan *plan,
                   const struct sft_preset *shape, double available, enum format format,
                   size_t logits)
{
    struct fit fit;
    char zero[16];
    int share = plan->micro_batch * plan->accumulation; /* of a rank in the global batch */
    for (int micro = plan->micro_batch; micro >= 1; micro--)
        if (share % micro == 0 &&
            fit_any(&fit, plan, shape, micro * plan->seq, available, format, logits)) {
            char smaller[32] = "";
            if (micro < plan->micro_batch)
                snprintf(smaller, sizeof smaller, "micro_batch=%d,", micro);
            snprintf(text, size, "%sstates=%s,recompute=%s%s fits", smaller,
                     fit_states_name(fit.states), fit_recompute_name(fit.recompute),
                     fit_zero_words(&fit, plan, zero));
            return;
        }
    for (int seq = plan->seq / 2; seq >= 256; seq /= 2)
        if (fit_any(&fit, plan, shape, seq, available, format, logits)) {
            snprintf(text, size, "micro_batch=1,seq=%d,states=%s,recompute=%s%s fits", seq,
                     fit_states_name(fit.states), fit_recompute_name(fit.recompute),
                     fit_zero_words(&fit, plan, zero));
            return;
        }
    snprintf(text, size,
             "no micro-batch of this model fits: it needs more GPUs to share its states, or "
             "GPUs with more memory");
}

int fit_make(struct fit *fit, const struct sft_request *request, const struct sft_plan *plan,
             const struct sft_preset *shape, double available, enum format format, size_t logits,
             struct sft_error *err)
{
    char advice[200], zero[16];
    if (fit_search(fit, request, plan, shape, plan->micro_batch * plan->seq, available, format,
                   logits))
        return 0;
    advise(advice, sizeof advice, plan, shape, available, format, logits);
    return sft_error_set(
        err,
        "%s with micro_batch=%d,seq=%d needs %.1f GiB (states=%s,recompute=%s%s) and "
        "%.1f are free: %.1f GiB too much; %s",
        shape->name, plan->micro_batch, plan->seq, fit->total / gib, fit_states_name(fit->states),
        fit_recompute_name(fit->recompute), fit_zero_words(fit, plan, zero), available / gib,
        (fit->total - available) / gib, advice);
}
