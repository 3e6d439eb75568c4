/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/params.h"
#include "lib/preset.h"
#include "lib/roofline.h"

/* Published counts: GPT-2 as its four checkpoints add up; 7B 13B 70B and 8B 70B as Hugging Face's
 * safetensors indexes add up. */
static void test_parameters_are_the_published_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t parameters;
    } published[] = {
        {"llama-1b", 1100048384},   {"llama-7b", 6738415616},          {"llama-13b", 13015864320},
        {"llama-70b", 68976648192}, {"llama3-8b", 8030261248},         {"llama3-70b", 70553706496},
        {"gpt2", 124439808},        {"gpt2-medium", 354823168},        {"gpt2-large", 774030080},
        {"gpt2-xl", 1557611200},    {"gpt2-smoke", 124439808 + 76900}, {"lstm", 61060100},
    };
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
        assert_int_equal(sft_params_count(sft_preset_find(published[i].name)),
                         published[i].parameters);
}

static void test_shapes_are_consistent(void **state)
{
    (void)state;
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++) {
        assert_int_equal(sft_params_check(p, NULL), 0);
        if (p->architecture == SFT_LSTM)
            continue;
        assert_int_equal(p->hidden, p->heads * p->head_dim);
        assert_int_equal(p->heads % p->kv_heads, 0);
        assert_int_equal(p->head_dim % 2, 0);
    }
}

static void test_tied_head_counts_once(void **state)
{
    (void)state;
    struct sft_preset tied = *sft_preset_find("tiny");
    uint64_t untied = sft_params_count(&tied), matmul = sft_params_multiplied(&tied);
    tied.tied_head = true;
    assert_int_equal(untied - sft_params_count(&tied), (uint64_t)tied.vocab * tied.hidden);
    assert_int_equal(sft_params_multiplied(&tied), matmul);
}

/* 7B at 4 x 4096 and 15,000 tok/s is 65% of 989.5 TFLOP/s by the published rule. */
static void test_flops_by_hand(void **state)
{
    (void)state;
    const struct sft_preset *p = sft_preset_find("llama-7b");
    double dense = 6.0 * (6738415616.0 - 32000.0 * 4096.0) * 4096;
    double attention = 6.0 * 32 * 4096 * 4096.0 * 4096.0;
    assert_true(sft_params_flops(p, 4096, 4096.0 * 4096.0) == dense + attention);
    double mfu = sft_params_flops(p, 4096, 4096.0 * 4096.0) / 4096 * 15000 / 989.5e12;
    assert_true(mfu > 0.645 && mfu < 0.655);
    /* two documents of half the length: half of the attention */
    assert_true(sft_params_flops(p, 4096, 2 * 2048.0 * 2048.0) == dense + attention / 2);
}

static void test_names_are_listed(void **state)
{
    (void)state;
    char text[256], cut[8];
    assert_string_equal(sft_preset_names(text, sizeof text),
                        "tiny, llama-1b, llama-7b, llama-13b, llama-70b, llama3-8b, llama3-70b, "
                        "gpt2, gpt2-medium, gpt2-large, gpt2-xl, gpt2-smoke, lstm, tiny-lstm");
    assert_int_equal(strlen(sft_preset_names(cut, sizeof cut)), 7);
    assert_null(sft_preset_find("llama-7"));
}

/* Each publisher's name is the preset's, in any case, and none is two presets'. */
static void test_hugging_faces_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"meta-llama/Llama-2-7b-hf", "llama-7b"},
        {"meta-llama/llama-2-7B-HF", "llama-7b"},
        {"meta-llama/Llama-2-7b-chat-hf", "llama-7b"},
        {"meta-llama/Llama-2-13b-hf", "llama-13b"},
        {"meta-llama/Llama-2-70b", "llama-70b"},
        {"meta-llama/Meta-Llama-3-8B", "llama3-8b"},
        {"meta-llama/Meta-Llama-3-70B-Instruct", "llama3-70b"},
        {"TinyLlama/TinyLlama-1.1B-Chat-v1.0", "llama-1b"},
        {"openai-community/gpt2", "gpt2"},
        {"openai-community/gpt2-xl", "gpt2-xl"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct sft_preset *preset = sft_preset_find(names[i][0]);
        assert_non_null(preset);
        assert_string_equal(preset->name, names[i][1]);
    }
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++) {
        const char *published = sft_preset_published(p);
        bool ours = p->test || p->classes > 0; /* nobody publishes weights of such */
        assert_true(ours || strstr(p->source, published) != NULL);
        assert_true((published[0] == '\0') == ours);
        if (published[0] != '\0')
            assert_ptr_equal(sft_preset_find(published), p);
    }
    assert_null(sft_preset_find("meta-llama/Llama-3.1-8B")); /* turns its positions otherwise */
    assert_null(sft_preset_find("Llama-2-7b-hf"));
}

static void test_roofline(void **state)
{
    (void)state;
    struct sft_error err = {""};
    assert_true(sft_roofline_find("NVIDIA H200")->bf16_tflops == 989.5);
    assert_true(sft_roofline_find("NVIDIA H200 NVL")->bf16_tflops == 835.5);
    assert_null(sft_roofline_find("Radeon"));
    assert_true(sft_roofline_fp32("NVIDIA H200", true) == 0.5);
    assert_true(sft_roofline_fp32("NVIDIA H200", false) * 989.5 > 66.9);
    assert_true(sft_roofline_fp32("NVIDIA A100-SXM4-80GB", false) * 312 < 19.6);
    assert_true(sft_roofline_fp32("Radeon", false) == 1);
    assert_int_equal(sft_roofline_check(989.0, 989.5, "x", &err), 0);
    assert_int_equal(sft_roofline_check(990.0, 989.5, "rank 3", &err), -1);
    assert_contains(err.text, "rank 3");
    assert_contains(err.text, "above the 989.5");
    assert_int_equal(sft_roofline_check(1e9, 0, "x", &err), 0);
    assert_int_equal(sft_roofline_check(-1, 0, "x", &err), -1);
    assert_int_equal(sft_roofline_check(0.0 / 0.0, 0, "x", &err), -1);
    double avx512 = sft_roofline_cpu_tflops(1, "fpu sse2 avx avx2 avx512f");
    assert_true(avx512 == 2 * sft_roofline_cpu_tflops(1, "sse2 avx avx2 fma"));
    assert_true(sft_roofline_cpu_tflops(8, "") == 8 * avx512);
    assert_true(sft_roofline_cpu_tflops(1, "sse2 myavx avx-like") < avx512 / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_are_the_published_counts),
        cmocka_unit_test(test_shapes_are_consistent),
        cmocka_unit_test(test_tied_head_counts_once),
        cmocka_unit_test(test_flops_by_hand),
        cmocka_unit_test(test_names_are_listed),
        cmocka_unit_test(test_hugging_faces_names),
        cmocka_unit_test(test_roofline),
    };
    return cmocka_run_group_tests_name("preset", tests, NULL, NULL);
}
