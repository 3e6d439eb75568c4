/* SPDX-License-Identifier: Apache-2.0 */
/* A unit of the model is cut into equal slices, one for each member of the group that shares it:
 * all ranks, or, hybrid, those of the node. Hybrid cuts a node's slice once more, one piece for
 * each node: that piece's states are this rank's. Units end with room for whole slices (struct
 * model_storage), so that collectives are of equal parts and in place. */
#include "job/model/shard.h"

#include <stdlib.h>
#include <string.h>

#include "job/model/shard_internal.h"

/* Slots of the device's marks: what is behind us on LANE_COMPUTE, then some for each unit. */
enum { SLOT_COMPUTE, SLOT_UNITS };
enum unit_slot { SLOT_WEIGHTS, SLOT_GRADIENT, SLOT_ACROSS, SLOT_GATHERED, UNIT_SLOTS };

static bool last_micro_batch(const struct shard *s)
{
    return s->micro_batch == s->micro_batches - 1;
}

static int slot_of(int unit, enum unit_slot slot)
{
    return SLOT_UNITS + unit * UNIT_SLOTS + (int)slot;
}

/* What a lane is given from now on waits for all that was computed. */
void shard_follow_compute(struct shard *s, enum collective_group group)
{
    s->device->mark(s->device, LANE_COMPUTE, SLOT_COMPUTE);
    s->device->await(s->device, COLLECTIVE_LANE(group), SLOT_COMPUTE);
}

/* Computing waits for a collective. */
static void compute_await(struct shard *s, int slot, const char *what)
{
    int span = spans_begin(s->spans, SPAN_WAIT, LANE_COMPUTE, what);
    s->device->await(s->device, LANE_COMPUTE, slot);
    spans_end(s->spans, span);
}

static int collect(struct shard *s, struct collective_call call, struct sft_error *err)
{
    int span = spans_begin(s->spans, SPAN_COLLECTIVE, COLLECTIVE_LANE(call.group), call.what);
    int failed = collective_run(s->collective, s->device, &call, err);
    spans_end(s->spans, span);
    return failed;
}

int shard_gather(struct shard *s, enum collective_group group, enum collective_type type,
                 char *from, size_t count, char *to, const char *what, struct sft_error *err)
{
    struct collective_call call = {.kind = COLLECTIVE_ALL_GATHER,
                                   .group = group,
                                   .type = type,
                                   .from = from,
                                   .to = to,
                                   .count = count,
                                   .what = what};
    return collect(s, call, err);
}

static int scatter(struct shard *s, enum collective_group group, char *values, size_t count,
                   char *to, const char *what, struct sft_error *err)
{
    struct collective_call call = {.kind = COLLECTIVE_REDUCE_SCATTER,
                                   .group = group,
                                   .type = collective_type_of(s->device),
                                   .from = values,
                                   .to = to,
                                   .count = count,
                                   .what = what};
    return collect(s, call, err);
}

void shard_mark_across(struct shard *s, int unit)
{
    s->device->mark(s->device, COLLECTIVE_LANE(COLLECTIVE_ACROSS), slot_of(unit, SLOT_ACROSS));
}

void shard_await_across(struct shard *s, int unit)
{
    s->device->await(s->device, COLLECTIVE_LANE(s->source), slot_of(unit, SLOT_ACROSS));
}

/* A unit's weights, or its frozen ones, which are moved as so many elements. */
static int unit_gather(struct shard *s, const struct unit *u, struct sft_error *err)
{
    enum collective_type type = collective_type_of(s->device);
    if (!s->cuts_base)
        return shard_gather(s, s->source, type, u->weights, u->slice, u->whole, u->about_weights,
                            err);
    return shard_gather(s, s->source, type, u->base_share, u->share / bytes_of(s, 1), u->base,
                        u->about_weights, err);
}

