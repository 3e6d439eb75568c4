/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "job/run/release.h"

static void assert_said(const char *srun, const char *node, int first, const char *part)
{
    char text[300];
    release_judge(srun, node, "0.2.0", first, text, sizeof text);
    if (part[0] == '\0')
        assert_string_equal(text, "");
    else
        assert_contains(text, part);
}

static void test_one_release_is_no_news(void **state)
{
    (void)state;
    assert_said("0.2.0", "0.2.0", 1, "");
    assert_said(NULL, NULL, 1, "");    /* no srun --sft-bench */
    assert_said(NULL, "0.2.0", 0, ""); /* srun --export=NONE */
}

static void test_each_mixture_is_named(void **state)
{
    (void)state;
    assert_said("0.2.0", "0.1.0", 0,
                "the plugin there is of release 0.1.0, sft-bench-job of 0.2.0");
    assert_said("0.1.0", "0.1.0", 0, "the plugin there is of release 0.1.0");
    assert_said(NULL, "0.3.0", 0, "the plugin there is of release 0.3.0");
    assert_said("0.1.0", "0.2.0", 0, "the plugin of srun's host is of release 0.1.0");
    assert_said("0.2.0", NULL, 0, "no plugin of sft-bench there: tasks are not placed; its line");
    assert_said("0.1.0", NULL, 0, "no plugin of sft-bench there");
    assert_said("0.2.0", NULL, 1, "not placed, and the record is not published");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_release_is_no_news),
        cmocka_unit_test(test_each_mixture_is_named),
    };
    return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
