/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "job/data/tokenizer.h"

static struct tokenizer *llama(void)
{
    char path[1024];
    const char *shared = getenv("SFT_SHARED");
    snprintf(path, sizeof path, "%s/data/llama2-tokenizer.model", shared == NULL ? "" : shared);
    struct tokenizer *tokenizer = tokenizer_open(path, NULL);
    if (tokenizer == NULL)
        skip();
    return tokenizer;
}

static void test_bytes(void **state)
{
    (void)state;
    struct tokenizer *t = tokenizer_open("bytes", NULL);
    int32_t *ids;
    assert_int_equal(tokenizer_vocab(t), 258);
    assert_string_equal(tokenizer_name(t), "bytes");
    assert_int_equal(tokenizer_encode(t, "a\xff\0z", 4, &ids, NULL), 4);
    const int32_t expected[] = {'a', 255, 0, 'z'};
    assert_memory_equal(ids, expected, sizeof expected);
    free(ids);
    assert_int_equal(tokenizer_encode(t, "", 0, &ids, NULL), 0);
    free(ids);
    tokenizer_close(t);
}

/* sentencepiece 0.2.0 for Python: SentencePieceProcessor(model_file=...).encode(text) */
static void test_pieces_are_pythons(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count;
        int32_t ids[16];
    } golden[] = {
#include "tests/golden/tokenizer.inc"
    };
    struct tokenizer *t = llama();
    assert_int_equal(tokenizer_vocab(t), 32000);
    assert_int_equal(tokenizer_begin(t), 1);
    assert_int_equal(tokenizer_end(t), 2);
    assert_string_equal(tokenizer_name(t), "llama2-tokenizer.model");
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        int32_t *ids;
        long count = tokenizer_encode(t, golden[i].text, strlen(golden[i].text), &ids, NULL);
        assert_int_equal(count, golden[i].count);
        assert_memory_equal(ids, golden[i].ids, (size_t)count * sizeof *ids);
        free(ids);
    }
    tokenizer_close(t);
}

static void test_any_bytes_are_encoded(void **state)
{
    (void)state;
    struct tokenizer *t = llama();
    char text[256];
    int32_t *ids;
    for (int i = 0; i < 256; i++)
        text[i] = (char)i;
    long count = tokenizer_encode(t, text, sizeof text, &ids, NULL);
    assert_true(count > 0);
    for (long i = 0; i < count; i++)
        assert_true(ids[i] >= 0 && ids[i] < 32000);
    free(ids);
    tokenizer_close(t);
}

static void test_bad_models_are_refused(void **state)
{
    (void)state;
    struct sft_error err = {""};
    assert_null(tokenizer_open("/nonexistent/t.model", &err));
    assert_contains(err.text, "/nonexistent/t.model: cannot read the tokenizer: No such file");
    assert_null(tokenizer_open("/proc/self/exe", &err));
    assert_contains(err.text, "/proc/self/exe: no tokenizer");
    assert_null(strchr(err.text, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_pieces_are_pythons),
        cmocka_unit_test(test_any_bytes_are_encoded),
        cmocka_unit_test(test_bad_models_are_refused),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
