/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-level BPE: ids of tokenizers and tiktoken, both ways to merge, and what is refused. */
#include "tests/unit/unit.h"

#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "job/data/tokenizer.h"
#include "job/data/tokenizer_bpe_internal.h"
#include "job/tensor/random.h"

static const struct golden {
    const char *text;
    int32_t json[320], ranks[320]; /* -1 behind the last */
} golden[] = {
#include "tests/golden/bpe/bpe.inc"
};

static const char *file_of(const char *name)
{
    static char path[1024];
    const char *top = getenv("SFT_SRCDIR");
    snprintf(path, sizeof path, "%s/tests/golden/bpe/%s", top == NULL ? "." : top, name);
    return path;
}

static struct tokenizer *open_it(const char *name)
{
    struct sft_error err = {""};
    struct tokenizer *tokenizer = tokenizer_open(file_of(name), &err);
    if (tokenizer == NULL)
        fail_msg("%s", err.text);
    return tokenizer;
}

static void expect_ids(struct tokenizer *tokenizer, const char *text, const int32_t *wanted)
{
    int32_t *ids;
    long count = tokenizer_encode(tokenizer, text, strlen(text), &ids, NULL), i = 0;
    for (; wanted[i] >= 0; i++)
        if (i >= count || ids[i] != wanted[i])
            fail_msg("'%s': id %ld is not %d", text, i, wanted[i]);
    assert_int_equal(count, i);
    free(ids);
}

/* Twice: the second time words come from the cache. */
static void test_ids_are_theirs(void **state)
{
    (void)state;
    struct tokenizer *json = open_it("tokenizer.json"), *ranks = open_it("ranks.tiktoken");
    for (int turn = 0; turn < 2; turn++)
        for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
            expect_ids(json, golden[i].text, golden[i].json);
            expect_ids(ranks, golden[i].text, golden[i].ranks);
        }
    tokenizer_close(json);
    tokenizer_close(ranks);
}

static void test_special_tokens(void **state)
{
    (void)state;
    struct tokenizer *json = open_it("tokenizer.json"), *ranks = open_it("ranks.tiktoken");
    struct tokenizer *folder = open_it("");
    int ranks_count = tokenizer_vocab(ranks) - 256;
    assert_int_equal(tokenizer_vocab(json), 900);
    assert_int_equal(tokenizer_begin(json), 0);
    assert_int_equal(tokenizer_end(json), 1);
    assert_int_equal(tokenizer_special(json, "<|eot_id|>"), 2);
    assert_int_equal(tokenizer_special(json, "<|im_end|>"), -1);
    assert_int_equal(tokenizer_begin(ranks), ranks_count);
    assert_int_equal(tokenizer_end(ranks), ranks_count + 1);
    assert_int_equal(tokenizer_special(ranks, "<|eot_id|>"), ranks_count + 9);
    assert_int_equal(tokenizer_vocab(folder), 900);
    assert_string_equal(tokenizer_name(folder), "bpe");
    assert_string_equal(tokenizer_name(json), "tokenizer.json");
    tokenizer_close(json);
    tokenizer_close(ranks);
    tokenizer_close(folder);
}

static void test_any_bytes_are_encoded(void **state)
{
    (void)state;
    struct tokenizer *t = open_it("tokenizer.json");
    struct random random = {1};
    char text[1000];
    for (int turn = 0; turn < 50; turn++) {
        int32_t *ids;
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (char)random_below(&random, 256);
        long count = tokenizer_encode(t, text, sizeof text, &ids, NULL);
        assert_true(count > 0);
        for (long i = 0; i < count; i++)
            assert_true(ids[i] >= 0 && ids[i] < tokenizer_vocab(t));
        free(ids);
    }
    tokenizer_close(t);
}

/* Merges drawn at random, also such whose rank is below that of what makes their parts. */
static void test_both_merges_agree(void **state)
{
    (void)state;
    struct random random = {7};
    for (int turn = 0; turn < 200; turn++) {
        struct bpe_pairs pairs = {0};
        int32_t a[BPE_SHORT], b[BPE_SHORT];
        for (int32_t made = 4; made < 40; made++) {
            struct bpe_pair pair = {(int32_t)random_below(&random, (uint32_t)made),
                                    (int32_t)random_below(&random, (uint32_t)made),
                                    random_below(&random, 1000), made};
            assert_int_equal(bpe_pairs_put(&pairs, pair), 0);
        }
        size_t length = 1 + random_below(&random, BPE_SHORT);
        for (size_t i = 0; i < length; i++)
            a[i] = b[i] = (int32_t)random_below(&random, 4);
        long count = bpe_merge_short(&pairs, a, length);
        assert_int_equal(bpe_merge_long(&pairs, b, length), count);
        assert_memory_equal(a, b, (size_t)count * sizeof *a);
        free(pairs.slots);
    }
}

