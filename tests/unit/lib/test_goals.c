/* SPDX-License-Identifier: Apache-2.0 */
/* The file of goals: what a line means, what is refused, and what the hardware cannot do. */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/goals.h"
#include "lib/roofline.h"

static struct sft_goals goals;

static void parse(const char *text)
{
    struct sft_error err = {""};
    if (sft_goals_parse(&goals, text, strlen(text), "g", &err) < 0)
        fail_msg("%s", err.text);
}

static void test_lines(void **state)
{
    (void)state;
    parse("# comment\n\n by = Example, Inc. \r\n"
          "  model=llama-7b , gpus = 8,samples_s=1280,sample_tokens=128,workload=a b.json\n"
          "name=two, nodes=2, scaling=95\ngpu_util=90.5,model=llama-13b\n"
          "model=llama-70b,nodes=4,tok_s_gpu=1500,method=lora,precision=fp8");
    assert_string_equal(goals.by, "Example, Inc.");
    assert_int_equal(goals.count, 4);
    assert_string_equal(goals.goal[0].name, "llama-7b, 8 GPUs");
    assert_string_equal(goals.goal[0].workload, "a b.json");
    assert_int_equal(goals.goal[0].kind, SFT_GOAL_RATE);
    assert_true(sft_goal_value(&goals.goal[0]) == 1280);
    assert_true(sft_goal_tok_s_gpu(&goals.goal[0], 4) == 20480);
    assert_string_equal(goals.goal[1].name, "two");
    assert_int_equal(goals.goal[1].kind, SFT_GOAL_SCALING);
    assert_int_equal(goals.goal[1].line, 5);
    assert_true(isnan(sft_goal_tok_s_gpu(&goals.goal[1], 8)));
    assert_int_equal(goals.goal[2].kind, SFT_GOAL_USE);
    assert_true(sft_goal_value(&goals.goal[2]) == 90.5);
    assert_string_equal(goals.goal[3].name, "llama-70b, 4 nodes");
    assert_true(sft_goal_tok_s_gpu(&goals.goal[3], 8) == 1500);
    parse("scaling=95\ngpu_util=90");
    assert_string_equal(goals.goal[0].name, "scaling");
    assert_string_equal(goals.goal[1].name, "gpu_util");
}

/* One line each, that names file and line. */
static void test_mistakes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "g: no goal in it"},
        {"# x\n", "g: no goal in it"},
        {"scaling=95\nfaster", "g:2: 'faster' is not of the form key=value"},
        {"scaling=95,speed=1", "g:1: 'speed' is none of by, name, model, "},
        {"scaling=", "g:1: 'scaling' has no value"},
        {"scaling=9x", "g:1: 'scaling' is '9x', no number"},
        {"scaling=nan", "g:1: 'scaling' is 'nan'"},
        {"gpu_util=101", "g:1: 'gpu_util' is '101', not from 1e-06 to 100"},
        {"gpu_util=0", "g:1: 'gpu_util' is '0', not from"},
        {"scaling=95,scaling=90", "g:1: 'scaling' stands twice"},
        {"scaling=95,gpu_util=90", "g:1: needs only one of samples_s"},
        {"model=llama-7b,gpus=8", "g:1: needs one of samples_s"},
        {"model=llama-7b,gpus=8,samples_s=1280", "g:1: samples_s needs sample_tokens"},
        {"model=llama-7b,gpus=8,tok_s_gpu=1,sample_tokens=128", "g:1: sample_tokens goes with"},
        {"gpus=8,tok_s_gpu=1", "g:1: a throughput needs a model"},
        {"model=llama-7b,tok_s_gpu=1", "g:1: a throughput needs gpus or nodes"},
        {"model=llama-7b,tok_s_gpu=1,gpus=8,nodes=3", "g:1: 8 GPUs do not stand alike on 3 nodes"},
        {"model=llama-7c,gpus=8,tok_s_gpu=1", "g:1: 'model' is 'llama-7c', none of tiny"},
        {"scaling=95,method=LoRA", "g:1: 'method' is 'LoRA', none of full, lora, qlora"},
        {"scaling=95,precision=fp4", "g:1: 'precision' is 'fp4', none of fp32, bf16, fp8"},
        {"scaling=95,nodes=1", "g:1: scaling is against one node"},
        {"scaling=95,nodes=2.5", "g:1: 'nodes' is '2.5', no number"},
        {"by=a\nby=b\nscaling=95", "g:2: 'by' stands twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sft_error err = {""};
        if (sft_goals_parse(&goals, cases[i][0], strlen(cases[i][0]), "g", &err) == 0)
            fail_msg("'%s' was taken", cases[i][0]);
        assert_contains(err.text, cases[i][1]);
        assert_null(strchr(err.text, '\n'));
    }
    struct sft_error err = {""};
    assert_int_equal(sft_goals_parse(&goals, "scaling=9\0005", 11, "g", &err), -1);
    assert_contains(err.text, "g: no text");
}

/* The customer's table: in bf16 on an H200 82%, 80% and 107% of the peak. */
static void test_the_example(void **state)
{
    (void)state;
    struct sft_error err = {""};
    char path[4096];
    const char *root = getenv("SFT_SRCDIR");
    double peak = sft_roofline_find("NVIDIA H200")->bf16_tflops;
    snprintf(path, sizeof path, "%s/examples/goals.conf", root == NULL ? "." : root);
    if (sft_goals_load(&goals, path, &err) < 0)
        fail_msg("%s", err.text);
    static const double samples[] = {1280, 640, 160};
    static const double share[] = {82, 80, 107};
    assert_int_equal(goals.count, 8);
    for (int i = 0; i < 3; i++) {
        double needs = 100 * sft_goal_tflops(&goals.goal[i], 8) / peak;
        assert_true(goals.goal[i].samples_s == samples[i] && goals.goal[i].sample_tokens == 128);
        if (fabs(needs - share[i]) > 0.7)
            fail_msg("%s: %g%%", goals.goal[i].name, needs);
    }
    /* Both statements on scaling. */
    assert_true(goals.goal[3].nodes == 2 && goals.goal[3].scaling == 95);
    assert_true(goals.goal[5].nodes == 8 && goals.goal[5].scaling == 80);
    assert_true(goals.goal[6].nodes < 0 && goals.goal[6].scaling == 95);
    assert_true(goals.goal[7].gpu_util == 90);
    assert_int_equal(sft_goals_load(&goals, "/nowhere/goals", &err), -1);
    assert_contains(err.text, "/nowhere/goals");
}

/* Frozen weights need no gradient: 4 in place of 6 FLOPs, attention as it was. */
static void test_lora_needs_less(void **state)
{
    (void)state;
    parse("model=llama-70b,gpus=8,samples_s=160,sample_tokens=128\n"
          "model=llama-70b,gpus=8,samples_s=160,sample_tokens=128,method=lora");
    double part = sft_goal_tflops(&goals.goal[1], 8) / sft_goal_tflops(&goals.goal[0], 8);
    assert_true(part > 2.0 / 3 && part < 0.68);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_the_example),
        cmocka_unit_test(test_lora_needs_less),
    };
    return cmocka_run_group_tests_name("goals", tests, NULL, NULL);
}
