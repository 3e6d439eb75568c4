/* SPDX-License-Identifier: Apache-2.0 */
/* Forward and backward through the layers, written once against the backend's table.
 *
 * The residual stream is x; each half of a layer adds to it: x += f(norm(x)) w^T. The addition
 * waits for the next norm, which makes both in one pass over memory. All streams are kept, so the
 * backward pass computes nothing again but what attention needs. */
#include "job/model_internal.h"

/* Layer l's activations. */
struct layer {
    act *input, *attention_norm, *qkv, *attention, *middle, *ffn_norm, *gate_up, *swiglu;
    float *attention_rstd, *lse, *ffn_rstd;
};

static struct layer layer_at(const struct model *m, int layer)
{
    const struct model_layout_layer *at = &m->layout.first;
    size_t base = (size_t)layer * m->layout.layer_bytes;
    return (struct layer){
        .input = model_at(m, base + at->input),
        .attention_rstd = model_at(m, base + at->attention_rstd),
        .attention_norm = model_at(m, base + at->attention_norm),
        .qkv = model_at(m, base + at->qkv),
        .attention = model_at(m, base + at->attention),
        .lse = model_at(m, base + at->lse),
        .middle = model_at(m, base + at->middle),
        .ffn_rstd = model_at(m, base + at->ffn_rstd),
        .ffn_norm = model_at(m, base + at->ffn_norm),
        .gate_up = model_at(m, base + at->gate_up),
        .swiglu = model_at(m, base + at->swiglu),
    };
}

static act *layer_weight(const struct model *m, int layer, enum layer_tensor which)
{
    return model_weight(m, model_layer_tensor(layer, which));
}

static act *layer_gradient(const struct model *m, int layer, enum layer_tensor which)
{
    return model_gradient(m, model_layer_tensor(layer, which));
}

static struct documents documents_of(const struct batch *batch)
{
    struct documents docs = {batch->documents, batch->start, batch->length, 0};
    for (int d = 0; d < batch->documents; d++)
        if (batch->length[d] > docs.longest)
            docs.longest = batch->length[d];
    return docs;
}

/* sum = x + delta, and its norm; the first stream of all has no delta and stands in sum already. */
static void norm(struct model *m, act *out, float *rstd, act *sum, const act *x, const act *delta,
                 size_t weight, int rows)
{
    m->backend->norm_forward(m->backend, out, rstd, delta != NULL ? sum : NULL, x, delta,
                             model_weight(m, weight), rows, m->shape.hidden,
                             (float)m->shape.norm_eps);
}

/* out[rows,to] = x[rows,from] w[to,from]^T */
static void linear(struct model *m, act *out, const act *x, const act *w, int rows, int to,
                   int from)
{
    m->backend->matmul(m->backend, out, x, false, w, true, rows, to, from, false);
}

/* dx[rows,from] = dout[rows,to] w[to,from], dw += dout^T x */
static void linear_backward(struct model *m, act *dx, act *dw, const act *dout, const act *x,
                            const act *w, int rows, int to, int from)
{
    m->backend->matmul(m->backend, dw, dout, true, x, false, to, from, rows, true);
    m->backend->matmul(m->backend, dx, dout, false, w, false, rows, from, to, false);
}

static int qkv_width(const struct model *m)
{
    return (m->shape.heads + 2 * m->shape.kv_heads) * m->shape.head_dim;
}

/* Leaves in `delta` what the layer adds to `middle`. */
static void layer_forward(struct model *m, int layer, int rows, const struct documents *docs)
{
    struct backend *b = m->backend;
    struct layer l = layer_at(m, layer);
    int hidden = m->shape.hidden, ffn = m->shape.ffn;
    act *delta = model_at(m, m->layout.delta);
    const act *before = layer > 0 ? layer_at(m, layer - 1).middle : l.input;
    norm(m, l.attention_norm, l.attention_rstd, l.input, before, layer > 0 ? delta : NULL,
         model_layer_tensor(layer, LAYER_ATTENTION_NORM), rows);
    linear(m, l.qkv, l.attention_norm, layer_weight(m, layer, LAYER_QKV), rows, qkv_width(m),
           hidden);
    b->rope(b, l.qkv, model_at(m, m->layout.positions), rows, m->attention,
            (float)m->shape.rope_theta, false);
    b->attention_forward(b, l.attention, l.lse, l.qkv, rows, m->attention, docs);
    linear(m, delta, l.attention, layer_weight(m, layer, LAYER_OUT), rows, hidden, hidden);
    norm(m, l.ffn_norm, l.ffn_rstd, l.middle, l.input, delta,
         model_layer_tensor(layer, LAYER_FFN_NORM), rows);
    linear(m, l.gate_up, l.ffn_norm, layer_weight(m, layer, LAYER_GATE_UP), rows, 2 * ffn, hidden);
    b->swiglu_forward(b, l.swiglu, l.gate_up, rows, ffn);
    linear(m, delta, l.swiglu, layer_weight(m, layer, LAYER_DOWN), rows, hidden, ffn);
}

