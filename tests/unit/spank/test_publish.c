/* SPDX-License-Identifier: Apache-2.0 */
/* When a record on its way is tried again. slurmctld is played: what it answers, and whether
 * another step has undone what was written. */
#include "tests/unit/unit.h"

#include "spank/publish.h"

static const char TEXT[] = "sft2{state=partial step=7.1}";

static struct {
    enum account_result result;
    int undone; /* how many more times the record does not stand there */
    int asked;
} ctld;

enum account_result account_publish(struct account *account, const struct sft_record *record,
                                    struct sft_error *err)
{
    (void)err;
    assert_string_equal(sft_record_get(record, "step"), "7.1");
    ctld.asked++;
    account->changed = ctld.result == ACCOUNT_STANDS && ctld.undone-- > 0;
    return ctld.result;
}

/* Tries until it is decided, or `most` times; returns how many. */
static int tries(bool final, enum account_result result, int undone, int most)
{
    struct publish publish;
    memset(&ctld, 0, sizeof ctld);
    ctld.result = result;
    ctld.undone = undone;
    publish_init(&publish, 7, true);
    assert_int_equal(publish_due(&publish), -1);
    assert_int_equal(publish_set(&publish, TEXT, final, NULL), 0);
    while (ctld.asked < most && !publish_try(&publish))
        assert_in_range(publish_due(&publish), 1, 8000);
    assert_int_equal(publish_due(&publish) == -1, !publish.pending);
    assert_int_equal(publish.result, result);
    sft_record_clear(&publish.record);
    return ctld.asked;
}

static void test_live_record_is_looked_at_again(void **state)
{
    (void)state;
    assert_int_equal(tries(false, ACCOUNT_STANDS, 1, 9), 2);
    assert_int_equal(tries(false, ACCOUNT_STANDS, 2, 9), 3);
}

/* Where a job_submit changes what is written it never stands there. */
static void test_looks_come_to_an_end(void **state)
{
    (void)state;
    assert_int_equal(tries(false, ACCOUNT_STANDS, 99, 9), 4);
}

static void test_what_stands_is_decided(void **state)
{
    (void)state;
    assert_int_equal(tries(false, ACCOUNT_STANDS, 0, 9), 1);
    assert_int_equal(tries(true, ACCOUNT_STANDS, 1, 9), 1);
    assert_int_equal(tries(false, ACCOUNT_OVER, 0, 9), 1);
    assert_int_equal(tries(false, ACCOUNT_REFUSED, 0, 9), 1);
}

static void test_silence_is_tried_until_it_ends(void **state)
{
    (void)state;
    assert_int_equal(tries(false, ACCOUNT_SILENT, 0, 9), 9);
    assert_int_equal(tries(true, ACCOUNT_SILENT, 0, 9), 9);
}

static void test_another_record_begins_anew(void **state)
{
    struct publish publish;
    (void)state;
    memset(&ctld, 0, sizeof ctld);
    ctld.undone = 4;
    publish_init(&publish, 7, true);
    assert_int_equal(publish_set(&publish, TEXT, false, NULL), 0);
    assert_in_range(publish_due(&publish), 1, 1000); /* the first of all has a second's time */
    while (!publish_try(&publish))
        ;
    assert_int_equal(ctld.asked, 4);
    ctld.undone = 1;
    assert_int_equal(publish_set(&publish, TEXT, false, NULL), 0);
    assert_int_equal(publish_due(&publish), 0);
    assert_false(publish_try(&publish));
    assert_int_equal(publish_set(&publish, "no record", false, NULL), -1);
    assert_int_equal(publish_due(&publish), -1);
    sft_record_clear(&publish.record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_record_is_looked_at_again),
        cmocka_unit_test(test_looks_come_to_an_end),
        cmocka_unit_test(test_what_stands_is_decided),
        cmocka_unit_test(test_silence_is_tried_until_it_ends),
        cmocka_unit_test(test_another_record_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
