/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters against PEFT's LoRA over Hugging Face's Llama and GPT-2: losses, gradients and 50 steps
 * of AdamW, in the files that tests/golden/make_lora.py wrote. */
#include "tests/unit/unit.h"

#include <math.h>

#include "tests/golden/golden.h"

static const double BOUND = 1e-4; /* relative; fp32 gives about 1e-6 */
enum { BATCHES = 3 };

struct fixture {
    struct golden golden;
    struct batch batches[BATCHES];
    struct sft_preset shape;
    struct device *device;
    struct model *model;
};

/* What CASES of the script have, in our words. */
static const char *const targets[][5] = {
    {"all", "attention", "qv", "k_proj+up_proj", "down_proj"},
    {"all", "attn.c_proj+mlp.c_proj"},
};

static void setup(struct fixture *f, const char *file)
{
    char path[4096];
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/%s", top != NULL ? top : ".", file);
    assert_int_equal(golden_read(&f->golden, path), 0);
    for (int i = 0; i < BATCHES; i++)
        assert_int_equal(golden_batch(&f->golden, i, &f->batches[i]), 0);
    f->shape = golden_shape(&f->golden);
    f->device = device_create_cpu(NULL);
    assert_non_null(f->device);
}

static void teardown(struct fixture *f)
{
    f->device->destroy(f->device);
    for (int i = 0; i < BATCHES; i++)
        batch_destroy(&f->batches[i]);
    golden_free(&f->golden);
}

static const struct golden_tensor *find_adapter(const struct fixture *f, int number,
                                                const char *what, const struct model_tensor *t)
{
    const struct golden_tensor *g = golden_find(&f->golden, "%d.%s.%s", number, what, t->name);
    if (g == NULL || g->rows != t->param.rows || g->columns != t->param.columns)
        fail_msg("case %d: %s is [%d,%d], not PEFT's", number, t->name, t->param.rows,
                 t->param.columns);
    return g;
}

static void case_make(struct fixture *f, int number, const char *words)
{
    struct sft_error err = {""};
    const float *setting = golden_find(&f->golden, "%d.setting", number)->data;
    f->shape.adapters = (struct sft_adapters){
        .rank = (int)setting[0], .alpha = (double)setting[1], .rank_stabilized = setting[2] != 0};
    if (sft_adapters_read(&f->shape, words, &f->shape.adapters.targets, &err) < 0)
        fail_msg("%s", err.text);
    f->model = model_create(f->device, &f->shape, f->batches[0].rows, RECOMPUTE_NONE, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(golden_set_weights(&f->golden, f->device, f->model), 0);
    size_t count, trained = 0, known = 0;
    const struct model_tensor *tensors = model_tensors(f->model, &count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tensors[i].param.trains, tensors[i].param.adapter != SFT_ADAPTER_NONE);
        if (!tensors[i].param.trains)
            continue;
        golden_write(f->device, f->model, &tensors[i],
                     find_adapter(f, number, "weight", &tensors[i])->data);
        trained++;
    }
    for (size_t i = 0; i < f->golden.count; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%d.gradient.", number);
        known += strncmp(f->golden.tensors[i].name, prefix, strlen(prefix)) == 0;
    }
    assert_int_equal(trained, known); /* PEFT has no others */
}

static double relative_error(const float *is, const float *right, size_t count)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)is[i] - (double)right[i]) * ((double)is[i] - (double)right[i]);
        norm += (double)right[i] * (double)right[i];
    }
    return norm > 0 ? sqrt(difference / norm) : INFINITY;
}

