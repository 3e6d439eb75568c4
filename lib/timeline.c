/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/timeline.h"

#include <stdbool.h>

#include "lib/nccl_time.h"
#include "lib/params.h"
#include "lib/roofline.h"

static const double element = 2, giga = 1e9;

enum { INSIDE, ACROSS };

/* By so much computing slows while a collective runs, whose blocks take multiprocessors, memory and
 * power. Fitted: with it runs on two and four H100 with zero=2 and zero=3 are as far from what is
 * derived of them as those of the same models on one GPU (tests/unit/run/test_forecast.c). */
static const double contention = 0.35;
/* While it waits for a slower network its blocks only hold their multiprocessors: some 20 of 132,
 * as DeepSeek-V3's report has it. Estimated; nothing of ours was measured across nodes. */
static const double held = 0.15;

struct sft_fabric sft_fabric_default(void)
{
    struct sft_request assumed;
    sft_request_defaults(&assumed, NULL);
    return (struct sft_fabric){
        .nvlink_gbs = assumed.nvlink_gbs,
        .nic_gbs = assumed.nic_gbs,
        .hops = true,
        .nvlink_assumed = true,
        .nic_assumed = true,
        .source = "assumed: NCCL's ring inside of 8 x H200, 92% of 2 x 400GbE a node",
    };
}

void sft_fabric_of(struct sft_fabric *fabric, const char *device_name)
{
    const struct sft_roofline *sheet = sft_roofline_find(device_name);
    const struct sft_roofline *its = sft_roofline_find("H200");
    if (sheet == NULL || sheet->link_gbs == its->link_gbs)
        return;
    fabric->nvlink_gbs *= sheet->link_gbs / its->link_gbs;
    fabric->source = "assumed: NCCL's ring has as much of the links' data sheet as inside of 8 x "
                     "H200, 92% of 2 x 400GbE a node";
}

void sft_fabric_measured(struct sft_fabric *fabric, const struct sft_ceiling *ceiling,
                         const struct sft_preset *shape, int nodes)
{
    double bytes = element * (double)(sft_params_unit(shape, 1) + sft_params_unit_frozen(shape, 1));
    double inside = sft_ceiling_busbw(ceiling, 1, bytes);
    double across = nodes > 1 ? sft_ceiling_busbw(ceiling, nodes, bytes) : 0;
    if (inside > 0) {
        fabric->nvlink_gbs = inside;
        fabric->measured[INSIDE] = 1;
        fabric->nvlink_assumed = false;
    }
    if (across > 0) {
        fabric->nic_gbs = across;
        fabric->measured[ACROSS] = sft_ceiling_busbw_nodes(ceiling, nodes);
        fabric->nic_assumed = false;
    }
    if (inside > 0 || across > 0)
        fabric->source = "by the file of ceilings";
}

const char *sft_zero_name(enum sft_zero zero)
{
    return sft_share_words[SFT_SHARE_0 + (int)zero];
}

/* Three things that work side by side; each does one thing at a time. */
struct clock {
    const struct sft_fabric *fabric;
    const struct sft_layout *layout;
    double compute, nvlink, nic; /* when each is free again */
    double compute_busy, nvlink_busy, nic_busy;
    double moving; /* a collective through both once */
    double taken;  /* of computing, if none of it were waited for */
};

static double later(double a, double b)
{
    return a > b ? a : b;
}

static double compute_run(struct clock *c, double ready, double seconds)
{
    c->compute = later(c->compute, ready) + seconds;
    c->compute_busy += seconds;
    return c->compute;
}

/* Seconds of an all-gather or reduce-scatter over so many members: busbw's definition. */
static double collective_time(double members, double bytes, double gbs)
{
    return (members - 1) / members * bytes / (gbs * giga);
}

static double nvlink_time(const struct clock *c, double members, double bytes)
{
    return c->layout->gpus < 2 ? 0 : collective_time(members, bytes, c->fabric->nvlink_gbs);
}

static double nic_time(const struct clock *c, double members, double bytes)
{
    return c->layout->nodes < 2 ? 0 : collective_time(members, bytes, c->fabric->nic_gbs);
}

