/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW, clipping and the schedule against numbers worked out by hand, and against the formula in
 * double precision over some steps. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/train/optim.h"
#include "job/tensor/random.h"

static void test_rate(void **state)
{
    (void)state;
    struct optim_options o = {.lr = 0.5, .lr_warmup = 4, .total_steps = 12};
    assert_true(optim_rate(&o, 0) == 0.125); /* 1/4 */
    assert_true(optim_rate(&o, 3) == 0.5);   /* the warm-up's end */
    assert_true(optim_rate(&o, 4) == 0.5);   /* cos(0) */
    assert_true(fabs(optim_rate(&o, 8) - 0.25) < 1e-15);
    assert_true(fabs(optim_rate(&o, 11) - 0.25 * (1 + cos(M_PI * 7 / 8))) < 1e-15);
    assert_true(optim_rate(&o, 12) == 0 && optim_rate(&o, 1000) == 0);
    o.lr_warmup = 0;
    assert_true(optim_rate(&o, 0) == 0.5);
    o.lr_warmup = o.total_steps = 1; /* never 0 / 0 */
    assert_true(optim_rate(&o, 0) == 0.5 && optim_rate(&o, 1) == 0);
}

static void adamw_run(struct device *d, struct adamw_args args, float *w, const float *g, void *m,
                      void *v, size_t count, double norm2, float clip)
{
    args.weight = support_array(w, count);
    args.grad = support_array(g, count);
    args.m = m;
    args.v = v;
    args.norm2 = &norm2;
    args.clip = clip;
    d->ops->adamw(d, &args);
}

/* One step from zero moments: the corrected moments are g and g^2, so the weight moves by
 * lr * g / (|g| + eps): by lr and no more. */
static void test_first_step(void **state)
{
    (void)state;
    struct device *b = device_create_cpu(NULL);
    struct adamw_args args = {.lr = 0.25f,
                              .beta1 = 0.9f,
                              .beta2 = 0.99f,
                              .eps = 1e-8f,
                              .weight_decay = 0.5f,
                              .correction1 = 0.1f,
                              .correction2 = 0.01f};
    float w[] = {1, -2, 3}, m[3] = {0}, v[3] = {0};
    const float g[] = {4, -0.001f, 0}, want[] = {0.625f, -1.5f, 2.625f};
    double norm2 = 16;
    adamw_run(b, args, w, g, m, v, 3, norm2, 0);
    for (int i = 0; i < 3; i++)
        assert_true(fabsf(w[i] - want[i]) < 1e-5f);
    /* norm 4, clip 2: the moments see half of the gradient */
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    adamw_run(b, args, w, g, m, v, 3, norm2, 2);
    assert_true(fabsf(m[0] - 0.1f * 2) < 1e-6f && fabsf(v[0] - 0.01f * 4) < 1e-6f);
    /* norm below clip: as it is */
    m[0] = 0;
    adamw_run(b, args, w, g, m, v, 1, norm2, 5);
    assert_true(fabsf(m[0] - 0.1f * 4) < 1e-6f);
    b->destroy(b);
}

/* torch.optim.AdamW's formula on one element. */
static void reference(const struct optim_options *o, double *w, double *m, double *v, double g,
                      int step, double decay)
{
    double lr = optim_rate(o, step);
    *w *= 1 - lr * decay;
    *m = o->beta1 * *m + (1 - o->beta1) * g;
    *v = o->beta2 * *v + (1 - o->beta2) * g * g;
    *w -= lr / (1 - pow(o->beta1, step + 1)) * *m /
          (sqrt(*v) / sqrt(1 - pow(o->beta2, step + 1)) + o->eps);
}