static void check_gradients(struct fixture *f, int number)
{
    struct sft_error err = {""};
    double loss = 0, right = (double)golden_find(&f->golden, "%d.loss_sum", number)->data[0];
    float scale = 1.0f / (float)f->batches[0].trained;
    size_t count;
    model_zero_gradients(f->model);
    assert_int_equal(model_step(f->model, &f->batches[0], scale, &loss, &err), 0);
    assert_true(fabs(loss / right - 1) < BOUND);
    const struct model_tensor *tensors = model_tensors(f->model, &count);
    for (size_t i = 0; i < count; i++) {
        if (!tensors[i].param.trains)
            continue;
        const float *is = (const float *)model_gradients(f->model).data + tensors[i].offset;
        const struct golden_tensor *want = find_adapter(f, number, "gradient", &tensors[i]);
        double error = relative_error(is, want->data, sft_param_elements(&tensors[i].param));
        if (!(error < BOUND))
            fail_msg("case %d: gradient of %s: relative error %.2e", number, tensors[i].name,
                     error);
    }
}

/* The largest relative error of the training's losses; with `base` frozen weights must stay. */
static double curve_error(struct fixture *f, int number)
{
    struct sft_error err = {""};
    struct optim_options options = golden_optimizer(&f->golden);
    struct optim *optim = optim_create(f->model, f->device, &options, &err);
    const struct golden_tensor *losses = golden_find(&f->golden, "%d.losses", number);
    double worst = 0, loss;
    size_t bytes;
    void *base = model_base(f->model, &bytes), *before = malloc(bytes);
    assert_non_null(optim);
    assert_non_null(before);
    memcpy(before, base, bytes);
    for (int step = 0; step < losses->columns; step++) {
        const struct batch *batch = &f->batches[step % BATCHES];
        model_zero_gradients(f->model);
        assert_int_equal(model_step(f->model, batch, 1.0f / (float)batch->trained, &loss, &err), 0);
        assert_int_equal(optim_step(optim, step, NULL, &err), 0);
        double error = fabs(loss / (double)batch->trained / (double)losses->data[step] - 1);
        worst = fmax(worst, error);
    }
    assert_memory_equal(base, before, bytes);
    free(before);
    optim_destroy(optim);
    return worst;
}

static void check_file(const char *file, const char *const *words)
{
    struct fixture f;
    setup(&f, file);
    int cases = (int)golden_find(&f.golden, "cases")->data[0];
    for (int i = 0; i < cases; i++) {
        case_make(&f, i, words[i]);
        check_gradients(&f, i);
        double error = curve_error(&f, i);
        if (!(error < BOUND))
            fail_msg("case %d: losses in training are off by %.2e", i, error);
        model_destroy(f.model);
    }
    teardown(&f);
}

static void test_llama(void **state)
{
    (void)state;
    check_file("lora.golden", targets[0]);
}

static void test_gpt2(void **state)
{
    (void)state;
    check_file("lora_gpt2.golden", targets[1]);
}

/* Another alpha, or alpha / rank in place of alpha / sqrt(rank), is seen. */
static void test_sees_another_scale(void **state)
{
    (void)state;
    struct fixture f;
    struct sft_error err = {""};
    setup(&f, "lora.golden");
    case_make(&f, 1, targets[0][1]);
    double right = (double)golden_find(&f.golden, "1.loss_sum")->data[0], loss;
    model_destroy(f.model);
    for (int i = 0; i < 2; i++) {
        f.shape.adapters.rank_stabilized = i == 1;
        f.shape.adapters.alpha = i == 1 ? 5.05 : 5;
        f.model = model_create(f.device, &f.shape, f.batches[0].rows, RECOMPUTE_NONE, &err);
        assert_int_equal(golden_set_weights(&f.golden, f.device, f.model), 0);
        size_t count;
        const struct model_tensor *tensors = model_tensors(f.model, &count);
        for (size_t t = 0; t < count; t++)
            if (tensors[t].param.trains)
                golden_write(f.device, f.model, &tensors[t],
                             find_adapter(&f, 1, "weight", &tensors[t])->data);
        assert_int_equal(model_loss(f.model, &f.batches[0], &loss, &err), 0);
        assert_false(fabs(loss / right - 1) < BOUND);
        model_destroy(f.model);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_sees_another_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
