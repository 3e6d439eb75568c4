/* SPDX-License-Identifier: Apache-2.0 */
/* A unit of the model is cut into equal slices, one for each member of the group that shares it:
 * all ranks, or, hybrid, those of the node. Hybrid cuts a node's slice once more, one piece for
 * each node: that piece's states are this rank's. Units end with room for whole slices (struct
 * model_storage), so that collectives are of equal parts and in place. */
#include "job/model/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 128, NAME = 32 }; /* STEP: elements that pieces are multiples of */

/* Slots of the device's marks: what is behind us on LANE_COMPUTE, then some for each unit. */
enum { SLOT_COMPUTE, SLOT_UNITS };
enum unit_slot { SLOT_WEIGHTS, SLOT_GRADIENT, SLOT_ACROSS, UNIT_SLOTS };

/* Where a unit's elements are. Whole ones stand in buffers, or in the model's flat arrays. */
struct unit {
    struct model_unit place;
    size_t slice, piece; /* elements of a member's, and of what it has states for */
    char *weights,
        *sums; /* own slices: weights with 3 and hybrid; gradients with 2, 3 and hybrid */
    char *whole, *gradient; /* [slice * members] */
    char about_weights[NAME], about_gradient[NAME], name[NAME];
    bool present; /* its own buffer, no layer's, has the weights */
};

struct shard {
    struct model *model;
    struct device *device;
    struct comm *comm;
    struct spans *spans;
    enum sft_zero zero;
    enum comm_group group; /* that shares a unit's slices */
    size_t members, pieces;
    int units;
    struct unit *unit;              /* [units] */
    int layer[SHARD_LAYER_BUFFERS]; /* whose weights are in the layers' buffers, or 0 */
    int micro_batches, micro_batch; /* of the step; the one that runs */
    int leaving;                    /* unit whose gradient is on its way, -1: none */
    bool enrolled;                  /* the communicator knows the memory */
    bool spreading;                 /* whole weights may still be on their way */
    int span;                       /* among spans, of the unit that computes */
    struct shard_part *parts;
    size_t part_count, bytes;
    char *memory; /* slices and buffers */
};

static bool shares_weights(enum sft_zero zero)
{
    return zero == SFT_ZERO_3 || zero == SFT_ZERO_HYBRID;
}

static bool shares_gradients(enum sft_zero zero)
{
    return zero >= SFT_ZERO_2;
}

struct model_storage shard_storage(enum sft_zero zero, int ranks)
{
    size_t multiple = zero == SFT_ZERO_0 ? 1 : (size_t)ranks * STEP;
    return (struct model_storage){zero <= SFT_ZERO_2, zero <= SFT_ZERO_1, multiple};
}

static bool is_layer(const struct shard *s, int unit)
{
    return unit > 0 && unit < s->units - 1;
}

static bool last_micro_batch(const struct shard *s)
{
    return s->micro_batch == s->micro_batches - 1;
}

static int slot_of(int unit, enum unit_slot slot)
{
    return SLOT_UNITS + unit * UNIT_SLOTS + (int)slot;
}

static size_t bytes_of(const struct shard *s, size_t elements)
{
    return format_bytes(s->device->format, elements);
}

struct room {
    char *base; /* NULL: only count */
    size_t used;
};

static char *take(struct room *room, size_t bytes)
{
    char *memory = room->base == NULL ? NULL : room->base + room->used;
    room->used += bytes;
    return memory;
}

/* Cut the buffers from `base`, with NULL only count; returns the bytes. */
static size_t shard_lay(struct shard *s, char *base)
{
    struct room room = {base, 0};
    char *whole[SHARD_LAYER_BUFFERS] = {NULL}, *gradient[SHARD_LAYER_BUFFERS] = {NULL};
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        size_t slice = bytes_of(s, u->slice), all = slice * s->members;
        int buffer = i % SHARD_LAYER_BUFFERS;
        bool own = !is_layer(s, i) || i <= SHARD_LAYER_BUFFERS; /* the first ones are all layers' */
        if (shares_weights(s->zero)) {
            u->weights = take(&room, slice);
            u->whole = own ? take(&room, all) : whole[buffer];
        }
        if (shares_gradients(s->zero)) {
            u->sums = take(&room, slice);
            u->gradient = own ? take(&room, all) : gradient[buffer];
        }
        if (is_layer(s, i)) {
            whole[buffer] = u->whole;
            gradient[buffer] = u->gradient;
        }
    }
    return room.used;
}

