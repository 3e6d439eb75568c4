/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers whose frozen weights stand in FP8 or NF4 (base.h): made what the product reads, in
 * one buffer that all layers use again, just before it. So a pass reads them once more than its
 * products do; at the rows that training has that is a few hundredths of the products' time, where
 * a product that decodes as it reads loses more than that (bitsandbytes says so of its own).
 *
 * Products in FP8 over NF4 read E4M3 made straight of it: half of what bf16 would write and read.
 * Weights have one scale, whatever the scaling of the products: by rows it stands there for each.
 */
#include "job/model/linear.h"

#include <stdlib.h>

static bool stored_reads_input(const struct linear *linear)
{
    (void)linear;
    return false;
}

static void stored_need(struct linear *linear, const struct model *model, struct need *need)
{
    need_borrow(need, BORROW_BASE, model->format, linear_out(linear), linear_in(linear));
}

static struct tensor stored_wide(const struct linear *linear, struct model *model)
{
    struct device *d = model->device;
    struct tensor wide = tensor_of(model->format, linear_out(linear), linear_in(linear),
                                   model->borrowed[BORROW_BASE]);
    d->ops->dequantize(d, &(struct dequantize_args){wide, model_weight(model, linear->weight)});
    return wide;
}

static void stored_forward(struct linear *linear, struct model *model, struct tensor out,
                           struct tensor in, bool accumulate)
{
    struct device *d = model->device;
    d->ops->matmul(d, &(struct matmul_args){.c = out,
                                            .a = in,
                                            .b = stored_wide(linear, model),
                                            .bias = linear_bias(linear, model),
                                            .transpose_b = true,
                                            .accumulate = accumulate});
}

static void stored_backward(struct linear *linear, struct model *model, struct tensor din,
                            struct tensor dout, struct tensor in, bool fresh, bool accumulate)
{
    struct device *d = model->device;
    (void)in;
    (void)fresh;
    if ((linear->want & LINEAR_DIN) != 0)
        d->ops->matmul(
            d, &(struct matmul_args){
                   .c = din, .a = dout, .b = stored_wide(linear, model), .accumulate = accumulate});
}

const struct linear_kind linear_stored = {.reads_input = stored_reads_input,
                                          .need = stored_need,
                                          .forward = stored_forward,
                                          .backward = stored_backward};

void stored_need8(struct linear *linear, const struct model *model, struct need *need)
{
    int rows = linear_out(linear), columns = linear_in(linear);
    bool fp8 = linear->weight->param.stored == SFT_BASE_FP8;
    if (fp8 && model->recipe.copies >= MODEL_COPIES_BOTH)
        linear->weight8.transposed = need_take(need, (size_t)rows * (size_t)columns);
    else
        need_borrow(need, BORROW_FP8_WEIGHT, FORMAT_E4M3, rows, columns);
    linear->version = 0;
}

/* A scale for each row and each column, once a run. */
static void scales_spread(struct device *d, const struct tensor *t, const float *scale)
{
    int most = t->rows > t->columns ? t->rows : t->columns;
    float *all = calloc((size_t)most, sizeof *all), one;
    if (all == NULL)
        return; /* zeros stay: every product is NaN or zero, and the loss says so */
    d->read(d, &one, scale, sizeof one);
    for (int i = 0; i < most; i++)
        all[i] = one;
    d->write(d, t->scale, all, (size_t)t->rows * sizeof *all);
    d->write(d, t->scale_transposed, all, (size_t)t->columns * sizeof *all);
    free(all);
}

/* What stays is made when it is first used after the weights were. */
static void stored_keep8(struct linear *linear, struct model *model, struct tensor w,
                         const float *scale)
{
    struct device *d = model->device;
    if (linear->version == model->base_version)
        return;
    linear->version = model->base_version;
    if (linear->weight8.scaling == SCALING_ROW)
        scales_spread(d, &linear->weight8, scale);
    if (linear->weight8.transposed != NULL) {
        w.transposed = linear->weight8.transposed;
        d->ops->transpose(d, &(struct transpose_args){w});
    }
}

struct tensor stored_ready8(struct linear *linear, struct model *model, bool backward)
{
    struct device *d = model->device;
    struct tensor w = model_weight(model, linear->weight), ready = linear->weight8;
    float *scale = model_scale8(model, linear->weight);
    void *borrowed = model->borrowed[BORROW_FP8_WEIGHT];
    stored_keep8(linear, model, w, scale);
    if (ready.scaling == SCALING_TENSOR)
        ready.scale = scale;
    if (w.format == FORMAT_NF4) {
        ready.data = backward ? NULL : borrowed;
        ready.transposed = backward ? borrowed : NULL;
        d->ops->dequantize(d, &(struct dequantize_args){ready, w});
        return ready;
    }
    ready.data = w.data;
    if (backward && ready.transposed == NULL) {
        ready.transposed = borrowed;
        d->ops->transpose(d, &(struct transpose_args){ready});
    }
    return ready;
}