#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}"

static void test_what_is_not_supported_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"normalizer\":{\"type\":\"NFC\"}," MODEL "}", "normalizer NFC is not supported"},
        {"{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}}",
         "normalizer Lowercase"},
        {"{\"pre_tokenizer\":{\"type\":\"Metaspace\"}}", "pre_tokenizer Metaspace"},
        {"{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}}", "adds a space"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
         "\"behavior\":\"Isolated\"}}",
         "is none of PCRE2's"},
        {"{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
         "\"behavior\":\"MergedWithNext\"}}",
         "behavior MergedWithNext"},
        {"{\"post_processor\":{\"type\":\"RobertaProcessing\"}}", "post_processor Roberta"},
        {"{\"added_tokens\":[{\"id\":0,\"content\":\"<a>\",\"single_word\":true}]}", "single_word"},
        {"{\"added_tokens\":[{\"id\":99999999,\"content\":\"<a>\"}]}", "id that is not 0 to"},
        {"{\"model\":{\"type\":\"Unigram\"}}", "model's type is \"Unigram\""},
        {"{\"model\":{\"dropout\":0.1}}", "model's dropout is 0.1"},
        {"{\"model\":{\"byte_fallback\":true}}", "byte_fallback is true"},
        {"{\"model\":{\"end_of_word_suffix\":\"</w>\"}}", "end_of_word_suffix"},
        {"{\"model\":[]}", "its model is no object"},
        {"{" MODEL "}", "no pre_tokenizer"},
        {"{\"model\":{\"vocab\":{}}}", "no merges"},
        {"{\"pre_tokenizer\":" BYTE_LEVEL "," MODEL "}", "no token stands for the byte 0x00"},
        {"{\"pre_tokenizer\":" BYTE_LEVEL
         ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"c\"]]}}",
         "merge 0 ('a' and 'c') is of parts that are no tokens"},
        {"{\"pre_tokenizer\":" BYTE_LEVEL ",\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}",
         "has the id -1"},
        {"{\"pre_tokenizer\":" BYTE_LEVEL ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}",
         "not two parts"},
        {"{\"pre_tokenizer\":" BYTE_LEVEL ",\"model\":{\"vocab\":{\"a\":0", "not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sft_error err = {""};
        assert_null(bpe_json_read(cases[i][0], strlen(cases[i][0]), &err));
        assert_contains(err.text, cases[i][1]);
    }
}

static void test_bad_ranks_are_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"AA== 0\nAQ== x\n", "line 2"},       {"AA== 0\n\nA=== 1\n", "line 3"},
        {"AA== 99999999\n", "rank 99999999"}, {"AA== 0\nAA== 1\n", "line 2 has a token"},
        {"AA== 0\nAQ== 1\n", "byte 0x02"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sft_error err = {""};
        assert_null(bpe_tiktoken_read(cases[i][0], strlen(cases[i][0]), &err));
        assert_contains(err.text, cases[i][1]);
    }
}

/* bos_token and eos_token of the file beside, and a name that is no token. */
static void test_config_names_the_end(void **state)
{
    (void)state;
    struct tokenizer *t = open_it("tokenizer.json");
    tokenizer_close(t);
    FILE *file = fopen(file_of("tokenizer.json"), "r");
    static char text[1 << 20];
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    struct sft_error err = {""};
    struct bpe *bpe = bpe_json_read(text, size, &err);
    static const char config[] =
        "{\"bos_token\":null,\"eos_token\":{\"content\":\"<|eot_id|>\",\"special\":true}}";
    assert_non_null(bpe);
    assert_int_equal(bpe_config_read(bpe, config, sizeof config - 1, &err), 0);
    assert_int_equal(bpe_begin(bpe), 0);
    assert_int_equal(bpe_end(bpe), 2);
    assert_int_equal(bpe_config_read(bpe, "{\"eos_token\":\"</s>\"}", 20, &err), -1);
    assert_contains(err.text, "its eos_token '</s>' is no added token");
    bpe_close(bpe);
}

static int group_setup(void **state)
{
    (void)state;
#ifndef HAVE_PCRE2
    struct sft_error err = {""};
    assert_null(tokenizer_open(file_of("tokenizer.json"), &err));
    assert_contains(err.text, "built without PCRE2");
    printf("skipped: built without PCRE2\n");
    exit(77);
#endif
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_theirs),
        cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_any_bytes_are_encoded),
        cmocka_unit_test(test_both_merges_agree),
        cmocka_unit_test(test_what_is_not_supported_is_named),
        cmocka_unit_test(test_bad_ranks_are_named),
        cmocka_unit_test(test_config_names_the_end),
    };
    return cmocka_run_group_tests_name("tokenizer_bpe", tests, group_setup, NULL);
}
