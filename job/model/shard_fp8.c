/* SPDX-License-Identifier: Apache-2.0 */
/* Layers whose weights come in FP8. Who updates a piece of a unit quantizes it, once a step, by
 * scales of whole weights, and bytes are gathered: half of bf16's, for each use and across nodes.
 * They are those that quantizing the gathered weights would give, since scales depend on the
 * largest magnitudes alone, which do not depend on who finds them.
 *
 * By tensor both passes read the same bytes, and the backward pass transposes them: a byte read and
 * one written an element, where quantizing once more would read two. By row the backward pass reads
 * numbers that were rounded by the scales of columns, so it gathers other bytes. Those of rows are
 * gathered for it, too, where it computes blocks again; only that moves as much as bf16.
 *
 * What a layer has besides, norms and biases, is so little that all ranks keep it whole. */
#include "job/model/shard_internal.h"

size_t shard_images(const struct model_recipe *recipe)
{
    return recipe->scaling == SCALING_ROW ? 2 : 1;
}

size_t shard_images_at_once(const struct model_recipe *recipe)
{
    return recipe->recompute == RECOMPUTE_BLOCK ? shard_images(recipe) : 1;
}

size_t shard_rest_bytes(const struct sft_preset *shape, enum format format)
{
    enum { LINE = 256 };
    size_t bytes = (size_t)shape->layers * format_bytes(format, model_unit_rest(shape, 1));
    return (bytes + LINE - 1) / LINE * LINE;
}

void shard_take_fp8(struct shard *s)
{
    const struct model_recipe *recipe = model_recipe(s->model);
    s->fp8 = s->stale = recipe->gathered;
    if (!s->fp8)
        return;
    s->images = (int)shard_images(recipe);
    s->both = shard_images_at_once(recipe) > 1;
    s->rest_bytes = shard_rest_bytes(model_shape(s->model), s->device->format);
}

/* Rows of a weight, or some elements of one row, that are in the own piece of its unit. */
struct block {
    struct tensor x;
    int row, column;      /* of its first element */
    const struct unit *u; /* its own piece begins at */
    size_t begin;         /* this element of the unit, and the block at */
    size_t at;            /* this one */
    const struct model_tensor *weight;
};

typedef void block_do(struct shard *s, const struct block *b);

/* `count` elements of a weight from its element `first` on, as rows of `columns`. */
static void block_run(struct shard *s, struct block b, size_t first, size_t count, int columns,
                      block_do *run)
{
    size_t width = (size_t)b.weight->param.columns;
    b.at = b.weight->offset - b.u->place.offset + first;
    b.row = (int)(first / width);
    b.column = (int)(first % width);
    b.x = tensor_of(s->device->format, (int)(count / (size_t)columns), columns,
                    b.u->weights + bytes_of(s, b.at - b.begin));
    run(s, &b);
}

/* By tensor all elements are alike: one row. By rows: the end of a row, whole ones, the begin of
 * one. */
static void weight_run(struct shard *s, struct block b, size_t first, size_t count, block_do *run)
{
    size_t width = (size_t)b.weight->param.columns, head = (width - first % width) % width;
    if (s->images == 1) {
        block_run(s, b, first, count, (int)count, run);
        return;
    }
    head = head < count ? head : count;
    if (head > 0)
        block_run(s, b, first, head, (int)head, run);
    size_t whole = (count - head) / width * width, tail = count - head - whole;
    if (whole > 0)
        block_run(s, b, first + head, whole, (int)width, run);
    if (tail > 0)
        block_run(s, b, first + head + whole, tail, (int)tail, run);
}

/* All that this rank has of weights in FP8. */
static void weights_run(struct shard *s, block_do *run)
{
    size_t count, from;
    const struct model_tensor *tensors = model_tensors(s->model, &count);
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        size_t share = shard_part_share(&s->parts[t->param.unit], t, &from);
        const struct unit *u = &s->unit[t->param.unit];
        struct block b = {.u = u, .begin = piece_begin(s, u), .weight = t};
        if (t->fp8 && share > 0)
            weight_run(s, b, from - t->offset, share, run);
    }
}

/* Where the scales of a weight's rows stand, or its only one, and behind them those of columns. */
static float *scales_of(const struct shard *s, const struct model_tensor *t)
{
    return (float *)model_scales(s->model).data + t->scales;
}

static void block_amax(struct shard *s, const struct block *b)
{
    struct device *d = s->device;
    struct tensor x = b->x;
    float *scales = scales_of(s, b->weight);
    if (s->images == 1) {
        x.amax = scales;
        d->ops->amax(d, &(struct amax_args){x});
    } else {
        d->ops->amax_lines(d, &(struct amax_lines_args){
                                  x, scales + b->row, scales + b->weight->param.rows + b->column});
    }
}

