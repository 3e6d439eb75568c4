/* SPDX-License-Identifier: Apache-2.0 */
/* Our loss, gradients and training against Hugging Face's Llama and GPT-2 and torch's AdamW: the
 * files that tests/golden/make_reference.py wrote. SFT_GOLDEN_SHOW=1 in the environment prints the
 * errors. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/data/data.h"
#include "tests/golden/golden.h"

/* fp32 gives about 1e-6 and 1e-7; weight decay on norms too changes the curve by 2e-3. */
static const double GRADIENT_ERROR = 1e-4, CURVE_ERROR = 1e-5;
enum { BATCHES = 3 };

struct fixture {
    struct golden golden;
    struct batch batches[BATCHES];
    struct device *device;
    struct model *model;
};

static void show(const char *what, const char *name, double error)
{
    if (getenv("SFT_GOLDEN_SHOW") != NULL)
        print_message("%s %s: relative error %.2e\n", what, name, error);
}

static void setup(struct fixture *f, const char *file)
{
    struct sft_error err = {""};
    char path[4096];
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s", top != NULL ? top : ".", file);
    assert_int_equal(golden_read(&f->golden, path), 0);
    for (int i = 0; i < BATCHES; i++)
        assert_int_equal(golden_batch(&f->golden, i, &f->batches[i]), 0);
    struct sft_preset shape = golden_shape(&f->golden);
    f->device = device_create_cpu(&err);
    assert_non_null(f->device);
    f->model = model_create(f->device, &shape, f->batches[0].rows, RECOMPUTE_NONE, &err);
    assert_string_equal(err.text, "");
    assert_non_null(f->model);
    assert_int_equal(golden_set_weights(&f->golden, f->device, f->model), 0);
}

static void teardown(struct fixture *f)
{
    model_destroy(f->model);
    f->device->destroy(f->device);
    for (int i = 0; i < BATCHES; i++)
        batch_destroy(&f->batches[i]);
    golden_free(&f->golden);
}

/* Norm of the difference / norm of what is right. */
static double relative_error(const float *is, const float *right, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)is[i] - right[i]) * ((double)is[i] - right[i]);
        norm += (double)right[i] * right[i];
    }
    return norm > 0 ? sqrt(difference / norm) : INFINITY;
}

static double gradient_error(struct fixture *f, const struct model_tensor *tensor)
{
    const struct golden_tensor *right = golden_find(&f->golden, "gradient.%s", tensor->name);
    assert_non_null(right);
    assert_int_equal(right->rows, tensor->param.rows);
    assert_int_equal(right->columns, tensor->param.columns);
    size_t count = sft_param_elements(&tensor->param);
    float *is = malloc(count * sizeof *is);
    assert_non_null(is);
    device_read_floats(f->device, is, array_part(model_gradients(f->model), tensor->offset, count));
    double error = relative_error(is, right->data, count);
    free(is);
    return error;
}

static void add_gradients(struct fixture *f, double *loss)
{
    struct sft_error err = {""};
    float scale = 1.0f / (float)f->batches[0].trained;
    assert_int_equal(model_step(f->model, &f->batches[0], scale, loss, &err), 0);
    assert_int_equal(f->device->sync(f->device, &err), 0);
}

static void check_gradients(const char *file)
{
    struct fixture f;
    setup(&f, file);
    double loss = 0, right = golden_find(&f.golden, "loss_sum")->data[0];
    assert_int_equal(f.batches[0].trained, (long)golden_find(&f.golden, "trained")->data[0]);
    model_zero_gradients(f.model);
    add_gradients(&f, &loss);
    show(file, "loss", fabs(loss / right - 1));
    assert_true(fabs(loss / right - 1) < GRADIENT_ERROR);
    size_t count;
    const struct model_tensor *tensors = model_tensors(f.model, &count);
    for (size_t i = 0; i < count; i++) {
        double error = gradient_error(&f, &tensors[i]);
        show(file, tensors[i].name, error);
        if (!(error < GRADIENT_ERROR))
            fail_msg("gradient of %s: relative error %.2e", tensors[i].name, error);
    }
    teardown(&f);
}

static void test_gradients_untied(void **state)
{
    (void)state;
    check_gradients("untied.golden");
}

static void test_gradients_tied(void **state)
{
    (void)state;
    check_gradients("tied.golden");
}

static void test_gradients_gpt2(void **state)
{
    (void)state;
    check_gradients("gpt2.golden");
}

static double train_step(struct fixture *f, struct optim *optim, int step)
{
    struct sft_error err = {""};
    const struct batch *batch = &f->batches[step % BATCHES];
    double loss = 0, norm = 0;
    model_zero_gradients(f->model);
    assert_int_equal(model_step(f->model, batch, 1.0f / (float)batch->trained, &loss, &err), 0);
    assert_int_equal(optim_step(optim, step, &norm, &err), 0);
    assert_true(norm > 0);
    return loss / (double)batch->trained;
}

