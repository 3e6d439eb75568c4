/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/linear.h"

/* The head's logits decide by small differences: they are not for 8 bits. */
static bool is_for_fp8(const struct model *model, enum sft_role role)
{
    return model->recipe.scaling != SCALING_NONE && role != SFT_ROLE_HEAD &&
           role != SFT_ROLE_EMBEDDING;
}

static unsigned want_of(const struct model *model, const struct linear *linear)
{
    unsigned want = 0;
    if (model->trains)
        want |= LINEAR_DIN;
    if (linear->weight->param.trains)
        want |= LINEAR_DWEIGHT;
    if (linear->bias != NULL && linear->bias->param.trains)
        want |= LINEAR_DBIAS;
    return want;
}

static const struct linear_kind *kind_of(const struct linear *linear, bool fp8)
{
    if (fp8)
        return &linear_fp8;
    return linear->weight->param.stored == SFT_BASE_DEVICE ? &linear_plain : &linear_stored;
}

struct linear linear_find(struct model *model, int unit, enum sft_role role)
{
    bool fp8 = is_for_fp8(model, role);
    struct linear linear = {.weight = model_find(model, unit, role, false),
                            .bias = model_find(model, unit, role, true)};
    if (linear.weight == NULL)
        return linear;
    linear.kind = kind_of(&linear, fp8);
    linear.number = fp8 ? model->fp8_count++ : 0;
    linear.want = want_of(model, &linear);
    linear_adapt(&linear, model, unit, role);
    model->trains |= (linear.want & ~(unsigned)LINEAR_DIN) != 0 || linear.blocks > 0;
    return linear;
}

/* What stands behind t in its unit, in the same array; NULL: nothing does. */
static const struct model_tensor *behind(const struct model *model, const struct model_tensor *t)
{
    const struct model_tensor *next = t + 1;
    bool there = next < model->tensors + model->tensor_count && next->param.unit == t->param.unit &&
                 next->param.trains == t->param.trains && next->param.stored == t->param.stored;
    return there ? next : NULL;
}

void linear_widen(struct linear *linear, const struct model *model)
{
    enum { ALIGNED = 8, MULTIPLE = 64 };
    const struct sft_param *param = &linear->weight->param;
    const struct model_tensor *next = behind(model, linear->weight);
    int beyond = (MULTIPLE - param->rows % MULTIPLE) % MULTIPLE;
    if (param->rows % ALIGNED != 0 && linear->kind == &linear_plain && linear->bias == NULL &&
        next != NULL && sft_param_elements(&next->param) >= (uint64_t)beyond * param->columns)
        linear->beyond = beyond;
}

/* The weight or its gradient as products have it. */
static struct tensor widened(const struct linear *linear, struct tensor t)
{
    t.rows += linear->beyond;
    return t;
}

int linear_out(const struct linear *linear)
{
    return linear->weight->param.rows + linear->beyond;
}

int linear_in(const struct linear *linear)
{
    return linear->weight->param.columns;
}

struct tensor linear_bias(const struct linear *linear, const struct model *model)
{
    return linear->bias == NULL ? (struct tensor){0} : model_weight(model, linear->bias);
}

void linear_need(struct linear *linear, const struct model *model, struct need *need)
{
    if (linear->kind->need != NULL)
        linear->kind->need(linear, model, need);
}

struct tensor linear_need_out(const struct linear *linear, const struct model *model,
                              struct need *need, enum keep keep)
{
    return need_tensor(need, keep, model->format, model->rows, linear_out(linear));
}

struct tensor linear_need_in(const struct linear *linear, const struct model *model,
                             struct need *need, enum keep keep)
{
    bool read = linear->kind->reads_input(linear);
    return need_tensor(need, read ? keep : KEEP_NEVER, model->format, model->rows,
                       linear_in(linear));
}

float *linear_in_amax(const struct linear *linear, const struct model *model)
{
    return linear->kind->in_amax == NULL ? NULL : linear->kind->in_amax(linear, model);
}

float *linear_dout_amax(const struct linear *linear, const struct model *model)
{
    return linear->kind->dout_amax == NULL ? NULL : linear->kind->dout_amax(linear, model);
}

void linear_forward(struct linear *linear, struct model *model, struct tensor out, struct tensor in)
{
    linear->kind->forward(linear, model, out, in, false);
}

void linear_again(struct linear *linear, struct model *model, struct tensor in)
{
    if (linear->kind->again != NULL)
        linear->kind->again(linear, model, in);
}

void linear_backward(struct linear *linear, struct model *model, struct tensor din,
                     struct tensor dout, struct tensor in, bool fresh)
{
    struct device *d = model->device;
    linear->kind->backward(linear, model, din, dout, in, fresh, false);
    if ((linear->want & LINEAR_DBIAS) != 0)
        d->ops->bias_backward(
            d, &(struct bias_args){.dx = dout, .dbias = model_gradient(model, linear->bias)});
}

static bool plain_reads_input(const struct linear *linear)
{
    return (linear->want & LINEAR_DWEIGHT) != 0;
}

static void plain_forward(struct linear *linear, struct model *model, struct tensor out,
                          struct tensor in, bool accumulate)
{
    struct device *d = model->device;
    d->ops->matmul(d,
                   &(struct matmul_args){.c = out,
                                         .a = in,
                                         .b = widened(linear, model_weight(model, linear->weight)),
                                         .bias = linear_bias(linear, model),
                                         .transpose_b = true,
                                         .accumulate = accumulate});
}

static void plain_backward(struct linear *linear, struct model *model, struct tensor din,
                           struct tensor dout, struct tensor in, bool fresh, bool accumulate)
{
    struct device *d = model->device;
    if ((linear->want & LINEAR_DWEIGHT) != 0)
        d->ops->matmul(
            d, &(struct matmul_args){.c = widened(linear, model_gradient(model, linear->weight)),
                                     .a = dout,
                                     .b = in,
                                     .transpose_a = true,
                                     .accumulate = !fresh});
    if ((linear->want & LINEAR_DIN) != 0)
        d->ops->matmul(
            d, &(struct matmul_args){.c = din,
                                     .a = dout,
                                     .b = widened(linear, model_weight(model, linear->weight)),
                                     .accumulate = accumulate});
}

const struct linear_kind linear_plain = {
    .reads_input = plain_reads_input, .forward = plain_forward, .backward = plain_backward};
