/* SPDX-License-Identifier: Apache-2.0 */
/* Where a unit's elements stand: slices, pieces and buffers. */
#include <stdio.h>
#include <stdlib.h>

#include "job/model/shard_internal.h"

enum { STEP = 128, BYTES = 256 }; /* elements that pieces, and bytes that shares are multiples of */

/* Adapters are small: where a model's weights are shared it is the base's, and of theirs the
 * states. */
static enum sft_zero zero_of_trained(const struct sft_preset *shape, enum sft_zero zero)
{
    return shape->adapters.rank > 0 && shares_weights(zero) ? SFT_ZERO_1 : zero;
}

struct model_storage shard_storage(const struct sft_preset *shape, enum sft_zero zero, int ranks)
{
    enum sft_zero trained = zero_of_trained(shape, zero);
    bool cuts_base = trained != zero;
    return (struct model_storage){
        .weights = trained <= SFT_ZERO_2,
        .gradients = trained <= SFT_ZERO_1,
        .multiple = zero == SFT_ZERO_0 ? 1 : (size_t)ranks * STEP,
        .base_elsewhere = cuts_base,
        .base_multiple = cuts_base ? (size_t)ranks * BYTES : 1,
    };
}

void shard_divide(struct shard *s, enum sft_zero zero)
{
    const int *sizes = s->collective->group_size;
    s->zero = zero_of_trained(model_shape(s->model), zero);
    s->cuts_base = s->zero != zero;
    s->group = s->zero == SFT_ZERO_HYBRID ? COLLECTIVE_NODE : COLLECTIVE_WORLD;
    s->pieces = s->zero == SFT_ZERO_HYBRID ? (size_t)sizes[COLLECTIVE_ACROSS] : 1;
    s->members = (size_t)sizes[s->group];
    s->source = zero == SFT_ZERO_HYBRID ? COLLECTIVE_NODE : COLLECTIVE_WORLD;
    s->sharers = (size_t)sizes[s->source];
    s->first = model_first_trained(s->model);
    s->last = s->units - 1;
    while (model_unit(s->model, s->last).count == 0)
        s->last--;
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

/* A layer whose weights come in FP8: buffers are those of `other`, if there is one. */
static void fp8_lay(struct shard *s, int unit, const struct unit *other, struct room *room)
{
    struct unit *u = &s->unit[unit];
    size_t all = u->slice * s->members;
    u->weights = take(room, bytes_of(s, u->piece));
    u->whole = s->rest == NULL
                   ? NULL
                   : s->rest + (size_t)(unit - 1) *
                                   bytes_of(s, model_unit_rest(model_shape(s->model), unit));
    for (int i = 0; i < s->images; i++)
        u->image[i] = take(room, u->slice);
    for (int i = 0; i < SHARD_IMAGES; i++)
        if (other != NULL)
            u->bytes[i] = other->bytes[i];
        else
            u->bytes[i] = i == 0 || s->both ? take(room, all) : u->bytes[0];
}

/* Cut the buffers from `base`, with NULL only count; returns the bytes. */
static size_t shard_lay(struct shard *s, char *base)
{
    struct room room = {base, 0};
    if (s->fp8)
        s->rest = take(&room, s->rest_bytes);
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        size_t slice = bytes_of(s, u->slice), all = slice * s->members;
        /* the first layers' buffers are all layers' */
        const struct unit *other =
            is_layer(s, i) && i > SHARD_LAYER_BUFFERS ? u - SHARD_LAYER_BUFFERS : NULL;
        if (in_fp8(s, i)) {
            fp8_lay(s, i, other, &room);
        } else if (shares_weights(s->zero)) {
            u->weights = take(&room, slice);
            u->whole = other == NULL ? take(&room, all) : other->whole;
        }
        if (shares_gradients(s->zero)) {
            u->sums = take(&room, slice);
            u->gradient = other == NULL ? take(&room, all) : other->gradient;
        }
        if (s->cuts_base) {
            u->base_share = take(&room, u->share);
            u->base = other == NULL ? take(&room, u->share * s->sharers) : other->base;
        }
    }
    return room.used;
}

/* Where the own piece of its weights begins, behind `inside` elements of the slice. */
static char *own_weights(const struct shard *s, const struct unit *u, size_t inside)
{
    if (in_fp8(s, (int)(u - s->unit)))
        return u->weights;
    return u->weights + bytes_of(s, inside);
}

