/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: what publishers have in theirs, and what is refused. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "job/weights/config.h"
#include "lib/params.h"

#define LLAMA2                                                                                     \
    "\"architectures\":[\"LlamaForCausalLM\"],\"hidden_act\":\"silu\",\"hidden_size\":4096,"       \
    "\"initializer_range\":0.02,\"intermediate_size\":11008,\"max_position_embeddings\":4096,"     \
    "\"model_type\":\"llama\",\"num_attention_heads\":32,\"num_hidden_layers\":32,"                \
    "\"num_key_value_heads\":32,\"pretraining_tp\":1,\"rms_norm_eps\":1e-05,"                      \
    "\"tie_word_embeddings\":false,\"torch_dtype\":\"float16\",\"vocab_size\":32000"
#define LLAMA31                                                                                    \
    "\"attention_bias\":false,\"hidden_act\":\"silu\",\"hidden_size\":4096,"                       \
    "\"intermediate_size\":14336,\"max_position_embeddings\":131072,\"mlp_bias\":false,"           \
    "\"model_type\":\"llama\",\"num_attention_heads\":32,\"num_hidden_layers\":32,"                \
    "\"num_key_value_heads\":8,\"rms_norm_eps\":1e-05,\"vocab_size\":128256"
#define SCALING                                                                                    \
    "\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"                             \
    "\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\""
#define GPT2                                                                                       \
    "\"activation_function\":\"gelu_new\",\"layer_norm_epsilon\":1e-05,\"model_type\":\"gpt2\","   \
    "\"n_ctx\":1024,\"n_embd\":768,\"n_head\":12,\"n_layer\":12,\"n_positions\":1024,"             \
    "\"vocab_size\":50257"