/* First element of this rank's slice, and of its piece, in the unit. */
static size_t slice_begin(const struct shard *s, const struct unit *u)
{
    return (size_t)s->comm->group_rank[s->group] * u->slice;
}

static size_t piece_begin(const struct shard *s, const struct unit *u)
{
    size_t inside = s->pieces > 1 ? (size_t)s->comm->group_rank[COMM_ACROSS] * u->piece : 0;
    return slice_begin(s, u) + inside;
}

static void part_add(struct shard *s, const struct unit *u)
{
    size_t begin = piece_begin(s, u), inside = begin - slice_begin(s, u), count = u->piece;
    if (s->zero == SFT_ZERO_0) {
        begin = 0;
        count = u->place.count;
    }
    s->parts[s->part_count++] = (struct shard_part){
        .offset = u->place.offset + begin,
        .count = count,
        .weights = shares_weights(s->zero) ? u->weights + bytes_of(s, inside)
                                           : u->whole + bytes_of(s, begin),
        .gradients = shares_gradients(s->zero) ? u->sums + bytes_of(s, inside)
                                               : u->gradient + bytes_of(s, begin),
    };
}

/* What a lane is given from now on waits for all that was computed. */
static void follow_compute(struct shard *s, enum comm_group group)
{
    s->device->mark(s->device, LANE_COMPUTE, SLOT_COMPUTE);
    s->device->await(s->device, COMM_LANE(group), SLOT_COMPUTE);
}

/* Computing waits for a collective. */
static void compute_await(struct shard *s, int slot, const char *what)
{
    int span = spans_begin(s->spans, SPAN_WAIT, LANE_COMPUTE, what);
    s->device->await(s->device, LANE_COMPUTE, slot);
    spans_end(s->spans, span);
}

static int gather(struct shard *s, enum comm_group group, const char *from, size_t count, char *to,
                  const char *what, struct sft_error *err)
{
    int span = spans_begin(s->spans, SPAN_COLLECTIVE, COMM_LANE(group), what);
    int failed = s->comm->all_gather(s->comm, group, from, count, to, what, err);
    spans_end(s->spans, span);
    return failed;
}

static int scatter(struct shard *s, enum comm_group group, char *values, size_t count, char *to,
                   const char *what, struct sft_error *err)
{
    int span = spans_begin(s->spans, SPAN_COLLECTIVE, COMM_LANE(group), what);
    int failed = s->comm->reduce_scatter(s->comm, group, values, count, to, what, err);
    spans_end(s->spans, span);
    return failed;
}

/* Ask for a unit's whole weights, unless they are there or on their way. Its buffer is free when
 * all is done that was computed so far: the unit before the present one used it. */
static int weights_fetch(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    int *in_buffer = &s->layer[unit % SHARD_LAYER_BUFFERS];
    if (is_layer(s, unit) ? *in_buffer == unit : u->present)
        return 0;
    follow_compute(s, s->group);
    s->device->await(s->device, COMM_LANE(s->group), slot_of(unit, SLOT_ACROSS));
    if (gather(s, s->group, u->weights, u->slice, u->whole, u->about_weights, err) < 0)
        return -1;
    s->device->mark(s->device, COMM_LANE(s->group), slot_of(unit, SLOT_WEIGHTS));
    u->present = true;
    if (is_layer(s, unit))
        *in_buffer = unit;
    return 0;
}

static int weights_enter(struct shard *s, int unit, enum model_pass pass, struct sft_error *err)
{
    int next = pass == MODEL_FORWARD ? unit + 1 : unit - 1;
    if (weights_fetch(s, unit, err) < 0)
        return -1;
    compute_await(s, slot_of(unit, SLOT_WEIGHTS), s->unit[unit].about_weights);
    /* a table that is no head has no part in the backward pass, and is there if it is one */
    return next < s->units && next > 0 ? weights_fetch(s, next, err) : 0;
}

static int shard_enter(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    struct unit *u = &s->unit[unit];
    if (shares_weights(s->zero) && weights_enter(s, unit, pass, err) < 0)
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
    follow_compute(s, COMM_ACROSS);
    size_t mine = piece_begin(s, u) - slice_begin(s, u);
    if (scatter(s, COMM_ACROSS, u->sums, u->piece, u->sums + bytes_of(s, mine), u->about_gradient,
                err) < 0)
        return -1;
    s->device->mark(s->device, COMM_LANE(COMM_ACROSS), slot_of(unit, SLOT_ACROSS));
    return 0;
}

