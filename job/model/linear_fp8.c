/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers whose three products are in FP8: input and weights in E4M3, the gradient of the
 * output in E5M2, which has the wider range, or by rows in E4M3, since a row has less of it. Scales
 * are current ones: of the very tensor. Sums are exact to fp32 but in the forward pass, where the
 * products' own rounding is larger than what the faster way of adding loses.
 *
 * Products read their operands along what they sum over, so each operand is made twice, the second
 * one transposed, in one pass over memory. The transposed input stays for the backward pass in
 * place of the input. Weights stay as struct model_recipe says: they change once a step. Where they
 * are frozen they never do, and nothing is transposed for their gradient. Those that come in FP8
 * are transposed for each use, a byte read and one written an element. */
#include "job/model/linear.h"

static bool by_row(const struct model *model)
{
    return model->recipe.scaling == SCALING_ROW;
}

/* Scales of the tensor as its copies need them. */
static struct tensor tensor_need(const struct model *model, struct need *need, enum format format,
                                 int rows, int columns)
{
    struct tensor t = tensor_of(format, rows, columns, NULL);
    t.scaling = model->recipe.scaling;
    t.scale = need_take(need, (by_row(model) ? (size_t)rows : 1) * sizeof(float));
    if (by_row(model))
        t.scale_transposed = need_take(need, (size_t)columns * sizeof(float));
    return t;
}

static void weight_need(struct linear *linear, const struct model *model, struct need *need)
{
    int rows = linear_out(linear), columns = linear_in(linear);
    size_t bytes = (size_t)rows * (size_t)columns;
    if (linear->weight->fp8) {
        need_borrow(need, BORROW_FP8_WEIGHT, FORMAT_E4M3, rows, columns);
        return;
    }
    linear->weight8 = tensor_need(model, need, FORMAT_E4M3, rows, columns);
    if (linear->weight->param.stored != SFT_BASE_DEVICE) {
        stored_need8(linear, model, need);
        return;
    }
    if (model->recipe.copies >= MODEL_COPIES_ONE)
        linear->weight8.data = need_take(need, bytes);
    if (model->recipe.copies >= MODEL_COPIES_BOTH)
        linear->weight8.transposed = need_take(need, bytes);
    else
        need_borrow(need, BORROW_FP8_WEIGHT, FORMAT_E4M3, rows, columns);
    linear->version = 0;
}

static void fp8_need(struct linear *linear, const struct model *model, struct need *need)
{
    int n = model->rows, from = linear_in(linear), to = linear_out(linear);
    bool trains = (linear->want & LINEAR_DWEIGHT) != 0;
    linear->in8 = tensor_need(model, need, FORMAT_E4M3, n, from);
    linear->dout8 = tensor_need(model, need, by_row(model) ? FORMAT_E4M3 : FORMAT_E5M2, n, to);
    weight_need(linear, model, need);
    need_borrow(need, BORROW_FP8, FORMAT_E4M3, n, from > to ? from : to);
    if (!trains)
        return;
    need_borrow(need, BORROW_FP8_TRANSPOSED, FORMAT_E4M3, n, to);
    if (linear->input_stays)
        need_borrow(need, BORROW_FP8_IN, FORMAT_E4M3, n, from);
    else
        linear->in8.transposed = need_keep(need, KEEP_CHEAP, (size_t)n * (size_t)from);
}

/* Places of largest magnitudes: two a layer of one pass, and of the weights of one step. */
static float *fp8_in_amax(const struct linear *linear, const struct model *model)
{
    return by_row(model) ? NULL : model->amax + 2 * (size_t)linear->number;
}

static float *fp8_dout_amax(const struct linear *linear, const struct model *model)
{
    return by_row(model) ? NULL : model->amax + 2 * (size_t)linear->number + 1;
}

/* `amax`: where to take the magnitude if its producer has not. */
static void quantize(struct model *model, struct tensor to, struct tensor x, float *amax)
{
    struct device *d = model->device;
    if (x.amax == NULL && amax != NULL) {
        x.amax = amax;
        d->ops->amax(d, &(struct amax_args){x});
    }
    d->ops->quantize(d, &(struct quantize_args){to, x});
}

static struct tensor weight_come(const struct linear *linear, struct model *model, bool backward)
{
    struct device *d = model->device;
    struct tensor w = model_weight_fp8(model, linear->weight, backward);
    if (!backward)
        return w;
    w.transposed = model->borrowed[BORROW_FP8_WEIGHT];
    d->ops->transpose(d, &(struct transpose_args){w});
    return w;
}

