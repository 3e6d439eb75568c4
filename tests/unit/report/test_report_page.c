/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and texts of the page, ranks that stand out; whole pages stand in
 * tests/cli/test_page.sh. */
#include "tests/unit/unit.h"

#include <math.h>

#include "report/chart.h"
#include "report/html.h"
#include "report/ranks.h"
#include "lib/record.h"

static char *text;
static size_t size;

static FILE *begin_text(void)
{
    free(text);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    return out;
}

static int end(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

static void test_nothing_gets_through(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"},
        {"a&b \"c\"", "a&amp;b &quot;c&quot;"},
        {"\033[31m\a\x7f", "?[31m??"},
        {"\xff"
         "a\xc3"
         "b",
         "?a?b"},
        {"n1,n2, n3,", "n1,<wbr>n2, n3,"},
        {"1,234 of 5,678,901; 1,n2", "1,234 of 5,678,901; 1,<wbr>n2"},
        {"\xe3\x81\x82", "\xe3\x81\x82"},
        {"a\xc2\x9b"
         "b\xe2\x80\xae"
         "c",
         "a?b?c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *out = begin_text();
        html_text(out, cases[i][0]);
        fclose(out);
        assert_string_equal(text, cases[i][1]);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {999, 0, "999"},
        {1000, 0, "1,000"},
        {1234567.891, 1, "1,234,567.9"},
        {-1234.5, 1, "-1,234.5"},
        {-123.4, 1, "-123.4"},
        {0.5, 2, "0.50"},
        {NAN, 0, "\xe2\x80\x93"},
        {INFINITY, 0, "\xe2\x80\x93"},
        {1e300, 0, "\xe2\x80\x93"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char number[80];
        html_number_text(cases[i].value, cases[i].digits, number, sizeof number);
        assert_string_equal(number, cases[i].text);
    }
}

static void record_of(struct sft_record *record, const char *times, const char *hosts)
{
    sft_record_init(record);
    assert_int_equal(sft_record_set(record, "ranks_ms", times, NULL), 0);
    assert_int_equal(sft_record_set(record, "hosts", hosts, NULL), 0);
}

/* Median 100, MAD 0.5: 3 scaled MADs are 2.2, but 3% is 3. So 102.9 is as the others and 103.5 is
 * not. */
static void test_ranks_that_stand_out(void **state)
{
    (void)state;
    struct sft_record record;
    struct ranks ranks;
    record_of(&record, "100,100.5,99.5,102.9,100,99,103.5,60", "a,b");
    assert_true(ranks_read(&ranks, &record));
    static const bool out[] = {false, false, false, false, false, false, true, true};
    assert_int_equal(ranks.count, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ranks.out[i], out[i]);
    assert_int_equal(ranks.hosts, 2);
    assert_string_equal(ranks.host[1], "b");
    assert_true(ranks.host_ms[0] == 100.25 && ranks.host_ms[1] == 99.5);
    assert_false(ranks.host_out[0] || ranks.host_out[1]);
    ranks_clear(&ranks);
    sft_record_clear(&record);
    /* Of five hosts the fourth is at half speed: one bad node among good ones. */
    record_of(&record, "100,101,100,100,99,100,200,202,100,100", "n1,n2,n3,n4,n9");
    assert_true(ranks_read(&ranks, &record));
    for (size_t h = 0; h < 5; h++)
        assert_int_equal(ranks.host_out[h], h == 3);
    assert_true(ranks.host_ms[3] == 201);
    ranks_clear(&ranks);
    sft_record_clear(&record);
    static const char *const bad[] = {"", "1,2,", "1,,2", "1,x", "1,-2", "nan", "1;2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        record_of(&record, bad[i], "a");
        if (ranks_read(&ranks, &record))
            fail_msg("'%s' was taken", bad[i]);
        sft_record_clear(&record);
    }
    record_of(&record, "1,2,3", "a,b"); /* hosts that do not divide the ranks, or not all of them */
    assert_true(ranks_read(&ranks, &record));
    assert_int_equal(ranks.hosts, 0);
    ranks_clear(&ranks);
    sft_record_clear(&record);
}

/* A name can neither end its quotes nor be a command of gnuplot's, and is in the chart. */
static void test_a_chart_of_hostile_names(void **state)
{
    (void)state;
    if (!chart_possible())
        skip();
    struct chart chart = {.id = "a-1", .x_title = "x'\n`touch /tmp/sft-chart-hit`", .y_title = "y"};
    struct sft_error err = {""};
    char *svg;
    remove("/tmp/sft-chart-hit");
    struct chart_line *line = chart_add(
        &chart, "it's'; system('touch /tmp/sft-chart-hit') #\"$(x)\\\xe2\x80\xae", 3, true);
    assert_non_null(line);
    for (int i = 0; i < 3; i++) {
        line->x[i] = i;
        line->y[i] = i == 1 ? NAN : 10 * i;
        line->low[i] = line->high[i] = 10 * i;
    }
    if (chart_svg(&chart, &svg, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(strncmp(svg, "<svg", 4) == 0);
    assert_contains(svg, "it?s?; system(?touch /tmp/sft-chart-hit?)");
    assert_contains(svg, "id=\"a_1_plot_1\"");
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "\xe2\x80\xae"));
    assert_null(fopen("/tmp/sft-chart-hit", "r"));
    free(svg);
    chart_clear(&chart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing_gets_through, end),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_ranks_that_stand_out),
        cmocka_unit_test(test_a_chart_of_hostile_names),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