/* Once a step, in place: the whole sum, or, sharing states, the own slice's. */
static int gradient_leave_whole(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    int failed;
    follow_compute(s, s->group);
    if (s->zero == SFT_ZERO_1)
        failed = scatter(s, s->group, u->gradient, u->slice,
                         u->gradient + bytes_of(s, slice_begin(s, u)), u->about_gradient, err);
    else {
        int span = spans_begin(s->spans, SPAN_COLLECTIVE, COMM_LANE(s->group), u->about_gradient);
        failed = s->comm->all_reduce(s->comm, s->group, u->gradient, u->place.count,
                                     u->about_gradient, err);
        spans_end(s->spans, span);
    }
    s->device->mark(s->device, COMM_LANE(s->group), slot_of(unit, SLOT_GRADIENT));
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
    follow_compute(s, s->group);
    if (scatter(s, s->group, u->gradient, u->slice, s->micro_batch == 0 ? u->sums : mine,
                u->about_gradient, err) < 0)
        return -1;
    s->device->mark(s->device, COMM_LANE(s->group), slot_of(unit, SLOT_GRADIENT));
    s->leaving = unit;
    return 0;
}

/* The last unit's forward and backward pass are one, and so is unit 0's end that of the
 * micro-batch. */
static int shard_leave(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    spans_end(s->spans, s->span);
    s->span = -1;
    if (pass == MODEL_FORWARD)
        return 0;
    if (shares_gradients(s->zero)) {
        if (gradient_leave_slice(s, unit, err) < 0 || (unit == 0 && gradient_arrive(s, err) < 0))
            return -1;
    } else if (last_micro_batch(s) && s->comm->size > 1 && gradient_leave_whole(s, unit, err) < 0) {
        return -1;
    }
    s->micro_batch += unit == 0;
    return 0;
}

static void unit_cut(struct shard *s, int unit)
{
    struct unit *u = &s->unit[unit];
    u->place = model_unit(s->model, unit);
    u->slice = s->zero == SFT_ZERO_0 ? u->place.count : u->place.count / s->members;
    u->piece = u->slice / s->pieces;
    if (unit == 0 || unit == s->units - 1)
        snprintf(u->name, sizeof u->name, "%s", unit == 0 ? "embedding" : "head");
    else
        snprintf(u->name, sizeof u->name, "layer %d", unit - 1);
    snprintf(u->about_weights, sizeof u->about_weights, "weights of %.16s", u->name);
    snprintf(u->about_gradient, sizeof u->about_gradient, "gradients of %.16s", u->name);
}

static void shard_place(struct shard *s, uint64_t seed)
{
    const struct model_hooks hooks = {s, shard_enter, shard_leave};
    char *weights = model_weights(s->model).data, *gradients = model_gradients(s->model).data;
    if (!shares_weights(s->zero))
        model_initialize(s->model, seed);
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        model_place(s->model, i, u->whole, u->gradient);
        if (shares_weights(s->zero))
            model_initialize_part(s->model, seed, u->weights, u->place.offset + slice_begin(s, u),
                                  u->slice);
        else
            u->whole = weights + bytes_of(s, u->place.offset);
        if (!shares_gradients(s->zero))
            u->gradient = gradients + bytes_of(s, u->place.offset);
        part_add(s, u);
    }
    model_hook(s->model, &hooks);
}

static int shard_allocate(struct shard *s, struct sft_error *err)
{
    struct device *d = s->device;
    s->unit = calloc((size_t)s->units, sizeof *s->unit);
    s->parts = calloc((size_t)s->units, sizeof *s->parts);
    if (s->unit == NULL || s->parts == NULL)
        return sft_error_set(err, "no memory for slices");
    for (int i = 0; i < s->units; i++)
        unit_cut(s, i);
    s->bytes = shard_lay(s, NULL);
    if (s->bytes == 0)
        return 0;
    s->memory = d->allocate(d, s->bytes, err);
    if (s->memory == NULL)
        return -1;
    d->zero(d, s->memory, s->bytes); /* what lies behind a unit's end takes part in sums */
    shard_lay(s, s->memory);
    return 0;
}

