/* SPDX-License-Identifier: Apache-2.0 */
/* Loss, every gradient and a training curve against Hugging Face's LlamaForCausalLM
 * (tests/golden/make_golden.py). */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/data.h"
#include "job/model.h"
#include "job/optim.h"

struct golden {
    char *text;
};

/* The numbers of a line, malloc'ed; *count of them. */
static double *golden_get(const struct golden *golden, const char *name, size_t *count)
{
    char key[96];
    snprintf(key, sizeof key, "\n%s ", name);
    char *line = strstr(golden->text, key);
    if (line == NULL)
        fail_msg("the golden file has no %s", name);
    line += strlen(key);
    *count = strtoul(line, &line, 10);
    double *values = calloc(*count + 1, sizeof *values);
    for (size_t i = 0; i < *count; i++)
        values[i] = strtod(line, &line);
    return values;
}

static struct golden golden_open(const char *name)
{
    char path[4096];
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", top == NULL ? "." : top, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s is missing", path);
    struct golden golden = { calloc(1, 1 << 20) };
    golden.text[0] = '\n';
    size_t length = fread(golden.text + 1, 1, (1 << 20) - 2, file);
    assert_true(length > 1000 && feof(file));
    fclose(file);
    return golden;
}

static struct sft_preset shape_of(const struct golden *golden)
{
    size_t count;
    double *n = golden_get(golden, "shape", &count);
    assert_int_equal(count, 8);
    struct sft_preset shape = { .name = "golden", .vocab = (int)n[0], .hidden = (int)n[1],
                                .layers = (int)n[2], .heads = (int)n[3], .kv_heads = (int)n[4],
                                .head_dim = (int)n[5], .ffn = (int)n[6], .rope_theta = 10000,
                                .norm_eps = 1e-5, .tied_head = n[7] != 0 };
    free(n);
    return shape;
}

static void integers(const struct golden *golden, int batch, const char *name, int32_t *to,
                     int *rows)
{
    char key[64];
    size_t count;
    snprintf(key, sizeof key, "batch%d.%s", batch, name);
    double *values = golden_get(golden, key, &count);
    for (size_t i = 0; i < count && to != NULL; i++)
        to[i] = (int32_t)values[i];
    *rows = (int)count;
    free(values);
}

static struct batch batch_of(const struct golden *golden, int number)
{
    struct batch batch;
    int rows, same;
    integers(golden, number, "tokens", NULL, &rows);
    assert_int_equal(batch_create(&batch, rows, NULL), 0);
    integers(golden, number, "tokens", batch.tokens, &same);
    integers(golden, number, "targets", batch.targets, &same);
    integers(golden, number, "positions", batch.positions, &same);
    integers(golden, number, "start", batch.start, &batch.documents);
    integers(golden, number, "length", batch.length, &same);
    for (int row = 0; row < rows; row++)
        batch.trained += batch.targets[row] >= 0;
    return batch;
}

struct fixture {
    struct golden golden;
    struct sft_preset shape;
    struct backend *backend;
    struct batch batch;
    struct model *model;
};

static struct fixture fixture_open(const char *name)
{
    struct sft_error err = { "" };
    struct fixture f = { .golden = golden_open(name) };
    f.shape = shape_of(&f.golden);
    f.batch = batch_of(&f.golden, 0);
    f.backend = backend_create_cpu(&err);
    f.model = model_create(f.backend, &f.shape, f.batch.rows, &err);
    if (f.model == NULL)
        fail_msg("%s", err.text);
    size_t tensors, count;
    const struct model_tensor *t = model_tensors(f.model, &tensors);
    for (size_t i = 0; i < tensors; i++) {
        char key[96];
        snprintf(key, sizeof key, "weight.%s", t[i].name);
        double *values = golden_get(&f.golden, key, &count);
        assert_int_equal(count, t[i].rows * t[i].columns);
        float *weights = (float *)model_weights(f.model) + t[i].offset;
        for (size_t k = 0; k < count; k++)
            weights[k] = (float)values[k];
        free(values);
    }
    return f;
}

