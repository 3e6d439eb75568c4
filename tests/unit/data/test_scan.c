/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over JSON: what is stepped over costs nothing, what is taken is UTF-8. */
#include "tests/unit/unit.h"

#include "job/data/scan.h"

static struct scan scan_of(const char *text, size_t size)
{
    return (struct scan){text, text + size, NULL};
}

static void test_values_are_stepped_over(void **state)
{
    (void)state;
    static const char *const values[] = {
        "1",
        "-0.5e-3",
        "1e400",
        "123456789012345678901234567890",
        "NaN",
        "-Infinity",
        "true",
        "null",
        "\"\"",
        "\"a\\\"b\\\\\"",
        "\"\\ud83d\"",
        "\"\xff\xfe\"",
        "{}",
        "[[],{\"a\":[\"]\"]}]",
        "{\"a\":{\"b\":1e999},\"c\":\"}\"}",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[128];
        int length = snprintf(text, sizeof text, "%s,x", values[i]);
        struct scan scan = scan_of(text, (size_t)length);
        if (scan_value(&scan) < 0 || scan.at != text + length - 2)
            fail_msg("%s: %s", values[i], scan.why == NULL ? "stopped elsewhere" : scan.why);
    }
}

static void test_no_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no end"},      {"nul", "expected a value"}, {"nulll", "expected a value"},
        {"+1", "expected"},  {"hello", "expected"},       {"-", "expected"},
        {"\"abc", "no end"}, {"\"abc\\", "no end"},       {"\"a\nb\"", "no end on its line"},
        {"[1", "no end"},    {"[1}", "do not match"},     {"{\"a\":[}", "do not match"},
        {"'a'", "expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scan scan = scan_of(cases[i].text, strlen(cases[i].text));
        if (scan_value(&scan) == 0)
            fail_msg("'%s' was taken", cases[i].text);
        assert_contains(scan.why, cases[i].why);
    }
    char deep[4096];
    memset(deep, '[', sizeof deep);
    struct scan scan = scan_of(deep, sizeof deep);
    assert_int_equal(scan_value(&scan), -1);
    assert_contains(scan.why, "too deep");
}

/* `most` bytes of a text's contents between double quotes, as UTF-8 */
static void expect_text(const char *inside, size_t size, size_t most, const char *expected,
                        bool mended)
{
    char text[256];
    bool no_memory;
    struct scan_text taken = {0};
    text[0] = '"';
    memcpy(text + 1, inside, size);
    memcpy(text + 1 + size, "\",", 2);
    struct scan scan = scan_of(text, size + 3);
    if (scan_take(&scan, &taken, most, &no_memory) < 0)
        fail_msg("%s: %s", inside, scan.why);
    assert_string_equal(taken.bytes, expected);
    assert_int_equal(taken.length, strlen(expected));
    assert_int_equal(taken.mended, mended);
    assert_true(scan.at == text + size + 2);
    free(taken.bytes);
}

#define TEXT(inside, expected, mended)                                                             \
    expect_text(inside, sizeof(inside) - 1, 200, expected, mended)
#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void test_texts(void **state)
{
    (void)state;
    TEXT("", "", false);
    TEXT("a\\n\\t\\\"\\\\\\/\\b\\f\\r", "a\n\t\"\\/\b\f\r", false);
    TEXT("\\u0041\\u00e9\\u20AC\\ud83d\\ude00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", false);
    TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", false);
    TEXT("tab\there", "tab\there", false);
    TEXT("b \\ud83d", "b " BAD, true);
    TEXT("\\ude00 b", BAD " b", true);
    TEXT("\\ud83d\\ud83d\\ude00", BAD "\xf0\x9f\x98\x80", true);
    TEXT("\\ud83d\\n", BAD "\n", true);
    TEXT("a\\u0000b", "a" BAD "b", true);
    TEXT("a\0b", "a" BAD "b", true);
    TEXT("a\xff"
         "b\xc3",
         "a" BAD "b" BAD, true);
    TEXT("\xc0\x80", BAD BAD, true);                 /* longer than it need be */
    TEXT("\xed\xa0\x80", BAD BAD BAD, true);         /* a surrogate in UTF-8 */
    TEXT("\xe2\x82", BAD, true);                     /* cut: one for all of it, as Python */
    TEXT("\xf4\x90\x80\x80", BAD BAD BAD BAD, true); /* above U+10FFFF */
    TEXT("\xef\xbf\xbd", BAD, false);                /* stood there before */
}

static void test_texts_are_cut_between_characters(void **state)
{
    (void)state;
    expect_text("abcdef", 6, 4, "abcd", false);
    expect_text("abc\xc3\xa9"
                "f",
                6, 4, "abc", false);
    expect_text("abc\\ud83d"
                "e",
                10, 5, "abc", true);
}

static void test_broken_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a",
                                        "\"a\\",   "\"\\u",     "\"a\n\"",     "5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scan_text taken = {0};
        bool no_memory;
        struct scan scan = scan_of(texts[i], strlen(texts[i]));
        if (scan_take(&scan, &taken, 100, &no_memory) == 0 || no_memory)
            fail_msg("%s was taken", texts[i]);
        free(taken.bytes);
    }
}

static void test_members(void **state)
{
    (void)state;
    static const char text[] =
        "{ \"a\" : 1 ,\"\\u0062c\":[2], \"a key that is longer than that\":{}} ";
    static const char *const keys[] = {"a", "bc", ""};
    struct scan scan = scan_of(text, strlen(text));
    char key[8];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(scan_member(&scan, i == 0, key, sizeof key), 1);
        assert_string_equal(key, keys[i]);
        assert_int_equal(scan_value(&scan), 0);
        scan_space(&scan);
    }
    assert_int_equal(scan_member(&scan, false, key, sizeof key), 0);
    assert_string_equal(scan.at, " ");
    static const char *const broken[] = {"{",     "{\"a\"",     "{\"a\":1",         "{\"a\" 1}",
                                         "{a:1}", "{\"a\":1,}", "{\"a\":1 \"b\":2}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        int got = 1;
        scan = scan_of(broken[i], strlen(broken[i]));
        for (bool first = true; got == 1; first = false)
            if ((got = scan_member(&scan, first, key, sizeof key)) == 1)
                got = scan_value(&scan) < 0 ? -1 : 1, scan_space(&scan);
        if (got == 0)
            fail_msg("%s was taken", broken[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_stepped_over),
        cmocka_unit_test(test_no_values),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_texts_are_cut_between_characters),
        cmocka_unit_test(test_broken_texts),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
