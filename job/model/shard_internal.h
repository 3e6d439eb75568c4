/* SPDX-License-Identifier: Apache-2.0 */
/* What shard.c, which moves the units, and shard_cut.c, which places them, share. */
#ifndef SFT_JOB_MODEL_SHARD_INTERNAL_H
#define SFT_JOB_MODEL_SHARD_INTERNAL_H

#include "job/model/shard.h"

enum { SHARD_NAME = 32 };

/* Forms of weights in FP8, which are one where a whole tensor has one scale: by rows, and by
 * columns for the backward pass. */
enum shard_image { SHARD_BY_ROWS, SHARD_BY_COLUMNS, SHARD_IMAGES };

/* Where a unit's elements are. Whole ones stand in buffers, or in the model's flat arrays. */
struct unit {
    struct model_unit place;
    size_t slice, piece; /* elements of a member's, and of what it has states for */
    size_t share;        /* bytes of a member's of the base, where that is cut */
    char *weights,
        *sums; /* own slices: weights with 3 and hybrid; gradients with 2, 3 and hybrid */
    char *whole, *gradient;  /* [slice * members] */
    char *base_share, *base; /* [share], [share * sharers] */
    /* of layers whose weights come in FP8: `weights` is the own piece, `whole` what is not in FP8
     */
    char *image[SHARD_IMAGES]; /* [slice] bytes, as either pass reads them */
    char *bytes[SHARD_IMAGES]; /* [slice * members], the same one where no pass reads both */
    char about_weights[SHARD_NAME], about_gradient[SHARD_NAME], name[SHARD_NAME];
    bool present; /* its own buffer, no layer's, has what is gathered */
};

struct shard {
    struct model *model;
    struct device *device;
    struct collective *collective;
    struct spans *spans;
    enum sft_zero zero;          /* of what trains */
    enum collective_group group; /* that shares a unit's slices */
    size_t members, pieces;
    bool cuts_base;               /* it is the base that is gathered, */
    enum collective_group source; /* from these */
    size_t sharers;
    int units, first, last;         /* units; the first and the last that have something to train */
    struct unit *unit;              /* [units] */
    int layer[SHARD_LAYER_BUFFERS]; /* whose weights are in the layers' buffers, or 0 */
    unsigned there[SHARD_LAYER_BUFFERS]; /* which of its images, a bit each */
    bool fp8;                            /* layers' weights come in FP8 */
    int images;                          /* of FP8, that differ */
    bool both;                           /* the backward pass reads both */
    bool stale;                          /* the images are of other weights */
    char *rest;                          /* of all layers, what is not in FP8 */
    size_t rest_bytes;
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

/* Do units come together when they are used? */
static inline bool gathers(const struct shard *s)
{
    return s->cuts_base || shares_weights(s->zero);
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

/* Where this rank's part of a unit's base begins in it. */
static inline size_t share_begin(const struct shard *s, const struct unit *u)
{
    return (size_t)s->collective->group_rank[s->source] * u->share;
}

/* Elements of this rank's slice where all keep the whole, too: the rest does not divide. */
static inline size_t slice_own(const struct shard *s, const struct unit *u)
{
    return s->zero == SFT_ZERO_0 ? u->place.count / s->members : u->slice;
}

static inline size_t slice_own_begin(const struct shard *s, const struct unit *u)
{
    return (size_t)s->collective->group_rank[s->group] * slice_own(s, u);
}

/* Weights of which come in FP8. */
static inline bool in_fp8(const struct shard *s, int unit)
{
    return s->fp8 && is_layer(s, unit);
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

/* Who shares what. */
void shard_divide(struct shard *s, enum sft_zero zero);
/* shard_fp8.c, all of these. Images that differ; those that a layer's buffer has room for; bytes of
 * all layers' rest, in full words and lines. */
size_t shard_images(const struct model_recipe *recipe);
size_t shard_images_at_once(const struct model_recipe *recipe);
size_t shard_rest_bytes(const struct sft_preset *shape, enum format format);

/* What of it is in FP8, by the model's recipe. */
void shard_take_fp8(struct shard *s);

/* shard.c: an all-gather, between spans. */
int shard_gather(struct shard *s, enum collective_group group, enum collective_type type,
                 char *from, size_t count, char *to, const char *what, struct sft_error *err);
/* What follows on the group's lane waits for all that was computed. */
void shard_follow_compute(struct shard *s, enum collective_group group);
/* Its slice's pieces have come from the other nodes, and what follows for it waits for them. */
void shard_mark_across(struct shard *s, int unit);
void shard_await_across(struct shard *s, int unit);

/* shard_fp8.c. Collective: images of own pieces by scales of whole weights, unless they are there,
 * and the rest of the layers' weights, whole. */
int shard_quantize(struct shard *s, struct sft_error *err);
/* Ask for what of a layer's images the pass reads; 1: it is there, or was asked for before. */
int shard_fetch_fp8(struct shard *s, int unit, enum model_pass pass, struct sft_error *err);

/* Units, slices and buffers; what lies behind a unit's end is zero. */
int shard_allocate(struct shard *s, struct sft_error *err);
/* The model's units into the buffers, or where the model itself has them; first weights; parts. */
void shard_place(struct shard *s, uint64_t seed);

#endif
