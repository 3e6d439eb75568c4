/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters in a model: gradients, first values, what stays frozen, dropout, memory. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "job/train/optim.h"

static const int lengths[] = {1, 13, 40, 2, 29};
enum { DOCUMENTS = sizeof lengths / sizeof lengths[0] };

static struct sft_preset shape_with(struct sft_preset shape, const char *targets, int rank)
{
    struct sft_error err = {""};
    shape.adapters = (struct sft_adapters){.rank = rank, .alpha = 2 * rank};
    if (sft_adapters_read(&shape, targets, &shape.adapters.targets, &err) < 0)
        fail_msg("%s", err.text);
    return shape;
}

static struct model *model_made(const struct sft_preset *shape, int rows,
                                enum model_recompute level, const struct model *from)
{
    struct sft_error err = {""};
    const struct model_recipe recipe = {.recompute = level, .seed = 5};
    const struct model_storage all = {.weights = true, .gradients = true};
    struct model *m = model_create_stored(support_device(), shape, rows, &recipe, all, &err);
    if (m == NULL)
        fail_msg("%s", err.text);
    size_t bytes;
    memcpy(model_weights(m).data, model_weights(from).data, model_parameters(m) * sizeof(float));
    void *base = model_base(m, &bytes);
    memcpy(base, model_base(from, &(size_t){0}), bytes);
    return m;
}

/* d loss / d tensor along the gradient, by differences of losses with the step's own dropout. */
static void check_slope(struct model *m, const struct batch *batch, const struct model_tensor *t,
                        const float *g)
{
    const double step = 0.02;
    size_t count = sft_param_elements(&t->param);
    float *w = support_values(m, t), *saved = malloc(count * sizeof *saved);
    double norm = 0, loss[4];
    assert_non_null(saved);
    memcpy(saved, w, count * sizeof *saved);
    for (size_t i = 0; i < count; i++)
        norm += (double)g[i] * (double)g[i];
    norm = sqrt(norm);
    if (!(norm > 1e-3))
        fail_msg("%s has no gradient", t->name);
    static const double by[] = {1, -1, 2, -2};
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < count; i++)
            w[i] = (float)((double)saved[i] + by[k] * step * (double)g[i] / norm);
        loss[k] = support_step(m, batch, 1);
    }
    double slope = (8 * (loss[0] - loss[1]) - (loss[2] - loss[3])) / (12 * step);
    if (!(fabs(slope / norm - 1) < 1e-2))
        fail_msg("%s: slope %g, gradient's norm %g", t->name, slope, norm);
    memcpy(w, saved, count * sizeof *w);
    free(saved);
}

static void check_differences(struct sft_preset shape, double dropout)
{
    struct batch batch;
    size_t count;
    shape.adapters.dropout = dropout;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    batch.first = 77;
    struct model *m = support_model(&shape, batch.rows);
    model_zero_gradients(m);
    support_step(m, &batch, 1);
    size_t all = model_parameters(m);
    float *g = malloc(all * sizeof *g);
    assert_non_null(g);
    memcpy(g, model_gradients(m).data, all * sizeof *g);
    const struct model_tensor *tensors = model_tensors(m, &count);
    assert_int_equal(all, sft_params_trained(&shape));
    for (size_t t = 0; t < count; t++)
        if (tensors[t].param.trains)
            check_slope(m, &batch, &tensors[t], g + tensors[t].offset);
    free(g);
    model_destroy(m);
    batch_destroy(&batch);
}

static void test_differences(void **state)
{
    static const char *const words[] = {"all", "attention", "o_proj", "down_proj+q_proj"};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        check_differences(shape_with(support_shape(i % 2 == 0), words[i], 3), 0);
    check_differences(shape_with(support_gpt2(), "all", 2), 0);
}

static void test_differences_with_dropout(void **state)
{
    (void)state;
    check_differences(shape_with(support_shape(false), "all", 3), 0.3);
}

