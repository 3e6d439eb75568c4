/* SPDX-License-Identifier: Apache-2.0 */
/* Files as people have them: what is left out, what is mended, and when a file is refused. */
#include "tests/unit/unit.h"

#include "job/data/data_internal.h"

#define GOOD "{\"instruction\":\"i\",\"input\":\"\",\"output\":\"o\"}\n"
#define EMPTY "{\"instruction\":\"i\",\"input\":\"\",\"output\":\"\"}\n"
#define MISSING "{\"instruction\":\"i\",\"input\":\"\"}\n"

static struct tokenizer *tokenizer;

static struct data *parse(const char *text, size_t size, double skip, struct sft_error *err)
{
    struct data *data = data_create("x.json", 512, 257, 1, err);
    assert_non_null(data);
    if (data_parse(data, tokenizer, "x.json", text, size, skip, err) == 0 &&
        data_pack(data, err) == 0)
        return data;
    data_close(data);
    return NULL;
}

struct expected {
    long records, skipped, mended;
};

static void expect_counts(const char *text, size_t size, double skip, struct expected expected)
{
    struct sft_error err = {""};
    struct data *data = parse(text, size, skip, &err);
    if (data == NULL)
        fail_msg("'%.60s' was refused: %s", text, err.text);
    struct data_facts facts = data_facts(data);
    assert_int_equal(facts.records, expected.records);
    assert_int_equal(facts.skipped, expected.skipped);
    assert_int_equal(facts.mended, expected.mended);
    data_close(data);
}

#define COUNTS(text, skip, ...)                                                                    \
    expect_counts(text, sizeof(text) - 1, skip, (struct expected){__VA_ARGS__})

static void expect_refused(const char *text, double skip, const char *whole)
{
    struct sft_error err = {""};
    struct data *data = parse(text, strlen(text), skip, &err);
    data_close(data);
    if (data != NULL)
        fail_msg("'%.60s' was taken", text);
    assert_string_equal(err.text, whole);
}

/* Of `count` records those whose number divides by `every` are `other`; the rest good. */
static char *mixed(const char *other, int count, int every)
{
    char *text = calloc((size_t)count, 128);
    for (int i = 1, used = 0; i <= count; i++)
        used += sprintf(text + used, "%s", i % every == 0 ? other : GOOD);
    return text;
}

static void test_fields_that_nobody_reads(void **state)
{
    (void)state;
    COUNTS(
        "{\"id\":9500000000000000000,\"x\":1e400,\"y\":[-Infinity,NaN,{\"z\":\"\\ud800\\u0000\"}],"
        "\"w\":\"\xff\",\"w\":2,\"instruction\":\"i\",\"output\":\"o\"}",
        0, 1, 0, 0);
    COUNTS("[{\"instruction\":\"i\",\"output\":\"o\",\"n\":123456789012345678901234567890}," GOOD
           "]",
           0, 2, 0, 0);
    COUNTS("{\"instruct\\u0069on\":\"i\",\"output\":\"o\"}", 0, 1, 0, 0);
}

static void test_null_is_an_empty_text(void **state)
{
    (void)state;
    COUNTS("{\"instruction\":\"i\",\"input\":null,\"output\":\"o\"}", 0, 1, 0, 0);
    COUNTS("{\"instruction\":null,\"input\":\"x\",\"output\":\"o\"}", 0, 1, 0, 0);
    COUNTS(GOOD GOOD "{\"instruction\":\"i\",\"input\":null,\"output\":null}", 1, 2, 1, 0);
    COUNTS(GOOD GOOD "{\"instruction\":null,\"output\":\"o\"}", 1, 2, 1, 0);
}