/* The largest relative error of the training's losses. */
static double curve_error(const char *file, const struct optim_options *changed)
{
    struct fixture f;
    setup(&f, file);
    struct optim_options options = golden_optimizer(&f.golden);
    if (changed != NULL)
        options = *changed;
    struct optim *optim = optim_create(f.model, f.device, &options, NULL);
    assert_non_null(optim);
    const struct golden_tensor *losses = golden_find(&f.golden, "losses");
    assert_int_equal(losses->columns, options.total_steps);
    double worst = 0;
    for (int step = 0; step < losses->columns; step++)
        worst = fmax(worst, fabs(train_step(&f, optim, step) / losses->data[step] - 1));
    optim_destroy(optim);
    teardown(&f);
    return worst;
}

static void check_curve(const char *file)
{
    double error = curve_error(file, NULL);
    show(file, "losses in training, the largest", error);
    assert_true(error < CURVE_ERROR);
}

static void test_training_untied(void **state)
{
    (void)state;
    check_curve("untied.golden");
}

static void test_training_tied(void **state)
{
    (void)state;
    check_curve("tied.golden");
}

static void test_training_gpt2(void **state)
{
    (void)state;
    check_curve("gpt2.golden");
}

/* A part in a hundred on one layer's matrix must be seen in the loss and in a gradient. */
static void test_sees_a_changed_weight(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, "untied.golden");
    const struct golden_tensor *weight = golden_find(&f.golden, "weight.layers.0.qkv");
    for (int i = 0; i < weight->rows * weight->columns; i++)
        weight->data[i] *= 1.01f;
    assert_int_equal(golden_set_weights(&f.golden, f.device, f.model), 0);
    double loss = 0, right = golden_find(&f.golden, "loss_sum")->data[0];
    model_zero_gradients(f.model);
    add_gradients(&f, &loss);
    assert_false(fabs(loss / right - 1) < GRADIENT_ERROR);
    assert_false(gradient_error(&f, &model_tensors(f.model, &(size_t){0})[0]) < GRADIENT_ERROR);
    teardown(&f);
}

/* A document's rows given to its neighbour (attention over the boundary) must be seen too. */
static void test_sees_a_lost_boundary(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, "untied.golden");
    struct batch *batch = &f.batches[0];
    batch->length[0] += batch->length[1];
    for (int i = 1; i + 1 < batch->documents; i++) {
        batch->start[i] = batch->start[i + 1];
        batch->length[i] = batch->length[i + 1];
    }
    batch->documents--;
    double loss = 0, right = golden_find(&f.golden, "loss_sum")->data[0];
    model_zero_gradients(f.model);
    add_gradients(&f, &loss);
    assert_false(fabs(loss / right - 1) < GRADIENT_ERROR);
    teardown(&f);
}

/* Gradients add up: two passes give twice the gradient, so the error is 1. */
static void test_gradients_accumulate(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, "tied.golden");
    double loss = 0;
    model_zero_gradients(f.model);
    add_gradients(&f, &loss);
    add_gradients(&f, &loss);
    size_t count;
    const struct model_tensor *tensors = model_tensors(f.model, &count);
    for (size_t i = 0; i < count; i++)
        assert_true(fabs(gradient_error(&f, &tensors[i]) - 1) < GRADIENT_ERROR);
    teardown(&f);
}

/* Each part of the optimizer moves the curve by more than what is allowed. */
static void test_sees_a_changed_optimizer(void **state)
{
    (void)state;
    struct golden golden;
    char path[4096];
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/untied.golden", top != NULL ? top : ".");
    assert_int_equal(golden_read(&golden, path), 0);
    const struct optim_options right = golden_optimizer(&golden);
    golden_free(&golden);
    struct optim_options no_decay = right, no_clip = right, no_warmup = right, beta2 = right;
    no_decay.weight_decay = 0;
    no_clip.clip = 0;
    no_warmup.lr_warmup = 0;
    beta2.beta2 = 0.99;
    const struct optim_options *changed[] = {&no_decay, &no_clip, &no_warmup, &beta2};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        double error = curve_error("untied.golden", changed[i]);
        show("changed optimizer", (const char *[]){"decay", "clip", "warm-up", "beta2"}[i], error);
        assert_false(error < CURVE_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_untied),
        cmocka_unit_test(test_gradients_tied),
        cmocka_unit_test(test_gradients_gpt2),
        cmocka_unit_test(test_training_untied),
        cmocka_unit_test(test_training_tied),
        cmocka_unit_test(test_training_gpt2),
        cmocka_unit_test(test_sees_a_changed_weight),
        cmocka_unit_test(test_sees_a_lost_boundary),
        cmocka_unit_test(test_sees_a_changed_optimizer),
        cmocka_unit_test(test_gradients_accumulate),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