/* What the ranks of a collective take beside its bytes' seconds; where bandwidth was measured on
 * fewer nodes, what these many take more. */
static double hops_time(const struct clock *c, enum sft_collective_kind kind, int nodes, int gpus,
                        double transfer)
{
    int known = c->fabric->measured[nodes > 1 ? ACROSS : INSIDE];
    if (!c->fabric->hops || transfer == 0)
        return 0;
    double more = sft_nccl_more(kind, nodes, gpus, transfer);
    return known > 0 ? later(0, more - sft_nccl_more(kind, known, gpus, transfer)) : more;
}

/* A collective of so many seconds, which the links inside of the node would take `inside` for. */
static void beside(struct clock *c, double inside, double seconds)
{
    c->moving += seconds;
    c->taken += contention * inside + held * (seconds - inside);
}

static double nvlink_run(struct clock *c, double ready, double bytes)
{
    double seconds = nvlink_time(c, c->layout->gpus, bytes);
    seconds += hops_time(c, SFT_ALL_GATHER, 1, c->layout->gpus, seconds);
    if (seconds == 0)
        return ready;
    c->nvlink = later(c->nvlink, ready) + seconds;
    c->nvlink_busy += seconds;
    beside(c, seconds, seconds);
    return c->nvlink;
}

static double nic_run(struct clock *c, double ready, double bytes)
{
    double seconds = nic_time(c, c->layout->nodes, bytes);
    seconds += hops_time(c, SFT_ALL_GATHER, c->layout->nodes, 1, seconds);
    if (seconds == 0)
        return ready;
    c->nic = later(c->nic, ready) + seconds;
    c->nic_busy += seconds;
    beside(c, 0, seconds);
    return c->nic;
}

/* Over all ranks: NCCL moves it through both at once, so both are taken until the slower is done.
 */
static double flat_run(struct clock *c, enum sft_collective_kind kind, double ready, double bytes)
{
    int nodes = c->layout->nodes, gpus = c->layout->gpus;
    double ranks = (double)nodes * gpus, passes = kind == SFT_ALL_REDUCE ? 2 : 1;
    double inside = nvlink_time(c, ranks, passes * bytes);
    double across = nic_time(c, ranks, passes * bytes);
    double seconds = later(inside, across);
    seconds += hops_time(c, kind, nodes, gpus, seconds);
    if (seconds == 0)
        return ready;
    double end = later(later(ready, inside > 0 ? c->nvlink : 0), across > 0 ? c->nic : 0) + seconds;
    beside(c, inside, seconds);
    if (inside > 0) {
        c->nvlink = end;
        c->nvlink_busy += seconds;
    }
    if (across > 0) {
        c->nic = end;
        c->nic_busy += seconds;
    }
    return end;
}

struct part {
    double parameters, trained; /* bytes of what trains, */
    double up, down, across; /* of it as a pass gathers it, and as it crosses nodes once a step */
    double base; /* of what is frozen and comes together each time, where it is shared */
};

/* What a pass over the layers needs to know of each. */
struct schedule {
    struct clock clock;
    const struct sft_preset *shape;
    enum sft_zero zero;         /* of what trains, */
    enum sft_zero base;         /* and of what is frozen */
    struct part layer, outside; /* a layer; and what unit_part counts as one */
    double forward, backward;   /* seconds of a parameter */
    double updated;             /* when the last step's update ended */
};

/* The head, the embedding and the last norm pass as one more layer. */
static const struct part *unit_part(const struct schedule *s, int unit)
{
    return unit < s->shape->layers ? &s->layer : &s->outside;
}

static bool gathers(enum sft_zero zero)
{
    return zero == SFT_ZERO_3 || zero == SFT_ZERO_HYBRID;
}

