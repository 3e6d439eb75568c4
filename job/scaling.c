/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast of many nodes: for each number of nodes the fastest way of sharing that fits. */
#include "job/run.h"

#include <math.h>
#include <stdio.h>

#include "lib/timeline.h"

enum { GPUS = 8 }; /* of an HGX node */

struct choice {
    struct sft_layout layout;
    struct sft_work work;
    struct sft_timeline timeline;
    double bytes; /* of a rank; infinite: nothing fits */
};

/* Of the arena what is neither weights nor gradients. */
static double activation_bytes(const struct sft_preset *shape, int rows, enum sft_recompute level)
{
    struct fit fit = { .recompute = level };
    double arena = (double)model_plan(shape, rows, fit_recompute(&fit), BACKEND_CUDA_ACT,
                                      BACKEND_CUDA_LOGITS);
    return arena - 2.0 * BACKEND_CUDA_ACT * (double)sft_preset_parameters(shape) + fit_reserve(shape, rows);
}

static void choice_try(struct choice *best, const struct choice *tried,
                       const struct sft_preset *shape, int rows)
{
    struct choice c = *tried;
    struct sft_fabric fabric = sft_fabric_default();
    c.bytes = sft_shards_make(shape, &c.layout, c.work.states).total
              + activation_bytes(shape, rows, c.work.recompute);
    if (ldexp(c.bytes, -30) > PLAN_GIB)
        return;
    c.timeline = sft_timeline_make(shape, &c.work, sft_ceiling_find(PLAN_DEVICE), &fabric,
                                   &c.layout);
    if (isinf(best->bytes) || c.timeline.step < best->timeline.step)
        *best = c;
}

/* States in fp32 where anything with them fits; said ones always. */
static struct choice choice_make(const struct sft_plan *plan, const struct sft_preset *shape,
                                 const struct sft_request *request, const struct sft_work *work,
                                 int nodes, int gpus)
{
    struct choice best = { .bytes = INFINITY };
    for (int states = SFT_STATES_FP32; states <= SFT_STATES_BF16 && isinf(best.bytes); states++)
        for (int zero = SFT_ZERO_0; zero < SFT_ZERO_COUNT; zero++)
            for (int level = SFT_RECOMPUTE_NONE; level <= SFT_RECOMPUTE_BLOCK; level++) {
                struct choice c = { .layout = { nodes, gpus, (enum sft_zero)zero }, .work = *work };
                c.work.states = (enum sft_states)states;
                c.work.recompute = (enum sft_recompute)level;
                if ((request->states <= SFT_STATES_AUTO || request->states == states)
                    && (request->recompute <= SFT_RECOMPUTE_AUTO || request->recompute == level))
                    choice_try(&best, &c, shape, plan->micro_batch * plan->seq);
            }
    return best;
}

static void choice_print(const struct choice *c, int nodes)
{
    const struct sft_timeline *t = &c->timeline;
    if (isinf(c->bytes)) {
        printf("%5d  does not fit\n", nodes);
        return;
    }
    printf("%5d  %9.0f  %9.0f  %8.1f  %9.1f  %6.1f  %-8s %-6s %-4s %-5s\n", nodes, t->tok_s,
           t->tok_s / nodes / c->layout.gpus, t->exposed * 1e3, 100 * t->efficiency,
           ldexp(c->bytes, -30), t->bound, sft_zero_name(c->layout.zero),
           fit_states_name(c->work.states), fit_recompute_name(c->work.recompute));
}

void scaling_print(const struct sft_plan *plan, const struct sft_preset *shape, struct data *data,
                   const struct sft_request *request, int nodes)
{
    struct sft_fabric fabric = sft_fabric_default();
    int gpus = request->gpus > 0 ? request->gpus : GPUS;
    struct sft_work work;
    if (!forecast_work(&work, plan, data))
        return;
    printf("scaling    estimated for nodes of %d x H200, %d sequences of %d tokens x %d a GPU and step\n",
           gpus, plan->micro_batch, plan->seq, plan->accumulation);
    printf("           fabric %s: %g GB/s a GPU, %g GB/s a node\n", fabric.source, fabric.nvlink_gbs,
           fabric.nic_gbs);
    printf("nodes      tok/s  tok/s/GPU  wait, ms  scaling, %%     GiB  bound    zero   states recompute\n");
    for (int n = 1; n <= (nodes > 8 ? nodes : 8); n *= 2) {
        struct choice c = choice_make(plan, shape, request, &work, n, gpus);
        choice_print(&c, n);
    }
}
