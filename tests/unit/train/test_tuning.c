/* SPDX-License-Identifier: Apache-2.0 */
/* A model that was trained as the device does, and is tuned from there on in FP8, by either
 * scaling, and as before: on records that it has not seen all are as good. */
#include "config.h"

#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/golden/tuning.h"

#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
void openblas_set_num_threads(int threads);
#endif

static struct tokenizer *tokenizer;
static struct device *device;

static struct tuning tuning_of(const struct sft_preset *shape)
{
    struct sft_error err = {""};
    const char *top = getenv("SFT_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/examples/instructions.json", top != NULL ? top : ".");
    tokenizer = tokenizer_open("bytes", &err);
    struct data *data = tokenizer == NULL ? NULL : data_open(path, tokenizer, 512, 1, 1, &err);
    device = data == NULL ? NULL : device_create_cpu(&err);
    if (device == NULL)
        fail_msg("%s", err.text);
    return (struct tuning){.shape = shape,
                           .device = device,
                           .data = data,
                           .seq = 512,
                           .micro = 1,
                           .accumulation = 2,
                           .held = 8,
                           .before = 60,
                           .steps = 25,
                           .lr = 3e-3,
                           .lr_after = 1e-3};
}

static void test_fp8_goes_on_as_well(void **state)
{
    unit_takes_long();
    enum { RECIPES = 3 };
    static const struct model_recipe recipes[RECIPES] = {
        {.scaling = SCALING_NONE},
        {.scaling = SCALING_TENSOR, .copies = MODEL_COPIES_BOTH},
        {.scaling = SCALING_ROW}};
    struct sft_preset shape = *sft_preset_find("tiny");
    struct sft_error err = {""};
    double first, losses[RECIPES];
    (void)state;
    shape.hidden = 64;
    shape.layers = 2;
    shape.head_dim = 16;
    shape.ffn = 160;
    struct tuning tuning = tuning_of(&shape);
    if (tuning_run(&tuning, recipes, RECIPES, &first, losses, &err) < 0)
        fail_msg("%s", err.text);
    print_message(
        "held out: %.5f, and then %.5f, by tensor %.5f (%+.3f%%), by row %.5f (%+.3f%%)\n", first,
        losses[0], losses[1], 100 * (losses[1] / losses[0] - 1), losses[2],
        100 * (losses[2] / losses[0] - 1));
    assert_true(first < 0.75 * log(shape.vocab)); /* it was trained */
    assert_true(losses[0] < 0.99 * first);        /* and gained by going on */
    for (int i = 1; i < RECIPES; i++) {
        assert_true(losses[i] != losses[0]);
        assert_true(losses[i] < 1.005 * losses[0]);
    }
    data_close(tuning.data);
    device->destroy(device);
    tokenizer_close(tokenizer);
}

/* More held out than there is. */
static void test_too_few_records(void **state)
{
    struct sft_error err = {""};
    double first;
    (void)state;
    struct tuning tuning = tuning_of(sft_preset_find("tiny"));
    tuning.held = 1000000;
    assert_int_equal(tuning_run(&tuning, NULL, 0, &first, NULL, &err), -1);
    assert_non_null(strstr(err.text, "too few"));
    data_close(tuning.data);
    device->destroy(device);
    tokenizer_close(tokenizer);
}

int main(void)
{
#ifdef HAVE_OPENBLAS_SET_NUM_THREADS
    openblas_set_num_threads(1); /* so small a model gains nothing, and waits on a busy machine */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fp8_goes_on_as_well),
        cmocka_unit_test(test_too_few_records),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
