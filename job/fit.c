/* SPDX-License-Identifier: Apache-2.0 */
#include "job/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double gib = 1024.0 * 1024 * 1024;

/* Attention's backward pass sums dq in fp32, in packed documents as wide as qkv; besides, cuBLASLt's
 * workspace and what the libraries load when they are first used (measured). */
double fit_reserve(const struct sft_preset *s, double rows)
{
    double width = (double)(s->heads + 2 * s->kv_heads) * s->head_dim;
    return rows * (width + s->heads) * sizeof(float) + 0.4 * gib;
}

static void fit_count(struct fit *fit, const struct sft_preset *shape, int rows, size_t act_size,
                      size_t logits)
{
    fit->model = (double)model_plan(shape, rows, fit_recompute(fit), act_size, logits);
    fit->optim = (double)optim_plan((size_t)sft_preset_parameters(shape), act_size, fit_states(fit));
    fit->reserve = act_size < sizeof(float) ? fit_reserve(shape, rows) : 0;
    fit->total = fit->model + fit->optim + fit->reserve;
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
    return states == SFT_STATES_BF16 ? "bf16" : "fp32";
}

const char *fit_recompute_name(enum sft_recompute recompute)
{
    return recompute == SFT_RECOMPUTE_BLOCK   ? "block"
           : recompute == SFT_RECOMPUTE_NORMS ? "norms"
                                              : "none";
}

struct candidate {
    enum sft_states states;
    enum sft_recompute recompute;
};

/* In the order of preference. */
static const struct candidate candidates[] = {
    { SFT_STATES_FP32, SFT_RECOMPUTE_NONE },  { SFT_STATES_FP32, SFT_RECOMPUTE_NORMS },
    { SFT_STATES_BF16, SFT_RECOMPUTE_NONE },  { SFT_STATES_BF16, SFT_RECOMPUTE_NORMS },
    { SFT_STATES_FP32, SFT_RECOMPUTE_BLOCK }, { SFT_STATES_BF16, SFT_RECOMPUTE_BLOCK },
};

enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

static bool allowed(const struct sft_request *request, const struct candidate *c)
{
    return (request->states <= SFT_STATES_AUTO || request->states == (int)c->states)
           && (request->recompute <= SFT_RECOMPUTE_AUTO || request->recompute == (int)c->recompute);
}

/* What else would fit: one sentence's end. */
static void advise(char *text, size_t size, const struct sft_plan *plan,
                   const struct sft_preset *shape, double available, size_t act_size, size_t logits)
{
    struct fit fit = { 0 };
    for (int i = 0; i < CANDIDATES; i++) {
        fit.states = candidates[i].states;
        fit.recompute = candidates[i].recompute;
        fit_count(&fit, shape, plan->micro_batch * plan->seq, act_size, logits);
        if (fit.total <= available) {
            snprintf(text, size, "states=%s,recompute=%s fits", fit_states_name(fit.states),
                     fit_recompute_name(fit.recompute));
            return;
        }
    }
    fit = (struct fit) { .states = SFT_STATES_BF16, .recompute = SFT_RECOMPUTE_BLOCK };
    int share = plan->micro_batch * plan->accumulation; /* of a rank in the global batch */
    for (int micro = plan->micro_batch - 1; micro >= 1; micro--) {
        if (share % micro != 0)
            continue;
        fit_count(&fit, shape, micro * plan->seq, act_size, logits);
        if (fit.total <= available) {
            snprintf(text, size, "micro_batch=%d,states=bf16,recompute=block fits", micro);
            return;
        }
    }
    for (int seq = plan->seq / 2; seq >= 256; seq /= 2) {
        fit_count(&fit, shape, seq, act_size, logits);
        if (fit.total <= available) {
            snprintf(text, size, "micro_batch=1,seq=%d,states=bf16,recompute=block fits", seq);
            return;
        }
    }
    snprintf(text, size, "no micro-batch of this model fits: it needs a GPU with more memory, or its "
                         "states shared by several, which this release cannot do");
}

int fit_make(struct fit *fit, const struct sft_request *request, const struct sft_plan *plan,
             const struct sft_preset *shape, double available, size_t act_size, size_t logits,
             struct sft_error *err)
{
    struct fit least = { .total = INFINITY };
    char advice[200];
    int rows = plan->micro_batch * plan->seq;
    for (int i = 0; i < CANDIDATES; i++) {
        if (!allowed(request, &candidates[i]))
            continue;
        *fit = (struct fit) { .states = candidates[i].states,
                              .recompute = candidates[i].recompute };
        fit_count(fit, shape, rows, act_size, logits);
        if (available <= 0 || fit->total <= available)
            return 0;
        if (fit->total < least.total)
            least = *fit;
    }
    advise(advice, sizeof advice, plan, shape, available, act_size, logits);
    return sft_error_set(err,
                         "%s with micro_batch=%d,seq=%d needs %.1f GiB (states=%s,recompute=%s) and "
                         "%.1f are free: %.1f GiB too much; %s",
                         shape->name, plan->micro_batch, plan->seq, least.total / gib,
                         fit_states_name(least.states), fit_recompute_name(least.recompute),
                         available / gib, (least.total - available) / gib, advice);
}
