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
                        "sft2{step=7.0 state=complete model=tiny device=Some%20CPU%20@%203.0%20"
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

/* The first form stays itself, with what the second leaves out, and ours has no details. */
static void test_both_forms(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"sft1{step=7.0 vocab=9 tok_s=5 cpus=3 zz=1}",
         "sft1{step=7.0 vocab=9 tok_s=5 cpus=3 zz=1}"},
        {"sft2{step=7.0 vocab=9 cpus=3 tok_s=5 zz=1}", "sft2{step=7.0 tok_s=5 zz=1}"},
        {"sft2{zz=1 tok_s=5 step=7.0}", "sft2{step=7.0 tok_s=5 zz=1}"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sft_record record;
        char text[SFT_RECORD_MAX];
        assert_int_equal(sft_record_parse(&record, texts[i][0], NULL, NULL), 0);
        assert_string_equal(sft_record_get(&record, "zz"), "1");
        assert_int_equal(sft_record_format(&record, false, text, sizeof text, NULL), 0);
        assert_string_equal(text, texts[i][1]);
        sft_record_clear(&record);
    }
}

/* What leaves first: keys without a row, long texts, the others from the last row up; never the
 * brief ones. */
static void test_fit(void **state)
{
    (void)state;
    static const char *const steps[] = {
        "sft2{step=7.0 seed=1 lr=2 tok_s=5 hosts=a,b version=1 pmix=p nccl_env=N=1 zz=1}",
        "sft2{step=7.0 seed=1 lr=2 tok_s=5 hosts=a,b version=1 nccl_env=N=1 pmix=p}",
        "sft2{step=7.0 seed=1 lr=2 tok_s=5 hosts=a,b version=1 pmix=p}",
        "sft2{step=7.0 seed=1 lr=2 tok_s=5 version=1 pmix=p}",
        "sft2{step=7.0 seed=1 lr=2 tok_s=5 version=1}",
        "sft2{step=7.0 seed=1 tok_s=5 version=1}",
        "sft2{step=7.0 tok_s=5 version=1}",
    };
    struct sft_record record;
    struct sft_error err = {""};
    char text[SFT_RECORD_MAX];
    size_t last = sizeof steps / sizeof steps[0] - 1;
    assert_int_equal(sft_record_parse(&record, steps[0], NULL, NULL), 0);
    for (size_t i = 1; i <= last; i++) {
        assert_int_equal(sft_record_fit(&record, strlen(steps[i]) + 1, &err), 0);
        assert_int_equal(sft_record_format(&record, false, text, sizeof text, NULL), 0);
        assert_string_equal(text, steps[i]);
    }
    assert_string_equal(err.text, "");
    assert_int_equal(sft_record_fit(&record, strlen(steps[last]), &err), -1);
    assert_int_equal(sft_record_format(&record, false, text, sizeof text, NULL), 0);
    assert_string_equal(text, steps[last]);
    assert_contains(err.text, "longer than");
    sft_record_clear(&record);
}

