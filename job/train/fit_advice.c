/* SPDX-License-Identifier: Apache-2.0 */
/* What would fit instead of what does not. */
#include "job/train/fit_internal.h"

#include <stdio.h>
#include <string.h>

const char *fit_zero_words(const struct fit *fit, const struct sft_plan *plan, char words[16])
{
    words[0] = '\0';
    if (plan->ranks > 1)
        snprintf(words, 16, ",zero=%s", sft_zero_name(fit->zero));
    return words;
}

/* Does anything with so many sequences of that length fit, whatever the request said? */
static bool fit_any(struct fit *fit, const struct fit_question *q, int micro_batch, int seq)
{
    static const struct sft_request open;
    struct fit_question other = *q;
    struct sft_plan plan = *q->plan;
    plan.seq = seq;
    other.plan = &plan;
    other.request = &open;
    *fit = (struct fit){.micro_batch = micro_batch, .accumulation = 1};
    return fit_search(fit, &other);
}

static void advice_say(char *text, size_t size, const char *smaller, const struct fit *fit,
                       const struct sft_plan *plan)
{
    char zero[16];
    snprintf(text, size, "%sstates=%s,recompute=%s%s fits", smaller, fit_states_name(fit->states),
             fit_recompute_name(fit->recompute), fit_zero_words(fit, plan, zero));
}

/* Methods and bases, the one that needs most first. */
static const struct lighter {
    const char *words;
    enum sft_base base;
} lighter[] = {{"method=lora", SFT_BASE_DEVICE},
               {"method=lora,base=fp8", SFT_BASE_FP8},
               {"method=qlora", SFT_BASE_NF4}};

/* What no full training fits into may hold the same with frozen weights, or with these in fewer
 * bits: the first of those lighter than what was asked for. */
static bool advise_adapters(char *text, size_t size, const struct fit_question *q)
{
    struct fit_question other = *q;
    struct sft_preset shape = *q->shape;
    struct sft_request defaults;
    struct fit fit;
    char words[64];
    bool full = shape.adapters.rank == 0;
    sft_request_defaults(&defaults, NULL);
    if (full)
        shape.adapters.rank = defaults.lora_rank;
    if (full && sft_adapters_read(&shape, defaults.lora_targets, &shape.adapters.targets, NULL) < 0)
        return false;
    other.shape = &shape;
    for (size_t i = 0; i < sizeof lighter / sizeof lighter[0]; i++) {
        shape.adapters.base = lighter[i].base;
        if ((!full && lighter[i].base <= q->shape->adapters.base) ||
            !fit_any(&fit, &other, 1, q->plan->seq))
            continue;
        snprintf(words, sizeof words, "%s,micro_batch=1,", lighter[i].words);
        advice_say(text, size, words, &fit, q->plan);
        return true;
    }
    return false;
}

void fit_advise(char *text, size_t size, const struct fit_question *q)
{
    const struct sft_plan *plan = q->plan;
    struct fit fit;
    char smaller[48] = "";
    int share = plan->micro_batch * plan->accumulation; /* of a rank in the global batch */
    for (int micro = plan->micro_batch; micro >= 1; micro--)
        if (share % micro == 0 && fit_any(&fit, q, micro, plan->seq)) {
            if (micro < plan->micro_batch)
                snprintf(smaller, sizeof smaller, "micro_batch=%d,", micro);
            advice_say(text, size, smaller, &fit, plan);
            return;
        }
    if (q->shape->adapters.rank > 0 && advise_adapters(text, size, q))
        return;
    for (int seq = plan->seq / 2; seq >= 256; seq /= 2)
        if (fit_any(&fit, q, 1, seq)) {
            snprintf(smaller, sizeof smaller, "micro_batch=1,seq=%d,", seq);
            advice_say(text, size, smaller, &fit, plan);
            return;
        }
    if (advise_adapters(text, size, q))
        return;
    snprintf(text, size,
             "no micro-batch of this model fits: it needs more GPUs to share its states, or "
             "GPUs with more memory");
}
