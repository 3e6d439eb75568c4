/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters beside a linear layer of any other kind: out = s (in A^T) B^T, onto which the layer then
 * adds in W^T; in the backward pass din = s (dout B) A, onto which it adds dout W. So what the
 * layer stands in does not matter, and nothing is copied.
 *
 * Projections that share an input share the products: their A's are stacked, so that the input is
 * read once, and their B's made a block-diagonal matrix, so that the output is written, and its
 * gradient read, once. Its zeros cost 3 times B's FLOPs for q, k and v, where the products wait for
 * memory all the same: 7B's rows of 12,288 elements take 24 kB to write and 1.2 MFLOP at rank 16,
 * which are 6 ns and 1.7 ns of an H200. The block-diagonal matrix itself is made for each use: 1.2
 * MB against the 400 MB of 16,384 rows.
 *
 * Dropout has one mask a linear layer, which q, k and v, and gate and up, share (PEFT draws one a
 * projection). It is decided by a counter of the row's number in the run: job/tensor/dropout.h. */
#include "job/model/linear.h"

#include "job/tensor/random.h"

/* Rows of the layer's output that the adapters' sources are. */
static void blocks_find(struct linear *linear)
{
    const struct sft_source *all = linear->weight->param.source;
    const struct sft_source *adapted = linear->b->param.source;
    for (int i = 0; i < SFT_PARAM_SOURCES && all[i].name != NULL; i++)
        if (linear->blocks < SFT_PARAM_SOURCES && adapted[linear->blocks].name == all[i].name)
            linear->block[linear->blocks++] = (struct adapter_block){all[i].row, all[i].rows};
}

void linear_adapt(struct linear *linear, const struct model *model, int unit, enum sft_role role)
{
    const struct model_tensor *a = model_find_adapter(model, unit, role, SFT_ADAPTER_A);
    if (a == NULL)
        return;
    linear->base = linear->kind;
    linear->kind = &linear_lora;
    linear->a = a;
    linear->b = model_find_adapter(model, unit, role, SFT_ADAPTER_B);
    blocks_find(linear);
}

/* For A's gradient. */
static bool lora_reads_input(const struct linear *linear)
{
    (void)linear;
    return true;
}

/* Few columns, so they always stay. */
static void lora_need(struct linear *linear, const struct model *model, struct need *need)
{
    int n = model->rows, columns = linear->a->param.rows;
    if (linear->base->need != NULL)
        linear->base->need(linear, model, need);
    linear->inner = need_tensor(need, KEEP_ALWAYS, model->format, n, columns);
    need_borrow(need, BORROW_ADAPTER, model->format, n, columns);
    need_borrow(need, BORROW_ADAPTER_B, model->format, linear_out(linear), columns);
    if (model->shape.adapters.dropout > 0)
        need_borrow(need, BORROW_DROPPED, model->format, n, linear_in(linear));
}

static float *lora_in_amax(const struct linear *linear, const struct model *model)
{
    return linear->base->in_amax == NULL ? NULL : linear->base->in_amax(linear, model);
}

static float *lora_dout_amax(const struct linear *linear, const struct model *model)
{
    return linear->base->dout_amax == NULL ? NULL : linear->base->dout_amax(linear, model);
}

static bool drops(const struct model *model)
{
    return model->drops && model->shape.adapters.dropout > 0;
}

/* out = x with dropout, or += */
static void drop(const struct linear *linear, struct model *model, struct tensor out,
                 struct tensor x, bool accumulate)
{
    struct device *d = model->device;
    d->ops->dropout(d, &(struct dropout_args){
                           .out = out,
                           .x = x,
                           .part = (float)model->shape.adapters.dropout,
                           .seed = random_mix(model->recipe.seed, linear->a->draw),
                           .first = model->first,
                           .accumulate = accumulate,
                       });
}

/* What A sees of the input. */
static struct tensor seen(const struct linear *linear, struct model *model, struct tensor in)
{
    if (!drops(model))
        return in;
    struct tensor dropped =
        tensor_of(in.format, in.rows, in.columns, model->borrowed[BORROW_DROPPED]);
    drop(linear, model, dropped, in, false);
    return dropped;
}

