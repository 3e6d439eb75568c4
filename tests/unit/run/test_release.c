/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "job/run/release.h"
#include "node/said.h"

static bool judge(const char *srun, const char *node, const char *form, bool first, char text[300])
{
    struct release release;
    snprintf(release.srun, sizeof release.srun, "%s", srun);
    snprintf(release.node, sizeof release.node, "%s", node);
    snprintf(release.form, sizeof release.form, "%s", form);
    return release_judge(&release, "0.2.0", first, text, 300);
}

static void assert_said(const char *srun, const char *node, bool first, const char *part)
{
    char text[300];
    assert_false(judge(srun, node, "", first, text));
    if (part[0] == '\0')
        assert_string_equal(text, "");
    else
        assert_contains(text, part);
}

static void test_one_release_is_no_news(void **state)
{
    (void)state;
    assert_said("0.2.0", "0.2.0", true, "");
    assert_said("", "", true, "");       /* no srun --sft-bench */
    assert_said("", "0.2.0", false, ""); /* srun --export=NONE */
}

static void test_each_mixture_is_named(void **state)
{
    (void)state;
    assert_said("0.2.0", "0.1.0", false,
                "the plugin there is of release 0.1.0, sft-bench-job of 0.2.0");
    assert_said("0.1.0", "0.1.0", false, "the plugin there is of release 0.1.0");
    assert_said("", "0.3.0", false, "the plugin there is of release 0.3.0");
    assert_said("0.1.0", "0.2.0", false, "the plugin of srun's host is of release 0.1.0");
    assert_said("0.2.0", "", false, "no plugin of sft-bench there: tasks are not placed; its line");
    assert_said("0.1.0", "", false, "no plugin of sft-bench there");
}

static void test_a_run_whose_record_would_be_lost_is_refused(void **state)
{
    char text[300];
    (void)state;
    assert_true(judge("0.2.0", "", "", true, text));
    assert_contains(text, "nobody would publish this run's record; its line in plugstack.conf");
}

static void test_a_plugin_of_another_form_is_refused(void **state)
{
    char text[300];
    (void)state;
    assert_true(judge("0.2.0", "0.3.0", "in form 2", false, text));
    assert_string_equal(text, "in form 2");
}

static void test_the_environment_is_read(void **state)
{
    struct release release;
    (void)state;
    setenv(SAID_SRUN_ENV, "0.2.0", 1);
    unsetenv(SAID_NODE_ENV);
    unsetenv(SAID_PLACE_ENV);
    setenv(SAID_FABRIC_ENV, SAID_MAGIC "77\nrate\t1\n", 1);
    release_read(&release);
    assert_string_equal(release.srun, "0.2.0");
    assert_string_equal(release.node, "");
    assert_contains(release.form, "in form 77, this program reads " SAID_FORM);
    unsetenv(SAID_FABRIC_ENV);
    release_read(&release);
    assert_string_equal(release.form, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_release_is_no_news),
        cmocka_unit_test(test_each_mixture_is_named),
        cmocka_unit_test(test_a_run_whose_record_would_be_lost_is_refused),
        cmocka_unit_test(test_a_plugin_of_another_form_is_refused),
        cmocka_unit_test(test_the_environment_is_read),
    };
    return cmocka_run_group_tests_name("release", tests, NULL, NULL);
}
