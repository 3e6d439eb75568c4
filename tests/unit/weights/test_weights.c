/* SPDX-License-Identifier: Apache-2.0 */
/* A model's folder: found by its name or Hugging Face's, and refused with one line where its files
 * are not the model that config.json tells of. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/weights/weights.h"

static char folder[] = "/tmp/sft-test-weights.XXXXXX";

static const char *models(void)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/tests/golden/models", getenv("SFT_SRCDIR"));
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unit_shell("rm -rf %s", folder);
    return 0;
}

static struct weights *opened(const char *where)
{
    struct sft_error err = {""};
    struct weights *w = weights_open(where, &err);
    if (w == NULL)
        fail_msg("%s", err.text);
    return w;
}

static void expect_refused(const char *where, const char *why)
{
    struct sft_error err = {""};
    if (weights_open(where, &err) != NULL)
        fail_msg("opened, and not refused for: %s", why);
    assert_contains(err.text, why);
    assert_null(strchr(err.text, '\n'));
}

/* A copy of a model, changed by a command in its folder; refused. */
static void expect_changed(const char *model, const char *command, const char *why)
{
    char where[128];
    snprintf(where, sizeof where, "%s/changed", folder);
    unit_shell("rm -rf %s && cp -r %s/%s %s && cd %s && %s", where, models(), model, where, where,
               command);
    expect_refused(where, why);
}

static void test_folder(void **state)
{
    (void)state;
    char where[512];
    uint64_t sums[3];
    static const char *const names[] = {"llama2", "llama31", "gpt2"};
    for (int i = 0; i < 3; i++) {
        snprintf(where, sizeof where, "%s/%s", models(), names[i]);
        struct weights *w = opened(where);
        assert_string_equal(weights_name(w), names[i]);
        assert_string_equal(weights_shape(w)->name, names[i]);
        assert_string_equal(weights_folder(w), where);
        assert_int_equal(weights_sum(w, &sums[i], NULL), 0);
        weights_close(w);
    }
    assert_true(sums[0] != sums[1] && sums[1] != sums[2] && sums[0] != sums[2]);
    /* The same header and another number: another sum. */
    snprintf(where, sizeof where, "%s/changed", folder);
    unit_shell("rm -rf %s && cp -r %s/gpt2 %s && printf x | dd of=%s/model.safetensors bs=1 "
               "seek=3300 conv=notrunc status=none",
               where, models(), where, where);
    struct weights *w = opened(where);
    assert_int_equal(weights_sum(w, &sums[0], NULL), 0);
    assert_true(sums[0] != sums[2]);
    weights_close(w);
}

static void test_hub(void **state)
{
    (void)state;
    unit_shell("cd %s && mkdir -p hub/models--us--small/refs hub/models--us--small/snapshots && "
               "printf abc123 >hub/models--us--small/refs/main && "
               "cp -r %s/llama31 hub/models--us--small/snapshots/abc123",
               folder, models());
    setenv("HF_HOME", folder, 1);
    unsetenv("HF_HUB_CACHE");
    unsetenv("HUGGINGFACE_HUB_CACHE");
    static const char *const names[] = {"us/small", "us/small@main", "us/small@abc123"};
    for (int i = 0; i < 3; i++) {
        struct weights *w = opened(names[i]);
        assert_string_equal(weights_name(w), "us/small");
        assert_string_equal(weights_shape(w)->name, "small");
        weights_close(w);
    }
    expect_refused("us/small@v2", "no model of that name in revision v2 is in /tmp/");
    expect_refused("us/large", "load it with `hf download us/large` (a gated model");
    expect_refused("meta-llama/Llama-2-7b-hf", "it is gated, so ask for access on its page and "
                                               "give your token to `hf auth login`");
    expect_refused("llama3-8b", "`hf download meta-llama/Meta-Llama-3-8B`");
    expect_refused("us/small@../../x", "neither a folder that is there nor a model's name");
    expect_refused("tiny", "neither a folder");
    expect_refused("./us/small", "there is no such folder");
    expect_refused("/nowhere", "weights=/nowhere: there is no such folder");
    expect_refused("/dev/null", "is no folder");
    unit_shell("rm %s/hub/models--us--small/snapshots/abc123/model-00002*", folder);
    expect_refused("us/small", "model-00002-of-00003.safetensors is missing, which the index "
                               "names; load it with `hf download us/small`");
    unit_shell("rm -r %s/hub/models--us--small/snapshots/abc123/*", folder);
    expect_refused("us/small", "config.json: cannot read the weights: No such file");
}

