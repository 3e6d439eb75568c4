/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/record.h"

static void put(struct sft_record *record, const char *key, const char *value)
{
    struct sft_error err = {""};
    if (sft_record_set(record, key, value, &err) < 0)
        fail_msg("%s", err.text);
}

static struct sft_record step_record(const char *step, const char *state)
{
    struct sft_record record;
    sft_record_init(&record);
    put(&record, "step", step);
    put(&record, "state", state);
    put(&record, "model", "tiny");
    put(&record, "device", "Some CPU @ 3.0 GHz | 8 {cores} \"x\" 100%");
    return record;
}

static void test_text_reads_back(void **state)
{
    (void)state;
    struct sft_record record = step_record("7.0", "complete"), back;
    put(&record, "future_key", "kept");
    put(&record, "fail", "");
    assert_int_equal(sft_record_set_real(&record, "step_ms", 1234.5678, NULL), 0);
    char text[SFT_RECORD_MAX], again[SFT_RECORD_MAX];
    const char *end;
    assert_int_equal(sft_record_format(&record, false, text, sizeof text, NULL), 0);
    assert_string_equal(text,
                        "sft1{step=7.0 state=complete model=tiny device=Some%20CPU%20@%203.0%20"
                        "GHz%20%7C%208%20%7Bcores%7D%20%22x%22%20100%25 step_ms=1234.57 fail= "
                        "future_key=kept}");
    assert_int_equal(sft_record_parse(&back, text, &end, NULL), 0);
    assert_string_equal(end, "");
    assert_string_equal(sft_record_get(&back, "device"), sft_record_get(&record, "device"));
    assert_string_equal(sft_record_get(&back, "future_key"), "kept");
    assert_true(sft_record_get_real(&back, "step_ms", -1) == 1234.57);
    assert_true(sft_record_get_real(&back, "model", -1) == -1);
    assert_int_equal(sft_record_format(&back, false, again, sizeof again, NULL), 0);
    assert_string_equal(text, again);
    assert_int_equal(sft_record_format(&back, false, again, strlen(text), NULL), -1);
    assert_int_equal(sft_record_format(&back, true, again, sizeof again, NULL), 0);
    assert_null(strstr(again, "device"));
    sft_record_clear(&record);
    sft_record_clear(&back);
}

static void test_bad_text_is_refused(void **state)
{
    (void)state;
    static const char *bad[] = {
        "",
        "sft1",
        "sft2{a=1}",
        "xsft1{a=1}",
        "sft1{a=1",
        "sft1{a}",
        "sft1{=1}",
        "sft1{A=1}",
        "sft1{a=1 a=1}",
        "sft1{a=%}",
        "sft1{a=%4}",
        "sft1{a=%zz}",
        "sft1{a=%00}",
        "sft1{a=\"}",
        "sft1{a=1  b=2}",
        "sft1{ a=1}",
        "sft1{a=\n}",
        "sft1{a=\xc3\xa9}",
        "sft1{a=%c3}",
        "sft1{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sft_record record;
        struct sft_error err = {""};
        if (sft_record_parse(&record, bad[i], NULL, &err) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_true(err.text[0] != '\0' && record.count == 0);
    }
    struct sft_record record;
    assert_int_equal(sft_record_parse(&record, "sft1{}", NULL, NULL), 0);
    sft_record_init(&record);
    assert_int_equal(sft_record_set_real(&record, "tok_s", NAN, NULL), -1);
    assert_int_equal(sft_record_set_real(&record, "tok_s", INFINITY, NULL), -1);
    assert_int_equal(record.count, 0);
}

static void test_records_are_found_in_any_text(void **state)
{
    (void)state;
    const char *cursor = "my run sft1{a=} sft1{broken sft1{a=1}x{}sft1{a=2} tail sft1{";
    struct sft_record record;
    const char *expected[] = {"", "1", "2"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sft_record_next(&record, &cursor), 1);
        assert_string_equal(sft_record_get(&record, "a"), expected[i]);
        sft_record_clear(&record);
    }
    assert_int_equal(sft_record_next(&record, &cursor), 0);
    assert_int_equal(sft_record_next(&record, &cursor), 0);
}

