/* SPDX-License-Identifier: Apache-2.0 */
/* The embedding: the table's rows are the stream that the first norm keeps. */
#include "job/model/block.h"

static void embedding_need(struct block *b, const struct model *model, struct need *need)
{
    (void)b, (void)model, (void)need;
}

static void embedding_forward(struct block *b, struct model *model, enum again again)
{
    struct device *d = model->device;
    struct embed_args args = {.table = model_weight(model, b->embedding.table),
                              .out = b[1].norm.sum,
                              .ids = model->tokens};
    (void)again;
    d->ops->embed_forward(d, &args);
    model->stream = args.out;
    if (b->embedding.positions == NULL)
        return;
    args.table = model_weight(model, b->embedding.positions);
    args.ids = model->positions;
    args.accumulate = true;
    d->ops->embed_forward(d, &args);
}

static void embedding_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct embed_args args = {.table = model_gradient(model, b->embedding.table),
                              .out = model->dstream,
                              .ids = model->tokens};
    d->ops->embed_backward(d, &args);
    if (b->embedding.positions == NULL)
        return;
    args.table = model_gradient(model, b->embedding.positions);
    args.ids = model->positions;
    d->ops->embed_backward(d, &args);
}

static const struct block_kind embedding = {
    .need = embedding_need, .forward = embedding_forward, .backward = embedding_backward};

void block_embedding(struct model *model, int unit)
{
    struct block *b = block_add(model, unit, &embedding);
    b->embedding.table = model_find(model, unit, SFT_ROLE_EMBEDDING, false);
    b->embedding.positions = model_find(model, unit, SFT_ROLE_POSITION, false);
    block_trains(b, model, b->embedding.table);
}
