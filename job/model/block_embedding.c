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
    (void)again;
    model->stream = b[1].norm.sum;
    d->ops->embed_forward(d, &(struct embed_args){.table = model_weight(model, b->embedding.table),
                                                  .out = model->stream,
                                                  .ids = model->tokens});
}

static void embedding_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    d->ops->embed_backward(d,
                           &(struct embed_args){.table = model_gradient(model, b->embedding.table),
                                                .out = model->dstream,
                                                .ids = model->tokens});
}

static const struct block_kind embedding = {
    .need = embedding_need, .forward = embedding_forward, .backward = embedding_backward};

void block_embedding(struct model *model, int unit)
{
    struct block *b = block_add(model, unit, &embedding);
    b->embedding.table = model_find(model, unit, SFT_ROLE_EMBEDDING);
}