static void test_the_users_comment_survives(void **state)
{
    (void)state;
    static const char *own[] = {"", "my own text", "trailing space ", "brace sft1{broken",
                                "\xe6\x97\xa5"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        char first[SFT_RECORD_COMMENT + 1], second[SFT_RECORD_COMMENT + 1];
        struct sft_record running = step_record("7.0", "running"),
                          done = step_record("7.0", "complete");
        assert_int_equal(sft_record_merge(own[i], &running, first, sizeof first, NULL), 0);
        assert_memory_equal(first, own[i], strlen(own[i]));
        assert_int_equal(sft_record_merge(first, &done, second, sizeof second, NULL), 0);
        assert_memory_equal(second, own[i], strlen(own[i]));
        assert_null(strstr(second, "running"));
        assert_contains(second, "state=complete");
        char expected[SFT_RECORD_COMMENT + 1];
        assert_int_equal(sft_record_merge(own[i], &done, expected, sizeof expected, NULL), 0);
        assert_string_equal(second, expected);
        sft_record_clear(&running);
        sft_record_clear(&done);
    }
}

static void test_steps_of_one_job_stand_together(void **state)
{
    (void)state;
    char comment[SFT_RECORD_COMMENT + 1] = "own", next[SFT_RECORD_COMMENT + 1];
    for (int step = 0; step < 40; step++) {
        char name[16];
        snprintf(name, sizeof name, "7.%d", step);
        struct sft_record record = step_record(name, "complete");
        assert_int_equal(sft_record_merge(comment, &record, next, sizeof next, NULL), 0);
        sft_record_clear(&record);
        assert_true(strlen(next) <= SFT_RECORD_COMMENT);
        memcpy(comment, next, sizeof comment);
        assert_memory_equal(comment, "own sft1{", 9);
        char last[32];
        snprintf(last, sizeof last, "step=%s ", name);
        assert_contains(comment, last);
        if (step == 1)
            assert_contains(comment, "step=7.0 ");
    }
    assert_null(strstr(comment, "step=7.0 "));
    assert_contains(comment, "step=7.38 ");
}

static void test_a_full_comment_is_left_alone(void **state)
{
    (void)state;
    char own[SFT_RECORD_COMMENT + 2], text[SFT_RECORD_COMMENT + 1];
    struct sft_record record = step_record("7.0", "complete");
    memset(own, 'x', sizeof own);
    own[SFT_RECORD_COMMENT] = '\0';
    assert_int_equal(sft_record_merge(own, &record, text, sizeof text, NULL), 1);
    assert_string_equal(text, own);
    /* exactly enough room for the brief form, then one byte too few */
    char brief[SFT_RECORD_MAX];
    assert_int_equal(sft_record_format(&record, true, brief, sizeof brief, NULL), 0);
    own[SFT_RECORD_COMMENT - 1 - strlen(brief)] = '\0';
    assert_int_equal(sft_record_merge(own, &record, text, sizeof text, NULL), 0);
    assert_int_equal(strlen(text), SFT_RECORD_COMMENT);
    own[SFT_RECORD_COMMENT - 1 - strlen(brief)] = 'x';
    own[SFT_RECORD_COMMENT - strlen(brief)] = '\0';
    assert_int_equal(sft_record_merge(own, &record, text, sizeof text, NULL), 1);
    sft_record_clear(&record);
}

static void test_a_page_holds_one_record(void **state)
{
    (void)state;
    char page[SFT_RECORD_PAGE + 1] = "";
    struct sft_record record = step_record("7.0", "running"), back;
    assert_int_equal(sft_record_page(&record, page, NULL), 0);
    const char *end;
    assert_int_equal(sft_record_parse(&back, page, &end, NULL), 0);
    assert_int_equal(strspn(end, "\n"), (size_t)(page + SFT_RECORD_PAGE - end));
    sft_record_clear(&back);
    char large[SFT_RECORD_MAX];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put(&record, "hosts", large);
    struct sft_error err = {""};
    assert_int_equal(sft_record_page(&record, page, &err), -1);
    assert_contains(err.text, "longer than 3999 bytes");
    sft_record_clear(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_bad_text_is_refused),
        cmocka_unit_test(test_records_are_found_in_any_text),
        cmocka_unit_test(test_the_users_comment_survives),
        cmocka_unit_test(test_steps_of_one_job_stand_together),
        cmocka_unit_test(test_a_full_comment_is_left_alone),
        cmocka_unit_test(test_a_page_holds_one_record),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
