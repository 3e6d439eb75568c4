/* SPDX-License-Identifier: Apache-2.0 */
/* The LSTM as a whole against torch.nn.LSTM with a linear layer on its last step: loss, gradients,
 * and short trainings by AdamW and SGD, by the file that tests/golden/make_lstm_model.py wrote. */
#include "tests/unit/model/model_support.h"

#include <math.h>

#include "tests/golden/golden.h"

static const double GRADIENT_ERROR = 1e-4, CURVE_ERROR = 2e-5;
enum { BATCHES = 3 };

struct scene {
    struct golden golden;
    struct sft_preset shape;
    int sequences;
    struct model_recipe recipe;
    struct model *model;
    struct batch batch;
};

/* A batch as data.c makes it of labels. */
static void batch_take(struct scene *s, int number, int first, int sequences)
{
    const struct golden_tensor *labels = golden_find(&s->golden, "batch.%d.labels", number);
    struct batch *b = &s->batch;
    int steps = s->shape.context;
    b->documents = sequences;
    b->trained = sequences;
    b->first = (uint64_t)(number * s->sequences + first) * (uint64_t)steps;
    for (int row = 0; row < sequences * steps; row++) {
        b->tokens[row] = 0;
        b->positions[row] = row % steps;
        b->targets[row] =
            row % steps == steps - 1 ? (int32_t)labels->data[first + row / steps] : -1;
    }
    for (int i = 0; i < sequences; i++) {
        b->start[i] = i * steps;
        b->length[i] = steps;
    }
}

static void model_make(struct scene *s, int sequences)
{
    struct sft_error err = {""};
    const struct model_storage all = {.weights = true, .gradients = true};
    int rows = sequences * s->shape.context;
    model_destroy(s->model);
    batch_destroy(&s->batch);
    s->model = model_create_stored(support_device(), &s->shape, rows, &s->recipe, all, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(golden_set_weights(&s->golden, support_device(), s->model), 0);
    assert_int_equal(batch_create(&s->batch, rows, &err), 0);
}

static void scene_open(struct scene *s, enum model_recompute recompute)
{
    char path[4096];
    const char *top = getenv("SFT_SRCDIR");
    *s = (struct scene){.model = NULL};
    snprintf(path, sizeof path, "%s/tests/golden/lstm.golden", top != NULL ? top : ".");
    assert_int_equal(golden_read(&s->golden, path), 0);
    const float *n = golden_find(&s->golden, "shape")->data;
    s->shape = (struct sft_preset){.name = "golden",
                                   .architecture = SFT_LSTM,
                                   .hidden = (int)n[0],
                                   .layers = (int)n[1],
                                   .features = (int)n[2],
                                   .classes = (int)n[3],
                                   .context = (int)n[4]};
    s->sequences = (int)n[5];
    s->recipe = (struct model_recipe){.recompute = recompute, .seed = (uint64_t)n[6]};
    model_make(s, s->sequences);
}

static void scene_close(struct scene *s)
{
    model_destroy(s->model);
    batch_destroy(&s->batch);
    golden_free(&s->golden);
}

static double gradient_error(struct scene *s, const struct model_tensor *tensor)
{
    const struct golden_tensor *right = golden_find(&s->golden, "gradient.%s", tensor->name);
    assert_non_null(right);
    assert_int_equal(right->rows, tensor->param.rows);
    assert_int_equal(right->columns, tensor->param.columns);
    const float *all = model_gradients(s->model).data;
    return support_distance(all + tensor->offset, right->data, sft_param_elements(&tensor->param));
}

static void gradients_are_torchs(struct scene *s)
{
    size_t count;
    const struct model_tensor *tensors = model_tensors(s->model, &count);
    assert_int_equal(count, 4 * s->shape.layers + 2);
    for (size_t i = 0; i < count; i++) {
        double error = gradient_error(s, &tensors[i]);
        if (!(error < GRADIENT_ERROR))
            fail_msg("gradient of %s: relative error %.2e", tensors[i].name, error);
    }
}

static void test_loss_and_gradients_are_torchs(void **state)
{
    (void)state;
    for (int recompute = RECOMPUTE_NONE; recompute <= RECOMPUTE_BLOCK; recompute++) {
        struct scene s;
        scene_open(&s, (enum model_recompute)recompute);
        double right = golden_find(&s.golden, "loss")->data[0];
        batch_take(&s, 0, 0, s.sequences);
        model_zero_gradients(s.model);
        assert_true(fabs(support_step(s.model, &s.batch, 1) / right - 1) < 1e-6);
        gradients_are_torchs(&s);
        assert_true(fabs(support_loss(s.model, &s.batch) / right - 1) < 1e-6);
        scene_close(&s);
    }
}

/* In two micro-batches the samples have the same features, and their gradients add up. */
static void test_micro_batches_are_the_same_samples(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, RECOMPUTE_NONE);
    double loss = 0, right = golden_find(&s.golden, "loss")->data[0];
    int half = s.sequences / 2;
    model_make(&s, half);
    model_zero_gradients(s.model);
    for (int first = 0; first < s.sequences; first += half) {
        batch_take(&s, 0, first, half);
        loss += support_step(s.model, &s.batch, 1);
    }
    assert_true(fabs(loss / right - 1) < 1e-6);
    gradients_are_torchs(&s);
    scene_close(&s);
}

