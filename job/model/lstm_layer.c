/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/lstm_layer.h"

static int hidden_of(const struct lstm_layer *l)
{
    return l->out.columns;
}

static int steps_of(const struct lstm_layer *l)
{
    return l->out.rows / l->sequences;
}

static struct tensor step_rows(const struct lstm_layer *l, struct tensor t, int step)
{
    return tensor_rows(t, step * l->sequences, l->sequences);
}

/* The state that a step reads, or whole steps from that one on. Where no document begins within a
 * sequence it is what the step before has put out. */
static struct tensor state_rows(const struct lstm_layer *l, int step, int steps)
{
    bool packed = l->carried.data != NULL;
    return tensor_rows(packed ? l->carried : l->out, (step - !packed) * l->sequences,
                       steps * l->sequences);
}

/* Of step t; what lies before the first step or behind the last one is none. */
static struct lstm_args step_args(const struct lstm_layer *l, int step)
{
    size_t first = (size_t)step * (size_t)l->sequences, width = (size_t)hidden_of(l);
    bool carries = step + 1 < steps_of(l) && l->carried.data != NULL;
    const int32_t *positions = l->positions == NULL ? NULL : l->positions + first;
    return (struct lstm_args){
        .gates = step_rows(l, l->gates, step),
        .out = step_rows(l, l->out, step),
        .bias_in = l->bias_in,
        .bias_state = l->bias_state,
        .carried = carries ? step_rows(l, l->carried, step + 1) : (struct tensor){.data = NULL},
        .cell = l->cell + first * width,
        .cell_before = step == 0 ? NULL : l->cell + (first - (size_t)l->sequences) * width,
        .positions = positions,
        .positions_after = carries ? positions + l->sequences : NULL,
    };
}

void lstm_layer_forward(struct device *d, const struct lstm_layer *l)
{
    d->ops->matmul(d, &(struct matmul_args){
                          .c = l->gates, .a = l->in, .b = l->weight_in, .transpose_b = true});
    for (int step = 0; step < steps_of(l); step++) {
        struct lstm_args args = step_args(l, step);
        if (step > 0)
            d->ops->matmul(d, &(struct matmul_args){.c = args.gates,
                                                    .a = state_rows(l, step, 1),
                                                    .b = l->weight_state,
                                                    .transpose_b = true,
                                                    .accumulate = true});
        d->ops->lstm_forward(d, &args);
    }
}

static void steps_backward(struct device *d, const struct lstm_layer *l, struct tensor dout)
{
    for (int step = steps_of(l) - 1; step >= 0; step--) {
        struct lstm_args args = step_args(l, step);
        bool last = step + 1 == steps_of(l);
        args.dgates = step_rows(l, l->dgates, step);
        args.dout = step_rows(l, dout, step);
        args.dcell = l->dcell;
        if (!last) {
            args.dcarried = l->dcarried;
            d->ops->matmul(d, &(struct matmul_args){.c = l->dcarried,
                                                    .a = step_rows(l, l->dgates, step + 1),
                                                    .b = l->weight_state});
        }
        d->ops->lstm_backward(d, &args);
    }
}

/* Of the steps but the first, which reads no state. */
static void state_gradient(struct device *d, const struct lstm_layer *l, bool fresh)
{
    int rows = l->out.rows - l->sequences;
    if (rows > 0)
        d->ops->matmul(d, &(struct matmul_args){.c = l->dweight_state,
                                                .a = tensor_rows(l->dgates, l->sequences, rows),
                                                .b = state_rows(l, 1, steps_of(l) - 1),
                                                .transpose_a = true,
                                                .accumulate = !fresh});
    else if (fresh)
        d->zero(d, l->dweight_state.data,
                format_bytes(l->dweight_state.format, tensor_count(l->dweight_state)));
}

/* Both biases are added to the same sums. */
static void bias_gradients(struct device *d, const struct lstm_layer *l)
{
    if (l->dbias_in.data == NULL)
        return;
    d->ops->bias_backward(d, &(struct bias_args){.dx = l->dgates, .dbias = l->dbias_in});
    if (l->dbias_state.data != NULL)
        d->copy(d, LANE_COMPUTE, l->dbias_state.data, l->dbias_in.data,
                format_bytes(l->dbias_in.format, tensor_count(l->dbias_in)));
}

void lstm_layer_backward(struct device *d, const struct lstm_layer *l, struct tensor din,
                         struct tensor dout, bool fresh)
{
    steps_backward(d, l, dout);
    state_gradient(d, l, fresh);
    d->ops->matmul(d, &(struct matmul_args){.c = l->dweight_in,
                                            .a = l->dgates,
                                            .b = l->in,
                                            .transpose_a = true,
                                            .accumulate = !fresh});
    bias_gradients(d, l);
    if (din.data != NULL)
        d->ops->matmul(d, &(struct matmul_args){.c = din, .a = l->dgates, .b = l->weight_in});
}
