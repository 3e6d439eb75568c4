/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/every.h"
#include "lib/request.h"

static struct sft_request parsed(const char *text)
{
    struct sft_request request;
    struct sft_error err = {""};
    if (sft_request_parse(&request, text, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return request;
}

static void assert_refused(const char *text, const char *part)
{
    struct sft_request request;
    struct sft_error err = {""};
    if (sft_request_parse(&request, text, &err) == 0)
        fail_msg("'%s' was taken", text);
    assert_contains(err.text, part);
    assert_null(strchr(err.text, '\n'));
}

static void test_all_is_read(void **state)
{
    (void)state;
    struct sft_request r =
        parsed("llama-13b:4,steps=7,micro-batch=3,lr=2.5e-5,seed=9007199254740992,"
               "data=/a\\,b\\\\c=d.json,gpus=0");
    assert_string_equal(r.preset->name, "llama-13b");
    assert_int_equal(r.nodes, 4);
    assert_int_equal(r.steps, 7);
    assert_int_equal(r.micro_batch, 3);
    assert_true(r.lr == 2.5e-5);
    assert_true(r.seed == 9007199254740992LL);
    assert_string_equal(r.data, "/a,b\\c=d.json");
    assert_int_equal(r.gpus, 0);
    assert_int_equal(r.warmup, -1);
    assert_true(r.clip == -1);
    assert_int_equal(parsed("tiny").nodes, -1);
    assert_int_equal(parsed("tiny").micro_batch, -1);
    assert_int_equal(parsed("tiny,micro_batch=auto").micro_batch, 0);
}

static void test_written_text_reads_back(void **state)
{
    (void)state;
    static const char *texts[] = {"tiny", "tiny:2", "llama-70b:16384,gpus=8,lr=0.1,clip=0",
                                  "tiny:2,micro_batch=auto",
                                  "tiny:2,data=/a\\,b\\\\c.json,out=x y"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char once[SFT_REQUEST_MAX], twice[SFT_REQUEST_MAX];
        struct sft_request first = parsed(texts[i]);
        assert_int_equal(sft_request_format(&first, once, sizeof once, NULL), 0);
        struct sft_request second = parsed(once);
        assert_memory_equal(&first, &second, sizeof first);
        assert_int_equal(sft_request_format(&second, twice, sizeof twice, NULL), 0);
        assert_string_equal(once, twice);
    }
    struct sft_request r = parsed("tiny:2,steps=5");
    char text[15];
    assert_int_equal(sft_request_format(&r, text, sizeof text, NULL), 0);
    assert_string_equal(text, "tiny:2,steps=5");
    assert_int_equal(sft_request_format(&r, text, sizeof text - 1, NULL), -1);
}

/* The end of what is said of the text; "": no question. */
static void assert_asked(const char *text, const char *meant)
{
    struct sft_request request;
    struct sft_error err = {""};
    char question[96];
    assert_int_equal(sft_request_parse(&request, text, &err), -1);
    const char *asked = strstr(err.text, "; did you mean ");
    snprintf(question, sizeof question, "; did you mean %s?", meant);
    if (strcmp(asked != NULL ? asked : "", meant[0] != '\0' ? question : "") != 0)
        fail_msg("%s: %s", text, err.text);
}

static void test_a_slip_is_asked_about(void **state)
{
    (void)state;
    static const char *const slips[][2] = {
        {"lama-7b:2", "llama-7b"},
        {"llama7b", "llama-7b"},
        {"Llama-7B", "llama-7b"},
        {"llama_13b", "llama-13b"},
        {"lalma-70b", "llama-70b"},
        {"llama2-7b", "llama-7b"},
        {"llama-8b", "llama3-8b"}, /* a figure more is nearer than another figure */
        {"Llama-2-7b-hf:2", "llama-7b"},
        {"meta-lama/Llama-2-13b-hf", "llama-13b"},
        {"openai/gpt2", ""},
        {"gpt-2", "gpt2"},
        {"gpt2-midium", "gpt2-medium"},
        {"tiyn", "tiny"},
        {"explian:2", "explain"},
        {"llama-9b", ""}, /* no slip of 7b, nor of 1b */
        {"bert-base", ""},
        {"tiny,stepz=3", "steps"},
        {"tiny,step=3", "steps"},
        {"tiny,microbatch=3", "micro_batch"},
        {"tiny,seq_len=3", "seq"},
        {"tiny,Data=x", "data"},
        {"tiny,recomput=block", "recompute"},
        {"tiny,optimiser=sgd", "optimizer"},
        {"tiny,=3", ""},
        {"tiny,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=1",
         ""},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
        assert_asked(slips[i][0], slips[i][1]);
    assert_string_equal(parsed("meta-llama/Llama-2-7b-hf:2").preset->name, "llama-7b");
    assert_int_equal(parsed("meta-llama/Llama-2-7b-hf:2").nodes, 2);
    assert_ptr_equal(parsed("auto:2,weights=us/small@v1").preset, sft_preset_auto());
    assert_string_equal(parsed("auto:2,weights=us/small@v1").weights, "us/small@v1");
}

static void test_bad_input_is_refused(void **state)
{
    (void)state;
    assert_refused("", "no model");
    assert_refused(":2", "no model");
    assert_refused("llama-8b:2", "unknown model 'llama-8b'; the models are: tiny, llama-1b");
    assert_refused("tiny:0", "nodes must be a whole number from 1 to 16384");
    assert_refused("tiny:-1", "nodes must be");
    assert_refused("tiny:1000000000", "nodes must be");
    assert_refused("tiny:99999999999999999999", "nodes must be");
    assert_refused("tiny:", "nodes must be");
    assert_refused("tiny: 2", "nodes must be");
    assert_refused("tiny:2x", "nodes must be");
    assert_refused("tiny:2,", "'' has no value");
    assert_refused("tiny:2,steps", "'steps' has no value");
    assert_refused("tiny:2,step=3", "unknown key 'step'; the keys are: gpus, steps");
    assert_refused("tiny:2,=3", "unknown key ''");
    assert_refused("tiny:2,steps=0", "steps=0: must be a whole number from 1 to 1000000");
    assert_refused("tiny:2,steps=1.5", "must be a whole number");
    assert_refused("tiny:2,steps=+5", "must be a whole number");
    assert_refused("tiny:2,steps=0x10", "must be a whole number");
    assert_refused("tiny:2,lr=2", "lr=2: must be a number from 0 to 1");
    assert_refused("tiny:2,lr=nan", "must be a number");
    assert_refused("tiny:2,lr=inf", "must be a number");
    assert_refused("tiny:2,lr=0x1p-3", "must be a number");
    assert_refused("tiny:2,steps=3,steps=3", "steps= stands twice");
    assert_refused("tiny:2,data=", "data= is empty");
    assert_refused("tiny:2,data=a\nb", "control character");
    assert_refused("tiny:2\n", "nodes must be");
}

static void test_how_often(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int steps;
        double seconds;
    } good[] = {{"500", 500, 0}, {"1", 1, 0}, {"90s", 0, 90}, {"1.5min", 0, 90}, {"2h", 0, 7200}};
    static const char *const bad[] = {"0",    "-1", "1.5", "0.5s", "x",   "10m",
                                      "1e99", "s",  "5 s", "0x5",  "nan", "10min "};
    struct sft_every every;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(sft_every_read(&every, good[i].text, NULL), 0);
        assert_int_equal(every.steps, good[i].steps);
        assert_true(every.seconds == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "tiny,checkpoint_every=%s", bad[i]);
        assert_refused(text, "must be a number of steps, as 500, or a time");
    }
}

static void test_overlong_text_is_refused(void **state)
{
    (void)state;
    char text[SFT_REQUEST_MAX + 8];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_refused(text, "longer than 4095 bytes");
    memcpy(text, "tiny:1,data=", 12);
    text[12 + SFT_REQUEST_PATH] = '\0';
    assert_refused(text, "longer than 1023 bytes");
    text[12 + SFT_REQUEST_PATH - 1] = '\0';
    assert_int_equal(strlen(parsed(text).data), SFT_REQUEST_PATH - 1);
}

static void test_every_key_can_be_set(void **state)
{
    (void)state;
    struct sft_request request = parsed("tiny");
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        struct sft_error err = {""};
        char value[32];
        snprintf(value, sizeof value, key->type == SFT_FIELD_REAL ? "%g" : "%.0f", key->max);
        assert_int_equal(sft_request_set(&request, key->name,
                                         key->check != NULL && key->standard != NULL ? key->standard
                                         : key->check != NULL                        ? "90s"
                                         : key->type == SFT_FIELD_TEXT               ? "x"
                                         : key->type == SFT_FIELD_WORD               ? key->words[0]
                                                                                     : value,
                                         &err),
                         0);
        assert_int_not_equal(sft_field_argument(key, value, sizeof value)[0], '\0');
        assert_true(strlen(key->help) > 10);
    }
    char text[SFT_REQUEST_MAX];
    assert_int_equal(sft_request_format(&request, text, sizeof text, NULL), 0);
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++)
        assert_contains(text, key->name);
}