static void test_bad_text_is_refused(void **state)
{
    (void)state;
    static const char *bad[] = {
        "",
        "sft1",
        "sft3{a=1}",
        "sft12{a=1}",
        "sft{a=1}",
        "sft2{a=1",
        "sft2{a=1 a=1}",
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
    const char *cursor = "my run sft1{a=} sft1{broken sft1{a=1}x{}sft1{a=2} tail sft1{ sft2{a=3} "
                         "sft3{a=4} sft sft2{broken sft2{a=5}";
    struct sft_record record;
    const char *expected[] = {"", "1", "2", "3", "5"};
    for (int i = 0; i < 5; i++) {
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
        assert_memory_equal(comment, "own sft2{", 9);
        char last[32];
        snprintf(last, sizeof last, "step=%s ", name);
        assert_contains(comment, last);
        if (step == 1)
            assert_contains(comment, "step=7.0 ");
    }
    assert_null(strstr(comment, "step=7.0 "));
    assert_contains(comment, "step=7.38 ");
}

/* Two nodes look after the records of one job, each again and again until its own stands: soon
 * neither has anything to change, with room for all and where keys had to leave. */
static void test_two_that_look_again_come_to_rest(void **state)
{
    (void)state;
    for (size_t size = SFT_RECORD_COMMENT + 1; size > 100; size -= 13) {
        char text[SFT_RECORD_COMMENT + 1] = "own", next[SFT_RECORD_COMMENT + 1];
        struct sft_record record[2] = {step_record("7.0", "complete"),
                                       step_record("7.1", "complete")};
        for (int look = 0; look < 8; look++) {
            put(&record[look % 2], "hosts", "a,b,c,d,e,f");
            assert_int_equal(sft_record_merge(text, &record[look % 2], next, size, NULL), 0);
            if (look > 3)
                assert_string_equal(next, text);
            strcpy(text, next);
        }
        assert_contains(text, "{step=7.1 ");
        sft_record_clear(&record[0]);
        sft_record_clear(&record[1]);
    }
}

/* An older step's record stays in its form beside ours; each is replaced by its own step alone; and
 * what was merged once comes out the same again, also where keys had to leave. */
static void test_forms_stand_side_by_side(void **state)
{
    (void)state;
    const char *old =
        "own sft1{step=7.0 state=complete model=tiny tok_s=5 cpus=3} sft3{step=7.9} t";
    for (size_t size = SFT_RECORD_COMMENT + 1; size > 150; size -= 13) {
        char once[SFT_RECORD_COMMENT + 1], again[SFT_RECORD_COMMENT + 1];
        struct sft_record record = step_record("7.1", "complete");
        put(&record, "hosts", "a,b,c,d,e,f");
        put(&record, "cpus", "4");
        put(&record, "zz", "1");
        assert_int_equal(sft_record_merge(old, &record, once, size, NULL), 0);
        assert_true(strlen(once) < size);
        assert_memory_equal(once, "own sft3{step=7.9} t sft1{step=7.0 state=complete model=tiny ",
                            61);
        assert_contains(once, " sft2{step=7.1 state=complete model=tiny");
        if (size > SFT_RECORD_COMMENT) {
            assert_contains(once, " cpus=3}");
            assert_contains(once, " hosts=a,b,c,d,e,f zz=1}");
        }
        assert_null(strstr(once, "cpus=4"));
        assert_int_equal(sft_record_merge(once, &record, again, size, NULL), 0);
        assert_string_equal(once, again);
        sft_record_clear(&record);
    }
    struct sft_record newer = step_record("7.0", "partial");
    char text[SFT_RECORD_COMMENT + 1];
    assert_int_equal(sft_record_merge(old, &newer, text, sizeof text, NULL), 0);
    assert_null(strstr(text, "sft1{"));
    assert_contains(text, "sft2{step=7.0 state=partial");
    sft_record_clear(&newer);
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
    assert_ptr_equal(sft_record_page_text(page), page);
    assert_int_equal(sft_record_parse(&back, page, &end, NULL), 0);
    assert_string_equal(sft_record_get(&back, "state"), "running");
    assert_int_equal(end[0], '\n');
    assert_string_equal(end + strspn(end, "\n"), "000000000000001\n");
    sft_record_clear(&back);
    char large[SFT_RECORD_MAX];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put(&record, "hosts", large);
    struct sft_error err = {""};
    assert_int_equal(sft_record_page(&record, page, &err), -1);
    assert_contains(err.text, "longer than 7999 bytes");
    sft_record_clear(&record);
}

/* As after a kill in the middle of a write: some of the new half is there, not its end. */
static void test_a_torn_page_has_the_record_before(void **state)
{
    (void)state;
    static char before[SFT_RECORD_PAGE + 1], after[SFT_RECORD_PAGE + 1];
    memset(before, 0, sizeof before);
    assert_string_equal(sft_record_page_text(before), "");
    for (int writing = 1; writing <= 5; writing++) {
        char number[16];
        snprintf(number, sizeof number, "%d", writing);
        struct sft_record record = step_record("7.0", "running"), back;
        put(&record, "steps_done", number);
        memcpy(after, before, sizeof after);
        assert_int_equal(sft_record_page(&record, after, NULL), 0);
        for (size_t part = 0; writing > 1 && part < SFT_RECORD_PAGE; part += 4096) {
            char torn[SFT_RECORD_PAGE + 1];
            memcpy(torn, before, sizeof torn);
            memcpy(torn, after, part);
            assert_int_equal(sft_record_parse(&back, sft_record_page_text(torn), NULL, NULL), 0);
            double done = sft_record_get_real(&back, "steps_done", -1);
            assert_true(done == writing || done == writing - 1);
            assert_string_equal(sft_record_get(&back, "state"), "running");
            sft_record_clear(&back);
        }
        assert_int_equal(sft_record_parse(&back, sft_record_page_text(after), NULL, NULL), 0);
        assert_string_equal(sft_record_get(&back, "steps_done"), number);
        sft_record_clear(&back);
        sft_record_clear(&record);
        memcpy(before, after, sizeof before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_bad_text_is_refused),
        cmocka_unit_test(test_records_are_found_in_any_text),
        cmocka_unit_test(test_the_users_comment_survives),
        cmocka_unit_test(test_steps_of_one_job_stand_together),
        cmocka_unit_test(test_two_that_look_again_come_to_rest),
        cmocka_unit_test(test_forms_stand_side_by_side),
        cmocka_unit_test(test_a_full_comment_is_left_alone),
        cmocka_unit_test(test_a_page_holds_one_record),
        cmocka_unit_test(test_a_torn_page_has_the_record_before),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
