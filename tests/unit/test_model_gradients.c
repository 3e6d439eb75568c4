/* SPDX-License-Identifier: Apache-2.0 */
/* The model's gradients against differences of its loss, and documents against each other. The CPU
 * backend's memory is the host's, so the tests reach into it. */
#include "tests/unit/model_support.h"

#include <math.h>

static const int lengths[] = {1, 13, 70, 2, 29}; /* one longer than a block of attention */
enum { DOCUMENTS = sizeof lengths / sizeof lengths[0], DIRECTIONS = 3 };

static double loss_of(struct model *m, const struct batch *batch)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_loss(m, batch, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

static double step_of(struct model *m, const struct batch *batch, float scale)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_step(m, batch, scale, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

static double loss_moved(struct model *m, const struct batch *batch, float *w, const float *saved,
                         const float *direction, size_t count, double by)
{
    for (size_t i = 0; i < count; i++)
        w[i] = (float)((double)saved[i] + by * (double)direction[i]);
    double loss = loss_of(m, batch);
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
    size_t count = (size_t)t->rows * (size_t)t->columns;
    float *w = (float *)model_weights(m) + t->offset;
    const float *g = (const float *)model_gradients(m) + t->offset;
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

static void check_differences(bool tied)
{
    struct sft_preset shape = support_shape(tied);
    struct batch batch;
    size_t count;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    double loss = loss_of(m, &batch);
    assert_true(isfinite(loss) && loss > 0);
    assert_true(step_of(m, &batch, 1) == loss);
    const struct model_tensor *tensors = model_tensors(m, &count);
    assert_int_equal(count, 2 + 6 * shape.layers + !tied);
    for (size_t t = 0; t < count; t++)
        check_tensor(m, &batch, &tensors[t]);
    support_model_free(m);
    support_batch_free(&batch);
}

static void test_differences_untied(void **state)
{
    (void)state;
    check_differences(false);
}

static void test_differences_tied(void **state)
{
    (void)state;
    check_differences(true);
}

static void test_packed_equals_one_by_one(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct batch batch, one;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    size_t count = model_parameters(m);
    float *packed = malloc(count * sizeof *packed);
    assert_non_null(packed);
    double together = step_of(m, &batch, 0.25f), sum = 0;
    memcpy(packed, model_gradients(m), count * sizeof *packed);
    model_zero_gradients(m);
    for (int d = 0; d < DOCUMENTS; d++) {
        support_batch_one(&one, &batch, d);
        sum += step_of(m, &one, 0.25f);
        support_batch_free(&one);
    }
    assert_true(fabs(together - sum) < 1e-5 * sum);
    /* sums over the same rows in another order */
    assert_true(support_distance(packed, model_gradients(m), count) < 1e-5);
    free(packed);
    support_model_free(m);
    support_batch_free(&batch);
}

/* Train on one document of a batch alone; change every token outside of it: same loss to the bit.
 * The batch as a whole must notice, or the test would prove nothing. */
static void test_nothing_leaks(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct batch batch;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    int start = batch.start[2], end = start + batch.length[2];
    double all = loss_of(m, &batch);
    int32_t *targets = malloc((size_t)batch.rows * sizeof *targets);
    assert_non_null(targets);
    memcpy(targets, batch.targets, (size_t)batch.rows * sizeof *targets);
    for (int row = 0; row < batch.rows; row++)
        if (row < start || row >= end)
            batch.targets[row] = -1;
    double before = loss_of(m, &batch);
    for (int row = 0; row < batch.rows; row++)
        if (row < start || row >= end)
            batch.tokens[row] = (batch.tokens[row] + 1 + support_between(0, 20)) % shape.vocab;
    assert_true(loss_of(m, &batch) == before);
    memcpy(batch.targets, targets, (size_t)batch.rows * sizeof *targets);
    assert_true(loss_of(m, &batch) != all);
    free(targets);
    support_model_free(m);
    support_batch_free(&batch);
}

/* A later token of a document must not change the losses before it. */
static void test_causal(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    struct batch batch;
    const int length[] = {90};
    support_batch_make(&batch, length, 1, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    for (int row = 66; row < batch.rows; row++)
        batch.targets[row] = -1;
    double before = loss_of(m, &batch);
    for (int row = 66; row < 90; row++)
        batch.tokens[row] = (batch.tokens[row] + 5) % shape.vocab;
    assert_true(loss_of(m, &batch) == before);
    batch.tokens[65] = (batch.tokens[65] + 5) % shape.vocab;
    assert_true(loss_of(m, &batch) != before);
    support_model_free(m);
    support_batch_free(&batch);
}

/* Gradients add up over steps, scale with `scale`, and are the same from run to run. */
static void test_accumulation(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(true);
    struct batch batch;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    size_t count = model_parameters(m);
    float *g = model_gradients(m), *first = malloc(count * sizeof *first);
    assert_non_null(first);
    step_of(m, &batch, 0.5f);
    memcpy(first, g, count * sizeof *first);
    model_zero_gradients(m);
    step_of(m, &batch, 0.5f);
    assert_memory_equal(first, g, count * sizeof *first);
    step_of(m, &batch, 1.5f);
    for (size_t i = 0; i < count; i++)
        first[i] *= 4;
    assert_true(support_distance(g, first, count) < 1e-5);
    free(first);
    support_model_free(m);
    support_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences_untied),
        cmocka_unit_test(test_differences_tied),
        cmocka_unit_test(test_packed_equals_one_by_one),
        cmocka_unit_test(test_nothing_leaks),
        cmocka_unit_test(test_causal),
        cmocka_unit_test(test_accumulation),
    };
    support_seed();
    return cmocka_run_group_tests_name("model gradients", tests, NULL, NULL);
}