/* As the original Alpaca has 28 of them. */
static void test_empty_records_are_left_out(void **state)
{
    (void)state;
    char *text = mixed(EMPTY, 40, 20), told[FAULTS_TEXT];
    struct sft_error err = {""};
    expect_counts(text, strlen(text), 1, (struct expected){38, 2, 0});
    struct data *data = parse(text, strlen(text), 1, &err);
    data_skipped(data, told, sizeof told);
    assert_string_equal(
        told, "record 20 (line 20) has an empty output; record 40 (line 40) has an empty output");
    data_close(data);
    expect_refused(text, 0,
                   "x.json: 2 of 40 records cannot be trained on (skip=0 allows none): record 20 "
                   "(line 20) has an "
                   "empty output; record 40 (line 40) has an empty output: mend or remove them, or "
                   "raise skip=");
    free(text);
    COUNTS(GOOD EMPTY, 1, 1, 1, 0); /* half of them */
    expect_refused(
        GOOD EMPTY EMPTY, 1,
        "x.json: 2 of 3 records cannot be trained on (most are empty): record 2 (line 2) has an "
        "empty "
        "output; record 3 (line 3) has an empty output: mend or remove them, or raise skip=");
    COUNTS(GOOD EMPTY EMPTY, 100, 1, 2, 0);
    expect_refused(
        EMPTY, 100,
        "x.json: 1 of 1 record cannot be trained on: record 1 (line 1) has an empty output: "
        "mend or remove it");
}

static void test_bad_records_up_to_a_limit(void **state)
{
    (void)state;
    char *text = mixed(MISSING, 200, 100);
    expect_counts(text, strlen(text), 1, (struct expected){198, 2, 0});
    expect_refused(
        text, 0.99,
        "x.json: 2 of 200 records cannot be trained on (skip=0.99 percent may be bad): record "
        "100 (line 100) has no field output; record 200 (line 200) has no field output: mend "
        "or remove them, or raise skip=");
    free(text);
    text = mixed(MISSING, 100, 4);
    expect_refused(text, 1,
                   "x.json: 25 of 100 records cannot be trained on (skip=1 percent may be bad): "
                   "record 4 (line 4) has "
                   "no field output; record 8 (line 8) has no field output; record 12 (line 12) "
                   "has no field output; "
                   "record 16 (line 16) has no field output; record 20 (line 20) has no field "
                   "output; record 24 (line "
                   "24) has no field output; record 28 (line 28) has no field output; record 32 "
                   "(line 32) has no field "
                   "output; record 36 (line 36) has no field output; record 40 (line 40) has no "
                   "field output; and 15 "
                   "more: mend or remove them, or raise skip=");
    expect_counts(text, strlen(text), 25, (struct expected){75, 25, 0});
    free(text);
}

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *record, *why;
    } cases[] = {
        {"{\"output\":\"o\"}", "has no field instruction"},
        {"{\"instruction\":\"i\"}", "has no field output"},
        {"{\"instruction\":1,\"output\":\"o\"}", "has no text in field instruction"},
        {"{\"instruction\":\"i\",\"output\":1e400}", "has no text in field output"},
        {"{\"instruction\":\"i\",\"input\":[],\"output\":\"o\"}", "has no text in field input"},
        {"{\"instruction\":\"i\",\"instruction\":\"j\",\"output\":\"o\"}",
         "has the field instruction twice"},
        {"3", "is no object {...}"},
        {"garbage {", "is no object {...}"},
        {",", "is a comma: records with commas between need [ ] around them"},
        {"{\"instruction\":\"i\",\"output\":\"o",
         "is not JSON: column 31: a text has no end on its line"},
        {"{\"instruction\":\"i\" \"output\":\"o\"}", "is not JSON: column 20: expected , or }"},
        {"{\"instruction\":\"\\q\",\"output\":\"o\"}",
         "is not JSON: column 17: an escape that JSON does not have"},
        {"{\"instruction\":\"i\",\"output\":nil}", "is not JSON: column 29: expected a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512], whole[512];
        snprintf(text, sizeof text, GOOD "%s\n" GOOD, cases[i].record);
        snprintf(whole, sizeof whole,
                 "x.json: 1 of 3 records cannot be trained on (skip=1 percent may be bad): "
                 "record 2 (line 2) %s: mend or remove it, or raise skip=",
                 cases[i].why);
        expect_refused(text, 1, whole);
        expect_counts(text, strlen(text), 34, (struct expected){2, 1, 0});
    }
}

/* Nothing tells where the next record of a broken array begins. */
static void test_a_broken_array_is_refused(void **state)
{
    (void)state;
    expect_refused(
        "[" GOOD ",\n{\"instruction\":\n\"a\\x\",\"output\":\"a\"}]", 100,
        "x.json: record 2 is not JSON: line 4, column 3: an escape that JSON does not have");
    expect_refused("[" GOOD ",{\"a\":1]", 100,
                   "x.json: record 2 is not JSON: line 2, column 8: expected , or }");
    COUNTS("[" GOOD ",7,\"x\",[" GOOD "]," GOOD "]", 60, 2, 3, 0);
}

