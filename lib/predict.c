/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/predict_internal.h"

enum { LAUNCHES = 27 };  /* kernels of a layer, forward and backward */
enum { QUANTIZES = 11 }; /* and in FP8: inputs, gradients, weights */
enum { ADAPTERS = 28 };  /* and with adapters: 3 and 5 a linear layer, less its weight's gradient */

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
    if (s->architecture == SFT_GPT2) { /* two norms, GELU, gradients of 5 h + f biases */
        /* so much longer than their bytes take, by the kernels of one run of GPT-2 124M and by
         * what the whole step has lost since (doc/measurements.md): narrow norms and sums of
         * biases wait for more than memory */
        const double norms = 1.25, norms_back = 2.1, sums = 1.7;
        double biased = 5 * h + f;
        return backward ? norms_back * 2 * 4 * h + 3 * f + sums * biased
                        : norms * 2 * 4 * h + 2 * f;
    }
    if (backward) /* two norms, rotation, SwiGLU */
        return 2 * 4 * h + 2 * rotated + 5 * f;
    return 2 * 4 * h + 2 * rotated + 3 * f;
}

/* Ceilings of attention are of heads of 128. Heads of 64 reach less of them, by the kernels of one
 * run of GPT-2 124M (doc/measurements.md): 292 TFLOP/s forward of 422, 219 backward of 250. */
static double narrow_heads(const struct sft_preset *s, bool backward)
{
    enum { MEASURED = 128 };
    return s->head_dim >= MEASURED ? 1 : backward ? 0.88 : 0.69;
}

static bool is_fp8(const struct sft_work *w)
{
    return w->precision == SFT_PRECISION_FP8;
}

static bool is_frozen(const struct sft_preset *s)
{
    return s->adapters.rank > 0;
}

/* Bytes of a row that a layer's adapters cost. Forward the input is read for A, the output written
 * by B and read by the layer that adds to it; backward the gradient of the output is read for
 * either adapter's, the input for A's, and its gradient written, and read by the layer that adds to
 * it. Dropout reads and writes the input for each pass, and its gradient, to which it adds. */
static double adapters_row(const struct sft_preset *s)
{
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(s, 1, params);
    double in = 0, out = 0;
    for (int i = 0; i < count; i++)
        for (int w = 0; w < count && params[i].adapter == SFT_ADAPTER_A; w++)
            if (params[w].role == params[i].role && sft_param_is_linear(&params[w])) {
                in += params[w].columns;
                out += params[w].rows;
            }
    return 2 * ((s->adapters.dropout > 0 ? 11 : 4) * in + 4 * out);
}

/* Bytes of a row that a layer's tensors cost to become FP8: 2 read, 1 written, 1 transposed. The
 * projection's input is read for each pass, and once for its largest magnitude. By rows all are
 * read once more. */
static double quantize_row(const struct sft_preset *s, const struct sft_work *w)
{
    double h = s->hidden, f = s->ffn, q = (double)s->heads * s->head_dim;
    double qkv = sft_preset_qkv(s), in = s->architecture == SFT_LLAMA ? 2 * f : f;
    double once = is_frozen(s) ? 3 : 4; /* nothing is transposed for a gradient that nobody wants */
    double inputs = once * (h + h + f) + (is_frozen(s) ? 5 : 6) * q;
    double gradients = once * (qkv + h + in + h);
    return inputs + gradients + 2 * (w->by_row ? 2 * h + f + 2 * q + qkv + h + in + h : q);
}

/* Bytes of a weight that it costs in a step to be in FP8: its largest magnitude once; what stays of
 * it once, in one pass if both copies do; the rest for each use. Gathered, each rank does the first
 * for its part, by rows for the two ways of rounding, and turns the bytes for each backward pass.
 */
