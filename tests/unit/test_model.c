/* SPDX-License-Identifier: Apache-2.0 */
/* The model's tensors, layout, first values and refusals. */
#include "tests/unit/model_support.h"

#include <math.h>

#include "job/model_layout.h"

static void test_tensors_fill_the_arrays(void **state)
{
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        struct sft_preset shape = support_shape(tied);
        struct model *m = support_model(&shape, 8);
        size_t count, end = 0;
        const struct model_tensor *t = model_tensors(m, &count);
        for (size_t i = 0; i < count; end += (size_t)t[i].rows * (size_t)t[i].columns, i++) {
            assert_int_equal(t[i].offset, end);
            assert_int_equal(t[i].decays, strstr(t[i].name, "norm") == NULL);
        }
        assert_int_equal(end, model_parameters(m));
        assert_int_equal(end, sft_preset_parameters(&shape));
        assert_string_equal(t[0].name, "embed");
        assert_string_equal(t[8].name, "layers.1.qkv");
        assert_string_equal(t[count - 1].name, tied ? "norm" : "head");
        support_model_free(m);
    }
}

/* Every offset of the layout, in order, at 256; what is between two must hold what stands there. */
static void test_layout(void **state)
{
    (void)state;
    struct model_layout l;
    struct sft_preset s = support_shape(false);
    size_t rows = 1001, act = 2;
    assert_int_equal(model_layout_make(&l, &s, (int)rows, act, NULL), 0);
    size_t qkv = (size_t)(s.heads + 2 * s.kv_heads) * (size_t)s.head_dim;
    size_t hidden = (size_t)s.hidden * act * rows, ffn = (size_t)s.ffn * act * rows;
    const struct model_layout_layer *f = &l.first;
    size_t after = f->input + (size_t)s.layers * l.layer_bytes;
    const struct {
        size_t at, bytes, next;
    } parts[] = {
        {l.weights, l.parameters * act, l.gradients},
        {l.gradients, l.parameters * act, l.tokens},
        {l.tokens, rows * 4, l.targets},
        {l.targets, rows * 4, l.positions},
        {l.positions, rows * 4, f->input},
        {f->input, hidden, f->attention_rstd},
        {f->attention_rstd, rows * 4, f->attention_norm},
        {f->attention_norm, hidden, f->qkv},
        {f->qkv, rows * qkv * act, f->attention},
        {f->attention, hidden, f->lse},
        {f->lse, rows * (size_t)s.heads * 4, f->middle},
        {f->middle, hidden, f->ffn_rstd},
        {f->ffn_rstd, rows * 4, f->ffn_norm},
        {f->ffn_norm, hidden, f->gate_up},
        {f->gate_up, 2 * ffn, f->swiglu},
        {f->swiglu, ffn, f->input + l.layer_bytes},
        {after, 0, l.last},
        {l.last, hidden, l.final_rstd},
        {l.final_rstd, rows * 4, l.final_norm},
        {l.final_norm, hidden, l.losses},
        {l.losses, rows * 4, l.logits},
        {l.logits, (size_t)l.chunk * (size_t)s.vocab * act, l.dstream},
        {l.dstream, hidden, l.delta},
        {l.delta, hidden, l.narrow},
        {l.narrow, ffn > hidden ? ffn : hidden, l.wide},
        {l.wide, 2 * ffn > rows * qkv * act ? 2 * ffn : rows * qkv * act, l.bytes},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_int_equal(parts[i].at % 256, 0);
        assert_in_range(parts[i].next - parts[i].at, parts[i].bytes, parts[i].bytes + 255);
    }
    assert_int_equal(l.tokens + model_layout_activations(&l, act), l.bytes);
}

static void test_chunks(void **state)
{
    (void)state;
    struct model_layout l;
    struct sft_preset s = support_shape(false);
    assert_int_equal(model_layout_make(&l, &s, 5, 4, NULL), 0);
    assert_int_equal(l.chunk, 5);
    s.vocab = 32000;
    assert_int_equal(model_layout_make(&l, &s, 5000, 4, NULL), 0);
    assert_int_equal(l.chunk, (16 << 20) / 32000);
    s.vocab = 1000000;
    assert_int_equal(model_layout_make(&l, &s, 5000, 4, NULL), 0);
    assert_int_equal(l.chunk, 128);
}