/* When what trains of a layer is there, asked for at `begun`. */
static double trained_ready(struct schedule *s, const struct part *part, bool down, double begun,
                            bool first)
{
    struct clock *c = &s->clock;
    double bytes = down ? part->down : part->up;
    if (bytes == 0)
        return 0;
    switch (s->zero) {
    case SFT_ZERO_1:
    case SFT_ZERO_2:
        return first ? flat_run(c, SFT_ALL_GATHER, s->updated, bytes) : 0;
    case SFT_ZERO_3:
        return flat_run(c, SFT_ALL_GATHER, begun, bytes);
    case SFT_ZERO_HYBRID: {
        double there = begun;
        if (first)
            there = later(there, nic_run(c, s->updated, part->across));
        return nvlink_run(c, there, bytes);
    }
    default:
        return 0;
    }
}

/* When all of a layer is. */
static double weights_ready(struct schedule *s, const struct part *part, bool down, double begun,
                            bool first)
{
    struct clock *c = &s->clock;
    double there = trained_ready(s, part, down, begun, first);
    if (part->base == 0 || !gathers(s->base))
        return there;
    return later(there, s->base == SFT_ZERO_3 ? flat_run(c, SFT_ALL_GATHER, begun, part->base)
                                              : nvlink_run(c, begun, part->base));
}

/* The gradient of a layer goes out; returns when it has arrived. */
static double gradients_out(struct schedule *s, double ready, double bytes, bool last)
{
    struct clock *c = &s->clock;
    if (bytes == 0)
        return ready;
    switch (s->zero) {
    case SFT_ZERO_0:
        return last ? flat_run(c, SFT_ALL_REDUCE, ready, bytes) : ready;
    case SFT_ZERO_1:
        return last ? flat_run(c, SFT_ALL_GATHER, ready, bytes) : ready;
    case SFT_ZERO_2:
    case SFT_ZERO_3:
        return flat_run(c, SFT_ALL_GATHER, ready, bytes);
    default:
        ready = nvlink_run(c, ready, bytes);
        return last ? nic_run(c, ready, bytes) : ready;
    }
}

/* A pass over the layers, up or down. A layer's weights are asked for when the one before begins,
 * in front of that one's gradients. Returns when the last gradient has arrived. */
static double pass_run(struct schedule *s, bool down, bool first, bool last)
{
    struct clock *c = &s->clock;
    int units = s->shape->layers + 1;
    bool asks = !down || gathers(s->zero) || gathers(s->base);
    double arrived = 0, ready = 0;
    for (int i = 0; i < units; i++) {
        const struct part *part = unit_part(s, down ? units - 1 - i : i);
        double next = 0, seconds = (down ? s->backward : s->forward) * part->parameters;
        if (i == 0 && asks)
            ready = weights_ready(s, part, down, c->compute, first);
        if (i + 1 < units && asks)
            next = weights_ready(s, unit_part(s, down ? units - 2 - i : i + 1), down,
                                 later(c->compute, ready), first);
        double end = compute_run(c, ready, seconds);
        if (down)
            arrived = later(arrived, gradients_out(s, end, part->trained, last));
        ready = next;
    }
    return arrived;
}

static double micro_batch(struct schedule *s, bool first, bool last)
{
    pass_run(s, false, first, false);
    return pass_run(s, true, false, last);
}

static double step_run(struct schedule *s, int accumulation, double optimizer)
{
    double arrived = 0;
    for (int i = 0; i < accumulation; i++)
        arrived = micro_batch(s, i == 0, i == accumulation - 1);
    s->updated = compute_run(&s->clock, arrived, optimizer);
    return s->updated;
}

static double optimizer_time(const struct sft_prediction *p, const struct sft_layout *layout)
{
    return layout->zero == SFT_ZERO_0 ? p->optimizer
                                      : p->optimizer / ((double)layout->nodes * layout->gpus);
}

/* What collectives that run beside computing take from it. Those that are waited for take nothing.
 */
static double slowed(const struct clock *c, double step)
{
    double waited = step - c->compute_busy;
    return c->moving > 0 && c->moving > waited ? c->taken * (1 - waited / c->moving) : 0;
}