/* The weights, of which the copy that the pass reads is there. */
static struct tensor weight_ready(struct linear *linear, struct model *model, bool backward)
{
    if (linear->weight->param.stored != SFT_BASE_DEVICE)
        return stored_ready8(linear, model, backward);
    if (linear->weight->fp8)
        return weight_come(linear, model, backward);
    struct tensor w = model_weight(model, linear->weight), made = linear->weight8, whole = made;
    float *amax = by_row(model) ? NULL : model->amax_weights + linear->number;
    bool known = linear->version == model->version;
    w.amax = known ? amax : NULL;
    linear->version = model->version;
    if (known) { /* what is kept need not be made */
        made.data = made.transposed = NULL;
        if (backward ? whole.transposed != NULL : whole.data != NULL)
            return whole;
    }
    if (backward && whole.transposed == NULL)
        made.transposed = whole.transposed = model->borrowed[BORROW_FP8_WEIGHT];
    if (!backward && whole.data == NULL)
        made.data = whole.data = model->borrowed[BORROW_FP8_WEIGHT];
    quantize(model, made, w, amax);
    return whole;
}

static void fp8_forward(struct linear *linear, struct model *model, struct tensor out,
                        struct tensor in, bool accumulate)
{
    struct device *d = model->device;
    struct tensor weight = weight_ready(linear, model, false), in8 = linear->in8;
    in8.data = model->borrowed[BORROW_FP8];
    quantize(model, in8, in, fp8_in_amax(linear, model));
    d->ops->matmul(d, &(struct matmul_args){.c = out,
                                            .a = in8,
                                            .b = weight,
                                            .bias = linear_bias(linear, model),
                                            .transpose_b = true,
                                            .accumulate = accumulate,
                                            .fast = true});
}

static void fp8_again(struct linear *linear, struct model *model, struct tensor in)
{
    if (!linear->input_stays && (linear->want & LINEAR_DWEIGHT) != 0)
        quantize(model, linear->in8, in, fp8_in_amax(linear, model));
}

static void weight_gradient(struct linear *linear, struct model *model, struct tensor dout8,
                            struct tensor in, bool fresh)
{
    struct device *d = model->device;
    struct tensor in8 = linear->in8;
    if (linear->input_stays) {
        in8.transposed = model->borrowed[BORROW_FP8_IN];
        in.amax = fp8_in_amax(linear, model); /* the forward pass's */
        quantize(model, in8, in, NULL);
    }
    d->ops->matmul(d, &(struct matmul_args){.c = model_gradient(model, linear->weight),
                                            .a = dout8,
                                            .b = in8,
                                            .transpose_a = true,
                                            .accumulate = !fresh});
}

static void fp8_backward(struct linear *linear, struct model *model, struct tensor din,
                         struct tensor dout, struct tensor in, bool fresh, bool accumulate)
{
    struct device *d = model->device;
    struct tensor dout8 = linear->dout8;
    if ((linear->want & (LINEAR_DIN | LINEAR_DWEIGHT)) == 0)
        return;
    if ((linear->want & LINEAR_DIN) != 0)
        dout8.data = model->borrowed[BORROW_FP8];
    if ((linear->want & LINEAR_DWEIGHT) != 0)
        dout8.transposed = model->borrowed[BORROW_FP8_TRANSPOSED];
    quantize(model, dout8, dout, fp8_dout_amax(linear, model));
    if ((linear->want & LINEAR_DWEIGHT) != 0)
        weight_gradient(linear, model, dout8, in, fresh);
    if ((linear->want & LINEAR_DIN) != 0)
        d->ops->matmul(d, &(struct matmul_args){.c = din,
                                                .a = dout8,
                                                .b = weight_ready(linear, model, true),
                                                .accumulate = accumulate});
}

/* It keeps a copy of its own. */
static bool fp8_reads_input(const struct linear *linear)
{
    (void)linear;
    return false;
}

const struct linear_kind linear_fp8 = {.reads_input = fp8_reads_input,
                                       .need = fp8_need,
                                       .in_amax = fp8_in_amax,
                                       .dout_amax = fp8_dout_amax,
                                       .forward = fp8_forward,
                                       .again = fp8_again,
                                       .backward = fp8_backward};
