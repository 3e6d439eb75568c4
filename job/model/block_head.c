/* SPDX-License-Identifier: Apache-2.0 */
/* The head and the loss. Logits exist a chunk of rows at a time, and become their own gradient in
 * place; so a chunk's backward pass follows its forward pass. */
#include "job/model/block.h"

enum { CHUNK_ROWS = 128 };

/* Rows of logits at once: as few passes as the device wants, all about as long as each other. */
static int chunk_rows(const struct model *model, int columns)
{
    size_t most = model->logits_most / (size_t)columns, rows = (size_t)model->rows;
    if (most < CHUNK_ROWS)
        most = CHUNK_ROWS;
    if (most >= rows)
        return model->rows;
    size_t passes = (rows + most - 1) / most;
    return (int)((rows + passes - 1) / passes);
}

static void head_need(struct block *b, const struct model *model, struct need *need)
{
    b->head.chunk = chunk_rows(model, linear_out(&b->head.linear));
    need_borrow(need, BORROW_LOGITS, model->format, b->head.chunk, linear_out(&b->head.linear));
}

/* With `backward` the gradient of the norm's output is left in delta, too. */
static void head_run(struct block *b, struct model *model, bool backward)
{
    struct device *d = model->device;
    struct linear *linear = &b->head.linear;
    struct tensor logits = model_borrow(model, BORROW_LOGITS, linear_out(linear));
    for (int first = 0; first < model->rows; first += b->head.chunk) {
        int rows = model->rows - first < b->head.chunk ? model->rows - first : b->head.chunk;
        struct tensor in = tensor_rows(b[-1].norm.out, first, rows);
        logits.rows = rows;
        linear_forward(linear, model, logits, in);
        d->ops->cross_entropy(d, &(struct cross_entropy_args){.logits = logits,
                                                              .classes = linear->weight->param.rows,
                                                              .loss = model->loss + first,
                                                              .targets = model->targets + first,
                                                              .scale = model->scale});
        if (backward)
            linear_backward(linear, model, tensor_rows(model->delta, first, rows), logits, in,
                            first == 0 && model->fresh);
    }
}

static void head_forward(struct block *b, struct model *model, enum again again)
{
    (void)again;
    head_run(b, model, false);
}

static void head_backward(struct block *b, struct model *model)
{
    head_run(b, model, true);
}

static struct linear *head_reader(struct block *b)
{
    return &b->head.linear;
}

static const struct block_kind head = {.need = head_need,
                                       .forward = head_forward,
                                       .backward = head_backward,
                                       .reader = head_reader,
                                       .turns = true};

void block_head(struct model *model, int unit)
{
    struct block *b = block_add(model, unit, &head);
    b->head.linear = linear_find(model, unit, SFT_ROLE_HEAD);
    if (b->head.linear.weight == NULL)
        b->head.linear = linear_find(model, 0, SFT_ROLE_EMBEDDING);
    linear_widen(&b->head.linear, model);
    block_trains(b, model, NULL);
}
