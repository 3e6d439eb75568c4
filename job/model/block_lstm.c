/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of an LSTM: drawn features, layers, and the last step of each sequence, which the
 * classifier reads. Rows of the stream stand step by step (lstm_layer.h), those of the features'
 * draw sequence by sequence, so that a sample has the same ones whoever has it. */
#include "job/model/block.h"
#include "job/model/lstm_layer.h"
#include "job/tensor/random.h"

static int sequences_of(const struct model *model)
{
    return model->rows / model->shape.context;
}

static void features_need(struct block *b, const struct model *model, struct need *need)
{
    int n = model->rows, width = model->shape.features;
    b->features.out = need_tensor(need, KEEP_ALWAYS, model->format, n, width);
    need_borrow(need, BORROW_NARROW, model->format, n, width);
}

/* model->tokens are the rows of the batch, in the stream's order. */
static void features_forward(struct block *b, struct model *model, enum again again)
{
    enum { FEATURES = 0x666561 };
    struct device *d = model->device;
    struct tensor drawn = model_borrow(model, BORROW_NARROW, model->shape.features);
    (void)again;
    d->ops->fill(d, &(struct fill_args){
                        .to = tensor_array(drawn),
                        .deviation = 1,
                        .seed = random_mix(model->recipe.seed, FEATURES),
                        .first = model->first * (uint64_t)model->shape.features,
                    });
    d->ops->embed_forward(
        d, &(struct embed_args){.table = drawn, .out = b->features.out, .ids = model->tokens});
    model->stream = b->features.out;
}

static const struct block_kind features = {.need = features_need, .forward = features_forward};

void block_features(struct model *model, int unit)
{
    block_add(model, unit, &features);
}

static void layer_need(struct block *b, const struct model *model, struct need *need)
{
    int n = model->rows, h = model->shape.hidden, sequences = sequences_of(model);
    size_t states = (size_t)sequences * (size_t)h * sizeof(float);
    b->lstm.out = need_tensor(need, KEEP_ALWAYS, model->format, n, h);
    b->lstm.gates = need_tensor(need, KEEP_DEAR, model->format, n, 4 * h);
    b->lstm.cell = need_keep(need, KEEP_DEAR, (size_t)n * (size_t)h * sizeof(float));
    need_borrow(need, BORROW_NARROW, model->format, sequences, h);
    need_borrow(need, BORROW_WIDE, FORMAT_FP32, 1, (int)(states / sizeof(float)));
}

static struct tensor weight_of(const struct model *model, const struct model_tensor *tensor)
{
    return tensor == NULL ? (struct tensor){.data = NULL} : model_weight(model, tensor);
}

static struct lstm_layer layer_of(const struct block *b, const struct model *model)
{
    struct tensor carried = model_borrow(model, BORROW_NARROW, model->shape.hidden);
    carried.rows = sequences_of(model);
    return (struct lstm_layer){
        .sequences = sequences_of(model),
        .weight_in = weight_of(model, b->lstm.in),
        .weight_state = weight_of(model, b->lstm.state),
        .bias_in = weight_of(model, b->lstm.in_bias),
        .bias_state = weight_of(model, b->lstm.state_bias),
        .in = b[-1].kind == &features ? b[-1].features.out : b[-1].lstm.out,
        .out = b->lstm.out,
        .gates = b->lstm.gates,
        .cell = b->lstm.cell,
        .dgates = b->lstm.gates, /* in place */
        .dcarried = carried,
        .dcell = model->borrowed[BORROW_WIDE],
    };
}

/* Nothing of it is cheap. What it puts out stays in any case, and is not made again for itself. */
static void layer_forward(struct block *b, struct model *model, enum again again)
{
    struct lstm_layer layer = layer_of(b, model);
    if (again != AGAIN_CHEAP)
        lstm_layer_forward(model->device, &layer);
    model->stream = b->lstm.out;
}