static void test_model_steps(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *model = support_model(&shape, 16);
    struct optim_options o = {.lr = 0.01,
                              .lr_warmup = 2,
                              .total_steps = 8,
                              .beta1 = 0.9,
                              .beta2 = 0.95,
                              .eps = 1e-8,
                              .weight_decay = 0.3,
                              .clip = 1};
    struct sft_error err = {""};
    struct optim *optim = optim_create(model, support_device(), &o, &err);
    assert_non_null(optim);
    size_t count = model_parameters(model), tensors;
    assert_in_range(optim_bytes(optim), 8 * count, 8 * count + 1024);
    const struct model_tensor *list = model_tensors(model, &tensors);
    float *w = model_weights(model).data;
    double *want = calloc(3 * count, sizeof *want), *m = want + count, *v = m + count;
    assert_non_null(want);
    for (size_t i = 0; i < count; i++)
        want[i] = (double)w[i];
    for (int step = 0; step < 6; step++) {
        double norm2 = 0, norm;
        float *g = support_random(count, step % 2 ? 1 : 1e-4); /* clipped, and not */
        for (size_t i = 0; i < count; i++)
            norm2 += (double)g[i] * (double)g[i];
        double factor = fmin(1, o.clip / (sqrt(norm2) + 1e-6));
        memcpy(model_gradients(model).data, g, count * sizeof *g);
        assert_int_equal(optim_step(optim, step, &norm, &err), 0);
        assert_true(fabs(norm - sqrt(norm2)) < 1e-6 * norm);
        for (size_t t = 0; t < tensors; t++)
            for (size_t i = list[t].offset; i < list[t].offset + sft_param_elements(&list[t].param);
                 i++)
                reference(&o, &want[i], &m[i], &v[i], (double)g[i] * factor, step,
                          strstr(list[t].name, "norm") ? 0 : o.weight_decay);
        free(g);
    }
    double worst = 0;
    for (size_t i = 0; i < count; i++)
        worst = fmax(worst, fabs((double)w[i] - want[i]));
    assert_true(worst < 2e-6); /* six roundings of weights of size 1 */
    free(want);
    optim_destroy(optim);
    model_destroy(model);
}

/* A gradient that is no number is found by the tensor's name; a large one is a number. */
static void test_gradients_are_checked(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *model = support_model(&shape, 16);
    struct optim_options o = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .clip = 1};
    struct optim *optim = optim_create(model, support_device(), &o, NULL);
    size_t count;
    const struct model_tensor *list = model_tensors(model, &count);
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e15f};
    assert_non_null(optim);
    for (size_t t = 0; t < count; t++) {
        float *g = support_random(model_parameters(model), 1);
        const char *name;
        bool finite;
        size_t last = list[t].offset + sft_param_elements(&list[t].param) - 1;
        g[t % 2 == 0 ? last : list[t].offset] = bad[t % 4];
        memcpy(model_gradients(model).data, g, model_parameters(model) * sizeof *g);
        assert_int_equal(optim_step(optim, 0, NULL, NULL), 0);
        assert_int_equal(optim_check(optim, &finite, &name, NULL), 0);
        assert_int_equal(finite, t % 4 == 3);
        assert_true(finite ? name == NULL : name == list[t].name);
        free(g);
    }
    optim_destroy(optim);
    model_destroy(model);
}

