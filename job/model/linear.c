/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/linear.h"

struct linear linear_find(const struct model *model, int unit, enum sft_role role)
{
    return (struct linear){model_find(model, unit, role, false),
                           model_find(model, unit, role, true)};
}

int linear_out(const struct linear *linear)
{
    return linear->weight->param.rows;
}

int linear_in(const struct linear *linear)
{
    return linear->weight->param.columns;
}

struct tensor linear_need(const struct linear *linear, const struct model *model, struct need *need,
                          enum keep keep)
{
    return need_tensor(need, keep, model->format, model->rows, linear_out(linear));
}

void linear_forward(const struct linear *linear, struct model *model, struct tensor out,
                    struct tensor in)
{
    struct device *d = model->device;
    d->ops->matmul(
        d, &(struct matmul_args){
               .c = out, .a = in, .b = model_weight(model, linear->weight), .transpose_b = true});
    if (linear->bias != NULL)
        d->ops->bias_forward(
            d, &(struct bias_args){.x = out, .bias = model_weight(model, linear->bias)});
}

void linear_backward(const struct linear *linear, struct model *model, unsigned want,
                     struct tensor din, struct tensor dout, struct tensor in, bool fresh)
{
    struct device *d = model->device;
    if ((want & LINEAR_DWEIGHT) != 0)
        d->ops->matmul(d, &(struct matmul_args){.c = model_gradient(model, linear->weight),
                                                .a = dout,
                                                .b = in,
                                                .transpose_a = true,
                                                .accumulate = !fresh});
    if ((want & LINEAR_DBIAS) != 0 && linear->bias != NULL)
        d->ops->bias_backward(
            d, &(struct bias_args){.dx = dout, .dbias = model_gradient(model, linear->bias)});
    if ((want & LINEAR_DIN) != 0)
        d->ops->matmul(d, &(struct matmul_args){
                              .c = din, .a = dout, .b = model_weight(model, linear->weight)});
}
