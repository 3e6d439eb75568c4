/* SPDX-License-Identifier: Apache-2.0 */
/* What listing blocks, and blocks themselves, have in common. */
#include "job/model/block.h"

struct block *block_add(struct model *model, int unit, const struct block_kind *kind)
{
    struct block *b = &model->blocks[model->block_count++];
    b->kind = kind;
    b->unit = unit;
    b->last = true;
    if (b > model->blocks)
        b[-1].last = b[-1].unit != unit;
    return b;
}

void block_trains(struct block *b, struct model *model, const struct model_tensor *tensor)
{
    model->trains |= tensor != NULL && tensor->param.trains;
    b->trains = model->trains;
}

void block_leave(const struct block *b, struct model *model, struct linear *linear,
                 struct tensor in, enum again again)
{
    if (again == AGAIN_CHEAP || (again == AGAIN_ALL && b->last)) {
        linear_again(linear, model, in);
        return;
    }
    linear_forward(linear, model, model->delta, in);
    model->added = true;
}

struct tensor model_borrow(const struct model *model, enum borrow what, int columns)
{
    return tensor_of(model->format, model->rows, columns, model->borrowed[what]);
}