/* The second of two steps is steady: what the first left on the way is in it. */
static struct sft_timeline steady(struct schedule s, int accumulation, double optimizer)
{
    double begin = step_run(&s, accumulation, optimizer);
    s.clock.compute_busy = s.clock.nvlink_busy = s.clock.nic_busy = 0;
    s.clock.moving = s.clock.taken = 0;
    double step = step_run(&s, accumulation, optimizer) - begin;
    double more = slowed(&s.clock, step);
    return (struct sft_timeline){.step = step + more,
                                 .compute = s.clock.compute_busy + more,
                                 .nvlink = s.clock.nvlink_busy,
                                 .nic = s.clock.nic_busy};
}

/* All micro-batches but the first and the last ones are alike: of many only some are laid out. */
static struct sft_timeline steady_many(const struct schedule *s, int accumulation, double optimizer)
{
    enum { LAID = 8 };
    if (accumulation <= LAID)
        return steady(*s, accumulation, optimizer);
    struct sft_timeline few = steady(*s, LAID - 1, optimizer), t = steady(*s, LAID, optimizer);
    double more = accumulation - LAID;
    t.step += more * (t.step - few.step);
    t.compute += more * (t.compute - few.compute);
    t.nvlink += more * (t.nvlink - few.nvlink);
    t.nic += more * (t.nic - few.nic);
    return t;
}

static struct part part_of(const struct sft_preset *shape, int unit)
{
    double trained = (double)sft_params_unit(shape, unit);
    double frozen = (double)sft_params_unit_frozen(shape, unit);
    double bytes = element * trained;
    return (struct part){trained + frozen,
                         bytes,
                         bytes,
                         bytes,
                         bytes,
                         frozen * sft_base_bits(shape->adapters.base) / 8};
}

/* Embedding and head, where frozen, are gathered once and stay. */
static struct part part_outside(const struct sft_preset *shape)
{
    struct part first = part_of(shape, 0), last = part_of(shape, sft_params_units(shape) - 1);
    double trained = first.trained + last.trained;
    return (struct part){first.parameters + last.parameters, trained, trained, trained, trained, 0};
}

/* Bytes of a layer's weights: in FP8 one each for each way of rounding that the pass reads (by rows
 * the backward pass has its own). */
static void weights_width(struct part *layer, const struct sft_work *work)
{
    bool both = work->by_row && work->recompute == SFT_RECOMPUTE_BLOCK;
    if (work->quantizers == 0)
        return;
    layer->up = layer->parameters;
    layer->down = (both ? 2 : 1) * layer->parameters;
    layer->across = (work->by_row ? 2 : 1) * layer->parameters;
}

struct sft_timeline sft_timeline_make(const struct sft_preset *shape, const struct sft_work *work,
                                      const struct sft_ceiling *ceiling,
                                      const struct sft_fabric *fabric,
                                      const struct sft_layout *layout)
{
    struct sft_prediction p = sft_predict(shape, work, ceiling);
    struct part layer = part_of(shape, 1), outside = part_outside(shape);
    double parameters = layer.parameters * shape->layers + outside.parameters;
    double ahead = sft_params_flops_forward(shape, work->tokens, work->squared_lengths) /
                   sft_params_flops(shape, work->tokens, work->squared_lengths);
    bool frozen = shape->adapters.rank > 0; /* then adapters are whole, and share their states */
    double passes = (p.step - p.optimizer) / work->accumulation;
    double again = p.again / work->accumulation;
    struct schedule s = {
        .clock = {.fabric = fabric, .layout = layout},
        .shape = shape,
        .zero = frozen && gathers(layout->zero) ? SFT_ZERO_1 : layout->zero,
        .base = layout->zero,
        .layer = layer,
        .outside = outside,
        .forward = (passes - again) * ahead / parameters,
        .backward = ((passes - again) * (1 - ahead) + again) / parameters,
    };
    weights_width(&s.layer, work);
    struct sft_timeline t = steady_many(&s, work->accumulation, optimizer_time(&p, layout));
    t.exposed = t.step - t.compute;
    if (t.exposed < 1e-9 * t.step) /* what is left of rounding */
        t.exposed = 0;
    t.tok_s = (double)layout->nodes * layout->gpus * work->accumulation * work->tokens / t.step;
    t.bound = t.nic > t.compute && t.nic > t.nvlink ? "network"
              : t.nvlink > t.compute                ? "NVLink"
                                                    : "compute";
    return t;
}