static void test_broken_lines_without_end(void **state)
{
    (void)state;
    char *text = mixed("{\"instruction\":[\n", 100, 50);
    expect_counts(text, strlen(text), 2, (struct expected){98, 2, 0});
    free(text);
    /* over several lines, until one of them has no end */
    COUNTS(
        "{\n\"instruction\":\"i\",\n\"output\":\"o\"\n}\n{\"instruction\":\"i\",\"output\":\"o\"}",
        0, 2, 0, 0);
}

static void test_texts_are_mended(void **state)
{
    (void)state;
    COUNTS("{\"instruction\":\"a\",\"input\":\"\",\"output\":\"b \\ud83d\"}\n" GOOD, 0, 2, 0, 1);
    COUNTS("{\"instruction\":\"a\\u0000\",\"output\":\"b \\ude00\"}\n" GOOD, 0, 2, 0, 1);
    COUNTS(
        "{\"instruction\":\"a\xff\",\"output\":\"b\"}\n{\"instruction\":\"a\",\"output\":\"\0\"}\n",
        0, 2, 0, 2);
    COUNTS("{\"instruction\":\"a\",\"output\":\"\xf0\x9f\x98\x80 \\ud83d\\ude00\"}\n", 0, 1, 0, 0);
    struct sft_error err = {""};
    static const char text[] = "{\"instruction\":\"a\",\"output\":\"b\\ud83d\"}";
    struct data *data = parse(text, sizeof text - 1, 0, &err);
    const struct document *document = &data->documents[0];
    static const int32_t response[] = {'b', 0xef, 0xbf, 0xbd, 257};
    assert_int_equal(document->length - document->response, 5);
    assert_memory_equal(data->pool + document->first + document->response, response,
                        sizeof response);
    data_close(data);
}

/* One record of many megabytes: what is behind the sequence's end takes no memory as tokens. */
static void test_a_long_text_is_cut(void **state)
{
    (void)state;
    size_t size = (size_t)40 << 20;
    char *text = malloc(size + 128);
    int used = sprintf(text, "{\"instruction\":\"i\",\"output\":\"");
    memset(text + used, 'x', size);
    strcpy(text + used + size, "\"}\n" GOOD);
    struct sft_error err = {""};
    struct data *data = parse(text, strlen(text), 0, &err);
    assert_non_null(data);
    assert_int_equal(data_facts(data).records, 2);
    assert_int_equal(data_facts(data).cut, 1);
    assert_true(data->pool_room < 4096);
    data_close(data);
    free(text);
}

static void test_a_long_path_leaves_room_for_the_reasons(void **state)
{
    (void)state;
    char name[1024];
    struct sft_error err = {""};
    struct faults faults = {0};
    memset(name, 'd', sizeof name);
    strcpy(name + sizeof name - 13, "/alpaca.json");
    for (int i = 1; i <= 12; i++)
        fault_add(&faults.bad, 0, i * 1000, i * 7000,
                  "is not JSON: column 123456: an escape that JSON does not have");
    assert_int_equal(faults_judge(&faults, name, 1000, 1, &err), -1);
    assert_contains(err.text, "/alpaca.json: 12 of 1000 records");
    assert_contains(err.text, "record 1000 (line 7000) is not JSON");
    assert_contains(err.text, " more: mend or remove them, or raise skip=");
}

static int make_tokenizer(void **state)
{
    (void)state;
    tokenizer = tokenizer_open("bytes", NULL);
    return tokenizer == NULL ? -1 : 0;
}

static int remove_tokenizer(void **state)
{
    (void)state;
    tokenizer_close(tokenizer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_that_nobody_reads),
        cmocka_unit_test(test_null_is_an_empty_text),
        cmocka_unit_test(test_empty_records_are_left_out),
        cmocka_unit_test(test_bad_records_up_to_a_limit),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_a_broken_array_is_refused),
        cmocka_unit_test(test_broken_lines_without_end),
        cmocka_unit_test(test_texts_are_mended),
        cmocka_unit_test(test_a_long_text_is_cut),
        cmocka_unit_test(test_a_long_path_leaves_room_for_the_reasons),
    };
    return cmocka_run_group_tests_name("data_faults", tests, make_tokenizer, remove_tokenizer);
}
