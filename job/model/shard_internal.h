/* SPDX-License-Identifier: Apache-2.0 */
/* What shard.c, which moves the units, and shard_cut.c, which places them, share. */
#ifndef SFT_JOB_MODEL_SHARD_INTERNAL_H
#define SFT_JOB_MODEL_SHARD_INTERNAL_H

#include "job/model/shard.h"

enum { SHARD_NAME = 32 };

/* Where a unit's elements are. Whole ones stand in buffers, or in the model's flat arrays. */
struct unit {
    struct model_unit place;
    size_t slice, piece; /* elements of a member's, and of what it has states for */
    char *weights,
        *sums; /* own slices: weights with 3 and hybrid; gradients with 2, 3 and hybrid */
    char *whole, *gradient; /* [slice * members] */
    char about_weights[SHARD_NAME], about_gradient[SHARD_NAME], name[SHARD_NAME];
    bool present; /* its own buffer, no layer's, has the weights */
};

struct shard {
    struct model *model;
    struct device *device;
    struct collective *collective;
    struct spans *spans;
    enum sft_zero zero;
    enum collective_group group; /* that shares a unit's slices */
    size_t members, pieces;
    int units;
    struct unit *unit;              /* [units] */
    int layer[SHARD_LAYER_BUFFERS]; /* whose weights are in the layers' buffers, or 0 */
    int micro_batches, micro_batch; /* of the step; the one that runs */
    int leaving;                    /* unit whose gradient is on its way, -1: none */
    bool enrolled;                  /* the collectives know the memory */
    bool spreading;                 /* whole weights may still be on their way */
    int span;                       /* among spans, of the unit that computes */
    struct shard_part *parts;
    size_t part_count, bytes;
    char *memory; /* slices and buffers */
};

static inline bool shares_weights(enum sft_zero zero)
{
    return zero == SFT_ZERO_3 || zero == SFT_ZERO_HYBRID;
}

static inline bool shares_gradients(enum sft_zero zero)
{
    return zero >= SFT_ZERO_2;
}

static inline bool is_layer(const struct shard *s, int unit)
{
    return unit > 0 && unit < s->units - 1;
}

static inline size_t bytes_of(const struct shard *s, size_t elements)
{
    return format_bytes(s->device->format, elements);
}

/* First element of this rank's slice, and of its piece, in the unit. */
static inline size_t slice_begin(const struct shard *s, const struct unit *u)
{
    return (size_t)s->collective->group_rank[s->group] * u->slice;
}

static inline size_t piece_begin(const struct shard *s, const struct unit *u)
{
    size_t inside =
        s->pieces > 1 ? (size_t)s->collective->group_rank[COLLECTIVE_ACROSS] * u->piece : 0;
    return slice_begin(s, u) + inside;
}

/* Units, slices and buffers; what lies behind a unit's end is zero. */
int shard_allocate(struct shard *s, struct sft_error *err);
/* The model's units into the buffers, or where the model itself has them; first weights; parts. */
void shard_place(struct shard *s, uint64_t seed);

#endif