static double step_loss(struct model *m, const struct batch *batch)
{
    double loss = NAN;
    assert_int_equal(model_step(m, batch, 0.5f, &loss, NULL), 0);
    return loss;
}

/* A vocabulary so large that the loss comes in several chunks: the same as of its documents one by
 * one, which need one chunk each. */
static void test_several_chunks(void **state)
{
    (void)state;
    struct sft_preset shape = support_shape(true);
    const int lengths[] = {120, 100, 90};
    struct batch batch, one;
    double sum = 0;
    shape.vocab = 140000;
    shape.layers = 1;
    support_batch_make(&batch, lengths, 3, shape.vocab);
    struct model *m = support_model(&shape, batch.rows);
    size_t count = model_parameters(m);
    double together = step_loss(m, &batch);
    float *gradients = malloc(count * sizeof *gradients);
    assert_non_null(gradients);
    memcpy(gradients, model_gradients(m), count * sizeof *gradients);
    model_zero_gradients(m);
    for (int d = 0; d < 3; d++) {
        support_batch_one(&one, &batch, d);
        sum += step_loss(m, &one);
        support_batch_free(&one);
    }
    assert_true(fabs(together - sum) < 1e-5 * sum);
    assert_true(support_distance(gradients, model_gradients(m), count) < 1e-5);
    free(gradients);
    support_batch_free(&batch);
    support_model_free(m);
}

static void moments(const float *x, size_t count, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    *mean = sum / (double)count;
    *deviation = sqrt(squares / (double)count - *mean * *mean);
}

static void test_initialize(void **state)
{
    (void)state;
    const struct sft_preset *shape = sft_preset_find("tiny");
    struct model *a = support_model(shape, 4), *b = support_model(shape, 8);
    size_t count, all = model_parameters(a);
    const struct model_tensor *t = model_tensors(a, &count);
    const float *w = model_weights(a), *same = model_weights(b);
    model_initialize(a, 11);
    model_initialize(b, 11);
    assert_memory_equal(w, same, all * sizeof *w);
    model_initialize(b, 12);
    assert_memory_not_equal(w, same, all * sizeof *w);
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t)t[i].rows * (size_t)t[i].columns;
        double mean, deviation, root = sqrt((double)size);
        moments(w + t[i].offset, size, &mean, &deviation);
        if (t[i].rows == 1) {
            assert_true(mean == 1 && deviation == 0);
            continue;
        }
        assert_true(fabs(mean) < 5 * 0.02 / root); /* five standard deviations of the estimates */
        assert_true(fabs(deviation - 0.02) < 5 * 0.02 / (root * sqrt(2)));
        assert_true(i == 0 || memcmp(w, w + t[i].offset, 64) != 0);
    }
    support_model_free(a);
    support_model_free(b);
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
    batch.rows++;
    refused(m, &batch, "made for up to");
    batch.rows--;
    assert_true(step_loss(m, &batch) > 0);
    support_batch_free(&batch);
    support_model_free(m);
}

static void shape_refused(struct backend *b, struct sft_preset shape, int rows, const char *why)
{
    struct sft_error err = {""};
    assert_null(model_create(b, &shape, rows, &err));
    assert_contains(err.text, why);
}

static void test_bad_shapes(void **state)
{
    (void)state;
    struct backend *b = backend_create_cpu(NULL);
    struct sft_preset s = support_shape(false);
    s.hidden++;
    shape_refused(b, s, 4, "hidden 25");
    s = support_shape(false);
    s.kv_heads = 3;
    shape_refused(b, s, 4, "4 heads cannot share 3");
    s = support_shape(false);
    s.ffn = 0;
    shape_refused(b, s, 4, "positive");
    s = support_shape(false);
    s.head_dim = 3;
    s.hidden = 12;
    shape_refused(b, s, 4, "even head_dim");
    shape_refused(b, support_shape(false), 0, "0 rows");
    s = *sft_preset_find("llama-70b");
    s.layers = 1000000;
    shape_refused(b, s, 1 << 20, "no memory");
    model_destroy(NULL);
    b->destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors_fill_the_arrays),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_several_chunks),
        cmocka_unit_test(test_initialize),
        cmocka_unit_test(test_bad_batches),
        cmocka_unit_test(test_bad_shapes),
    };
    support_seed();
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