static void layer_backward(struct block *b, struct model *model)
{
    struct lstm_layer layer = layer_of(b, model);
    bool first = b[-1].kind == &features;
    layer.dweight_in = model_gradient(model, b->lstm.in);
    layer.dweight_state = model_gradient(model, b->lstm.state);
    layer.dbias_in = model_gradient(model, b->lstm.in_bias);
    layer.dbias_state = model_gradient(model, b->lstm.state_bias);
    lstm_layer_backward(model->device, &layer,
                        first ? (struct tensor){.data = NULL} : model->dstream, model->dstream,
                        model->fresh);
}

static const struct block_kind layer = {
    .need = layer_need, .forward = layer_forward, .backward = layer_backward};

void block_lstm(struct model *model, int unit)
{
    struct block *b = block_add(model, unit, &layer);
    b->lstm.in = model_find(model, unit, SFT_ROLE_LSTM_IN, false);
    b->lstm.in_bias = model_find(model, unit, SFT_ROLE_LSTM_IN, true);
    b->lstm.state = model_find(model, unit, SFT_ROLE_LSTM_STATE, false);
    b->lstm.state_bias = model_find(model, unit, SFT_ROLE_LSTM_STATE, true);
    block_trains(b, model, b->lstm.in);
}

/* Of a tensor whose rows stand step by step. */
static struct tensor last_step(const struct model *model, struct tensor t)
{
    int sequences = sequences_of(model);
    return tensor_rows(t, model->rows - sequences, sequences);
}

static void last_need(struct block *b, const struct model *model, struct need *need)
{
    (void)b, (void)model, (void)need;
}

static void last_forward(struct block *b, struct model *model, enum again again)
{
    (void)b, (void)model, (void)again;
}

/* dstream is zero but for what the classifier has left of the last step. */
static void last_backward(struct block *b, struct model *model)
{
    struct device *d = model->device;
    struct tensor to = last_step(model, model->dstream);
    (void)b;
    d->copy(d, LANE_COMPUTE, to.data, model->delta.data, format_bytes(to.format, tensor_count(to)));
}

static const struct block_kind last = {
    .need = last_need, .forward = last_forward, .backward = last_backward};

static void classifier_need(struct block *b, const struct model *model, struct need *need)
{
    need_borrow(need, BORROW_LOGITS, model->format, sequences_of(model),
                linear_out(&b->head.linear));
}

/* Losses stand where the last steps do. */
static void classifier_run(struct block *b, struct model *model, bool backward)
{
    struct device *d = model->device;
    struct tensor in = last_step(model, model->stream);
    struct tensor logits = model_borrow(model, BORROW_LOGITS, linear_out(&b->head.linear));
    int first = model->rows - in.rows;
    logits.rows = in.rows;
    d->zero(d, model->loss, (size_t)model->rows * sizeof *model->loss);
    linear_forward(&b->head.linear, model, logits, in);
    d->ops->cross_entropy(d, &(struct cross_entropy_args){.logits = logits,
                                                          .classes = logits.columns,
                                                          .loss = model->loss + first,
                                                          .targets = model->targets + first,
                                                          .scale = model->scale});
    if (backward)
        linear_backward(&b->head.linear, model, tensor_rows(model->delta, 0, in.rows), logits, in,
                        model->fresh);
}

static void classifier_forward(struct block *b, struct model *model, enum again again)
{
    (void)again;
    classifier_run(b, model, false);
}

static void classifier_backward(struct block *b, struct model *model)
{
    classifier_run(b, model, true);
}

static const struct block_kind classifier = {.need = classifier_need,
                                             .forward = classifier_forward,
                                             .backward = classifier_backward,
                                             .turns = true};

void block_classifier(struct model *model, int unit)
{
    struct block *b = block_add(model, unit, &last);
    block_trains(b, model, NULL);
    b = block_add(model, unit, &classifier);
    b->head.linear = linear_find(model, unit, SFT_ROLE_HEAD);
    block_trains(b, model, NULL);
}