static void fixture_close(struct fixture *f)
{
    model_destroy(f->model);
    f->backend->destroy(f->backend);
    batch_destroy(&f->batch);
    free(f->golden.text);
}

/* norm(a - b) / norm(b) */
static double difference(const float *a, const double *b, size_t count)
{
    double apart = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        apart += (a[i] - b[i]) * (a[i] - b[i]);
        all += b[i] * b[i];
    }
    return sqrt(apart / all);
}

static void check_loss_and_gradients(const char *name)
{
    struct fixture f = fixture_open(name);
    size_t count, tensors;
    double loss, *expected = golden_get(&f.golden, "loss_sum", &count);
    /* Gradients must be added to: begin with rubbish and take it away again. */
    float *gradients = model_gradients(f.model);
    for (size_t i = 0; i < model_parameters(f.model); i++)
        gradients[i] = 1;
    assert_int_equal(model_step(f.model, &f.batch, 1 / (float)f.batch.trained, &loss, NULL), 0);
    if (!(fabs(loss - expected[0]) < 1e-5 * expected[0]))
        fail_msg("%s: loss %.9g, Hugging Face %.9g", name, loss, expected[0]);
    free(expected);
    model_zero_gradients(f.model);
    assert_int_equal(model_step(f.model, &f.batch, 1 / (float)f.batch.trained, &loss, NULL), 0);
    const struct model_tensor *t = model_tensors(f.model, &tensors);
    double worst = 0;
    for (size_t i = 0; i < tensors; i++) {
        char key[96];
        snprintf(key, sizeof key, "gradient.%s", t[i].name);
        expected = golden_get(&f.golden, key, &count);
        double apart = difference(gradients + t[i].offset, expected, count);
        if (!(apart < 1e-4))
            fail_msg("%s: the gradient of %s differs by %g", name, t[i].name, apart);
        worst = apart > worst ? apart : worst;
        free(expected);
    }
    print_message("%s: worst gradient differs by %.2g\n", name, worst);
    fixture_close(&f);
}

static void test_untied_loss_and_gradients(void **state)
{
    (void)state;
    check_loss_and_gradients("untied");
}

static void test_tied_loss_and_gradients(void **state)
{
    (void)state;
    check_loss_and_gradients("tied");
}

static void check_training(const char *name)
{
    struct fixture f = fixture_open(name);
    size_t count;
    double *t = golden_get(&f.golden, "training", &count);
    struct optim_options options = { .lr = t[0], .lr_warmup = (int)t[1], .total_steps = (int)t[2],
                                     .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8,
                                     .weight_decay = t[3], .clip = t[4] };
    free(t);
    struct optim *optim = optim_create(f.model, f.backend, &options, NULL);
    double *curve = golden_get(&f.golden, "curve", &count);
    assert_int_equal(count, options.total_steps);
    for (int step = 0; step < options.total_steps; step++) {
        struct batch batch = batch_of(&f.golden, step % 3);
        double loss;
        model_zero_gradients(f.model);
        assert_int_equal(model_step(f.model, &batch, 1 / (float)batch.trained, &loss, NULL), 0);
        assert_int_equal(optim_step(optim, step, NULL, NULL), 0);
        loss /= (double)batch.trained;
        if (!(fabs(loss - curve[step]) < 1e-3 * curve[step]))
            fail_msg("%s: step %d has loss %.7g, Hugging Face %.7g", name, step, loss, curve[step]);
        batch_destroy(&batch);
    }
    /* Three batches are learnt by heart: a curve that does not fall would compare nothing. */
    assert_true(curve[count - 1] < 0.8 * curve[0]);
    free(curve);
    optim_destroy(optim);
    fixture_close(&f);
}

static void test_training_curve(void **state)
{
    (void)state;
    check_training("untied");
    check_training("tied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_untied_loss_and_gradients),
        cmocka_unit_test(test_tied_loss_and_gradients),
        cmocka_unit_test(test_training_curve),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
