/* SPDX-License-Identifier: Apache-2.0 */
/* A unit of the model is cut into equal slices, one for each member of the group that shares it: all
 * ranks, or, hybrid, those of the node. Hybrid cuts a node's slice once more, one piece for each node: that
 * piece's states are this rank's. The last slices of a unit may be short or empty; buffers have room
 * for whole ones, so that collectives are of equal parts. */
#include "job/shard.h"

#include <stdlib.h>
#include <string.h>

#include "job/measure.h"

enum { STEP = 16 }; /* elements that slices are multiples of */

/* Where a unit's elements are. Buffers of weights and gradients hold the whole unit while it is used. */
struct unit {
    struct model_unit place;
    size_t slice, piece;    /* elements of a member's, and of what it has states for */
    float *weights, *sums;  /* own slices: weights with 3 and hybrid; gradients with 2, 3 and hybrid */
    float *whole, *gradient; /* buffers, those of layers one for all */
    bool present, open;     /* whole weights are there; a micro-batch's gradient is growing */
};

struct shard {
    struct model *model;
    struct backend *backend;
    struct comm *comm;
    enum sft_zero zero;
    enum comm_group group; /* that shares a unit's slices */
    int units, layer_present;
    struct unit *unit;     /* [units] */
    struct optim_part *parts;
    size_t part_count, bytes;
    float *memory, *room;  /* all of the above; one whole unit for copies */
    double waited;
};

struct model_storage shard_storage(enum sft_zero zero)
{
    return (struct model_storage) { zero <= SFT_ZERO_2, zero <= SFT_ZERO_1 };
}

static bool shares_weights(const struct shard *s)
{
    return s->zero == SFT_ZERO_3 || s->zero == SFT_ZERO_HYBRID;
}

static bool shares_gradients(const struct shard *s)
{
    return s->zero >= SFT_ZERO_2;
}

static size_t members(const struct shard *s)
{
    return (size_t)s->comm->group_size[s->group];
}

static size_t pieces(const struct shard *s)
{
    return s->zero == SFT_ZERO_HYBRID ? (size_t)s->comm->group_size[COMM_ACROSS] : 1;
}

static void unit_cut(const struct shard *s, struct unit *u)
{
    size_t step = STEP * pieces(s);
    u->slice = ((u->place.count + members(s) - 1) / members(s) + step - 1) / step * step;
    u->piece = u->slice / pieces(s);
}

struct room {
    float *base; /* NULL: only count */
    size_t used;
};

static float *take(struct room *room, size_t count)
{
    float *memory = room->base == NULL ? NULL : room->base + room->used;
    room->used += count;
    return memory;
}

static bool is_layer(const struct shard *s, int unit)
{
    return unit > 0 && unit < s->units - 1;
}

/* Cut the buffers from `base`, with NULL only count; returns the bytes. */
static size_t shard_lay(struct shard *s, float *base)
{
    struct room room = { base, 0 };
    float *whole = NULL, *gradient = NULL;
    size_t most = 0;
    bool first = true; /* of the layers: its buffers are all layers' */
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        size_t all = u->slice * members(s);
        most = all > most ? all : most;
        if (shares_weights(s))
            u->weights = take(&room, u->slice);
        if (shares_gradients(s))
            u->sums = take(&room, u->slice);
        bool own = !is_layer(s, i) || first;
        if (shares_weights(s))
            u->whole = own ? take(&room, all) : whole;
        if (shares_gradients(s))
            u->gradient = own ? take(&room, all) : gradient;
        if (is_layer(s, i)) {
            whole = u->whole;
            gradient = u->gradient;
            first = false;
        }
    }
    if (s->zero == SFT_ZERO_1 || s->zero == SFT_ZERO_2)
        s->room = take(&room, most);
    return room.used * sizeof *base;
}

static float *flat(float *array, const struct unit *u)
{
    return array + u->place.offset;
}

/* First element of this rank's slice, and of its piece, in the unit. */
static size_t slice_begin(const struct shard *s, const struct unit *u)
{
    return (size_t)s->comm->group_rank[s->group] * u->slice;
}

