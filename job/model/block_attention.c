/* SPDX-License-Identifier: Apache-2.0 */
/* Self-attention: q, k and v in one product, rotated, and the projection of what comes out. */
#include "job/model/block.h"

static struct attention_shape shape_of(const struct model *model)
{
    const struct sft_preset *s = &model->shape;
    return (struct attention_shape){s->heads, s->kv_heads, s->head_dim};
}

static void attention_need(struct block *b, const struct model *model, struct need *need)
{
    int width = linear_out(&b->attention.qkv), q = linear_in(&b->attention.o);
    size_t heads = (size_t)model->shape.heads;
    linear_need(&b->attention.qkv, model, need);
    linear_need(&b->attention.o, model, need);
    b->attention.qkv_out = linear_need_out(&b->attention.qkv, model, need, KEEP_DEAR);
    b->attention.out = need_tensor(need, KEEP_DEAR, model->format, model->rows, q);
    b->attention.lse = need_keep(need, KEEP_DEAR, (size_t)model->rows * heads * sizeof(float));
    need_borrow(need, BORROW_WIDE, model->format, model->rows, width);
    need_borrow(need, BORROW_NARROW, model->format, model->rows, q);
}

static struct rope_scaling scaling_of(const struct model *model)
{
    const struct sft_rope_scaling *s = &model->shape.rope_scaling;
    return (struct rope_scaling){(float)s->factor, (float)s->low, (float)s->high,
                                 (float)s->positions};
}

static void rotate(struct model *model, struct tensor qkv, bool inverse)
{
    struct device *d = model->device;
    d->ops->rope(d, &(struct rope_args){.qkv = qkv,
                                        .positions = model->positions,
                                        .shape = shape_of(model),
                                        .theta = (float)model->shape.rope_theta,
                                        .scaling = scaling_of(model),
                                        .inverse = inverse});
}

static struct attention_args args_of(const struct block *b, const struct model *model)
{
    return (struct attention_args){
        .qkv = b->attention.qkv_out,
        .out = b->attention.out,
        .dqkv = model_borrow(model, BORROW_WIDE, b->attention.qkv_out.columns),
        .dout = model_borrow(model, BORROW_NARROW, b->attention.out.columns),
        .lse = b->attention.lse,
        .shape = shape_of(model),
        .docs = &model->docs};
}

static void attention_forward(struct block *b, struct model *model, enum again again)
{
    struct device *d = model->device;
    struct attention_args args = args_of(b, model);
    if (again == AGAIN_CHEAP) {
        linear_again(&b->attention.qkv, model, norm_out(b - 1, model));
        return;
    }
    linear_forward(&b->attention.qkv, model, args.qkv, norm_out(b - 1, model));
    if (b->attention.rotates)
        rotate(model, args.qkv, false);
    d->ops->attention_forward(d, &args);
    block_leave(b, model, &b->attention.o, args.out, again);
}

static void attention_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct attention_args args = args_of(b, model);
    linear_backward(&b->attention.o, model, args.dout, model_dstream(b, model), args.out,
                    model->fresh);
    if ((b->attention.o.want & LINEAR_DIN) == 0)
        return;
    d->ops->attention_backward(d, &args);
    if (b->attention.rotates) {
        args.dqkv.amax = linear_dout_amax(&b->attention.qkv, model);
        rotate(model, args.dqkv, true);
    }
    linear_backward(&b->attention.qkv, model, model->delta, args.dqkv, b[-1].norm.out,
                    model->fresh);
}

static struct linear *attention_reader(struct block *b)
{
    return &b->attention.qkv;
}

static struct linear *attention_writer(struct block *b)
{
    return &b->attention.o;
}

static const struct block_kind attention = {.need = attention_need,
                                            .forward = attention_forward,
                                            .backward = attention_backward,
                                            .reader = attention_reader,
                                            .writer = attention_writer};

void block_attention(struct model *model, int unit, bool rotates)
{
    struct block *b = block_add(model, unit, &attention);
    b->attention.rotates = rotates;
    b->attention.qkv = linear_find(model, unit, SFT_ROLE_QKV);
    b->attention.o = linear_find(model, unit, SFT_ROLE_ATTENTION_OUT);
    b->attention.o.input_stays = true; /* attention's own backward pass reads it */
    block_trains(b, model, NULL);
}