static float of_bf16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* What stochastic rounding must not be. */
static uint16_t truncated(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static uint16_t nearest(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* A noisy quadratic, each weight on its own: the gradient is w - target and noise of deviation
 * NOISE. Weights start at +-1.5 and are to come 0.1 to 0.3 closer to zero or further from it, so
 * all along bf16's step is ULP, more than twice the highest learning rate. */
enum { STEPS = 300 };
#define NOISE 0.05
#define ULP 0x1p-7

struct quadratic {
    size_t count;
    float *start, *target, *noise; /* [count], [count], [STEPS * count] */
    struct optim_options options;
};

static struct quadratic quadratic_make(size_t count)
{
    struct quadratic q = {.count = count,
                          .options = {.lr = 0.003,
                                      .lr_warmup = 10,
                                      .total_steps = STEPS,
                                      .beta1 = 0.9,
                                      .beta2 = 0.95,
                                      .eps = 1e-8,
                                      .seed = 42}};
    q.start = support_random(count, 0);
    q.target = support_random(count, 0);
    q.noise = support_random(STEPS * count, NOISE);
    for (size_t i = 0; i < count; i++) {
        double way = 0.1 + 0.2 * support_uniform();
        q.start[i] = i % 2 ? 1.5f : -1.5f;
        q.target[i] = q.start[i] + (float)(i / 2 % 2 ? way : -way);
    }
    return q;
}

static void quadratic_free(struct quadratic *q)
{
    free(q->start);
    free(q->target);
    free(q->noise);
}

static void quadratic_gradient(const struct quadratic *q, const float *w, int step, float *g)
{
    for (size_t i = 0; i < q->count; i++)
        g[i] = w[i] - q->target[i] + q->noise[(size_t)step * q->count + i];
}

/* The weights that the optimizer comes to, malloc'ed. */
static float *quadratic_train(const struct quadratic *q, struct model *model, enum format states)
{
    struct sft_error err = {""};
    struct optim_options options = q->options;
    options.states = states;
    memcpy(model_weights(model).data, q->start, q->count * sizeof(float));
    struct optim *optim = optim_create(model, support_device(), &options, &err);
    assert_non_null(optim);
    for (int step = 0; step < STEPS; step++) {
        quadratic_gradient(q, model_weights(model).data, step, model_gradients(model).data);
        assert_int_equal(optim_step(optim, step, NULL, &err), 0);
    }
    optim_destroy(optim);
    float *w = support_random(q->count, 0);
    return memcpy(w, model_weights(model).data, q->count * sizeof *w);
}

/* The same with the states rounded by `round` after each step. */
static float *quadratic_round(const struct quadratic *q, uint16_t (*round)(float))
{
    struct device *b = support_device();
    size_t count = q->count;
    float *w = support_random(count, 0), *m = support_random(count, 0);
    float *v = support_random(count, 0), *g = support_random(count, 0);
    double norm2 = 0;
    memset(m, 0, count * sizeof *m); /* no -0 */
    memset(v, 0, count * sizeof *v);
    memcpy(w, q->start, count * sizeof *w);
    for (int step = 0; step < STEPS; step++) {
        struct adamw_args args = {.lr = (float)optim_rate(&q->options, step),
                                  .beta1 = (float)q->options.beta1,
                                  .beta2 = (float)q->options.beta2,
                                  .eps = (float)q->options.eps,
                                  .correction1 = (float)(1 - pow(q->options.beta1, step + 1)),
                                  .correction2 = (float)(1 - pow(q->options.beta2, step + 1))};
        quadratic_gradient(q, w, step, g);
        adamw_run(b, args, w, g, m, v, count, norm2, 0);
        for (size_t i = 0; i < count; i++) {
            w[i] = of_bf16(round(w[i]));
            m[i] = of_bf16(round(m[i]));
            v[i] = of_bf16(round(v[i]));
        }
    }
    free(m);
    free(v);
    free(g);
    return w;
}

/* How far apart two results are: root of the mean square, and the mean of the way outwards. */
static double apart(const float *a, const float *b, size_t count, double *outwards)
{
    double squares = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        double d = (double)a[i] - (double)b[i];
        squares += d * d;
        sum += b[i] > 0 ? d : -d;
    }
    *outwards = sum / (double)count;
    return sqrt(squares / (double)count);
}

/* A weight's update u is rounded with the variance |u| (ULP - |u|). Near the target |u| is lr times
 * the noise in the mean gradient, some 0.3 of the gradients' size s (s^2 is NOISE^2 and what the
 * rounding itself adds), and the gradient takes the part lr / s of a weight's error back each step.
 * Where both are in balance the variance is 0.3 lr ULP / (2 lr / s) = 0.15 ULP s, a deviation of
 * about ULP, and it has 300 steps to come there. Two ULP are allowed, and a mean that is zero
 * within five of its deviations. A weight that stalls is 0.1 to 0.3, 13 to 38 ULP, off. */
static bool as_good(const float *w, const float *want, size_t count, const char *what)
{
    double outwards, rms = apart(w, want, count, &outwards);
    print_message("%s: %.2f ULP apart, %+.3f outwards\n", what, rms / ULP, outwards / ULP);
    return rms < 2 * ULP && fabs(outwards) < 5 * 2 * ULP / sqrt((double)count);
}

static void test_bf16_states_train_as_fp32(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *model = support_model(&shape, 16);
    struct quadratic q = quadratic_make(model_parameters(model));
    float *fp32 = quadratic_train(&q, model, FORMAT_FP32);
    float *bf16 = quadratic_train(&q, model, FORMAT_BF16);
    float *again = quadratic_train(&q, model, FORMAT_BF16);
    float *cut = quadratic_round(&q, truncated), *near = quadratic_round(&q, nearest);
    double outwards;
    assert_true(apart(fp32, q.target, q.count, &outwards) < NOISE); /* it trains at all */
    for (size_t i = 0; i < q.count; i++)
        assert_true(bf16[i] == of_bf16(truncated(bf16[i])));
    assert_memory_equal(bf16, again, q.count * sizeof *bf16);
    assert_true(as_good(bf16, fp32, q.count, "stochastic"));
    assert_false(as_good(cut, fp32, q.count, "truncated"));
    assert_false(as_good(near, fp32, q.count, "to the nearest"));
    size_t moved = 0, grown = 0;
    for (size_t i = 0; i < q.count; i++) {
        moved += near[i] != q.start[i];
        grown += fabsf(cut[i]) > fabsf(q.start[i]);
    }
    assert_int_equal(moved, 0);
    assert_int_equal(grown, 0);
    free(fp32);
    free(bf16);
    free(again);
    free(cut);
    free(near);
    quadratic_free(&q);
    model_destroy(model);
}

/* One update of many like elements. */
enum { ALIKE = 1 << 16, WEIGHT = 0, MEAN, SQUARE, PARTS };

struct alike {
    float w[ALIKE];
    uint16_t m[ALIKE], v[ALIKE];
};

static const struct adamw_args alike_args = {.lr = 0.003f,
                                             .beta1 = 0.9f,
                                             .beta2 = 0.95f,
                                             .eps = 1e-8f,
                                             .weight_decay = 0.1f,
                                             .correction1 = 0.3f,
                                             .correction2 = 0.2f,
                                             .states = FORMAT_BF16,
                                             .seed = 7};
static const float alike_w = 1.25f, alike_m = 0.01171875f, alike_v = 0.00106811523f,
                   alike_g = 0.0383f;

static void alike_step(struct alike *a, size_t first, size_t count, uint64_t seed)
{
    struct device *b = support_device();
    struct adamw_args args = alike_args;
    float *g = support_random(count, 0);
    double norm2 = 0;
    for (size_t i = 0; i < count; i++) {
        g[i] = alike_g;
        a->w[first + i] = alike_w;
        a->m[first + i] = truncated(alike_m);
        a->v[first + i] = truncated(alike_v);
    }
    args.first = first;
    args.seed = seed;
    adamw_run(b, args, a->w + first, g, a->m + first, a->v + first, count, norm2, 0);
    free(g);
}

static double alike_part(const struct alike *a, int part, size_t i)
{
    return part == WEIGHT ? (double)a->w[i] : (double)of_bf16(part == MEAN ? a->m[i] : a->v[i]);
}

/* The mean over the elements is what fp32 states become, within five of its standard deviations,
 * and whether one of an element's three numbers goes up says nothing about the others. */
static void test_bf16_states_are_rounded_apart(void **state)
{
    (void)state;
    struct device *b = support_device();
    struct alike *a = calloc(1, sizeof *a);
    assert_non_null(a);
    float want[PARTS] = {alike_w, alike_m, alike_v};
    double norm2 = 0, up[PARTS], low[PARTS], high[PARTS];
    assert_true(of_bf16(truncated(alike_m)) == alike_m && of_bf16(truncated(alike_v)) == alike_v);
    struct adamw_args args = alike_args;
    args.states = FORMAT_FP32;
    adamw_run(b, args, &want[WEIGHT], &alike_g, &want[MEAN], &want[SQUARE], 1, norm2, 0);
    alike_step(a, 0, ALIKE, alike_args.seed);
    for (int part = 0; part < PARTS; part++) {
        low[part] = (double)of_bf16(truncated(want[part]));
        high[part] = (double)of_bf16((uint16_t)(truncated(want[part]) + 1));
        double chance = ((double)want[part] - low[part]) / (high[part] - low[part]);
        assert_true(chance > 0.1 && chance < 0.9); /* or the test would say little */
        up[part] = 0;
        for (size_t i = 0; i < ALIKE; i++) {
            double value = alike_part(a, part, i);
            assert_true(value == low[part] || value == high[part]);
            up[part] += (value > low[part]) / (double)ALIKE;
        }
        assert_true(fabs(up[part] - chance) < 5 * sqrt(chance * (1 - chance) / ALIKE) + 1e-4);
    }
    for (int one = 0; one < PARTS; one++) {
        int other = (one + 1) % PARTS;
        double both = 0;
        for (size_t i = 0; i < ALIKE; i++)
            both += (alike_part(a, one, i) > low[one] && alike_part(a, other, i) > low[other]) /
                    (double)ALIKE;
        double correlation = (both - up[one] * up[other]) /
                             sqrt(up[one] * (1 - up[one]) * up[other] * (1 - up[other]));
        assert_true(fabs(correlation) < 5 / sqrt(ALIKE));
    }
    free(a);
}

/* Chance is the element's and the step's: in pieces as in one, another with another seed. */
static void test_chance_is_the_elements(void **state)
{
    (void)state;
    struct alike *whole = calloc(1, sizeof *whole), *pieces = calloc(1, sizeof *pieces);
    assert_non_null(whole);
    assert_non_null(pieces);
    alike_step(whole, 0, ALIKE, 7);
    alike_step(pieces, 0, 1000, 7);
    alike_step(pieces, 1000, 24, 7);
    alike_step(pieces, 1024, ALIKE - 1024, 7);
    assert_memory_equal(whole, pieces, sizeof *whole);
    alike_step(pieces, 0, ALIKE, random_mix(7, 1));
    assert_memory_not_equal(whole->w, pieces->w, sizeof whole->w);
    assert_memory_not_equal(whole->m, pieces->m, sizeof whole->m);
    assert_memory_not_equal(whole->v, pieces->v, sizeof whole->v);
    free(whole);
    free(pieces);
}

/* Tensors of one kind, all weights alike, are not rounded alike. */
static void layers_differ(const struct model *model, const float *w)
{
    size_t count;
    const struct model_tensor *t = model_tensors(model, &count);
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            if (t[a].param.rows == t[b].param.rows && t[a].param.columns == t[b].param.columns)
                assert_memory_not_equal(w + t[a].offset, w + t[b].offset,
                                        sft_param_elements(&t[a].param) * sizeof *w);
}

/* Two steps of one optimizer round apart: were the seed the same each step, an element's small
 * updates would be lost in all of them, or in none. */
static void test_each_step_has_its_own_chance(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct model *model = support_model(&shape, 16);
    size_t count = model_parameters(model), both = 0, first = 0, second = 0;
    struct optim_options o = {.lr = 0.5 * ULP,
                              .total_steps = 1 << 20,
                              .beta1 = 0.9,
                              .beta2 = 0.95,
                              .eps = 1e-8,
                              .states = FORMAT_BF16,
                              .seed = 3};
    struct optim *optim = optim_create(model, support_device(), &o, NULL);
    float *w = model_weights(model).data, *g = model_gradients(model).data,
          *before = support_random(count, 0);
    for (size_t i = 0; i < count; i++) {
        w[i] = 1.5f;
        g[i] = 1; /* each step the weight goes down by lr, half of ULP */
    }
    assert_int_equal(optim_step(optim, 0, NULL, NULL), 0);
    layers_differ(model, w);
    memcpy(before, w, count * sizeof *w);
    assert_int_equal(optim_step(optim, 1, NULL, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        first += before[i] < 1.5f;
        second += w[i] < before[i];
        both += before[i] < 1.5f && w[i] < before[i];
    }
    double n = (double)count, fair = 5 * sqrt(n) / 2;
    assert_true(fabs((double)first - n / 2) < fair);
    assert_true(fabs((double)second - n / 2) < fair + 0.01 * n); /* moments are rounded, too */
    assert_true(fabs((double)both - n / 4) < 5 * sqrt(n * 3 / 16) + 0.01 * n);
    free(before);
    optim_destroy(optim);
    model_destroy(model);
}

static void test_bytes(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(true);
    struct model *model = support_model(&shape, 16);
    struct optim_options o = {.total_steps = 1};
    size_t count = model_parameters(model), bytes[2];
    for (int states = 0; states < 2; states++) {
        o.states = states ? FORMAT_BF16 : FORMAT_FP32;
        struct optim *optim = optim_create(model, support_device(), &o, NULL);
        bytes[states] = optim_bytes(optim);
        assert_int_equal(bytes[states], optim_plan(count, FORMAT_FP32, o.states, false));
        optim_destroy(optim);
    }
    assert_in_range(bytes[0], 8 * count, 8 * count + 1024);
    assert_in_range(bytes[1], 4 * count, 4 * count + 1024);
    model_destroy(model);
    /* a device of 16 bits: master weights with fp32 states alone */
    for (int round = 0; round < 100; round++) {
        count = (size_t)support_between(1, 1 << 30);
        assert_in_range(optim_plan(count, FORMAT_BF16, FORMAT_FP32, false), 12 * count,
                        12 * count + 1024);
        assert_in_range(optim_plan(count, FORMAT_BF16, FORMAT_BF16, false), 4 * count,
                        4 * count + 1024);
        assert_in_range(optim_plan(count, FORMAT_FP32, FORMAT_FP32, false), 8 * count,
                        8 * count + 1024);
    }
    assert_true(optim_plan(70000000000, FORMAT_BF16, FORMAT_FP32, false) > 840000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_model_steps),
        cmocka_unit_test(test_gradients_are_checked),
        cmocka_unit_test(test_bf16_states_train_as_fp32),
        cmocka_unit_test(test_bf16_states_are_rounded_apart),
        cmocka_unit_test(test_chance_is_the_elements),
        cmocka_unit_test(test_each_step_has_its_own_chance),
        cmocka_unit_test(test_bytes),
    };
    support_seed();
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
