/* SPDX-License-Identifier: Apache-2.0 */
/* The feed-forward network: two products with an activation between them. */
#include "job/model/block.h"

static void ffn_need(struct block *b, const struct model *model, struct need *need)
{
    int wide = linear_out(&b->ffn.in), narrow = linear_in(&b->ffn.out);
    linear_need(&b->ffn.in, model, need);
    linear_need(&b->ffn.out, model, need);
    b->ffn.in_out = linear_need_out(&b->ffn.in, model, need, KEEP_DEAR);
    b->ffn.activated = linear_need_in(&b->ffn.out, model, need, KEEP_CHEAP);
    need_borrow(need, BORROW_WIDE, model->format, model->rows, wide);
    need_borrow(need, BORROW_NARROW, model->format, model->rows, narrow);
}

static struct activation_args args_of(const struct block *b, const struct model *model)
{
    struct activation_args args = {
        .kind = b->ffn.kind,
        .in = b->ffn.in_out,
        .out = b->ffn.activated,
        .din = model_borrow(model, BORROW_WIDE, b->ffn.in_out.columns),
        .dout = model_borrow(model, BORROW_NARROW, b->ffn.activated.columns)};
    args.out.amax = linear_in_amax(&b->ffn.out, model);
    args.din.amax = linear_dout_amax(&b->ffn.in, model);
    return args;
}

static void ffn_forward(struct block *b, struct model *model, enum again again)
{
    struct device *d = model->device;
    struct activation_args args = args_of(b, model);
    if (again == AGAIN_CHEAP)
        linear_again(&b->ffn.in, model, norm_out(b - 1, model));
    else
        linear_forward(&b->ffn.in, model, args.in, norm_out(b - 1, model));
    d->ops->activation_forward(d, &args);
    block_leave(b, model, &b->ffn.out, args.out, again);
}

static void ffn_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct activation_args args = args_of(b, model);
    linear_backward(&b->ffn.out, model, args.dout, model_dstream(b, model), args.out, model->fresh);
    if ((b->ffn.out.want & LINEAR_DIN) == 0)
        return;
    d->ops->activation_backward(d, &args);
    linear_backward(&b->ffn.in, model, model->delta, args.din, b[-1].norm.out, model->fresh);
}

static struct linear *ffn_reader(struct block *b)
{
    return &b->ffn.in;
}

static struct linear *ffn_writer(struct block *b)
{
    return &b->ffn.out;
}

static const struct block_kind ffn = {.need = ffn_need,
                                      .forward = ffn_forward,
                                      .backward = ffn_backward,
                                      .reader = ffn_reader,
                                      .writer = ffn_writer};

void block_ffn(struct model *model, int unit, enum activation kind)
{
    struct block *b = block_add(model, unit, &ffn);
    b->ffn.kind = kind;
    b->ffn.in = linear_find(model, unit, SFT_ROLE_FFN_IN);
    b->ffn.out = linear_find(model, unit, SFT_ROLE_FFN_OUT);
    block_trains(b, model, NULL);
}
