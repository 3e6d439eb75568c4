/* SPDX-License-Identifier: Apache-2.0 */
#include "job/train/fit_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double gib = 1024.0 * 1024 * 1024;

static const double nccl_reserve =
    0.42; /* GiB: buffers of four communicators (measured over sockets) */

/* Attention's backward pass sums dq in fp32, in packed documents as wide as qkv; besides,
 * cuBLASLt's workspace and what the libraries load when they are first used (measured). */
double fit_reserve(const struct sft_preset *s, enum format format, double rows, int ranks)
{
    const double libraries = 0.1 + (ranks > 1 ? nccl_reserve : 0);
    double attention = rows * (double)(sft_preset_qkv(s) + s->heads) * sizeof(float);
    if (format == FORMAT_FP32) /* the scratch of attention_fp32.c, as far as one square allows it */
        attention = s->heads > 0 ? 0.25 * gib : 0;
    return attention + libraries * gib;
}

enum format fit_format(const struct sft_request *request)
{
    return sft_precision_is_wide(request->precision) ? FORMAT_FP32 : DEVICE_CUDA_FORMAT;
}

double fit_room(double bytes)
{
    return 0.97 * bytes;
}

struct fit_question fit_question(const struct sft_request *request, const struct sft_plan *plan,
                                 const struct sft_preset *shape)
{
    struct fit_question q = {
        .request = request,
        .plan = plan,
        .shape = shape,
        .workload = workload_full(plan->seq),
    };
    fit_question_measured(&q, sft_ceiling_find(FIT_DEVICE));
    return q;
}

/* Where what the request does not say is from is known by whether it is assumed. */
static const char *fabric_source(const struct sft_request *request, const struct sft_fabric *fabric)
{
    bool inside = request->nvlink_gbs > 0, across = request->nic_gbs > 0;
    if (inside && across)
        return "as the request says";
    if (inside)
        return fabric->nic_assumed ? "as the request says inside of a node, assumed across nodes"
                                   : "as the request says inside of a node, by the file of "
                                     "ceilings across nodes";
    if (across)
        return fabric->nvlink_assumed ? "as the request says across nodes, assumed inside of a node"
                                      : "as the request says across nodes, by the file of ceilings "
                                        "inside of a node";
    return fabric->source;
}

void fit_question_measured(struct fit_question *q, const struct sft_ceiling *ceiling)
{
    const struct sft_request *request = q->request;
    q->ceiling = ceiling;
    q->fabric = sft_fabric_default();
    sft_fabric_of(&q->fabric, ceiling->device);
    sft_fabric_measured(&q->fabric, ceiling, q->shape, q->plan->nodes);
    q->fabric.source = fabric_source(request, &q->fabric);
    if (request->nvlink_gbs > 0) {
        q->fabric.nvlink_gbs = request->nvlink_gbs;
        q->fabric.nvlink_assumed = false;
    }
    if (request->nic_gbs > 0) {
        q->fabric.nic_gbs = request->nic_gbs;
        q->fabric.nic_assumed = false;
    }
}

static double model_need(const struct fit *fit, const struct fit_question *q)
{
    struct model_recipe recipe = fit_recipe(fit, q->request, q->shape);
    return (double)model_plan_stored(q->shape, fit->micro_batch * q->plan->seq, &recipe,
                                     shard_storage(q->shape, fit->zero, q->plan->ranks), q->format,
                                     q->logits);
}

bool fit_count(struct fit *fit, const struct fit_question *q)
{
    const struct sft_plan *plan = q->plan;
    int rows = fit->micro_batch * plan->seq, copies = MODEL_COPIES_NONE;
    struct sft_layout layout = {plan->nodes, plan->ranks / plan->nodes, fit->zero};
    struct model_recipe recipe = fit_recipe(fit, q->request, q->shape);
    struct shard_sizes shard = shard_plan(q->shape, &layout, q->format, &recipe);
    if (recipe.scaling != SCALING_NONE && !recipe.gathered) /* bytes that come need no copies */
        copies = MODEL_COPIES_BOTH;
    fit->shard = (double)shard.bytes;
    fit->optim = (double)optim_plan(shard.elements, q->format, fit_states(fit), plan->sgd);
    fit->reserve = q->cpu ? 0 : fit_reserve(q->shape, q->format, rows, plan->ranks);
    for (; copies >= MODEL_COPIES_NONE; copies--) {
        fit->copies = (enum model_copies)copies;
        fit->model = model_need(fit, q);
        fit->total = fit->model + fit->shard + fit->optim + fit->reserve;
        if (q->available <= 0 || fit->total <= q->available)
            return true;
    }
    return false;
}