static size_t piece_begin(const struct shard *s, const struct unit *u)
{
    size_t inside = pieces(s) > 1 ? (size_t)s->comm->group_rank[COMM_ACROSS] * u->piece : 0;
    return slice_begin(s, u) + inside;
}

static size_t below(const struct unit *u, size_t begin, size_t count)
{
    return begin >= u->place.count        ? 0
           : begin + count > u->place.count ? u->place.count - begin
                                            : count;
}

static void part_add(struct shard *s, const struct unit *u)
{
    size_t begin = piece_begin(s, u), count = below(u, begin, u->piece);
    size_t inside = begin - slice_begin(s, u);
    float *weights = model_weights(s->model), *gradients = model_gradients(s->model);
    if (s->zero == SFT_ZERO_0) {
        begin = 0;
        count = u->place.count;
    }
    if (count == 0)
        return;
    s->parts[s->part_count++] = (struct optim_part) {
        .offset = u->place.offset + begin,
        .count = count,
        .weights = shares_weights(s) ? u->weights + inside : flat(weights, u) + begin,
        .gradients = shares_gradients(s) ? u->sums + inside : flat(gradients, u) + begin,
    };
}

static int gather(struct shard *s, enum comm_group group, float *values, size_t count,
                  struct sft_error *err)
{
    double begin = measure_now();
    int failed = s->comm->all_gather(s->comm, group, values, count * sizeof *values, err);
    s->waited += measure_now() - begin;
    return failed;
}

static int scatter(struct shard *s, enum comm_group group, float *values, size_t count,
                   struct sft_error *err)
{
    double begin = measure_now();
    int failed = s->comm->reduce_scatter(s->comm, group, values, count, err);
    s->waited += measure_now() - begin;
    return failed;
}

static int weights_enter(struct shard *s, int unit, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    if (is_layer(s, unit) ? s->layer_present == unit : u->present)
        return 0;
    memcpy(u->whole + slice_begin(s, u), u->weights, u->slice * sizeof *u->whole);
    if (gather(s, s->group, u->whole, u->slice, err) < 0)
        return -1;
    u->present = true;
    if (is_layer(s, unit))
        s->layer_present = unit;
    return 0;
}

static int shard_enter(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    struct unit *u = &s->unit[unit];
    if (shares_weights(s) && weights_enter(s, unit, err) < 0)
        return -1;
    if (pass == MODEL_BACKWARD && shares_gradients(s) && !u->open) {
        memset(u->gradient, 0, u->slice * members(s) * sizeof *u->gradient);
        u->open = true;
    }
    return 0;
}

static int shard_leave(void *user, int unit, enum model_pass pass, struct sft_error *err)
{
    struct shard *s = user;
    struct unit *u = &s->unit[unit];
    if (pass == MODEL_FORWARD || !shares_gradients(s))
        return 0;
    u->open = false;
    if (scatter(s, s->group, u->gradient, u->slice, err) < 0)
        return -1;
    const float *mine = u->gradient + slice_begin(s, u);
    for (size_t i = 0; i < u->slice; i++)
        u->sums[i] += mine[i];
    return 0;
}

static void shard_place(struct shard *s, uint64_t seed)
{
    const struct model_hooks hooks = { s, shard_enter, shard_leave };
    if (!shares_weights(s))
        model_initialize(s->model, seed);
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        model_place(s->model, i, u->whole, u->gradient);
        size_t begin = slice_begin(s, u), count = below(u, begin, u->slice);
        if (shares_weights(s) && count > 0)
            model_initialize_part(s->model, seed, u->weights, u->place.offset + begin, count);
        part_add(s, u);
    }
    if (shares_gradients(s))
        model_hook(s->model, &hooks);
}

