/* SPDX-License-Identifier: Apache-2.0 */
/* The feed-forward network: two products with an activation between them. */
#include "job/model/block.h"

static void ffn_need(struct block *b, const struct model *model, struct need *need)
{
    int wide = linear_out(&b->ffn.in), narrow = linear_in(&b->ffn.out);
    b->ffn.in_out = linear_need(&b->ffn.in, model, need, KEEP_DEAR);
    b->ffn.activated = need_tensor(need, KEEP_CHEAP, model->format, model->rows, narrow);
    need_borrow(need, BORROW_WIDE, model->format, model->rows, wide);
    need_borrow(need, BORROW_NARROW, model->format, model->rows, narrow);
}

static struct activation_args args_of(const struct block *b, const struct model *model)
{
    return (struct activation_args){
        .kind = b->ffn.kind,
        .in = b->ffn.in_out,
        .out = b->ffn.activated,
        .din = model_borrow(model, BORROW_WIDE, b->ffn.in_out.columns),
        .dout = model_borrow(model, BORROW_NARROW, b->ffn.activated.columns)};
}

static void ffn_forward(struct block *b, struct model *model, enum again again)
{
    struct device *d = model->device;
    struct activation_args args = args_of(b, model);
    if (again != AGAIN_CHEAP)
        linear_forward(&b->ffn.in, model, args.in, b[-1].norm.out);
    d->ops->activation_forward(d, &args);
    block_leave(b, model, &b->ffn.out, args.out, again);
}

static void ffn_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct activation_args args = args_of(b, model);
    unsigned want = LINEAR_ALL;
    linear_backward(&b->ffn.out, model, want, args.dout, model->dstream, args.out, model->fresh);
    d->ops->activation_backward(d, &args);
    linear_backward(&b->ffn.in, model, want, model->delta, args.din, b[-1].norm.out, model->fresh);
}

static const struct block_kind ffn = {
    .need = ffn_need, .forward = ffn_forward, .backward = ffn_backward};

void block_ffn(struct model *model, int unit, enum activation kind)
{
    struct block *b = block_add(model, unit, &ffn);
    b->ffn.kind = kind;
    b->ffn.in = linear_find(model, unit, SFT_ROLE_FFN_IN);
    b->ffn.out = linear_find(model, unit, SFT_ROLE_FFN_OUT);
}