/* Ways of sharing, for the search of states. Where several nodes have several GPUs, weights and
 * gradients are shared inside of nodes. Sharing them across nodes costs more than computing blocks
 * again or rounding states to bf16: only what fits no other way. */
static const enum sft_zero *fit_ways(int nodes, int ranks, bool far)
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

/* The first way that fits and that the request allows; else the one that needs least, and false. */
static bool fit_share(struct fit *fit, const struct fit_question *q, bool far)
{
    struct fit least = {.total = INFINITY};
    const enum sft_zero said[] = {(enum sft_zero)(q->request->zero - SFT_SHARE_0), SFT_ZERO_COUNT};
    const enum sft_zero *ways =
        q->request->zero > SFT_SHARE_AUTO ? said : fit_ways(q->plan->nodes, q->plan->ranks, far);
    for (; *ways != SFT_ZERO_COUNT; ways++) {
        fit->zero = *ways;
        if (fit_count(fit, q))
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
    if (plan->adapters.rank > 0 && fit->zero == SFT_ZERO_3)
        return "the base over all ranks, adapters whole, their states over all: the fastest that "
               "fits, by the timeline";
    if (plan->adapters.rank > 0 && fit->zero == SFT_ZERO_HYBRID)
        return "the base inside of each node, adapters whole, their states over all: the fastest "
               "that fits, by the timeline";
    switch (fit->zero) {
    case SFT_ZERO_0:
        return "nothing is shared: the fastest that fits, by the timeline";
    case SFT_ZERO_1:
        return "states over all ranks: the fastest that fits, by the timeline";
    case SFT_ZERO_2:
        return "states and gradients over all ranks: the fastest that fits, by the timeline";
    case SFT_ZERO_3:
        return "states, gradients and weights over all ranks: the fastest that fits, by the "
               "timeline";
    default:
        return "weights and gradients inside of each node, states over all: the fastest that fits, "
               "by the timeline";
    }
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

enum tensor_scaling fit_scaling(const struct sft_request *request)
{
    if (request->precision != SFT_PRECISION_FP8)
        return SCALING_NONE;
    return request->scaling == SFT_SCALING_ROW ? SCALING_ROW : SCALING_TENSOR;
}

struct model_recipe fit_recipe(const struct fit *fit, const struct sft_request *request,
                               const struct sft_preset *shape)
{
    enum tensor_scaling scaling = fit_scaling(request);
    return (struct model_recipe){.recompute = fit_recompute(fit),
                                 .scaling = scaling,
                                 .copies = fit->copies,
                                 .gathered = shard_gathers_fp8(shape, fit->zero, scaling)};
}

enum format fit_states(const struct fit *fit)
{
    return fit->states == SFT_STATES_BF16 ? FORMAT_BF16 : FORMAT_FP32;
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

/* Moments of 16 bits go with AdamW and weights of 16 bits. */
static bool allowed(const struct fit_question *q, const struct candidate *c)
{
    const struct sft_request *request = q->request;
    if (c->states == SFT_STATES_BF16 && (q->plan->sgd || sft_precision_is_wide(request->precision)))
        return false;
    return (request->states <= SFT_STATES_AUTO || request->states == (int)c->states) &&
           (request->recompute <= SFT_RECOMPUTE_AUTO || request->recompute == (int)c->recompute);
}

bool fit_search(struct fit *fit, const struct fit_question *q)
{
    const struct fit given = *fit;
    struct fit least = {.total = INFINITY};
    for (int i = 0; i < 2 * CANDIDATES; i++) {
        const struct candidate *c = &candidates[i % CANDIDATES];
        if (!allowed(q, c))
            continue;
        *fit = given;
        fit->states = c->states;
        fit->recompute = c->recompute;
        if (fit_share(fit, q, i >= CANDIDATES))
            return true;
        if (fit->total < least.total)
            least = *fit;
    }
    *fit = least;
    return false;
}

char *fit_chosen(const struct sft_request *request, const struct sft_plan *plan,
                 char text[FIT_CHOSEN])
{
    const struct {
        const char *name;
        bool chosen;
    } parts[] = {
        {"micro_batch", request->micro_batch == 0 ||
                            (request->micro_batch < 0 &&
                             (plan->preset->standard.batch == 0 || request->global_batch >= 0))},
        {"states", request->states <= SFT_STATES_AUTO},
        {"recompute", request->recompute <= SFT_RECOMPUTE_AUTO},
        {"zero", request->zero <= SFT_SHARE_AUTO && plan->ranks > 1},
    };
    text[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].chosen)
            snprintf(text + strlen(text), FIT_CHOSEN - strlen(text), "%s%s",
                     text[0] == '\0' ? "" : ",", parts[i].name);
    return text;
}