struct shard *shard_create(struct model *model, struct backend *backend, struct comm *comm,
                           enum sft_zero zero, uint64_t seed, struct sft_error *err)
{
    struct shard *s = calloc(1, sizeof *s);
    if (s == NULL) {
        sft_error_set(err, "no memory for slices");
        return NULL;
    }
    *s = (struct shard) { .model = model, .backend = backend, .comm = comm, .zero = zero,
                          .group = zero == SFT_ZERO_HYBRID ? COMM_NODE : COMM_WORLD,
                          .units = model_units(model) };
    if (zero != SFT_ZERO_0 && strcmp(backend->name, "cpu") != 0) {
        sft_error_set(err, "zero=%s: ranks share on the CPU only in this release; use zero=0",
                      sft_zero_name(zero));
        goto failed;
    }
    s->unit = calloc((size_t)s->units, sizeof *s->unit);
    s->parts = calloc((size_t)s->units, sizeof *s->parts);
    if (s->unit == NULL || s->parts == NULL) {
        sft_error_set(err, "no memory for slices");
        goto failed;
    }
    for (int i = 0; i < s->units; i++) {
        s->unit[i].place = model_unit(model, i);
        unit_cut(s, &s->unit[i]);
    }
    s->bytes = shard_lay(s, NULL);
    s->memory = backend->allocate(backend, s->bytes + sizeof *s->memory, err);
    if (s->memory == NULL)
        goto failed;
    if (s->bytes > 0)
        memset(s->memory, 0, s->bytes); /* what lies behind a unit's end takes part in sums */
    shard_lay(s, s->memory);
    shard_place(s, seed);
    return s;
failed:
    shard_destroy(s);
    return NULL;
}

void shard_destroy(struct shard *s)
{
    if (s == NULL)
        return;
    if (s->memory != NULL)
        s->backend->release(s->backend, s->memory);
    free(s->unit);
    free(s->parts);
    free(s);
}

const struct optim_part *shard_parts(const struct shard *s, size_t *count)
{
    *count = s->part_count;
    return s->parts;
}

void shard_begin(struct shard *s)
{
    model_zero_gradients(s->model);
    for (int i = 0; i < s->units && shares_gradients(s); i++)
        memset(s->unit[i].sums, 0, s->unit[i].slice * sizeof *s->unit[i].sums);
}

/* With 1 the gradients are whole on each rank: a unit's go through the room, and the own slice back. */
static int reduce_whole(struct shard *s, const struct unit *u, struct sft_error *err)
{
    float *gradients = flat(model_gradients(s->model), u);
    size_t all = u->slice * members(s), begin = slice_begin(s, u);
    memcpy(s->room, gradients, u->place.count * sizeof *gradients);
    memset(s->room + u->place.count, 0, (all - u->place.count) * sizeof *gradients);
    if (scatter(s, s->group, s->room, u->slice, err) < 0)
        return -1;
    size_t mine = below(u, begin, u->slice);
    if (mine > 0)
        memcpy(gradients + begin, s->room + begin, mine * sizeof *gradients);
    return 0;
}

int shard_reduce(struct shard *s, struct sft_error *err)
{
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        if (s->zero == SFT_ZERO_1 && reduce_whole(s, u, err) < 0)
            return -1;
        if (s->zero == SFT_ZERO_HYBRID && scatter(s, COMM_ACROSS, u->sums, u->piece, err) < 0)
            return -1;
    }
    return 0;
}

static int spread_whole(struct shard *s, const struct unit *u, struct sft_error *err)
{
    float *weights = flat(model_weights(s->model), u);
    size_t begin = slice_begin(s, u), mine = below(u, begin, u->slice);
    if (mine > 0)
        memcpy(s->room + begin, weights + begin, mine * sizeof *weights);
    if (gather(s, s->group, s->room, u->slice, err) < 0)
        return -1;
    memcpy(weights, s->room, u->place.count * sizeof *weights);
    return 0;
}

int shard_spread(struct shard *s, struct sft_error *err)
{
    s->layer_present = 0;
    for (int i = 0; i < s->units; i++) {
        struct unit *u = &s->unit[i];
        u->present = false;
        if ((s->zero == SFT_ZERO_1 || s->zero == SFT_ZERO_2) && spread_whole(s, u, err) < 0)
            return -1;
        if (s->zero == SFT_ZERO_HYBRID && gather(s, COMM_ACROSS, u->weights, u->piece, err) < 0)
            return -1;
    }
    return 0;
}

double shard_waited(struct shard *s)
{
    double waited = s->waited;
    s->waited = 0;
    return waited;
}

size_t shard_bytes(const struct shard *s)
{
    return s->bytes;
}
