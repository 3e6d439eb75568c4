/* SPDX-License-Identifier: Apache-2.0 */
/* Where a unit's elements stand: slices, pieces and buffers. */
#include <stdio.h>
#include <stdlib.h>

#include "job/model/shard_internal.h"

enum { STEP = 128 }; /* elements that pieces are multiples of */

struct model_storage shard_storage(enum sft_zero zero, int ranks)
{
    size_t multiple = zero == SFT_ZERO_0 ? 1 : (size_t)ranks * STEP;
    return (struct model_storage){zero <= SFT_ZERO_2, zero <= SFT_ZERO_1, multiple};
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

void shard_place(struct shard *s, uint64_t seed)
{
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

const struct shard_part *shard_parts(const struct shard *s, size_t *count)
{
    *count = s->part_count;
    return s->parts;
}

size_t shard_bytes(const struct shard *s)
{
    return s->bytes;
}
