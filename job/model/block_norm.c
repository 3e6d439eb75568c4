/* SPDX-License-Identifier: Apache-2.0 */
/* A norm, with the residual addition in front of it. */
#include "job/model/block.h"

static void norm_need(struct block *b, const struct model *model, struct need *need)
{
    int n = model->rows, h = model->shape.hidden;
    b->norm.sum = need_tensor(need, b->norm.keep, model->format, n, h);
    b->norm.out = linear_need_in(b[1].kind->reader(b + 1), model, need, KEEP_CHEAP);
    b->norm.rstd = need_keep(need, KEEP_DEAR, (size_t)n * sizeof(float));
    if (b->norm.kind == NORM_LAYER)
        b->norm.mean = need_keep(need, KEEP_DEAR, (size_t)n * sizeof(float));
}

struct tensor norm_out(struct block *b, const struct model *model)
{
    struct tensor out = b->norm.out;
    out.amax = linear_in_amax(b[1].kind->reader(b + 1), model);
    return out;
}

struct tensor model_dstream(struct block *b, const struct model *model)
{
    struct tensor dstream = model->dstream;
    if (b->kind->writer != NULL)
        dstream.amax = linear_dout_amax(b->kind->writer(b), model);
    return dstream;
}

static struct norm_args args_of(struct block *b, const struct model *model)
{
    struct norm_args args = {.kind = b->norm.kind,
                             .out = norm_out(b, model),
                             .sum = b->norm.sum,
                             .x = b->norm.sum,
                             .weight = model_weight(model, b->norm.weight),
                             .rstd = b->norm.rstd,
                             .mean = b->norm.mean,
                             .eps = (float)model->shape.norm_eps};
    if (b->norm.bias != NULL)
        args.bias = model_weight(model, b->norm.bias);
    return args;
}

static void norm_forward(struct block *b, struct model *model, enum again again)
{
    struct device *d = model->device;
    struct norm_args args = args_of(b, model);
    if (model->added && again != AGAIN_CHEAP) {
        args.x = model->stream;
        args.delta = model->delta;
    }
    d->ops->norm_forward(d, &args);
    model->stream = b->norm.sum;
    model->added = false;
}

static void norm_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct norm_args args = args_of(b, model);
    args.dout = model->delta;
    args.dx = model_dstream(b - 1, model);
    if (b->norm.weight->param.trains)
        args.dweight = model_gradient(model, b->norm.weight);
    if (b->norm.bias != NULL && b->norm.bias->param.trains)
        args.dbias = model_gradient(model, b->norm.bias);
    d->ops->norm_backward(d, &args);
}

static const struct block_kind norm = {
    .need = norm_need, .forward = norm_forward, .backward = norm_backward};

void block_norm(struct model *model, int unit, enum sft_role role, enum norm_kind kind)
{
    struct block *b = block_add(model, unit, &norm);
    b->norm.kind = kind;
    b->norm.weight = model_find(model, unit, role, false);
    b->norm.bias = model_find(model, unit, role, true);
    block_trains(b, model, b->norm.weight);
    /* what a unit begins with is all that is left of it when whole units are computed again */
    b->norm.keep = b[-1].unit == unit ? KEEP_DEAR : KEEP_ALWAYS;
}