/* All that collectives will touch. */
static void shard_enroll(struct shard *s)
{
    size_t whole = bytes_of(s, model_parameters(s->model));
    s->comm->enroll(s->comm, s->memory, s->bytes);
    if (model_weights(s->model).data != NULL)
        s->comm->enroll(s->comm, model_weights(s->model).data, whole);
    if (model_gradients(s->model).data != NULL)
        s->comm->enroll(s->comm, model_gradients(s->model).data, whole);
    s->enrolled = true;
}

static void shard_dismiss(struct shard *s)
{
    if (!s->enrolled)
        return;
    s->comm->dismiss(s->comm, s->memory);
    s->comm->dismiss(s->comm, model_weights(s->model).data);
    s->comm->dismiss(s->comm, model_gradients(s->model).data);
}

struct shard *shard_create(struct model *model, struct device *device, struct comm *comm,
                           enum sft_zero zero, uint64_t seed, struct spans *spans,
                           struct sft_error *err)
{
    struct shard *s = calloc(1, sizeof *s);
    if (s == NULL) {
        sft_error_set(err, "no memory for slices");
        return NULL;
    }
    bool hybrid = zero == SFT_ZERO_HYBRID;
    *s = (struct shard){.model = model,
                        .device = device,
                        .comm = comm,
                        .spans = spans,
                        .zero = zero,
                        .group = hybrid ? COMM_NODE : COMM_WORLD,
                        .units = model_units(model),
                        .pieces = hybrid ? (size_t)comm->group_size[COMM_ACROSS] : 1,
                        .leaving = -1,
                        .span = -1};
    s->members = (size_t)comm->group_size[s->group];
    if (hybrid && s->members * s->pieces != (size_t)comm->size) {
        sft_error_set(err,
                      "zero=hybrid: the nodes have different numbers of ranks; use zero=1, 2 or 3");
        goto failed;
    }
    if (shard_allocate(s, err) < 0)
        goto failed;
    shard_place(s, seed);
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

const struct shard_part *shard_parts(const struct shard *s, size_t *count)
{
    *count = s->part_count;
    return s->parts;
}

void shard_begin(struct shard *s, int micro_batches)
{
    s->micro_batches = micro_batches;
    s->micro_batch = 0;
    model_zero_gradients(s->model);
}

int shard_reduce(struct shard *s, struct sft_error *err)
{
    int last = 0; /* the lanes work in order, and unit 0 comes last */
    (void)err;
    if (s->zero == SFT_ZERO_HYBRID)
        compute_await(s, slot_of(last, SLOT_ACROSS), "gradients");
    else if (!shares_gradients(s->zero) && s->comm->size > 1)
        compute_await(s, slot_of(last, SLOT_GRADIENT), "gradients");
    return 0;
}

/* The updated slices of whole weights, or pieces of slices, in the order of the next forward pass.
 */
int shard_spread(struct shard *s, struct sft_error *err)
{
    bool hybrid = s->zero == SFT_ZERO_HYBRID,
         whole = s->zero == SFT_ZERO_1 || s->zero == SFT_ZERO_2;
    memset(s->layer, 0, sizeof s->layer);
    for (int i = 0; i < s->units; i++)
        s->unit[i].present = false;
    if (!hybrid && !whole)
        return 0;
    enum comm_group group = hybrid ? COMM_ACROSS : s->group;
    follow_compute(s, group);
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        char *to = hybrid ? u->weights : u->whole;
        size_t count = hybrid ? u->piece : u->slice;
        size_t begin = hybrid ? piece_begin(s, u) - slice_begin(s, u) : slice_begin(s, u);
        if (gather(s, group, to + bytes_of(s, begin), count, to, u->about_weights, err) < 0)
            return -1;
        s->device->mark(s->device, COMM_LANE(group),
                        slot_of(i, hybrid ? SLOT_ACROSS : SLOT_WEIGHTS));
    }
    s->spreading = true;
    return 0;
}

void shard_settle(struct shard *s)
{
    bool hybrid = s->zero == SFT_ZERO_HYBRID;
    if (s->spreading)
        s->device->await(s->device, LANE_COMPUTE,
                         slot_of(s->units - 1, hybrid ? SLOT_ACROSS : SLOT_WEIGHTS));
}

size_t shard_bytes(const struct shard *s)
{
    return s->bytes;
}