void model_forward(struct model *m, const struct batch *batch)
{
    struct backend *b = m->backend;
    struct documents docs = documents_of(batch);
    int layers = m->shape.layers, rows = batch->rows;
    b->embed_forward(b, layer_at(m, 0).input, model_weight(m, 0), model_at(m, m->layout.tokens),
                     rows, m->shape.hidden);
    for (int layer = 0; layer < layers; layer++)
        layer_forward(m, layer, rows, &docs);
    norm(m, model_at(m, m->layout.final_norm), model_at(m, m->layout.final_rstd),
         model_at(m, m->layout.last), layer_at(m, layers - 1).middle, model_at(m, m->layout.delta),
         model_norm_tensor(m), rows);
}

/* dstream: the gradient behind the layer becomes that before it, in two halves. */
static void ffn_backward(struct model *m, int layer, int rows)
{
    struct backend *b = m->backend;
    struct layer l = layer_at(m, layer);
    int hidden = m->shape.hidden, ffn = m->shape.ffn;
    act *dstream = model_at(m, m->layout.dstream), *dnorm = model_at(m, m->layout.delta);
    act *dswiglu = model_at(m, m->layout.narrow), *dgate_up = model_at(m, m->layout.wide);
    linear_backward(m, dswiglu, layer_gradient(m, layer, LAYER_DOWN), dstream, l.swiglu,
                    layer_weight(m, layer, LAYER_DOWN), rows, hidden, ffn);
    b->swiglu_backward(b, dgate_up, dswiglu, l.gate_up, rows, ffn);
    linear_backward(m, dnorm, layer_gradient(m, layer, LAYER_GATE_UP), dgate_up, l.ffn_norm,
                    layer_weight(m, layer, LAYER_GATE_UP), rows, 2 * ffn, hidden);
    b->norm_backward(b, dstream, layer_gradient(m, layer, LAYER_FFN_NORM), dnorm, l.middle,
                     layer_weight(m, layer, LAYER_FFN_NORM), l.ffn_rstd, rows, hidden);
}

static void attention_backward(struct model *m, int layer, int rows, const struct documents *docs)
{
    struct backend *b = m->backend;
    struct layer l = layer_at(m, layer);
    int hidden = m->shape.hidden;
    act *dstream = model_at(m, m->layout.dstream), *dnorm = model_at(m, m->layout.delta);
    act *dattention = model_at(m, m->layout.narrow), *dqkv = model_at(m, m->layout.wide);
    linear_backward(m, dattention, layer_gradient(m, layer, LAYER_OUT), dstream, l.attention,
                    layer_weight(m, layer, LAYER_OUT), rows, hidden, hidden);
    b->attention_backward(b, dqkv, dattention, l.attention, l.lse, l.qkv, rows, m->attention, docs);
    b->rope(b, dqkv, model_at(m, m->layout.positions), rows, m->attention,
            (float)m->shape.rope_theta, true);
    linear_backward(m, dnorm, layer_gradient(m, layer, LAYER_QKV), dqkv, l.attention_norm,
                    layer_weight(m, layer, LAYER_QKV), rows, qkv_width(m), hidden);
    b->norm_backward(b, dstream, layer_gradient(m, layer, LAYER_ATTENTION_NORM), dnorm, l.input,
                     layer_weight(m, layer, LAYER_ATTENTION_NORM), l.attention_rstd, rows, hidden);
}

void model_backward(struct model *m, const struct batch *batch)
{
    struct backend *b = m->backend;
    struct documents docs = documents_of(batch);
    int rows = batch->rows, hidden = m->shape.hidden;
    act *dstream = model_at(m, m->layout.dstream);
    b->zero(b, dstream, (size_t)rows * (size_t)hidden * b->act_size);
    b->norm_backward(b, dstream, model_gradient(m, model_norm_tensor(m)),
                     model_at(m, m->layout.delta), model_at(m, m->layout.last),
                     model_weight(m, model_norm_tensor(m)), model_at(m, m->layout.final_rstd), rows,
                     hidden);
    for (int layer = m->shape.layers - 1; layer >= 0; layer--) {
        ffn_backward(m, layer, rows);
        attention_backward(m, layer, rows, &docs);
    }
    b->embed_backward(b, model_gradient(m, 0), dstream, model_at(m, m->layout.tokens), rows,
                      hidden);
}