static void test_changed(void **state)
{
    (void)state;
    expect_changed("gpt2", "rm model.safetensors", "has neither model.safetensors nor model.safe");
    expect_changed("gpt2", "mv model.safetensors pytorch_model.bin", "as pickle alone");
    expect_changed("gpt2", "sed -i 's/\"n_layer\": 2/\"n_layer\": 3/' config.json",
                   "tensor transformer.h.2.ln_1.weight is missing");
    expect_changed("gpt2", "sed -i 's/\"n_layer\": 2/\"n_layer\": 1/' config.json",
                   "tensor transformer.h.1.attn.c_attn.bias is no parameter of the model");
    expect_changed("gpt2", "sed -i 's/\"vocab_size\": 320/\"vocab_size\": 321/' config.json",
                   "tensor transformer.wte.weight is [320,32]; by config.json it is [321,32]");
    expect_changed("gpt2", "sed -i 's/\"n_inner\": null/\"n_inner\": 64/' config.json",
                   "mlp.c_fc.weight is [32,128]; by config.json it is [32,64]");
    expect_changed("gpt2", "truncate -s 100000 model.safetensors", "cut short");
    expect_changed("llama2",
                   "sed -i 's/\"num_key_value_heads\": 4/\"num_key_value_heads\": 2/' "
                   "config.json",
                   "self_attn.k_proj.weight is [32,32]; by config.json it is [16,32]");
    expect_changed("llama2", "sed -i 's/lm_head/lm_tail/' model.safetensors",
                   "tensor lm_head.weight is missing");
    expect_changed("llama31", "sed -i 's/model-00001/..\\/model-00001/' *.json",
                   "is in no file of this folder");
    expect_changed("llama31", "sed -i 's/weight_map/other_map/' *.index.json", "has no weight_map");
    expect_changed("llama31", "echo >model.safetensors.index.json", "is no JSON");
    expect_changed("llama31",
                   "cp model-00001-of-00003.safetensors b.safetensors && "
                   "sed -i '0,/model-00002-of-00003/s//b/' *.index.json",
                   "stands in");
}

/* As OpenAI's own gpt2 has its names, and with what transformers once saved beside. */
static void test_names(void **state)
{
    (void)state;
    char where[128];
    snprintf(where, sizeof where, "%s/changed", folder);
    unit_shell("rm -rf %s && cp -r %s/gpt2 %s && sed -i 's/\"transformer\\.\\([^\"]*\\)\"/"
               "\"\\1\"            /g' %s/model.safetensors",
               where, models(), where, where);
    struct weights *w = opened(where), *right;
    char path[512];
    snprintf(path, sizeof path, "%s/gpt2", models());
    right = opened(path);
    float ours[64], theirs[64];
    struct sft_param params[SFT_UNIT_PARAMS];
    int count = sft_params_list(weights_shape(w), 1, params);
    for (int i = 0; i < count; i++) {
        size_t from = (size_t)params[i].columns / 2, some = sft_param_elements(&params[i]) - from;
        some = some < 64 ? some : 64;
        assert_int_equal(weights_read(w, &params[i], from, some, FORMAT_FP32, ours, NULL), 0);
        assert_int_equal(weights_read(right, &params[i], from, some, FORMAT_FP32, theirs, NULL), 0);
        assert_memory_equal(ours, theirs, some * sizeof(float));
    }
    weights_close(w);
    weights_close(right);
}

static void test_check(void **state)
{
    (void)state;
    char where[512];
    struct sft_error err = {""};
    snprintf(where, sizeof where, "%s/llama31", models());
    struct weights *w = opened(where);
    assert_int_equal(weights_check(w, sft_preset_find("llama-7b"), &err), -1);
    assert_contains(err.text,
                    "weights=llama31: are of another shape than llama-7b: Llama, 2 layers "
                    "of 32, 4/2 heads of 8, ffn 48, vocab 320");
    assert_contains(err.text, "; not Llama, 32 layers of 4096");
    struct sft_preset same = *weights_shape(w);
    assert_int_equal(weights_check(w, &same, &err), 0);
    same.vocab = 64;
    assert_int_equal(weights_check(w, &same, &err), -1);
    same.vocab_grows = true;
    assert_int_equal(weights_check(w, &same, &err), 0);
    same.rope_scaling.factor = 0;
    assert_int_equal(weights_check(w, &same, &err), -1);
    weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder), cmocka_unit_test(test_hub),   cmocka_unit_test(test_changed),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