/* Whatever is computed again: the same bits, dropout too. */
static void test_recompute_is_the_same(void **state)
{
    (void)state;
    struct batch batch;
    struct sft_preset shape = shape_with(support_shape(false), "all", 4);
    shape.adapters.dropout = 0.25;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *first = support_model(&shape, batch.rows);
    size_t bytes = model_parameters(first) * sizeof(float);
    struct model *kept = model_made(&shape, batch.rows, RECOMPUTE_NONE, first);
    double loss = support_step(kept, &batch, 1);
    for (int level = RECOMPUTE_NORMS; level <= RECOMPUTE_BLOCK; level++) {
        struct model *m = model_made(&shape, batch.rows, (enum model_recompute)level, first);
        assert_true(support_step(m, &batch, 1) == loss);
        assert_memory_equal(model_gradients(m).data, model_gradients(kept).data, bytes);
        model_destroy(m);
    }
    model_destroy(kept);
    model_destroy(first);
    batch_destroy(&batch);
}

static void test_packed_as_one_by_one(void **state)
{
    (void)state;
    struct batch batch;
    struct sft_preset shape = shape_with(support_shape(false), "all", 4);
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    size_t count = model_parameters(m);
    float *sum = calloc(count, sizeof *sum);
    assert_non_null(sum);
    double loss = support_step(m, &batch, 1), apart = 0;
    for (int d = 0; d < DOCUMENTS; d++) {
        struct batch one;
        support_batch_one(&one, &batch, d);
        struct model *alone = model_made(&shape, one.rows, RECOMPUTE_NONE, m);
        apart += support_step(alone, &one, 1);
        for (size_t i = 0; i < count; i++)
            sum[i] += ((const float *)model_gradients(alone).data)[i];
        model_destroy(alone);
        batch_destroy(&one);
    }
    assert_true(fabs(apart / loss - 1) < 1e-5);
    assert_true(support_distance(sum, model_gradients(m).data, count) < 1e-5);
    free(sum);
    model_destroy(m);
    batch_destroy(&batch);
}

/* Masks are those of rows of the run: another place in it is another mask; half a batch has half of
 * its mask; and a pass that takes losses alone drops nothing. */
static void test_masks_follow_the_rows(void **state)
{
    (void)state;
    struct batch batch, one;
    static const int two[] = {20, 20};
    struct sft_preset shape = shape_with(support_shape(false), "all", 4), plain = shape;
    shape.adapters.dropout = 0.5;
    support_batch_make(&batch, two, 2, shape.vocab);
    struct model *values = support_model(&shape, batch.rows);
    struct model *m = model_made(&shape, batch.rows, RECOMPUTE_NONE, values);
    struct model *without = model_made(&plain, batch.rows, RECOMPUTE_NONE, values);
    batch.first = 1000;
    double whole = support_step(m, &batch, 1);
    assert_true(support_step(m, &batch, 1) == whole);
    assert_true(support_loss(m, &batch) == support_loss(without, &batch));
    assert_true(support_loss(m, &batch) != whole);
    double apart = 0;
    for (int d = 0; d < 2; d++) {
        support_batch_one(&one, &batch, d);
        one.first = batch.first + (uint64_t)batch.start[d];
        struct model *alone = model_made(&shape, one.rows, RECOMPUTE_NONE, m);
        apart += support_step(alone, &one, 1);
        model_destroy(alone);
        batch_destroy(&one);
    }
    assert_true(fabs(apart / whole - 1) < 1e-5);
    batch.first = 1001;
    assert_true(support_step(m, &batch, 1) != whole);
    model_destroy(without);
    model_destroy(values);
    model_destroy(m);
    batch_destroy(&batch);
}

/* Frozen ones as without adapters, A uniform to 1/sqrt(in), B zero: so the first loss is the same.
 */
