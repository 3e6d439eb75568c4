/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "lib/writer.h"

/* The last byte is the NUL's, and what is behind the room is nobody's. */
static void test_characters(void **state)
{
    (void)state;
    char text[6] = "....#";
    struct writer w;
    writer_begin(&w, text, 4);
    assert_string_equal(text, "");
    writer_text(&w, "ab");
    writer_put(&w, 'c');
    assert_false(w.cut);
    writer_put(&w, 'd');
    assert_true(w.cut);
    assert_string_equal(text, "abc");
    assert_int_equal(w.used, 3);
    assert_int_equal(text[4], '#');
}

static void test_lines_are_whole(void **state)
{
    (void)state;
    char text[9];
    struct writer w;
    writer_begin(&w, text, sizeof text);
    writer_line(&w, "a\t%d", 1);
    writer_line(&w, "%s", "long"); /* with its end one byte too many */
    assert_true(w.cut);
    assert_string_equal(text, "a\t1\n");
    writer_line(&w, "%s", "fit");
    assert_string_equal(text, "a\t1\nfit\n");
    assert_int_equal(w.used, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_lines_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
