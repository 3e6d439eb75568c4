/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/data/data.h"

static char folder[] = "/tmp/sft-test-data.XXXXXX";
static char path[64];

static int group_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/d.json", folder);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct data *open_bytes(const char *text, size_t size, int seq, struct sft_error *err)
{
    FILE *file = fopen(path, "wb");
    fwrite(text, 1, size, file);
    fclose(file);
    struct tokenizer *tokenizer = tokenizer_open("bytes", err);
    struct data *data = data_open(path, tokenizer, seq, 1, 1, err);
    tokenizer_close(tokenizer);
    return data;
}

static void assert_refused(const char *text, size_t size, const char *part)
{
    struct sft_error err = {""};
    struct data *data = open_bytes(text, size, 4096, &err);
    if (data != NULL)
        fail_msg("'%s' was taken", text);
    assert_contains(err.text, part);
    assert_contains(err.text, "d.json: ");
}

#define REFUSED(text, part) assert_refused(text, sizeof(text) - 1, part)
#define GOOD "{\"instruction\":\"i\",\"output\":\"o\"}"

static void test_broken_files_are_refused(void **state)
{
    (void)state;
    REFUSED("", "the file is empty");
    REFUSED(" \n\t ", "the file is empty");
    REFUSED("\xef\xbb\xbf ", "the file is empty");
    REFUSED("hello", "not JSON: line 1: expected an array");
    REFUSED("\n\nhello", "not JSON: line 3");
    REFUSED("[]", "the array holds no records");
    REFUSED("[" GOOD, "the array has no end; is the file cut?");
    REFUSED("[" GOOD ",", "the array has no end");
    REFUSED("[" GOOD "\n x", "line 2: expected , or ]");
    REFUSED("[" GOOD ",]", "comma");
    REFUSED("[" GOOD "] x", "behind the array");
    REFUSED("[" GOOD "\0]", "not JSON: line 1: expected , or ]");
    REFUSED("[" GOOD ",\n" GOOD ",\n3]", "record 3 (line 3) is no object");
    REFUSED("[[" GOOD "]]", "record 1 (line 1) is no object");
    REFUSED("[" GOOD ",\n{\"instruction\":\"a\"}]", "record 2 (line 2) has no field output");
    REFUSED("[{\"output\":\"a\"}]", "has no field instruction");
    REFUSED("[{\"instruction\":1,\"output\":\"a\"}]",
            "record 1 (line 1) has no text in field instruction");
    REFUSED("[{\"instruction\":\"a\",\"input\":[],\"output\":\"a\"}]",
            "has no text in field input");
    REFUSED("[{\"instruction\":\"\",\"output\":\"a\"}]", "has an empty instruction");
    REFUSED("[{\"instruction\":\"a\",\"output\":\"\"}]", "has an empty output");
    REFUSED("[" GOOD ",\n{\"instruction\":\n\"a\n\",\"output\":\"a\"}]",
            "record 2 is not JSON: line 3, column 3");
    REFUSED("[{\"instruction\":\"a\",\"instruction\":\"b\",\"output\":\"a\"}]",
            "record 1 (line 1) has the field instruction twice");
    REFUSED("{\"instruction\":\"i\",\"output\":\"o\"}\n{\"a\":1}",
            "record 2 (line 2) has no field instruction");
    REFUSED("{\"instruction\":\"i", "record 1 (line 1) is not JSON: column 18: a text has no end");
    char deep[200000];
    memset(deep, '[', sizeof deep);
    memcpy(deep, "[{\"a\":", 6);
    assert_refused(deep, sizeof deep, "record 1 is not JSON");
}

static void test_files_that_are_none_are_refused(void **state)
{
    (void)state;
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open(NULL, &err);
    assert_null(data_open("/nonexistent/x.json", tokenizer, 64, 1, 1, &err));
    assert_contains(err.text, "/nonexistent/x.json: cannot read the data: No such file");
    assert_null(data_open("/proc/self/fdinfo", tokenizer, 64, 1, 1, &err));
    assert_contains(err.text, "the folder has no file of records");
    tokenizer_close(tokenizer);
    struct data *data = open_bytes("[" GOOD "]", 2 + strlen(GOOD), 64, &err);
    assert_null(data);
    assert_contains(err.text, "raise seq=");
}

static void test_forms_that_are_taken(void **state)
{
    (void)state;
    static const char *texts[] = {
        "[" GOOD "," GOOD "]",
        " [\n" GOOD " ,\n" GOOD "\n]\n",
        "\xef\xbb\xbf[" GOOD "," GOOD "]",
        GOOD "\n" GOOD "\n",
        GOOD GOOD,
        GOOD "\n\n{\"instruction\":\"i\",\"input\":\"\",\"output\":\"o\",\"more\":{\"x\":[1]}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sft_error err = {""};
        struct data *data = open_bytes(texts[i], strlen(texts[i]), 4096, &err);
        if (data == NULL)
            fail_msg("%s: %s", texts[i], err.text);
        assert_int_equal(data_facts(data).records, 2);
        assert_string_equal(data_facts(data).source, "d.json");
        data_close(data);
    }
}

static void test_the_checksum_is_fnv(void **state)
{
    (void)state;
    struct data *a = open_bytes(GOOD, strlen(GOOD), 4096, NULL);
    uint64_t sum = 0xcbf29ce484222325u;
    for (const char *c = GOOD; *c != '\0'; c++)
        sum = (sum ^ (unsigned char)*c) * 0x100000001b3u;
    assert_true(data_facts(a).checksum == sum);
    data_close(a);
}

static void test_prompts_are_alpacas(void **state)
{
    (void)state;
    char *without = data_prompt("Say hi.", ""), *with = data_prompt("Add.", "1 2");
    assert_string_equal(without,
                        "Below is an instruction that describes a task. Write a response that "
                        "appropriately completes the request.\n\n### Instruction:\nSay hi.\n\n"
                        "### Response:");
    assert_string_equal(with,
                        "Below is an instruction that describes a task, paired with an input that "
                        "provides further context. Write a response that appropriately completes "
                        "the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n"
                        "### Response:");
    free(without);
    free(with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_files_are_refused),
        cmocka_unit_test(test_files_that_are_none_are_refused),
        cmocka_unit_test(test_forms_that_are_taken),
        cmocka_unit_test(test_the_checksum_is_fnv),
        cmocka_unit_test(test_prompts_are_alpacas),
    };
    return cmocka_run_group_tests_name("data", tests, group_setup, group_teardown);
}