static void part_add(struct shard *s, const struct unit *u)
{
    size_t begin = piece_begin(s, u), inside = begin - slice_begin(s, u), count = u->piece;
    if (u->place.count == 0)
        return;
    if (s->zero == SFT_ZERO_0) {
        begin = 0;
        count = u->place.count;
    }
    s->parts[s->part_count++] = (struct shard_part){
        .offset = u->place.offset + begin,
        .count = count,
        .weights =
            shares_weights(s->zero) ? own_weights(s, u, inside) : u->whole + bytes_of(s, begin),
        .gradients = shares_gradients(s->zero) ? u->sums + bytes_of(s, inside)
                                               : u->gradient + bytes_of(s, begin),
    };
}

static void unit_cut(struct shard *s, int unit)
{
    struct unit *u = &s->unit[unit];
    u->place = model_unit(s->model, unit);
    u->slice = s->zero == SFT_ZERO_0 ? u->place.count : u->place.count / s->members;
    u->piece = u->slice / s->pieces;
    u->share = s->cuts_base ? u->place.bytes / s->sharers : 0;
    if (unit == 0 || unit == s->units - 1)
        snprintf(u->name, sizeof u->name, "%s", unit == 0 ? "embedding" : "head");
    else
        snprintf(u->name, sizeof u->name, "layer %d", unit - 1);
    snprintf(u->about_weights, sizeof u->about_weights, "weights of %.16s", u->name);
    snprintf(u->about_gradient, sizeof u->about_gradient, "gradients of %.16s", u->name);
}

void shard_place(struct shard *s, uint64_t seed)
{
    char *weights = model_weights(s->model).data, *gradients = model_gradients(s->model).data;
    if (!shares_weights(s->zero))
        model_initialize(s->model, seed);
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        model_place(s->model, i, u->whole, u->gradient);
        if (s->cuts_base) {
            model_place_base(s->model, i, u->base);
            model_initialize_base(s->model, seed, u->base_share, u->place.base + share_begin(s, u),
                                  u->share);
        }
        model_place_fp8(s->model, i,
                        (struct model_fp8){u->bytes[SHARD_BY_ROWS], u->bytes[SHARD_BY_COLUMNS]});
        if (in_fp8(s, i))
            model_initialize_part(s->model, seed, u->weights, u->place.offset + piece_begin(s, u),
                                  u->piece);
        else if (shares_weights(s->zero))
            model_initialize_part(s->model, seed, u->weights, u->place.offset + slice_begin(s, u),
                                  u->slice);
        else
            u->whole = weights + bytes_of(s, u->place.offset);
        if (!shares_gradients(s->zero))
            u->gradient = gradients + bytes_of(s, u->place.offset);
        part_add(s, u);
    }
}

int shard_allocate(struct shard *s, struct sft_error *err)
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

size_t shard_part_share(const struct shard_part *part, const struct model_tensor *t, size_t *from)
{
    size_t end = t->offset + sft_param_elements(&t->param);
    size_t until = end < part->offset + part->count ? end : part->offset + part->count;
    *from = t->offset > part->offset ? t->offset : part->offset;
    return *from < until ? until - *from : 0;
}

const struct shard_part *shard_parts(const struct shard *s, size_t *count)
{
    *count = s->part_count;
    return s->parts;
}

/* Units of which nothing trains have none. */
static const struct shard_part *part_of(const struct shard *s, const struct unit *u)
{
    const struct shard_part *part = s->parts;
    while (part->offset < u->place.offset)
        part++;
    return part;
}

size_t shard_slices(const struct shard *s, int unit, struct shard_part slices[SHARD_SLICES])
{
    const struct unit *u = &s->unit[unit];
    if (u->place.count == 0)
        return 0;
    const struct shard_part *part = part_of(s, u);
    size_t own = slice_own(s, u), begin = slice_own_begin(s, u), all = own * s->members;
    slices[0] = *part;
    if (s->zero != SFT_ZERO_0)
        return 1;
    slices[0] = (struct shard_part){
        .offset = u->place.offset + begin, .count = own, .weights = u->whole + bytes_of(s, begin)};
    slices[1] = (struct shard_part){.offset = u->place.offset + all,
                                    .count = u->place.count - all,
                                    .weights = u->whole + bytes_of(s, all)};
    return 2;
}

void shard_keep_base(struct shard *s, int unit)
{
    struct unit *u = &s->unit[unit];
    if (s->cuts_base)
        s->device->copy(s->device, LANE_COMPUTE, u->base_share, u->base + share_begin(s, u),
                        u->share);
}

size_t shard_bytes(const struct shard *s)
{
    return s->bytes;
}