/* Of a unit that does not come in FP8: 1 where it is there, or was asked for before. */
static int whole_fetch(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    int *in_buffer = &s->layer[unit % SHARD_LAYER_BUFFERS];
    if (is_layer(s, unit) ? *in_buffer == unit : u->present)
        return 1;
    shard_follow_compute(s, s->source);
    shard_await_across(s, unit);
    if (unit_gather(s, u, err) < 0)
        return -1;
    u->present = true;
    if (is_layer(s, unit))
        *in_buffer = unit;
    return 0;
}

/* Ask for a unit's whole weights, unless they are there or on their way. Its buffer is free when
 * all is done that was computed so far: the unit before the present one used it. */
static int weights_fetch(struct shard *s, int unit, enum model_pass pass, struct sft_error *err)
{
    int there = in_fp8(s, unit) ? shard_fetch_fp8(s, unit, pass, err) : whole_fetch(s, unit, err);
    if (there == 0)
        s->device->mark(s->device, COLLECTIVE_LANE(s->source), slot_of(unit, SLOT_GATHERED));
    return there < 0 ? -1 : 0;
}

static int weights_enter(struct shard *s, int unit, enum model_pass pass, struct sft_error *err)
{
    int next = pass == MODEL_FORWARD ? unit + 1 : unit - 1;
    if (s->stale && shard_quantize(s, err) < 0)
        return -1;
    if (weights_fetch(s, unit, pass, err) < 0)
        return -1;
    compute_await(s, slot_of(unit, SLOT_GATHERED), s->unit[unit].about_weights);
    /* a table that is no head has no part in the backward pass, and is there if it is one */
    bool passes = next > 0 && (pass == MODEL_FORWARD || next >= s->first);
    return next < s->units && passes ? weights_fetch(s, next, pass, err) : 0;
}

int shard_whole_base(struct shard *s, int unit, struct sft_error *err)
{
    if (!s->cuts_base)
        return 0;
    if (weights_fetch(s, unit, MODEL_FORWARD, err) < 0)
        return -1;
    compute_await(s, slot_of(unit, SLOT_GATHERED), s->unit[unit].about_weights);
    return 0;
}

static int shard_enter(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    struct unit *u = &s->unit[unit];
    if (gathers(s) && weights_enter(s, unit, pass, err) < 0)
        return -1;
    if (s->spreading && !shares_weights(s->zero) && pass == MODEL_FORWARD)
        compute_await(s, slot_of(unit, SLOT_WEIGHTS), u->about_weights);
    if (pass == MODEL_BACKWARD && shares_gradients(s->zero))
        model_zero_unit(s->model, unit);
    s->span = spans_begin(s->spans, SPAN_COMPUTE, LANE_COMPUTE, u->name);
    return 0;
}

static struct array slice_of(const struct shard *s, const struct unit *u, char *data)
{
    return (struct array){s->device->format, data, u->slice};
}

/* The sum of a unit's gradient has arrived: with more micro-batches before, add it to theirs; with
 * the last one, send it across the nodes. */
static int gradient_arrive(struct shard *s, struct sft_error *err)
{
    int unit = s->leaving;
    struct unit *u = &s->unit[unit];
    s->leaving = -1;
    compute_await(s, slot_of(unit, SLOT_GRADIENT), u->about_gradient);
    if (s->micro_batch > 0)
        s->device->ops->add(
            s->device,
            &(struct add_args){slice_of(s, u, u->sums),
                               slice_of(s, u, u->gradient + bytes_of(s, slice_begin(s, u)))});
    if (s->zero != SFT_ZERO_HYBRID || !last_micro_batch(s))
        return 0;
    shard_follow_compute(s, COLLECTIVE_ACROSS);
    size_t mine = piece_begin(s, u) - slice_begin(s, u);
    if (scatter(s, COLLECTIVE_ACROSS, u->sums, u->piece, u->sums + bytes_of(s, mine),
                u->about_gradient, err) < 0)
        return -1;
    s->device->mark(s->device, COLLECTIVE_LANE(COLLECTIVE_ACROSS), slot_of(unit, SLOT_ACROSS));
    return 0;
}

