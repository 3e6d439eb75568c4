/* SPDX-License-Identifier: Apache-2.0 */
/* What plugin and program say to each other of the node: read as it was written, and only by a
 * program that knows the form. The network's lines stand in test_fabric and test_network. */
#include "tests/unit/unit.h"

#include "node/said.h"

static void test_place_comes_back(void **state)
{
    (void)state;
    const struct said_task task = {"0000:18:00.0", "0-11", "0", "mlx5_0", "PIX", "a,b", "a b=c"};
    char words[1024], text[SAID_PLACE], value[512];
    static const char *const pairs[][2] = {
        {"cuda", "0,?1"}, {"gpu", "0000:18:00.0"}, {"cpus", "0-11"},
        {"numa", "0"},    {"nics", "mlx5_0"},      {"distance", "PIX"},
        {"pool", "a,b"},  {"why", "a b=c"},        {"b", ""}};
    said_write_task(&task, words, sizeof words);
    said_write_place("0, 1", words, text, sizeof text);
    const char *place = said_open(text, NULL);
    assert_non_null(place);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        said_word(place, pairs[i][0], value, sizeof value);
        assert_string_equal(value, pairs[i][1]);
    }
    said_write_place(NULL, "why=none", text, sizeof text);
    assert_string_equal(said_open(text, NULL), "cuda=unset why=none");
}

/* In one line, which names both. */
static void assert_refused(const char *text, const char *why)
{
    struct sft_error err = {""};
    assert_null(said_open(text, &err));
    assert_contains(err.text, why);
    assert_null(strchr(err.text, '\n'));
}

static void test_another_form_is_refused(void **state)
{
    (void)state;
    assert_refused("sft-node/2 cuda=unset why=x", "in form 2, this program reads 1");
    assert_refused("sft-node/2\nrate\t400\n", "in form 2, this program reads 1");
    assert_refused("sft-node/12\nrate\t400\n", "in form 12, this program reads 1");
    assert_refused("sft-node/1", "in form 1, this"); /* nothing behind it */
    assert_refused("cuda=unset why=x", "does not begin with sft-node/1");
    assert_refused("rate\t400\n", "does not begin with sft-node/1");
}

static void test_nothing_said(void **state)
{
    (void)state;
    assert_string_equal(said_open(NULL, NULL), "");
    assert_string_equal(said_open("", NULL), "");
}

static void test_why_nothing_was_decided(void **state)
{
    (void)state;
    char text[256], warning[128];
    said_write_no_fabric("no sysfs here", text, sizeof text);
    const char *cursor = said_open(text, NULL), *line = said_next(&cursor, "warn");
    assert_non_null(line);
    said_field(line, 0, warning, sizeof warning);
    assert_string_equal(warning, "NCCL's variables were left as they are: no sysfs here");
    assert_null(said_next(&cursor, "warn"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place_comes_back),
        cmocka_unit_test(test_another_form_is_refused),
        cmocka_unit_test(test_nothing_said),
        cmocka_unit_test(test_why_nothing_was_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
