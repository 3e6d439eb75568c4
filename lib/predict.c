/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/predict.h"

#include "lib/params.h"

enum { LAUNCHES = 27 }; /* kernels of a layer, forward and backward */

/* and those that run again: two norms and SwiGLU, or the forward pass */
static const int launches_again[] = {
    [SFT_RECOMPUTE_NORMS] = 3, [SFT_RECOMPUTE_BLOCK] = LAUNCHES / 3};

/* Between the measured lengths in proportion, beyond them the nearest. */
static double rate_at(const struct sft_ceiling *c, const double *rates, double length)
{
    int i = 0;
    if (length <= c->lengths[0])
        return rates[0];
    while (c->lengths[i + 1] != 0 && length > c->lengths[i + 1])
        i++;
    if (c->lengths[i + 1] == 0)
        return rates[i];
    double part = (length - c->lengths[i]) / (c->lengths[i + 1] - c->lengths[i]);
    return rates[i] + part * (rates[i + 1] - rates[i]);
}

/* Elements of a row that a layer's own kernels read and write; products' operands not counted. */
static double row_elements(const struct sft_preset *s, bool backward)
{
    double h = s->hidden, f = s->ffn, rotated = (double)(s->heads + s->kv_heads) * s->head_dim;
    if (backward) /* two norms, rotation, SwiGLU */
        return 2 * 4 * h + 2 * rotated + 5 * f;
    return 2 * 4 * h + 2 * rotated + 3 * f;
}

/* Rows of logits that are no multiple of 16 bytes (GPT-2's 50257 tokens) take the products of the
 * head and the softmax off their fast paths. Seconds of a FLOP of the head, by the one run that was
 * measured: doc/measurements.md. The 114.3 ms of a GPT-2 124M's step, where all else takes 42.5 by
 * the ceilings, for its 7.6e12 FLOPs. */
static double head_tflops(const struct sft_preset *s, const struct sft_ceiling *c)
{
    const double slow = 0.152; /* of the ceiling */
    return sft_predict_aligned(s) ? c->matmul_tflops : slow * c->matmul_tflops;
}

bool sft_predict_aligned(const struct sft_preset *s)
{
    return s->vocab % 8 == 0;
}

struct sft_prediction sft_predict(const struct sft_preset *s, const struct sft_work *w,
                                  const struct sft_ceiling *c)
{
    struct sft_prediction p = {0};
    const double tera = 1e12, giga = 1e9, element = 2;
    double parameters = (double)sft_params_count(s);
    double products = 2 * (double)sft_params_multiplied(s) * w->tokens; /* forward */
    double head = 2 * (double)sft_params_head(s) * w->tokens;
    double scores = 2.0 * s->layers * s->heads * s->head_dim * w->squared_lengths;
    double length = w->documents > 0 ? w->squared_lengths / w->tokens : 1;
    double forward = w->tokens * s->layers * row_elements(s, false) * element;
    double logits = 3.0 * w->tokens * s->vocab * element;
    double attention = scores / (rate_at(c, c->forward, length) * tera);
    p.matmul = w->accumulation * 3 * products / (c->matmul_tflops * tera);
    p.unaligned =
        w->accumulation * 3 * head / tera * (1 / head_tflops(s, c) - 1 / c->matmul_tflops);
    p.attention =
        w->accumulation * (attention + 2 * scores / (rate_at(c, c->backward, length) * tera));
    p.elementwise = w->accumulation *
                    (forward + logits + w->tokens * s->layers * row_elements(s, true) * element) /
                    (c->memory_gbs * giga);
    if (w->recompute == SFT_RECOMPUTE_NORMS)
        p.recompute = w->accumulation * w->tokens * s->layers * (4.0 * s->hidden + 3.0 * s->ffn) *
                      element / (c->memory_gbs * giga);
    else if (w->recompute == SFT_RECOMPUTE_BLOCK)
        p.recompute = w->accumulation * ((products - head) / (c->matmul_tflops * tera) + attention +
                                         forward / (c->memory_gbs * giga));
    /* gradients' norm, then all states once in and out */
    p.optimizer =
        parameters * (2 + (w->states == SFT_STATES_BF16 ? 14.0 : 28.0)) / (c->memory_gbs * giga);
    p.step = p.matmul + p.unaligned + p.attention + p.elementwise + p.recompute + p.optimizer;
    double layers = w->accumulation * s->layers * c->launch_us * 1e-6; /* a kernel of each */
    p.launch = (LAUNCHES + launches_again[w->recompute]) * layers;
    p.again = p.recompute;
    if (p.step < p.launch) {
        p.step = p.launch;
        p.again = launches_again[w->recompute] * layers;
    }
    p.tok_s = w->accumulation * w->tokens / p.step;
    return p;
}