static struct sft_preset parsed(const char *text)
{
    struct sft_preset shape;
    struct sft_error err = {""};
    if (config_parse(&shape, text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
    return shape;
}

static void expect_alike(const char *text, const char *preset)
{
    struct sft_preset shape = parsed(text);
    char one[SFT_PRESET_SHAPE], other[SFT_PRESET_SHAPE];
    assert_string_equal(sft_preset_shape(&shape, one),
                        sft_preset_shape(sft_preset_find(preset), other));
    assert_true(sft_preset_alike(&shape, sft_preset_find(preset)));
}

static void test_presets(void **state)
{
    (void)state;
    expect_alike("{" LLAMA2 "}", "llama-7b");
    expect_alike("{" LLAMA2 ",\"rope_scaling\":null,\"rope_theta\":10000.0}", "llama-7b");
    expect_alike("{" LLAMA2
                 ",\"rope_parameters\":{\"rope_theta\":10000.0,\"rope_type\":\"default\"}}",
                 "llama-7b");
    expect_alike("{" LLAMA31 ",\"rope_theta\":500000.0}", "llama3-8b");
    expect_alike("{" GPT2 "}", "gpt2");
    expect_alike("{" GPT2 ",\"n_inner\":3072,\"tie_word_embeddings\":true}", "gpt2");
}

/* transformers 5, 4, and its first releases with scaling. */
static void test_rope(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{" LLAMA31 ",\"rope_parameters\":{" SCALING ",\"rope_theta\":500000.0}}",
        "{" LLAMA31 ",\"rope_scaling\":{" SCALING "},\"rope_theta\":500000.0}",
        "{" LLAMA31 ",\"rope_theta\":500000,\"rope_scaling\":{\"factor\":8,\"low_freq_factor\":1,"
        "\"high_freq_factor\":4,\"original_max_position_embeddings\":8192,\"type\":\"llama3\"}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sft_preset s = parsed(texts[i]);
        assert_true(s.rope_theta == 500000 && s.rope_scaling.factor == 8);
        assert_true(s.rope_scaling.low == 1 && s.rope_scaling.high == 4);
        assert_int_equal(s.rope_scaling.positions, 8192);
        assert_false(sft_preset_alike(&s, sft_preset_find("llama3-8b")));
    }
}

/* Llama 3.2 1B: 1,235,814,400 parameters, as its card has them. */
static void test_small(void **state)
{
    (void)state;
    struct sft_preset s =
        parsed("{\"model_type\":\"llama\",\"head_dim\":64,\"hidden_act\":\"silu\","
               "\"hidden_size\":2048,\"intermediate_size\":8192,\"max_position_embeddings\":131072,"
               "\"num_attention_heads\":32,\"num_hidden_layers\":16,\"num_key_value_heads\":8,"
               "\"rms_norm_eps\":1e-05,\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,"
               "\"low_freq_factor\":1.0,\"original_max_position_embeddings\":8192,"
               "\"rope_type\":\"llama3\"},\"rope_theta\":500000.0,\"tie_word_embeddings\":true,"
               "\"vocab_size\":128256}");
    assert_true(s.tied_head);
    assert_int_equal(sft_params_count(&s), 1235814400);
}

static const struct {
    const char *text, *why;
} wrong[] = {
    {"", "is no JSON"},
    {"[1]", "no model_type"},
    {"{\"model_type\":\"qwen2\"}", "model_type is qwen2: known are llama and gpt2"},
    {"{\"model_type\":\"llama\"}", "vocab_size is missing"},
    {"{" LLAMA2 ",\"quantization_config\":{\"quant_method\":\"gptq\"}}", "quantization_config"},
    {"{" LLAMA2 ",\"attention_bias\":true}", "attention_bias must be false"},
    {"{" LLAMA2 ",\"attention_bias\":0}", "attention_bias must be false"},
    {"{" LLAMA2 ",\"head_dim\":127}", "do not go together"},
    {"{" LLAMA2 ",\"head_dim\":0}", "head_dim is no whole number from 2 to 1024"},
    {"{" LLAMA2 ",\"head_dim\":64.5}", "head_dim is no whole number"},
    {"{" LLAMA2 ",\"head_dim\":\"64\"}", "head_dim is no whole number"},
    {"{" LLAMA2 ",\"vocab_size\":32000}", "duplicate"},
    {"{" LLAMA2 ",\"rope_theta\":-1}", "rope_theta is no number above 0"},
    {"{" LLAMA2 ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", "of type linear"},
    {"{" LLAMA2 ",\"rope_scaling\":{\"factor\":2}}", "of type none"},
    {"{" LLAMA2 ",\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8}}",
     "low_freq_factor is missing"},
    {"{" LLAMA2 ",\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
     "\"high_freq_factor\":4,\"original_max_position_embeddings\":8192}}",
     "not below the high one"},
    {"{" GPT2 ",\"scale_attn_by_inverse_layer_idx\":true}", "must be false"},
    {"{" GPT2 ",\"tie_word_embeddings\":false}", "tie_word_embeddings must be true"},
    {"{" GPT2 ",\"n_inner\":99999999}", "n_inner is no whole number from 1 to 1048576"},
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sft_preset shape;
        struct sft_error err = {""};
        if (config_parse(&shape, wrong[i].text, strlen(wrong[i].text), &err) == 0)
            fail_msg("taken, and not refused for: %s", wrong[i].why);
        assert_contains(err.text, wrong[i].why);
    }
}

static void test_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sft-test-config.XXXXXX";
    struct sft_preset shape;
    struct sft_error err = {""};
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "{" GPT2 "}", sizeof "{" GPT2 "}" - 1), sizeof "{" GPT2 "}" - 1);
    close(file);
    assert_int_equal(config_read(&shape, path, &err), 0);
    assert_int_equal(shape.layers, 12);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(config_read(&shape, path, &err), -1);
    assert_contains(err.text, path);
    unlink(path);
    assert_int_equal(config_read(&shape, path, &err), -1);
    assert_contains(err.text, "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets), cmocka_unit_test(test_rope), cmocka_unit_test(test_small),
        cmocka_unit_test(test_wrong),   cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
