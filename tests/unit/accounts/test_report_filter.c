/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "accounts/filter.h"
#include "report/options.h"
#include "accounts/text.h"
#include "lib/number.h"

#define NOW 1768447200 /* 2026-01-15 12:20:00 in Tokyo */

static time_t at(const char *text, bool end)
{
    struct sft_error err = {""};
    time_t result;
    if (filter_parse_time(text, end, NOW, &result, &err) < 0)
        fail_msg("%s", err.text);
    return result;
}

static void test_times(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Tokyo", 1);
    assert_int_equal(at("2026-01-15T12:20:00", false), NOW);
    assert_int_equal(at("2026-01-15T12:20", true), NOW);
    assert_int_equal(at("2026-01-15", false), NOW - 12 * 3600 - 20 * 60);
    assert_int_equal(at("2026-01-15", true), at("2026-01-16", false) - 1);
    assert_int_equal(at("today", false), at("2026-01-15", false));
    assert_int_equal(at("yesterday", true), at("2026-01-14", true));
    assert_int_equal(at("now", false), NOW);
    assert_int_equal(at("2d", false), NOW - 2 * 86400);
    assert_int_equal(at("12h", false), NOW - 12 * 3600);
    assert_int_equal(at("30m", false), NOW - 1800);
}

static void test_bad_times(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "d",
                                      "-1d",
                                      "1.5h",
                                      "2026-02-30",
                                      "2026-13-01",
                                      "2026-01-15T",
                                      "15/01",
                                      "1d2h",
                                      "99999999999d",
                                      "1960-01-01",
                                      "2026-01-15 12:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sft_error err = {""};
        time_t result;
        if (filter_parse_time(bad[i], false, NOW, &result, &err) == 0)
            fail_msg("'%s' was taken for %lld", bad[i], (long long)result);
        assert_true(err.text[0] != '\0');
    }
}

/* Parse a command line of words; returns the message, "" when it was read. */
static const char *parse(struct options *options, const char *line)
{
    static struct sft_error err;
    static char copy[512];
    char *argv[32] = {"sft-report"}, *rest = copy;
    int argc = 1;
    err.text[0] = '\0';
    snprintf(copy, sizeof copy, "%s", line);
    while (rest != NULL && *rest != '\0')
        argv[argc++] = strsep(&rest, " ");
    options_clear(options); /* the one before */
    int rc = options_parse(options, argc, argv, NOW, &err);
    assert_int_equal(rc, err.text[0] == '\0' ? 0 : -1);
    return err.text;
}

static void test_options(void **state)
{
    (void)state;
    static struct options o;
    assert_string_equal(parse(&o, ""), "");
    assert_int_equal(o.filter.since, NOW - FILTER_DAYS * 86400); /* the default of --help */
    assert_string_equal(o.sort, "job");
    assert_string_equal(parse(&o, "--job 12,15 --job=3 --csv -a"), "");
    assert_int_equal(o.filter.job_count, 3);
    assert_int_equal(o.filter.since, 0); /* named jobs are found however old they are */
    assert_int_equal(o.form, OPTIONS_CSV);
    assert_string_equal(parse(&o, "--input - --state all --json --sort -mfu"), "");
    assert_string_equal(o.files[0], "-");
    assert_int_equal(o.inputs, 1);
    assert_null(o.filter.state);
    assert_string_equal(parse(&o, "--input a.json b.json --input runs"), "");
    assert_int_equal(o.inputs, 3);
    assert_string_equal(o.files[1], "runs");
    assert_string_equal(o.files[2], "b.json");
    assert_string_equal(parse(&o, "--help"), "");
    assert_int_equal(o.action, OPTIONS_HELP);
    options_clear(&o);
}

static void test_bad_options(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
    } bad[] = {
        {"--job 0", "--job=0:"},
        {"--job 1,,2", "--job=:"},
        {"--job 4294967296", "--job=4294967296:"},
        {"--job", "--job: needs a value"},
        {"--state done", "--state=done: must be"},
        {"--since never", "--since: never: no such time"},
        {"--since 2026-01-15 --until 2026-01-14", "--until lies before --since"},
        {"--json --csv", "exclude each other"},
        {"-u a -a", "exclude each other"},
        {"--model=", "--model: needs a value"},
        {"--bogus", "--bogus: no such option"},
        {"-x", "-x: no such option"},
        {"12", "12: unexpected word"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static struct options o;
        const char *message = parse(&o, bad[i].line);
        if (strstr(message, bad[i].message) == NULL)
            fail_msg("'%s' gave '%s'", bad[i].line, message);
        options_clear(&o);
    }
}

static enum sft_type kind(const char *text)
{
    long long whole;
    double real;
    return sft_number_read(text, &whole, &real);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_int_equal(kind("0"), SFT_INTEGER);
    assert_int_equal(kind("-12"), SFT_INTEGER);
    assert_int_equal(kind("9223372036854775807"), SFT_INTEGER);
    assert_int_equal(kind("9223372036854775808"), SFT_REAL);
    assert_int_equal(kind("1.5"), SFT_REAL);
    assert_int_equal(kind("1e-05"), SFT_REAL);
    static const char *const words[] = {"",    "-",   "01",    "1.", ".5", "+1", "0x10",
                                        "nan", "inf", "1e999", "1e", " 1", "1 ", "0.1.0"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(kind(words[i]), SFT_TEXT);
}

static void test_utf8(void **state)
{
    (void)state;
    char good[] = "a\xc3\xa9\xe5\xad\xa6\xf0\x9f\x98\x80";
    char copy[sizeof good];
    memcpy(copy, good, sizeof good);
    text_make_utf8(copy, sizeof good - 1);
    assert_memory_equal(copy, good, sizeof good);
    /* a lone byte, overlong, a surrogate, above U+10FFFF, cut off */
    char bad[] = "\xff \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe5\xad";
    text_make_utf8(bad, sizeof bad - 1);
    assert_string_equal(bad, "? ?? ??? ???? ??");
    char nul[] = "a\0b";
    text_make_utf8(nul, 3);
    assert_string_equal(nul, "a?b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),   cmocka_unit_test(test_bad_times),
        cmocka_unit_test(test_options), cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