/* A default that its own row refuses would silently be none. */
static void test_defaults(void **state)
{
    (void)state;
    struct sft_request tiny, large;
    sft_request_defaults(&tiny, sft_preset_find("tiny"));
    sft_request_defaults(&large, sft_preset_find("llama-7b"));
    for (const struct sft_field *key = sft_request_keys(); key->name != NULL; key++) {
        assert_int_equal(sft_field_said(key, &large), key->standard != NULL);
        assert_int_equal(sft_field_same(key, &tiny, &large), key->tiny == NULL);
    }
    assert_int_equal(tiny.seq, 1024);
    assert_int_equal(large.seq, 4096);
    assert_true(tiny.lr == 1e-3 && large.lr == 2e-5 && large.skip == 1);
    assert_int_equal(large.timeout, 180);
    assert_int_equal(large.zero, SFT_SHARE_AUTO);
    assert_contains(tiny.data, "/instructions.json");
    assert_string_equal(large.data, "synthetic");
}

static void test_words(void **state)
{
    (void)state;
    static const char *const words[] = {"auto", "none", "norms", "block"};
    for (int i = 0; i < 4; i++) {
        char text[64], back[64];
        snprintf(text, sizeof text, "tiny,recompute=%s", words[i]);
        struct sft_request request = parsed(text);
        assert_int_equal(request.recompute, i);
        assert_int_equal(request.states, -1);
        assert_int_equal(sft_request_format(&request, back, sizeof back, NULL), 0);
        assert_string_equal(back, text);
    }
    assert_int_equal(parsed("tiny,states=bf16").states, SFT_STATES_BF16);
    assert_int_equal(parsed("tiny,device=cuda").device, SFT_DEVICE_CUDA);
    assert_refused("tiny,recompute=norm", "must be one of auto|none|norms|block");
    assert_refused("tiny,recompute=none|norms", "must be one of");
    assert_refused("tiny,states=", "must be one of auto|fp32|bf16");
    assert_refused("tiny,states=bf16x", "must be one of");
}