static double quantize_weight(const struct sft_work *w)
{
    double uses = w->accumulation * 3.0;
    if (w->quantizers > 0)
        return (2 + (w->by_row ? 6 : 3)) / (double)w->quantizers + w->accumulation * 2.0;
    return 2 + (w->copies == 2 ? 4 : w->copies == 1 ? 3 + uses : 2 * uses);
}

/* Frozen weights in NF4 are made to what products read for each of their passes: a code and
 * its share of an absmax read, an element written. Seconds of a step. */
static double dequantize_time(const struct sft_preset *s, const struct sft_work *w,
                              const struct sft_ceiling *c)
{
    const double stored = 0.5 + 1.0 / 64;
    double linear =
        (double)(sft_params_multiplied(s) - sft_params_head(s) - sft_params_adapters(s));
    int passes = w->recompute == SFT_RECOMPUTE_BLOCK ? 3 : 2;
    if (!is_frozen(s) || s->adapters.base != SFT_BASE_NF4)
        return 0;
    return w->accumulation * passes * (stored + (is_fp8(w) ? 1 : predict_element(w))) * linear /
           (c->memory_gbs * 1e9);
}

/* Seconds of a step. */
static double quantize_time(const struct sft_preset *s, const struct sft_work *w,
                            const struct sft_ceiling *c)
{
    double linear =
        (double)(sft_params_multiplied(s) - sft_params_head(s) - sft_params_adapters(s));
    double uses = w->accumulation * 3.0, weights = quantize_weight(w);
    if (is_frozen(s)) /* what stays was made before the first step */
        weights = s->adapters.base == SFT_BASE_NF4 ? 0 : (2 - w->copies) * uses;
    double rows = w->accumulation * w->tokens * s->layers * quantize_row(s, w);
    return is_fp8(w) ? (rows + weights * linear) / (c->memory_gbs * 1e9) : 0;
}

/* Gradients of weights leave their product when its sums are done, with nothing to hide behind, and
 * micro-batches after the first read them, too. */
double predict_gradients(const struct sft_preset *s, const struct sft_work *w,
                         const struct sft_ceiling *c)
{
    double bytes = predict_element(w) * (1 + 2 * (w->accumulation - 1.0));
    double weights = (double)(is_frozen(s) ? sft_params_adapters(s) : sft_params_multiplied(s));
    return bytes * weights / (c->memory_gbs * 1e9);
}

double predict_element(const struct sft_work *w)
{
    return sft_precision_is_wide(w->precision) ? 4 : 2;
}

/* In fp32 and tf32 nothing was measured: as much of the data sheet as bf16 reaches. */
double predict_matmul_tflops(const struct sft_work *w, const struct sft_ceiling *c)
{
    if (!sft_precision_is_wide(w->precision))
        return c->matmul_tflops;
    return c->matmul_tflops * sft_roofline_fp32(c->device, w->precision == SFT_PRECISION_TF32);
}

/* Bytes of a parameter: the gradients' norm, then all states once in and out. Weights of fp32 are
 * their own masters. */
double predict_optimizer(const struct sft_preset *s, const struct sft_work *w,
                         const struct sft_ceiling *c)
{
    double moments = w->states == SFT_STATES_BF16 ? 8 : w->sgd ? 8 : 16, e = predict_element(w);
    double weights = w->states == SFT_STATES_BF16 ? 4 : e == 4 ? 8 : 10;
    return (double)sft_params_trained(s) * (2 * e + moments + weights) / (c->memory_gbs * 1e9);
}

/* Attention of fp32: whole squares of scores, two products forward and five backward, which are
 * short, and the squares in memory. */
static double squares_time(const struct sft_preset *s, const struct sft_work *w,
                           const struct sft_ceiling *c, double scores, bool backward)
{
    const double part = 0.5; /* of the rate of long products: estimated */
    double squares = 4.0 * s->layers * s->heads * w->squared_lengths;
    return (backward ? 5 : 2) * scores / (part * predict_matmul_tflops(w, c) * 1e12) +
           (backward ? 10 : 5) * squares / (c->memory_gbs * 1e9);
}