/* B, or its gradient, as one matrix of all projections, [out,blocks*rank]. */
static struct adapter_args wide_of(const struct linear *linear, const struct model *model)
{
    struct adapter_args args = {
        .wide = tensor_of(model->format, linear_out(linear), linear->a->param.rows,
                          model->borrowed[BORROW_ADAPTER_B]),
        .b = model_weight(model, linear->b),
        .count = linear->blocks,
        .scale = (float)sft_adapters_scale(&model->shape.adapters),
    };
    for (int i = 0; i < linear->blocks; i++)
        args.block[i] = linear->block[i];
    return args;
}

static void lora_forward(struct linear *linear, struct model *model, struct tensor out,
                         struct tensor in, bool accumulate)
{
    struct device *d = model->device;
    struct adapter_args wide = wide_of(linear, model);
    d->ops->matmul(d, &(struct matmul_args){.c = linear->inner,
                                            .a = seen(linear, model, in),
                                            .b = model_weight(model, linear->a),
                                            .transpose_b = true});
    d->ops->adapter_spread(d, &wide);
    d->ops->matmul(d, &(struct matmul_args){.c = out,
                                            .a = linear->inner,
                                            .b = wide.wide,
                                            .transpose_b = true,
                                            .accumulate = accumulate});
    linear->base->forward(linear, model, out, in, true);
}

static void lora_again(struct linear *linear, struct model *model, struct tensor in)
{
    if (linear->base->again != NULL)
        linear->base->again(linear, model, in);
}

/* dA += dinner^T in, dB += s dout^T inner */
static void lora_gradients(struct linear *linear, struct model *model, struct tensor dinner,
                           struct tensor dout, struct tensor in, bool fresh)
{
    struct device *d = model->device;
    struct adapter_args wide = wide_of(linear, model);
    d->ops->matmul(d, &(struct matmul_args){.c = model_gradient(model, linear->a),
                                            .a = dinner,
                                            .b = seen(linear, model, in),
                                            .transpose_a = true,
                                            .accumulate = !fresh});
    d->ops->matmul(d, &(struct matmul_args){
                          .c = wide.wide, .a = dout, .b = linear->inner, .transpose_a = true});
    wide.b = model_gradient(model, linear->b);
    wide.accumulate = !fresh;
    d->ops->adapter_gather(d, &wide);
}

/* din = dinner A, through the mask; or += */
static void lora_din(struct linear *linear, struct model *model, struct tensor din,
                     struct tensor dinner, bool accumulate)
{
    struct device *d = model->device;
    bool masked = drops(model);
    struct tensor to = din;
    if (masked)
        to.data = model->borrowed[BORROW_DROPPED];
    d->ops->matmul(d, &(struct matmul_args){.c = to,
                                            .a = dinner,
                                            .b = model_weight(model, linear->a),
                                            .accumulate = accumulate && !masked});
    if (masked)
        drop(linear, model, din, to, accumulate);
}

static void lora_backward(struct linear *linear, struct model *model, struct tensor din,
                          struct tensor dout, struct tensor in, bool fresh, bool accumulate)
{
    struct device *d = model->device;
    struct adapter_args wide = wide_of(linear, model);
    struct tensor dinner = linear->inner;
    dinner.data = model->borrowed[BORROW_ADAPTER];
    d->ops->adapter_spread(d, &wide);
    d->ops->matmul(d, &(struct matmul_args){.c = dinner, .a = dout, .b = wide.wide});
    lora_gradients(linear, model, dinner, dout, in, fresh);
    if ((linear->want & LINEAR_DIN) != 0)
        lora_din(linear, model, din, dinner, accumulate);
    linear->base->backward(linear, model, din, dout, in, fresh, true);
}

const struct linear_kind linear_lora = {.reads_input = lora_reads_input,
                                        .need = lora_need,
                                        .in_amax = lora_in_amax,
                                        .dout_amax = lora_dout_amax,
                                        .forward = lora_forward,
                                        .again = lora_again,
                                        .backward = lora_backward};