static void block_cast(struct shard *s, const struct block *b)
{
    struct device *d = s->device;
    float *scales = scales_of(s, b->weight);
    size_t inside = b->at - slice_begin(s, b->u);
    for (int image = 0; image < s->images; image++) {
        struct tensor to =
            tensor_of(FORMAT_E4M3, b->x.rows, b->x.columns, b->u->image[image] + inside);
        to.scaling = s->images == 1 ? SCALING_TENSOR : SCALING_ROW;
        to.scale = scales + b->row * (s->images > 1);
        to.scale_transposed = scales + b->weight->param.rows + b->column;
        d->ops->cast(d, &(struct cast_args){to, b->x, image == SHARD_BY_COLUMNS});
    }
}

static int all_reduce(struct shard *s, void *values, size_t count,
                      enum collective_reduction reduction, const char *what, struct sft_error *err)
{
    const struct collective_call call = {.kind = COLLECTIVE_ALL_REDUCE,
                                         .group = COLLECTIVE_COMPUTE,
                                         .type = COLLECTIVE_UINT32,
                                         .reduction = reduction,
                                         .to = values,
                                         .count = count,
                                         .what = what};
    return collective_run(s->collective, s->device, &call, err);
}

/* Own elements at their places among zeros: as whole numbers the sum of all ranks' is what each one
 * wrote, to the bit. */
static int rest_share(struct shard *s, struct sft_error *err)
{
    struct device *d = s->device;
    size_t count, from;
    const struct model_tensor *tensors = model_tensors(s->model, &count);
    d->zero(d, s->rest, s->rest_bytes);
    for (size_t i = 0; i < count; i++) {
        const struct model_tensor *t = &tensors[i];
        int unit = t->param.unit;
        size_t share = shard_part_share(&s->parts[unit], t, &from);
        if (!in_fp8(s, unit) || t->fp8 || share == 0)
            continue;
        const char *own = s->parts[unit].weights;
        d->copy(d, LANE_COMPUTE, s->unit[unit].whole + bytes_of(s, t->place + from - t->offset),
                own + bytes_of(s, from - s->parts[unit].offset), bytes_of(s, share));
    }
    return all_reduce(s, s->rest, s->rest_bytes / sizeof(uint32_t), COLLECTIVE_SUM,
                      "norms of layers", err);
}

/* The node's slices are made of the nodes' pieces. */
static int images_spread(struct shard *s, struct sft_error *err)
{
    shard_follow_compute(s, COLLECTIVE_ACROSS);
    for (int unit = 1; unit < s->units - 1; unit++) {
        struct unit *u = &s->unit[unit];
        size_t mine = piece_begin(s, u) - slice_begin(s, u);
        for (int i = 0; i < s->images; i++)
            if (shard_gather(s, COLLECTIVE_ACROSS, COLLECTIVE_BYTE, u->image[i] + mine, u->piece,
                             u->image[i], u->about_weights, err) < 0)
                return -1;
        shard_mark_across(s, unit);
    }
    return 0;
}

int shard_quantize(struct shard *s, struct sft_error *err)
{
    struct device *d = s->device;
    struct array scales = model_scales(s->model);
    s->stale = false;
    d->zero(d, scales.data, scales.count * sizeof(float));
    weights_run(s, block_amax);
    if (all_reduce(s, scales.data, scales.count, COLLECTIVE_MAX, "largest weights", err) < 0)
        return -1;
    d->ops->scales(d, &(struct scales_args){scales.data, scales.count, FORMAT_E4M3});
    weights_run(s, block_cast);
    if (rest_share(s, err) < 0)
        return -1;
    return s->zero == SFT_ZERO_HYBRID ? images_spread(s, err) : 0;
}

/* Which images the pass reads, a bit each. */
static unsigned images_wanted(const struct shard *s, enum model_pass pass)
{
    const unsigned rows = 1u << SHARD_BY_ROWS, columns = 1u << SHARD_BY_COLUMNS;
    if (s->images == 1 || pass == MODEL_FORWARD)
        return rows;
    return s->both ? rows | columns : columns;
}

int shard_fetch_fp8(struct shard *s, int unit, enum model_pass pass, struct sft_error *err)
{
    struct unit *u = &s->unit[unit];
    int buffer = unit % SHARD_LAYER_BUFFERS;
    unsigned there = s->layer[buffer] == unit ? s->there[buffer] : 0;
    unsigned missing = images_wanted(s, pass) & ~there;
    if (missing == 0)
        return 1;
    shard_follow_compute(s, s->source);
    shard_await_across(s, unit);
    for (int i = 0; i < s->images; i++)
        if ((missing & 1u << i) != 0 &&
            shard_gather(s, s->source, COLLECTIVE_BYTE, u->image[i], u->slice, u->bytes[i],
                         u->about_weights, err) < 0)
            return -1;
    s->layer[buffer] = unit;
    s->there[buffer] = s->both ? there | missing : missing;
    return 0;
}