static double train_step(struct scene *s, struct optim *optim, int step)
{
    struct sft_error err = {""};
    double norm = 0;
    batch_take(s, step % BATCHES, 0, s->sequences);
    model_zero_gradients(s->model);
    double loss = support_step(s->model, &s->batch, 1.0f / (float)s->sequences);
    assert_int_equal(optim_step(optim, step, &norm, &err), 0);
    assert_true(norm > 0);
    return loss / s->sequences;
}

struct change {
    float momentum, decay; /* in place of what is right, where not 0 */
};

/* The largest relative error of the training's losses. */
static double curve_error(const char *kind, struct change change)
{
    struct scene s;
    scene_open(&s, RECOMPUTE_NONE);
    const float *n = golden_find(&s.golden, "%s.optimizer", kind)->data;
    const struct golden_tensor *losses = golden_find(&s.golden, "%s.losses", kind);
    struct optim_options options = {.sgd = strcmp(kind, "sgd") == 0,
                                    .lr = n[0],
                                    .lr_warmup = (int)n[1],
                                    .total_steps = (int)n[2],
                                    .beta1 = change.momentum != 0 ? change.momentum : n[3],
                                    .beta2 = n[4],
                                    .eps = n[5],
                                    .weight_decay = change.decay != 0 ? change.decay : n[6],
                                    .clip = n[7]};
    struct optim *optim = optim_create(s.model, support_device(), &options, NULL);
    assert_non_null(optim);
    assert_int_equal(optim_bytes(optim),
                     optim_plan(model_parameters(s.model), FORMAT_FP32, FORMAT_FP32, options.sgd));
    double worst = 0;
    for (int step = 0; step < losses->columns; step++)
        worst = fmax(worst, fabs(train_step(&s, optim, step) / losses->data[step] - 1));
    optim_destroy(optim);
    scene_close(&s);
    return worst;
}

static void test_trainings_are_torchs(void **state)
{
    (void)state;
    static const char *const kinds[] = {"adamw", "sgd"};
    for (int i = 0; i < 2; i++) {
        double error = curve_error(kinds[i], (struct change){0, 0});
        if (!(error < CURVE_ERROR))
            fail_msg("losses with %s: relative error %.2e", kinds[i], error);
        assert_false(curve_error(kinds[i], (struct change){0.8f, 0}) < CURVE_ERROR);
        assert_false(curve_error(kinds[i], (struct change){0, 0.2f}) < CURVE_ERROR);
    }
}

static void assert_refused(struct scene *s, const char *why)
{
    struct sft_error err = {""};
    double loss;
    assert_int_equal(model_loss(s->model, &s->batch, &loss, &err), -1);
    assert_contains(err.text, why);
}

static void test_what_is_no_sample_is_refused(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct scene s;
    scene_open(&s, RECOMPUTE_NONE);
    batch_take(&s, 0, 0, s.sequences);
    s.batch.positions[5] = 0;
    assert_refused(&s, "row 5 is at position 0: golden takes whole sequences of 32 steps");
    batch_take(&s, 0, 0, s.sequences);
    s.batch.targets[31] = s.shape.classes;
    assert_refused(&s, "row 31 has token 0 and target 10, golden a vocabulary of 10 classes");
    assert_null(model_create(support_device(), &s.shape, 33, RECOMPUTE_NONE, &err));
    assert_contains(err.text, "33 rows is not of whole sequences of 32");
    s.shape.features = 0;
    assert_null(model_create(support_device(), &s.shape, 32, RECOMPUTE_NONE, &err));
    assert_string_equal(err.text, "golden: the shape is not consistent");
    scene_close(&s);
}

/* By hand: what a step and sequence are multiplied with. */
static void test_flops_are_those_of_the_products(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("lstm");
    double samples = 1024, steps = 32 * samples, h = 1000, gates = 4 * h;
    double in = gates * 224 * 4 + 7 * gates * h * 6, biases = 8 * 2 * gates * 6;
    double state_of = 8 * gates * h * 6, head = (h * 100 + 100) * 6;
    double flops = steps * (in + biases) + (steps - samples) * state_of + samples * head;
    assert_true(fabs(sft_params_flops(s, steps, 0) / flops - 1) < 1e-12);
    double forward = steps * (2 * gates * 224 + 7 * 2 * gates * h + biases / 3) +
                     (steps - samples) * state_of / 3 + samples * head / 3;
    assert_true(fabs(sft_params_flops_forward(s, steps, 0) / forward - 1) < 1e-12);
    assert_int_equal(sft_params_count(s), 61060100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_gradients_are_torchs),
        cmocka_unit_test(test_micro_batches_are_the_same_samples),
        cmocka_unit_test(test_trainings_are_torchs),
        cmocka_unit_test(test_what_is_no_sample_is_refused),
        cmocka_unit_test(test_flops_are_those_of_the_products),
    };
    return cmocka_run_group_tests_name("lstm as a model", tests, NULL, NULL);
}
