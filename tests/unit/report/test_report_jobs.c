/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of jobs as text: ranges that are ranges, each id once, and never more than there is room. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "report/jobs.h"
#include "report/lang.h"

static void expect(const long long *id, size_t count, size_t most, size_t size, const char *text)
{
    struct row row[64];
    const struct row *list[64];
    char got[512];
    for (size_t i = 0; i < count; i++) {
        row[i] = (struct row){.job_id = id[i]};
        list[i] = &row[i];
    }
    jobs_text(list, count, most, got, size);
    assert_string_equal(got, text);
}

#define EXPECT(text, most, ...)                                                                    \
    do {                                                                                           \
        const long long id[] = {__VA_ARGS__};                                                      \
        expect(id, sizeof id / sizeof *id, most, 512, text);                                       \
    } while (0)

static void test_ranges(void **state)
{
    (void)state;
    EXPECT("10, 12, 14", 9, 10, 12, 14);
    EXPECT("10\xe2\x80\x93"
           "12",
           9, 10, 11, 12);
    EXPECT("10, 11", 9, 10, 11);
    EXPECT("7", 9, 7);
    EXPECT("3, 10\xe2\x80\x93"
           "13, 20",
           9, 20, 13, 10, 11, 12, 3);
    EXPECT("5\xe2\x80\x93"
           "7",
           9, 7, 5, 6, 5, 7); /* steps of one job */
}

static void test_no_job_is_none(void **state)
{
    (void)state;
    EXPECT("outside of Slurm", 9, 0);
    EXPECT("outside of Slurm", 9, 0, 0, 0);
    EXPECT("outside of Slurm, 7, 9", 9, 9, 0, 7);
}

static void test_what_has_no_room_is_counted(void **state)
{
    (void)state;
    EXPECT("1, 3, \xe2\x80\xa6 9 (5 jobs)", 3, 1, 3, 5, 7, 9);
    EXPECT("1, 3, 5", 3, 1, 3, 5);
    expect(NULL, 0, 9, 512, "");
}

/* Every size ends inside it, and says how many there are. */
static void test_small_rooms(void **state)
{
    (void)state;
    struct row row[40];
    const struct row *list[40];
    for (size_t i = 0; i < 40; i++) {
        row[i] = (struct row){.job_id = 1000000000LL + 2 * (long long)i};
        list[i] = &row[i];
    }
    for (size_t size = 1; size < 400; size++) {
        char *text = malloc(size);
        assert_non_null(text);
        jobs_text(list, 40, 40, text, size);
        assert_true(strlen(text) < size);
        if (size > 128)
            assert_contains(text, "1000000078 (40 jobs)");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_no_job_is_none),
        cmocka_unit_test(test_what_has_no_room_is_counted),
        cmocka_unit_test(test_small_rooms),
    };
    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