/* Once a step, in place: the whole sum, or, sharing states, the own slice's. */
static int gradient_leave_whole(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    int failed;
    shard_follow_compute(s, s->group);
    if (s->zero == SFT_ZERO_1)
        failed = scatter(s, s->group, u->gradient, u->slice,
                         u->gradient + bytes_of(s, slice_begin(s, u)), u->about_gradient, err);
    else
        failed = collect(s,
                         (struct collective_call){.kind = COLLECTIVE_ALL_REDUCE,
                                                  .group = s->group,
                                                  .type = collective_type_of(s->device),
                                                  .to = u->gradient,
                                                  .count = u->place.count,
                                                  .what = u->about_gradient},
                         err);
    s->device->mark(s->device, COLLECTIVE_LANE(s->group), slot_of(unit, SLOT_GRADIENT));
    return failed;
}

/* With each micro-batch: the own slice's sum over the group, the first one's to where sums stand.
 */
static int gradient_leave_slice(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    char *mine = u->gradient + bytes_of(s, slice_begin(s, u));
    if (s->leaving >= 0 && gradient_arrive(s, err) < 0)
        return -1;
    shard_follow_compute(s, s->group);
    if (scatter(s, s->group, u->gradient, u->slice, s->micro_batch == 0 ? u->sums : mine,
                u->about_gradient, err) < 0)
        return -1;
    s->device->mark(s->device, COLLECTIVE_LANE(s->group), slot_of(unit, SLOT_GRADIENT));
    s->leaving = unit;
    return 0;
}

/* The last unit's forward and backward pass are one, and so is the end of the first one that trains
 * that of the micro-batch. */
static int shard_leave(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    spans_end(s->spans, s->span);
    s->span = -1;
    if (pass == MODEL_FORWARD)
        return 0;
    if (s->unit[unit].place.count == 0)
        return 0;
    if (shares_gradients(s->zero)) {
        if (gradient_leave_slice(s, unit, err) < 0 ||
            (unit == s->first && gradient_arrive(s, err) < 0))
            return -1;
    } else if (last_micro_batch(s) && s->collective->group_size[COLLECTIVE_WORLD] > 1 &&
               gradient_leave_whole(s, unit, err) < 0) {
        return -1;
    }
    s->micro_batch += unit == s->first;
    return 0;
}

/* All that collectives will touch. */
static void shard_enroll(struct shard *s)
{
    size_t whole = bytes_of(s, model_parameters(s->model));
    collective_enroll(s->collective, s->memory, s->bytes);
    if (model_weights(s->model).data != NULL)
        collective_enroll(s->collective, model_weights(s->model).data, whole);
    if (model_gradients(s->model).data != NULL)
        collective_enroll(s->collective, model_gradients(s->model).data, whole);
    s->enrolled = true;
}

static void shard_dismiss(struct shard *s)
{
    if (!s->enrolled)
        return;
    collective_dismiss(s->collective, s->memory);
    collective_dismiss(s->collective, model_weights(s->model).data);
    collective_dismiss(s->collective, model_gradients(s->model).data);
}

struct shard *shard_create(struct model *model, struct device *device,
                           struct collective *collective, enum sft_zero zero, uint64_t seed,
                           struct spans *spans, struct sft_error *err)
{
    struct shard *s = calloc(1, sizeof *s);
    if (s == NULL) {
        sft_error_set(err, "no memory for slices");
        return NULL;
    }
    *s = (struct shard){.model = model,
                        .device = device,
                        .collective = collective,
                        .spans = spans,
                        .units = model_units(model),
                        .leaving = -1,
                        .span = -1};
    shard_divide(s, zero);
    shard_take_fp8(s);
    if (zero == SFT_ZERO_HYBRID && (size_t)collective->group_size[COLLECTIVE_NODE] *
                                           (size_t)collective->group_size[COLLECTIVE_ACROSS] !=
                                       (size_t)collective->group_size[COLLECTIVE_WORLD]) {
        sft_error_set(err,
                      "zero=hybrid: the nodes have different numbers of ranks; use zero=1, 2 or 3");
        goto failed;
    }
    if (shard_allocate(s, err) < 0)
        goto failed;
    shard_place(s, seed);
    model_hook(model, &(struct model_hooks){s, shard_enter, shard_leave});
    shard_enroll(s);
    return s;
failed:
    shard_destroy(s);
    return NULL;
}

