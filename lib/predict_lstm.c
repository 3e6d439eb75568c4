/* SPDX-License-Identifier: Apache-2.0 */
/* An LSTM's step. Estimated: no ceiling was measured of the products of single steps, which are
 * small and wait for one another. */
#include "lib/predict_internal.h"

/* Of the ceiling: 1,024 rows of 4,000 sums are one wave of tiles, which begins and ends alone. In
 * fp32 a wave is so long that this hardly shows. */
static double alone(const struct sft_work *w)
{
    return w->precision == SFT_PRECISION_FP32 ? 0.9 : 0.6;
}

struct layers {
    double rows, carried; /* steps of all sequences; those that a state comes into */
    double h, in;         /* width of the state, of all layers' inputs together */
    double alone;         /* part of the ceiling that a single step's product reaches */
};

static struct layers layers_of(const struct sft_preset *s, const struct sft_work *w)
{
    return (struct layers){.rows = w->tokens,
                           .carried = w->tokens - w->tokens / s->context,
                           .h = s->hidden,
                           .alone = alone(w),
                           .in = s->features + (s->layers - 1.0) * s->hidden};
}

/* Seconds of a forward pass' products: of the inputs of all steps at once, of the states one by
 * one. */
static double forward_time(const struct layers *l, const struct sft_preset *s, double rate)
{
    double gates = 4 * l->h;
    return (2 * l->rows * gates * l->in + 2 * l->carried * gates * l->h * s->layers / l->alone) /
           rate;
}

/* Gradients of both matrices and of all inputs but the features; of the states one by one. */
static double backward_time(const struct layers *l, const struct sft_preset *s, double rate)
{
    double gates = 4 * l->h, states = 2 * l->carried * gates * l->h * s->layers;
    return (2 * l->rows * gates * (2 * l->in - s->features) + states + states / l->alone) / rate;
}

struct sft_prediction predict_lstm(const struct sft_preset *s, const struct sft_work *w,
                                   const struct sft_ceiling *c)
{
    enum { FORWARD = 2, BACKWARD = 2 }; /* kernels of a step and layer */
    struct sft_prediction p = {0};
    struct layers l = layers_of(s, w);
    double bytes = c->memory_gbs * 1e9, e = predict_element(w);
    double rate = predict_matmul_tflops(w, c) * 1e12;
    double forward = forward_time(&l, s, rate), items = l.rows * l.h * s->layers / bytes;
    double gates_once = items * (9 * e + 8);
    p.matmul = w->accumulation * (forward + backward_time(&l, s, rate));
    p.elementwise = w->accumulation *
                    (gates_once + items * (13 * e + 16) + 3 * l.rows * s->features * e / bytes);
    p.gradients = predict_gradients(s, w, c);
    p.optimizer = predict_optimizer(s, w, c);
    if (w->recompute == SFT_RECOMPUTE_BLOCK)
        p.recompute = w->accumulation * (forward + gates_once);
    p.step = p.matmul + p.elementwise + p.gradients + p.optimizer + p.recompute;
    double step = w->accumulation * s->layers * s->context * c->launch_us * 1e-6;
    p.launch = (FORWARD + BACKWARD + (w->recompute == SFT_RECOMPUTE_BLOCK ? FORWARD : 0)) * step;
    p.again = p.recompute;
    if (p.step < p.launch) {
        p.step = p.launch;
        p.again = w->recompute == SFT_RECOMPUTE_BLOCK ? FORWARD * step : 0;
    }
    p.tok_s = w->accumulation * w->tokens / p.step;
    return p;
}