static void test_tasks(void **state)
{
    (void)state;
    char text[64];
    struct sft_request request = parsed("explain:2,gpus=4"), model = parsed("tiny:2,gpus=4");
    assert_int_equal(request.task, SFT_TASK_EXPLAIN);
    assert_null(request.preset); /* nothing is trained */
    assert_int_equal(request.nodes, 2);
    assert_int_equal(sft_request_format(&request, text, sizeof text, NULL), 0);
    assert_string_equal(text, "explain:2,gpus=4");
    assert_int_equal(model.task, SFT_TASK_TRAIN);
    assert_false(sft_request_covers(&request, &model));
    assert_int_equal(sft_request_parse(&request, "verify:2,checks=gemm+h2d-all", NULL), 0);
    assert_int_equal(request.task, SFT_TASK_VERIFY);
    assert_string_equal(request.checks, "gemm+h2d-all");
    assert_refused("verify:2,checks=gem",
                   "checks=gem: no such check: all, or names joined by '+' of gemm, memory, "
                   "launch, h2d, d2h, h2d-all, d2h-all, nvlink, node, pair, collectives, "
                   "ceilings, facts; did you mean gemm?");
    assert_refused("verify:2,checks=gemm+gemm", "checks: gemm stands twice; say it once");
    assert_refused("verify:2,checks=gemm+", "checks=: no such check");
    assert_refused("verify:2,checks=lstm", "checks=lstm: no such check");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_read),
        cmocka_unit_test(test_written_text_reads_back),
        cmocka_unit_test(test_a_slip_is_asked_about),
        cmocka_unit_test(test_bad_input_is_refused),
        cmocka_unit_test(test_how_often),
        cmocka_unit_test(test_overlong_text_is_refused),
        cmocka_unit_test(test_every_key_can_be_set),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_tasks),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
