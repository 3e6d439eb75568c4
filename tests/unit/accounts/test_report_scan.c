/* SPDX-License-Identifier: Apache-2.0 */
/* sacct's text of ids and comments, in which no comment passes for a job. */
#include "tests/unit/unit.h"

#include "accounts/scan.h"

#define MARK                                                                                       \
    "\x1f"                                                                                         \
    "00c0ffee00c0ffee"                                                                             \
    "\x1f"
#define RECORD "sft1{step=1.0 state=complete}"
#define LINE(id, submitted, uid, admin, comment)                                                   \
    id MARK submitted MARK uid MARK admin MARK comment MARK id "\n"

static void scan_text(struct scan *scan, const char *text)
{
    struct sft_error err = {""};
    FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(in);
    *scan = (struct scan){0};
    if (scan_read(scan, in, MARK, &err) < 0)
        fail_msg("%s", err.text);
    fclose(in);
    scan_finish(scan);
}

/* The ids, with spaces between. */
static void ids_are(const char *text, const char *expected)
{
    struct scan scan;
    char ids[256] = "";
    scan_text(&scan, text);
    for (size_t i = 0; i < scan.count; i++)
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%lld", i == 0 ? "" : " ",
                 scan.job[i].id);
    assert_string_equal(ids, expected);
    scan_clear(&scan);
}

static void test_jobs_with_records(void **state)
{
    (void)state;
    struct scan scan;
    scan_text(&scan, LINE("9", "300", "0", "", RECORD) LINE("7", "100", "1000", RECORD, "")
                         LINE("8", "200", "1001", "no record", "none")
                             LINE("10", "Unknown", "5", RECORD, RECORD));
    assert_int_equal(scan.count, 3);
    assert_int_equal(scan.job[0].id, 7);
    assert_int_equal(scan.job[0].submitted, 100);
    assert_int_equal(scan.job[0].uid, 1000);
    assert_int_equal(scan.job[2].submitted, 0);
    assert_ptr_equal(scan_find(&scan, 9, 300), &scan.job[1]);
    assert_null(scan_find(&scan, 9, 301)); /* another run of that id is another job's */
    assert_null(scan_find(&scan, 8, 200));
    scan_clear(&scan);
    assert_null(scan_find(&scan, 9, 300));
}

/* What the old form of the scan took for jobs, and more: lines that begin as a job, with any
 * separator but the mark. */
static void test_a_comment_is_no_job(void **state)
{
    (void)state;
    ids_are(LINE("5", "1", "0", "", "x\n1\x1fsft1{\n2|sft1{\n3 sft1{\n4\n" RECORD), "5");
    ids_are(LINE("5", "1", "0", "",
                 "x\n1\x1f"
                 "00c0ffee00c0ffef"
                 "\x1f"
                 "1"
                 "\x1f"
                 "0"
                 "\x1f" RECORD "\n") LINE("6", "1", "0", "", ""),
            "5");
    /* the mark's own first and last byte, and half of it, right before a real one */
    ids_are(LINE("5", "1", "0", RECORD "\x1f",
                 "\x1f\x1f"
                 "00c0ffee") LINE("6", "1", "0", "", RECORD),
            "5 6");
    ids_are(LINE("5", "1", "0", "a\n\n\nb", "\n\n" RECORD "\n\n")
                LINE("6", "2", "0", "", "\r\n" RECORD),
            "5 6");
    /* a record's beginning in one job's comment says nothing of the next */
    ids_are(LINE("5", "1", "0", RECORD, "") LINE("6", "1", "0", "", "")
                LINE("7", "1", "0", RECORD, ""),
            "5 7");
    ids_are(LINE("5", "1", "0", "sft1\n{", ""), "");
}

static void test_each_once_and_in_order(void **state)
{
    (void)state;
    ids_are(LINE("12", "1", "0", RECORD, "") LINE("3", "1", "0", RECORD, "")
                LINE("12", "1", "0", RECORD, "") LINE("5", "1", "0", RECORD, "")
                    LINE("3", "1", "0", RECORD, ""),
            "3 5 12");
    /* two runs of a requeued job are two */
    ids_are(LINE("3", "2", "0", RECORD, "") LINE("3", "1", "0", RECORD, ""), "3 3");
}

/* Which of an id's runs a record stands in, and whose the next is, also where that has no record.
 */
static void test_runs_of_one_id(void **state)
{
    (void)state;
    struct scan scan;
    scan_text(&scan, LINE("3", "30", "7", "", "") LINE("3", "10", "7", RECORD, "")
                         LINE("3", "20", "8", RECORD, "") LINE("4", "10", "7", RECORD, "")
                             LINE("4", "20", "7", "", "") LINE("5", "10", "7", RECORD, ""));
    assert_int_equal(scan.count, 4);
    assert_int_equal(scan_find(&scan, 3, 10)->next, SCAN_ANOTHERS);
    assert_int_equal(scan_find(&scan, 3, 20)->next, SCAN_ANOTHERS);
    assert_int_equal(scan_find(&scan, 4, 10)->next, SCAN_ITS_NEXT);
    assert_int_equal(scan_find(&scan, 5, 10)->next, SCAN_LAST);
    scan_clear(&scan);
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    ids_are("", "");
    ids_are("\n\n", "");
    ids_are("sacct: words\n" LINE("5", "1", "0", RECORD, ""), "5");
    ids_are(MARK MARK MARK MARK MARK MARK MARK "\n" LINE("5", "1", "0", RECORD, ""), "5");
    ids_are(LINE("x", "1", "0", RECORD, "") LINE("5", "1", "0", RECORD, ""), "5");
    ids_are(LINE("-1", "1", "0", RECORD, "") LINE("0", "1", "0", RECORD, ""), "");
    ids_are(LINE("5", "1", "x", RECORD, "") LINE("6", "soon", "0", RECORD, ""), "");
    ids_are(LINE("99999999999999999999", "1", "0", RECORD, "")
                LINE("6", "99999999999999999999", "0", RECORD, ""),
            "");
    ids_are("5" MARK "1" MARK "0" MARK RECORD MARK "" MARK "6\n",
            "");                                    /* begins as one and ends as another */
    ids_are("5" MARK "1" MARK "0" MARK RECORD, ""); /* cut off */
}

static void test_marks_differ(void **state)
{
    (void)state;
    char a[SCAN_MARK], b[SCAN_MARK];
    assert_int_equal(scan_mark_make(a, NULL), 0);
    assert_int_equal(scan_mark_make(b, NULL), 0);
    assert_int_equal(strlen(a), strlen(MARK));
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_with_records),      cmocka_unit_test(test_a_comment_is_no_job),
        cmocka_unit_test(test_each_once_and_in_order), cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_runs_of_one_id),         cmocka_unit_test(test_marks_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