static void test_first_values(void **state)
{
    (void)state;
    struct batch batch;
    struct sft_preset plain = support_shape(false), shape = shape_with(plain, "all", 8);
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *base = support_model(&plain, batch.rows), *m = support_model(&shape, batch.rows);
    model_initialize(base, 3);
    model_initialize(m, 3);
    assert_true(support_loss(m, &batch) == support_loss(base, &batch));
    size_t count, others, at = 0;
    const struct model_tensor *t = model_tensors(m, &count), *b = model_tensors(base, &others);
    for (size_t i = 0; i < count; i++) {
        const float *w = support_values(m, &t[i]);
        size_t size = sft_param_elements(&t[i].param);
        double sum = 0, squares = 0, most = 0, bound = 1 / sqrt(t[i].param.columns);
        if (t[i].param.adapter == SFT_ADAPTER_NONE) {
            assert_string_equal(t[i].name, b[at].name);
            assert_memory_equal(w, support_values(base, &b[at++]), size * sizeof *w);
        }
        for (size_t j = 0; j < size; j++) {
            sum += (double)w[j];
            squares += (double)w[j] * (double)w[j];
            most = fmax(most, fabs((double)w[j]));
        }
        if (t[i].param.adapter == SFT_ADAPTER_B)
            assert_true(most == 0);
        if (t[i].param.adapter != SFT_ADAPTER_A)
            continue;
        assert_true(most <= bound && most > 0.95 * bound);
        assert_true(fabs(sum / (double)size) < 0.15 * bound);
        assert_true(fabs(squares / (double)size / (bound * bound / 3) - 1) < 0.2);
    }
    assert_int_equal(at, others);
    model_destroy(m);
    model_destroy(base);
    batch_destroy(&batch);
}

static void test_frozen_for_100_steps(void **state)
{
    (void)state;
    struct batch batch;
    struct sft_preset shape = shape_with(support_gpt2(), "all", 2);
    const struct optim_options options = {.lr = 1e-2,
                                          .total_steps = 0,
                                          .beta1 = 0.9,
                                          .beta2 = 0.95,
                                          .eps = 1e-8,
                                          .weight_decay = 0.1};
    shape.adapters.dropout = 0.1;
    support_batch_make(&batch, lengths, DOCUMENTS, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    struct optim *optim = optim_create(m, support_device(), &options, NULL);
    size_t bytes;
    void *base = model_base(m, &bytes), *before = malloc(bytes);
    assert_non_null(before);
    assert_non_null(optim);
    memcpy(before, base, bytes);
    double first = support_loss(m, &batch);
    for (int step = 0; step < 100; step++) {
        model_zero_gradients(m);
        batch.first += (uint64_t)batch.rows;
        support_step(m, &batch, 1.0f / (float)batch.rows);
        assert_int_equal(optim_step(optim, step, NULL, NULL), 0);
    }
    assert_memory_equal(base, before, bytes);
    assert_true(support_loss(m, &batch) < 0.9 * first);
    optim_destroy(optim);
    free(before);
    model_destroy(m);
    batch_destroy(&batch);
}

/* What frozen layers keep: no gradient, no master, and no input that only a gradient would read. */
static void test_memory(void **state)
{
    (void)state;
    enum { ROWS = 64 };
    struct sft_preset plain = support_shape(false);
    size_t full = model_plan(&plain, ROWS, RECOMPUTE_NONE, FORMAT_FP32, 1 << 20);
    size_t weights = (size_t)sft_params_count(&plain) * sizeof(float);
    struct sft_preset all = shape_with(plain, "all", 1), qv = shape_with(plain, "qv", 1);
    size_t with_all = model_plan(&all, ROWS, RECOMPUTE_NONE, FORMAT_FP32, 1 << 20);
    size_t with_qv = model_plan(&qv, ROWS, RECOMPUTE_NONE, FORMAT_FP32, 1 << 20);
    assert_true(with_all < full - weights / 2);
    /* the norm before the FFN, and what SwiGLU puts out, of all layers but one */
    size_t unread = (size_t)(plain.layers - 1) * ROWS * (size_t)(plain.hidden + plain.ffn) * 4;
    assert_true(with_qv < with_all - unread);
    struct model *m = support_model(&all, ROWS);
    size_t logits = support_device()->logits;
    assert_int_equal(model_bytes(m), model_plan(&all, ROWS, RECOMPUTE_NONE, FORMAT_FP32, logits));
    model_destroy(m);
}

int main(void)
{
    support_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_differences_with_dropout),
        cmocka_unit_test(test_recompute_is_the_same),
        cmocka_unit_test(test_packed_as_one_by_one),
        cmocka_unit_test(test_masks_follow_the_rows),
        cmocka_unit_test(test_first_values),
        cmocka_unit_test(test_frozen_for_100_steps),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