/* Of a layer's products the last one, whose output nobody reads again. */
static double last_product(const struct sft_preset *s, double tokens)
{
    return 2.0 * s->layers * s->hidden * s->ffn * tokens;
}

/* Seconds of a forward pass' FLOPs. */
static double products_time(const struct sft_work *w, const struct sft_ceiling *c, double products,
                            double head)
{
    double plain = predict_matmul_tflops(w, c), linear = is_fp8(w) ? sft_ceiling_fp8(c) : plain;
    return ((products - head) / linear + head / plain) / 1e12;
}

struct sft_prediction sft_predict(const struct sft_preset *s, const struct sft_work *w,
                                  const struct sft_ceiling *c)
{
    struct sft_prediction p = {0};
    const double tera = 1e12, giga = 1e9, element = predict_element(w);
    if (s->architecture == SFT_LSTM)
        return predict_lstm(s, w, c);
    double passes = is_frozen(s) ? 2 : 3; /* of a product: forward, inputs', weights' gradient */
    double multiplied = (double)(sft_params_multiplied(s) - sft_params_adapters(s));
    double products = 2 * multiplied * w->tokens; /* forward */
    double head = 2 * (double)sft_params_head(s) * w->tokens;
    double scores = 2.0 * s->layers * s->heads * s->head_dim * w->squared_lengths;
    double length = w->documents > 0 ? w->squared_lengths / w->tokens : 1;
    double forward = w->tokens * s->layers * row_elements(s, false) * element;
    double logits = 3.0 * w->tokens * sft_preset_outputs(s) * element;
    double place = SFT_PREDICT_IN_PLACE / tera;
    double attention = scores / (rate_at(c, c->forward, length) * narrow_heads(s, false)) * place;
    double attention_back =
        2 * scores / (rate_at(c, c->backward, length) * narrow_heads(s, true)) * place;
    if (sft_precision_is_wide(w->precision)) {
        attention = squares_time(s, w, c, scores, false);
        attention_back = squares_time(s, w, c, scores, true);
    }
    p.matmul = w->accumulation * passes * products_time(w, c, products, head);
    p.gradients = predict_gradients(s, w, c);
    p.adapters = w->accumulation * w->tokens * s->layers * adapters_row(s) / (c->memory_gbs * giga);
    p.quantize = quantize_time(s, w, c) + dequantize_time(s, w, c);
    p.attention = w->accumulation * (attention + attention_back);
    p.elementwise = w->accumulation *
                    (forward + logits + w->tokens * s->layers * row_elements(s, true) * element) /
                    (c->memory_gbs * giga);
    if (w->recompute == SFT_RECOMPUTE_NORMS)
        p.recompute = w->accumulation * w->tokens * s->layers * (4.0 * s->hidden + 3.0 * s->ffn) *
                      element / (c->memory_gbs * giga);
    else if (w->recompute == SFT_RECOMPUTE_BLOCK)
        p.recompute = w->accumulation *
                          (products_time(w, c, products - head - last_product(s, w->tokens), 0) +
                           attention + forward / (c->memory_gbs * giga)) +
                      p.adapters * 3 / 8;
    p.optimizer = predict_optimizer(s, w, c);
    p.step = p.matmul + p.gradients + p.adapters + p.attention + p.elementwise + p.quantize +
             p.recompute + p.optimizer;
    double layers = w->accumulation * s->layers * c->launch_us * 1e-6; /* a kernel of each */
    p.launch = (LAUNCHES + (is_fp8(w) ? QUANTIZES : 0) + (is_frozen(s) ? ADAPTERS : 0) +
                launches_again[w->recompute]) *
               layers;
    p.again = p.recompute;
    if (p.step < p.launch) {
        p.step = p.launch;
        p.again = launches_again[w->recompute] * layers;
    }
    p.tok_s = w->accumulation * w->tokens / p.step;
    return p;
}
