/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch may do to a model: order of time, gradients that add up, chunks, refusals. */
#include "tests/unit/model/model_support.h"

#include <math.h>

static const int lengths[] = {1, 13, 70, 2, 29}; /* one longer than a block of attention */
enum { DOCUMENTS = sizeof lengths / sizeof lengths[0] };

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
    double before = support_loss(m, &batch);
    for (int row = 66; row < 90; row++)
        batch.tokens[row] = (batch.tokens[row] + 5) % shape.vocab;
    assert_true(support_loss(m, &batch) == before);
    batch.tokens[65] = (batch.tokens[65] + 5) % shape.vocab;
    assert_true(support_loss(m, &batch) != before);
    model_destroy(m);
    batch_destroy(&batch);
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
    float *g = model_gradients(m).data, *first = malloc(count * sizeof *first);
    assert_non_null(first);
    support_step(m, &batch, 0.5f);
    memcpy(first, g, count * sizeof *first);
    model_zero_gradients(m);
    support_step(m, &batch, 0.5f);
    assert_memory_equal(first, g, count * sizeof *first);
    support_step(m, &batch, 1.5f);
    for (size_t i = 0; i < count; i++)
        first[i] *= 4;
    assert_true(support_distance(g, first, count) < 1e-5);
    free(first);
    model_destroy(m);
    batch_destroy(&batch);
}

/* A vocabulary so large that the loss comes in several chunks, and each document on its own in one:
 * losses and gradients add up. */
static void test_several_chunks(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(true);
    const int lengths[] = {120, 100, 90};
    struct batch batch, one;
    double apart = 0;
    shape.vocab = 140000;
    support_batch_make(&batch, lengths, 3, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    size_t count = model_parameters(m);
    float *sum = calloc(count, sizeof *sum);
    assert_non_null(sum);
    double together = support_step(m, &batch, 0.5f);
    for (int d = 0; d < 3; d++) {
        support_batch_one(&one, &batch, d);
        struct model *alone = support_model(&shape, one.rows);
        memcpy(model_weights(alone).data, model_weights(m).data, count * sizeof *sum);
        apart += support_step(alone, &one, 0.5f);
        for (size_t i = 0; i < count; i++)
            sum[i] += ((float *)model_gradients(alone).data)[i];
        model_destroy(alone);
        batch_destroy(&one);
    }
    assert_true(fabs(together - apart) < 1e-5 * apart);
    assert_true(support_distance(sum, model_gradients(m).data, count) < 1e-5);
    free(sum);
    model_destroy(m);
    batch_destroy(&batch);
}

static void refused(struct model *m, const struct batch *batch, const char *why)
{
    struct sft_error err = {""};
    double loss;
    assert_int_equal(model_step(m, batch, 1, &loss, &err), -1);
    assert_contains(err.text, why);
    assert_int_equal(model_loss(m, batch, &loss, &err), -1);
}

static void test_bad_batches(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    const int lengths[] = {5, 6};
    struct batch batch;
    support_batch_make(&batch, lengths, 2, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    batch.tokens[3] = shape.vocab;
    refused(m, &batch, "row 3 has token 37");
    batch.tokens[3] = -1;
    refused(m, &batch, "row 3 has token -1");
    batch.tokens[3] = 0;
    batch.targets[2] = shape.vocab;
    refused(m, &batch, "target 37");
    batch.targets[2] = -1;
    batch.length[0] = 7;
    refused(m, &batch, "document 1");
    batch.length[0] = 5;
    batch.length[1] = 1000;
    refused(m, &batch, "document 1");
    batch.length[1] = 6;
    batch.rows--;
    refused(m, &batch, "for a model of");
    batch.rows++;
    assert_true(support_loss(m, &batch) > 0);
    batch_destroy(&batch);
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causal),
        cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_several_chunks),
        cmocka_unit_test(test_bad_batches),
    };
    support_seed();
    return cmocka_run_group_tests_name("model batches", tests, NULL, NULL);
}
