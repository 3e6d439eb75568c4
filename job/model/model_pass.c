/* SPDX-License-Identifier: Apache-2.0 */
/* The passes over a model's blocks, whatever they are: entering and leaving units, what is computed
 * again, the turn at the head. */
#include "job/model/block.h"

static int unit_enter(struct model *model, int unit, enum model_pass pass, struct sft_error *err)
{
    const struct model_hooks *h = &model->hooks;
    return h->enter == NULL ? 0 : h->enter(h->user, unit, pass, err);
}

static int unit_leave(struct model *model, int unit, enum model_pass pass, struct sft_error *err)
{
    const struct model_hooks *h = &model->hooks;
    return h->leave == NULL ? 0 : h->leave(h->user, unit, pass, err);
}

static struct block *unit_begin(const struct model *model, int unit)
{
    struct block *b = model->blocks;
    while (b->unit < unit)
        b++;
    return b;
}

static struct block *unit_end(const struct model *model, int unit)
{
    struct block *b = unit_begin(model, unit);
    while (!b->last)
        b++;
    return b + 1;
}

static void unit_forward(struct model *model, int unit, enum again again)
{
    struct block *end = unit_end(model, unit);
    for (struct block *b = unit_begin(model, unit); b < end; b++)
        if (!b->kind->turns)
            b->kind->forward(b, model, again);
}

static void unit_backward(struct model *model, int unit)
{
    struct block *begin = unit_begin(model, unit);
    for (struct block *b = unit_end(model, unit); b-- > begin;)
        if (!b->kind->turns && b->trains)
            b->kind->backward(b, model);
}

static int model_forward(struct model *model, struct sft_error *err)
{
    for (int unit = 0; unit < model_units(model); unit++) {
        if (unit_enter(model, unit, MODEL_FORWARD, err) < 0)
            return -1;
        unit_forward(model, unit, AGAIN_NOTHING);
        if (unit_leave(model, unit, MODEL_FORWARD, err) < 0)
            return -1;
    }
    return 0;
}

/* The losses, and with `backward` the head's gradients too: the last unit's, or the table's when it
 * is tied. */
static int model_turn(struct model *model, bool backward, struct sft_error *err)
{
    enum model_pass pass = backward ? MODEL_BACKWARD : MODEL_FORWARD;
    struct block *head = &model->blocks[model->block_count - 1];
    if (unit_enter(model, head->unit, pass, err) < 0 ||
        (model->shape.tied_head && unit_enter(model, 0, pass, err) < 0))
        return -1;
    if (backward)
        head->kind->backward(head, model);
    else
        head->kind->forward(head, model, AGAIN_NOTHING);
    return backward ? 0 : unit_leave(model, head->unit, pass, err);
}

/* What the level did not keep of a layer. */
static void layer_again(struct model *model, int unit)
{
    if (unit > 0 && model->recipe.recompute != RECOMPUTE_NONE)
        unit_forward(model, unit,
                     model->recipe.recompute == RECOMPUTE_NORMS ? AGAIN_CHEAP : AGAIN_ALL);
}

static int model_backward(struct model *model, struct sft_error *err)
{
    struct device *d = model->device;
    int last = model_units(model) - 1;
    d->zero(d, model->dstream.data, format_bytes(model->format, tensor_count(model->dstream)));
    unit_backward(model, last);
    if (unit_leave(model, last, MODEL_BACKWARD, err) < 0)
        return -1;
    for (int unit = last - 1; unit >= model_first_trained(model); unit--) {
        if (unit_enter(model, unit, MODEL_BACKWARD, err) < 0)
            return -1;
        layer_again(model, unit);
        unit_backward(model, unit);
        if (unit_leave(model, unit, MODEL_BACKWARD, err) < 0)
            return -1;
    }
    return 0;
}

/* Largest magnitudes begin anew; those of the weights where these may be others. Whoever wants
 * losses alone may change weights in between. */
static void amax_begin(struct model *model, bool backward)
{
    struct device *d = model->device;
    size_t count = (size_t)model->fp8_count;
    if (count == 0)
        return;
    d->zero(d, model->amax, 2 * count * sizeof *model->amax);
    if (model->changed || !backward) {
        d->zero(d, model->amax_weights, count * sizeof *model->amax_weights);
        model->version++;
    }
    model->changed = !backward;
}

/* The losses are added to model->loss_sums[sum]. */
static int model_run(struct model *model, const struct batch *batch, float scale, bool backward,
                     int sum, struct sft_error *err)
{
    struct device *d = model->device;
    if (model_take_batch(model, batch, err) < 0)
        return -1;
    model->scale = scale;
    model->drops = backward;
    model->first = batch->first;
    amax_begin(model, backward);
    if (model_forward(model, err) < 0 || model_turn(model, backward, err) < 0 ||
        (backward && model_backward(model, err) < 0))
        return -1;
    if (backward && model->storage.gradients)
        model->fresh = false;
    d->ops->sum(d, &(struct sum_args){.sum = model->loss_sums + sum,
                                      .x = {FORMAT_FP32, model->loss, (size_t)model->rows}});
    return 0;
}

static int loss_take(struct model *model, int sum, double *loss_sum, struct sft_error *err)
{
    struct device *d = model->device;
    d->read(d, loss_sum, model->loss_sums + sum, sizeof *loss_sum);
    d->zero(d, model->loss_sums + sum, sizeof *model->loss_sums);
    return d->sync(d, err);
}

int model_take_loss(struct model *model, double *loss_sum, struct sft_error *err)
{
    return loss_take(model, LOSS_LATER, loss_sum, err);
}

int model_step(struct model *model, const struct batch *batch, float scale, double *loss_sum,
               struct sft_error *err)
{
    int sum = loss_sum == NULL ? LOSS_LATER : LOSS_NOW;
    if (model_run(model, batch, scale, true, sum, err) < 0)
        return -1;
    return loss_sum == NULL ? 0 : loss_take(model, sum, loss_sum, err);
}

int model_loss(struct model *model, const struct batch *batch, double *loss_sum,
               struct sft_error *err)
{
    if (model_run(model, batch, 0, false, LOSS_NOW, err) < 0)
        return -1;
    return loss_take(model, LOSS_NOW, loss_sum, err);
}
