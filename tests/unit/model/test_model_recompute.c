/* SPDX-License-Identifier: Apache-2.0 */
/* What a model computes again and what it keeps: the same numbers at every level, memory as
 * planned, and nothing read that no one wrote. */
#include "tests/unit/model/model_support.h"

#include <math.h>

static const enum model_recompute levels[] = {RECOMPUTE_NONE, RECOMPUTE_NORMS, RECOMPUTE_BLOCK};
static const char *const level_names[] = {"none", "norms", "block"};
enum { LEVELS = sizeof levels / sizeof levels[0], BATCHES = 2 };

/* The CPU device, but that fresh memory is all NaN and the bytes asked for are noted. */
static struct device noting;
static size_t noted;

static void *noting_allocate(struct device *b, size_t bytes, struct sft_error *err)
{
    (void)b;
    void *memory = support_device()->allocate(support_device(), bytes, err);
    noted = bytes;
    if (memory != NULL)
        memset(memory, 0xff, bytes); /* NaN in bf16, float and double */
    return memory;
}

static struct device *noting_device(void)
{
    noting = *support_device();
    noting.allocate = noting_allocate;
    return &noting;
}

static struct model *model_at(const struct sft_preset *shape, int rows, enum model_recompute level,
                              struct model *weights_of)
{
    struct sft_error err = {""};
    struct model *m = model_create(noting_device(), shape, rows, level, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    if (weights_of != NULL)
        memcpy(model_weights(m).data, model_weights(weights_of).data,
               model_parameters(m) * sizeof(float));
    return m;
}

/* Two micro-batches of packed documents with as many rows as each other. */
static void batches_make(struct batch *batches, int vocab)
{
    static const int lengths[BATCHES][4] = {{13, 1, 70, 29}, {40, 66, 2, 5}};
    for (int i = 0; i < BATCHES; i++)
        support_batch_make(&batches[i], lengths[i], 4, vocab);
    assert_int_equal(batches[0].rows, batches[1].rows);
}

static void batches_destroy(struct batch *batches)
{
    for (int i = 0; i < BATCHES; i++)
        batch_destroy(&batches[i]);
}

static double step_of(struct model *m, const struct batch *batch)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_step(m, batch, 0.125f, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

static void step_unread(struct model *m, const struct batch *batch)
{
    struct sft_error err = {""};
    if (model_step(m, batch, 0.125f, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static double taken(struct model *m)
{
    struct sft_error err = {""};
    double sum = NAN;
    if (model_take_loss(m, &sum, &err) < 0)
        fail_msg("%s", err.text);
    return sum;
}

static float *copied(const float *from, size_t count)
{
    float *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    return memcpy(copy, from, count * sizeof *copy);
}

static void same_numbers(int kind)
{
    struct sft_preset shape = support_shape_of(kind);
    struct batch batches[BATCHES];
    shape.layers = 3; /* more than one layer writes over what they share */
    batches_make(batches, shape.vocab);
    struct model *first = support_model(&shape, batches[0].rows);
    size_t count = model_parameters(first);
    double losses[BATCHES];
    for (int i = 0; i < BATCHES; i++)
        losses[i] = step_of(first, &batches[i]);
    assert_true(losses[0] > 0 && losses[1] > 0);
    for (int level = 0; level < LEVELS; level++) {
        struct model *m = model_at(&shape, batches[0].rows, levels[level], first);
        for (int round = 0; round < 2; round++) { /* what the first leaves must not matter */
            model_zero_gradients(m);
            for (int i = 0; i < BATCHES; i++)
                assert_true(step_of(m, &batches[i]) == losses[i]);
            if (memcmp(model_gradients(m).data, model_gradients(first).data,
                       count * sizeof(float)) != 0)
                fail_msg(
                    "recompute %s, round %d: other gradients, %g apart", level_names[level], round,
                    support_distance(model_gradients(m).data, model_gradients(first).data, count));
        }
        double loss = NAN;
        assert_int_equal(model_loss(m, &batches[0], &loss, NULL), 0);
        assert_true(loss == losses[0]);
        model_destroy(m);
    }
    model_destroy(first);
    batches_destroy(batches);
}

static void test_levels_give_the_same_numbers(void **state)
{
    (void)state;
    for (int kind = 0; kind < SUPPORT_SHAPES; kind++)
        same_numbers(kind);
}

/* Whatever the shape: what is allocated, what the model says and what was planned; less by level.
 */
static void test_memory_is_as_planned(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct sft_preset shape = support_shape(round % 2 == 0);
        int rows = support_between(1, 500);
        shape.kv_heads = support_between(1, 3);
        shape.heads = shape.kv_heads * support_between(1, 4);
        shape.head_dim = 2 * support_between(1, round % 5 == 0 ? 2 : 20);
        shape.hidden = shape.heads * shape.head_dim;
        shape.ffn = support_between(1, 300);
        shape.layers = support_between(2, 5);
        shape.vocab = support_between(1, round % 5 == 0 ? 200000 : 3000); /* several chunks, too */
        size_t before = SIZE_MAX;
        for (int level = 0; level < LEVELS; level++) {
            struct model *m = model_at(&shape, rows, levels[level], NULL);
            assert_int_equal(model_bytes(m), noted);
            assert_int_equal(model_plan(&shape, rows, levels[level], noting.format, noting.logits),
                             noted);
            assert_true(noted < before);
            before = noted;
            model_destroy(m);
        }
    }
}

/* All arrays are multiples of 256 bytes, so that differences are exact. */
static struct sft_preset even_shape(int layers)
{
    struct sft_preset shape = support_shape(false);
    shape.hidden = 128;
    shape.heads = 8;
    shape.kv_heads = 4;
    shape.head_dim = 16;
    shape.ffn = 192;
    shape.layers = layers;
    shape.vocab = 64;
    return shape;
}

static size_t bytes_at(int layers, int rows, enum model_recompute level)
{
    struct sft_preset shape = even_shape(layers);
    struct model *m = model_at(&shape, rows, level, NULL);
    size_t bytes = model_bytes(m);
    model_destroy(m);
    return bytes;
}

/* Without the parameters and their gradients. */
static size_t activations(int layers, int rows, enum model_recompute level)
{
    struct sft_preset shape = even_shape(layers);
    return bytes_at(layers, rows, level) - 2 * (size_t)sft_params_count(&shape) * sizeof(float);
}

static void test_what_a_layer_keeps(void **state)
{
    (void)state;
    enum { ROWS = 320, HIDDEN = 128, FFN = 192 };
    const size_t stream = (size_t)ROWS * HIDDEN * sizeof(float);
    const size_t outputs = (size_t)ROWS * (2 * HIDDEN + FFN) * sizeof(float);
    for (int layers = 1; layers < 5; layers++) {
        size_t all = activations(layers + 1, ROWS, RECOMPUTE_NONE) -
                     activations(layers, ROWS, RECOMPUTE_NONE);
        size_t some = activations(layers + 1, ROWS, RECOMPUTE_NORMS) -
                      activations(layers, ROWS, RECOMPUTE_NORMS);
        assert_int_equal(activations(layers + 1, ROWS, RECOMPUTE_BLOCK) -
                             activations(layers, ROWS, RECOMPUTE_BLOCK),
                         stream);
        assert_int_equal(all - some, outputs); /* both norms' and the SwiGLU's */
        assert_true(some > 4 * stream);        /* q, k, v, attention, middle, gate and up */
    }
}

static void test_unread_losses_add_up(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(true);
    struct batch batches[BATCHES];
    double sum = 0, loss = NAN;
    batches_make(batches, shape.vocab);
    struct model *m = support_model(&shape, batches[0].rows);
    size_t count = model_parameters(m);
    for (int i = 0; i < BATCHES; i++)
        sum += step_of(m, &batches[i]);
    float *gradients = copied(model_gradients(m).data, count);
    assert_true(taken(m) == 0); /* those were given a place */
    model_zero_gradients(m);
    for (int i = 0; i < BATCHES; i++)
        step_unread(m, &batches[i]);
    assert_true(fabs(taken(m) - sum) < 1e-12 * sum); /* added in another order, in double */
    assert_true(taken(m) == 0);
    assert_memory_equal(model_gradients(m).data, gradients, count * sizeof *gradients);
    /* a refused batch adds nothing */
    batches[0].tokens[0] = -1;
    assert_int_equal(model_step(m, &batches[0], 1, NULL, NULL), -1);
    batches[0].tokens[0] = 0;
    assert_true(taken(m) == 0);
    /* those with and without a place for it between one another: each loss goes to one place */
    double one = step_of(m, &batches[1]), other = step_of(m, &batches[0]);
    step_unread(m, &batches[0]);
    assert_true(step_of(m, &batches[1]) == one);
    assert_int_equal(model_loss(m, &batches[1], &loss, NULL), 0);
    assert_true(loss == one);
    assert_true(taken(m) == other);
    assert_true(taken(m) == 0);
    free(gradients);
    model_destroy(m);
    batches_destroy(batches);
}

/* Gradients of a step after model_zero_gradients, whatever stood there. */
static void fresh_numbers(int kind, enum model_recompute level)
{
    struct sft_preset shape = support_shape_of(kind);
    struct batch batches[BATCHES];
    batches_make(batches, shape.vocab);
    struct model *from = support_model(&shape, batches[0].rows);
    struct model *m = model_at(&shape, batches[0].rows, level, from); /* of NaN throughout */
    size_t count = model_parameters(m);
    float *poison = support_poison(count), *g = model_gradients(m).data;
    memset(model_gradients(from).data, 0, count * sizeof(float));
    step_of(from, &batches[0]);
    step_of(m, &batches[0]);
    for (size_t i = 0; i < count; i++)
        assert_true(isfinite(g[i]));
    assert_memory_equal(g, model_gradients(from).data, count * sizeof *g);
    memcpy(g, poison, count * sizeof *g);
    model_zero_gradients(m);
    step_of(m, &batches[0]);
    assert_memory_equal(g, model_gradients(from).data, count * sizeof *g);
    memcpy(g, poison, count * sizeof *g); /* and not without it */
    step_of(m, &batches[0]);
    for (size_t i = 0; i < count; i++)
        assert_true(isnan(g[i]));
    free(poison);
    model_destroy(m);
    model_destroy(from);
    batches_destroy(batches);
}

static void test_a_sum_begins_anew(void **state)
{
    (void)state;
    for (int level = 0; level < LEVELS; level++)
        for (int kind = 0; kind < SUPPORT_SHAPES; kind++)
            fresh_numbers(kind, levels[level]);
}

static void test_no_rows_are_refused(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(false);
    for (int rows = 0; rows > -3; rows--)
        for (int level = 0; level < LEVELS; level++) {
            struct sft_error err = {""};
            assert_null(model_create(support_device(), &shape, rows, levels[level], &err));
            assert_contains(err.text, "1 or more");
        }
    model_destroy(model_at(&shape, 1, RECOMPUTE_BLOCK, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_give_the_same_numbers),
        cmocka_unit_test(test_memory_is_as_planned),
        cmocka_unit_test(test_what_a_layer_keeps),
        cmocka_unit_test(test_unread_losses_add_up),
        cmocka_unit_test(test_a_sum_begins_anew),
        cmocka_unit_test(test_no_rows_are_refused),
    };
    support_seed();
    return cmocka_run_group_tests_name("model recompute", tests, NULL, NULL);
}