void shard_destroy(struct shard *s)
{
    if (s == NULL)
        return;
    shard_dismiss(s);
    if (s->memory != NULL)
        s->device->release(s->device, s->memory);
    free(s->unit);
    free(s->parts);
    free(s);
}

void shard_begin(struct shard *s, int micro_batches)
{
    s->micro_batches = micro_batches;
    s->micro_batch = 0;
    model_zero_gradients(s->model);
}

int shard_reduce(struct shard *s, struct sft_error *err)
{
    int last = s->first; /* the lanes work in order */
    (void)err;
    if (s->zero == SFT_ZERO_HYBRID)
        compute_await(s, slot_of(last, SLOT_ACROSS), "gradients");
    else if (!shares_gradients(s->zero) && s->collective->group_size[COLLECTIVE_WORLD] > 1)
        compute_await(s, slot_of(last, SLOT_GRADIENT), "gradients");
    return 0;
}

/* The updated slice of a unit's whole weights, or the piece of a slice. */
static int unit_spread(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    bool hybrid = s->zero == SFT_ZERO_HYBRID;
    enum collective_group group = hybrid ? COLLECTIVE_ACROSS : s->group;
    char *to = hybrid ? u->weights : u->whole;
    size_t count = hybrid ? u->piece : slice_own(s, u);
    size_t begin = hybrid ? piece_begin(s, u) - slice_begin(s, u) : slice_own_begin(s, u);
    if (in_fp8(s, unit)) /* comes quantized: shard_quantize */
        return 0;
    if (shard_gather(s, group, collective_type_of(s->device), to + bytes_of(s, begin), count, to,
                     u->about_weights, err) < 0)
        return -1;
    s->device->mark(s->device, COLLECTIVE_LANE(group),
                    slot_of(unit, hybrid ? SLOT_ACROSS : SLOT_WEIGHTS));
    s->spreading = true;
    return 0;
}

/* In the order of the next forward pass. */
int shard_spread(struct shard *s, struct sft_error *err)
{
    s->stale = s->fp8;
    if (!s->cuts_base) { /* what is frozen stays right */
        memset(s->layer, 0, sizeof s->layer);
        for (int i = 0; i < s->units; i++)
            s->unit[i].present = false;
    }
    if (s->zero == SFT_ZERO_0 || s->zero == SFT_ZERO_3)
        return 0;
    shard_follow_compute(s, s->zero == SFT_ZERO_HYBRID ? COLLECTIVE_ACROSS : s->group);
    for (int i = s->first; i <= s->last; i++)
        if (unit_spread(s, i, err) < 0)
            return -1;
    return 0;
}

int shard_share(struct shard *s, int unit, struct sft_error *err)
{
    s->stale = s->fp8;
    if (s->zero == SFT_ZERO_3 || s->collective->group_size[COLLECTIVE_WORLD] == 1 ||
        s->unit[unit].place.count == 0)
        return 0;
    shard_follow_compute(s, s->zero == SFT_ZERO_HYBRID ? COLLECTIVE_ACROSS : s->group);
    return unit_spread(s, unit, err);
}

void shard_settle(struct shard *s)
{
    bool hybrid = s->zero == SFT_ZERO_HYBRID;
    if (s->spreading)
        s->device->await(s->device, LANE_COMPUTE,
                         slot_of(s->last, hybrid ? SLOT_ACROSS : SLOT_WEIGHTS));
    s->spreading = false;
}
