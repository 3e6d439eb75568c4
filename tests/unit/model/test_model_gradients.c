/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of each tensor against differences of the loss. */
#include "tests/unit/model/model_support.h"

#include <math.h>

static const int lengths[] = {1, 13, 70, 2, 29}; /* one longer than a block of attention */
enum { DOCUMENTS = sizeof lengths / sizeof lengths[0], DIRECTIONS = 3 };

static double loss_moved(struct model *m, const struct batch *batch, float *w, const float *saved,
                         const float *direction, size_t count, double by)
{
    for (size_t i = 0; i < count; i++)
        w[i] = (float)((double)saved[i] + by * (double)direction[i]);
    double loss = support_loss(m, batch);
    memcpy(w, saved, count * sizeof *w);
    return loss;
}

/* d loss / d t along a direction of length 1, by the difference of 4th order, whose own error falls
 * with step^4: large steps are good, and the loss's fp32 noise (about 1e-5 in 200) is divided by
 * them. */
static double slope(struct model *m, const struct batch *batch, float *w, const float *direction,
                    size_t count)
{
    const double step = 0.02;
    float *saved = malloc(count * sizeof *saved);
    assert_non_null(saved);
    memcpy(saved, w, count * sizeof *saved);
    double near = loss_moved(m, batch, w, saved, direction, count, step) -
                  loss_moved(m, batch, w, saved, direction, count, -step);
    double far = loss_moved(m, batch, w, saved, direction, count, 2 * step) -
                 loss_moved(m, batch, w, saved, direction, count, -2 * step);
    free(saved);
    return (8 * near - far) / (12 * step);
}

static void make_unit(float *x, size_t count)
{
    double norm2 = 0;
    for (size_t i = 0; i < count; i++)
        norm2 += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < count; i++)
        x[i] = (float)((double)x[i] / sqrt(norm2));
}

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Directions are half random and half along the gradient, so that its length is tested too: a
 * random direction's own share of it is small in a large tensor. The slope's error is the losses'
 * fp32 noise, 1e-5 / step, against gradients of 1 and more: half a percent of the gradient's norm
 * is far above it, and far below what a missing or wrong term would change. */
static void check_tensor(struct model *m, const struct batch *batch, const struct model_tensor *t)
{
    size_t count = sft_param_elements(&t->param);
    float *w = (float *)model_weights(m).data + t->offset;
    const float *g = (const float *)model_gradients(m).data + t->offset;
    double norm = sqrt(dot(g, g, count));
    assert_true(norm > 0);
    for (int i = 0; i < DIRECTIONS; i++) {
        float *direction = support_random(count, 1);
        make_unit(direction, count);
        for (size_t j = 0; j < count; j++)
            direction[j] += (float)((double)g[j] / norm);
        make_unit(direction, count);
        double along = dot(direction, g, count);
        double measured = slope(m, batch, w, direction, count);
        if (!(fabs(measured - along) <= 5e-3 * norm))
            fail_msg("%s: slope %g, gradient gives %g (norm %g)", t->name, measured, along, norm);
        free(direction);
    }
}

static void check_differences(struct sft_preset shape, size_t tensors_expected)
{
    struct batch batch;
    size_t count;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    double loss = support_loss(m, &batch);
    assert_true(isfinite(loss) && loss > 0);
    assert_true(support_step(m, &batch, 1) == loss);
    const struct model_tensor *tensors = model_tensors(m, &count);
    assert_int_equal(count, tensors_expected);
    for (size_t t = 0; t < count; t++)
        check_tensor(m, &batch, &tensors[t]);
    model_destroy(m);
    batch_destroy(&batch);
}

static void test_differences_untied(void **state)
{
    (void)state;
    check_differences(support_shape(false), 2 + 6 * 2 + 1);
}

static void test_differences_tied(void **state)
{
    (void)state;
    check_differences(support_shape(true), 2 + 6 * 2);
}

static void test_differences_gpt2(void **state)
{
    (void)state;
    check_differences(support_gpt2(), 2 + 12 * 2 + 2);
}

/* Heads of 48, together wider than the stream, or narrower. */
static void test_differences_where_heads_are_not_the_stream(void **state)
{
    (void)state;
    unit_takes_long();
    struct sft_preset shape = support_shape(false);
    shape.head_dim = 48;
    check_differences(shape, 2 + 6 * 2 + 1);
    shape.heads = 2;
    shape.hidden = 128;
    shape.kv_heads = 1;
    check_differences(shape, 2 + 6 * 2 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences_untied),
        cmocka_unit_test(test_differences_tied),
        cmocka_unit_test(test_differences_gpt2),
        cmocka_unit_test(test_differences_where_heads_are_not_the_stream),
    };
    support_seed();
    return cmocka_run_group_tests_name("model gradients", tests, NULL, NULL);
}
