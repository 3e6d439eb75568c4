/* SPDX-License-Identifier: Apache-2.0 */
/* 200 steps on the example instructions fall as Hugging Face's Llama falls under torch's AdamW on
 * the same batches (tests/golden/compare_training.py). */
#include "tests/unit/unit.h"

#include <math.h>

#include "tests/golden/golden.h"
#include "tests/golden/training.h"

/* The drop alone sees little: a learning rate 1% off moves it by 0.05%, but a step by 3e-3; without
 * weight decay a step moves by 8e-4. fp32 gives 3e-7. */
static const double DROP_ERROR = 0.02, STEP_ERROR = 1e-4;

static char *top_path(char *path, size_t size, const char *name)
{
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, size, "%s/%s", top != NULL ? top : ".", name);
    return path;
}

static void train(double *losses, const struct golden_tensor *trained, int seq, int sequences)
{
    struct sft_error err = {""};
    struct training training;
    char path[4096];
    top_path(path, sizeof path, "examples/instructions.json");
    if (training_open(&training, path, seq, sequences, &err) < 0)
        fail_msg("%s", err.text);
    for (int step = 0; step < TRAINING_STEPS; step++) {
        if (training_step(&training, step, &losses[step], &err) < 0)
            fail_msg("%s", err.text);
        if (training.batch.trained != (long)trained->data[step])
            fail_msg("step %d trains %ld tokens, Hugging Face's had %.0f: data or packing changed; "
                     "make tests/golden/training.golden again as compare_training.py says",
                     step, training.batch.trained, (double)trained->data[step]);
    }
    training_close(&training);
}

static void test_falls_as_hugging_face(void **state)
{
    (void)state;
    unit_takes_long();
    struct golden golden;
    double losses[TRAINING_STEPS], theirs[TRAINING_STEPS], worst = 0;
    char path[4096];
    top_path(path, sizeof path, "tests/golden/training.golden");
    assert_int_equal(golden_read(&golden, path), 0);
    const struct golden_tensor *right = golden_find(&golden, "losses");
    assert_int_equal(right->columns, TRAINING_STEPS);
    train(losses, golden_find(&golden, "trained"), (int)golden_find(&golden, "seq")->data[0],
          (int)golden_find(&golden, "sequences")->data[0]);
    for (int i = 0; i < TRAINING_STEPS; i++) {
        theirs[i] = right->data[i];
        worst = fmax(worst, fabs(losses[i] / theirs[i] - 1));
    }
    double drop = training_drop(losses), expected = training_drop(theirs);
    print_message("loss drop %.4f, Hugging Face %.4f; a step is at most %.1e apart\n", drop,
                  expected, worst);
    assert_true(expected > 1); /* a curve that does not fall would compare nothing */
    assert_true(fabs(drop / expected - 1) < DROP_ERROR);
    assert_true(worst < STEP_ERROR);
    golden_free(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_falls_as_hugging_face)};
    return cmocka_run_group_tests_name("training", tests, NULL, NULL);
}
