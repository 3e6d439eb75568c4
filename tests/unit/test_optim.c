/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW, clipping and the schedule against numbers worked out by hand, and against the formula in
 * double precision over some steps. */
#include "tests/unit/model_support.h"

#include <math.h>

#include "job/optim.h"

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

/* One step from zero moments: the corrected moments are g and g^2, so the weight moves by
 * lr * g / (|g| + eps): by lr and no more. */
static void test_first_step(void **state)
{
    (void)state;
    struct backend *b = backend_create_cpu(NULL);
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
    b->adamw(b, w, g, NULL, m, v, 3, &norm2, 0, args);
    for (int i = 0; i < 3; i++)
        assert_true(fabsf(w[i] - want[i]) < 1e-5f);
    /* norm 4, clip 2: the moments see half of the gradient */
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    b->adamw(b, w, g, NULL, m, v, 3, &norm2, 2, args);
    assert_true(fabsf(m[0] - 0.1f * 2) < 1e-6f && fabsf(v[0] - 0.01f * 4) < 1e-6f);
    /* norm below clip: as it is */
    m[0] = 0;
    b->adamw(b, w, g, NULL, m, v, 1, &norm2, 5, args);
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
    struct optim *optim = optim_create(model, support_backend(), &o, &err);
    assert_non_null(optim);
    size_t count = model_parameters(model), tensors;
    assert_in_range(optim_bytes(optim), 8 * count, 8 * count + 1024);
    const struct model_tensor *list = model_tensors(model, &tensors);
    float *w = model_weights(model);
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
        memcpy(model_gradients(model), g, count * sizeof *g);
        assert_int_equal(optim_step(optim, step, &norm, &err), 0);
        assert_true(fabs(norm - sqrt(norm2)) < 1e-6 * norm);
        for (size_t t = 0; t < tensors; t++)
            for (size_t i = list[t].offset;
                 i < list[t].offset + (size_t)list[t].rows * (size_t)list[t].columns; i++)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_model_steps),
    };
    support_seed();
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
