/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/number.h"
#include "lib/stats.h"

static void test_values_by_hand(void **state)
{
    (void)state;
    const double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2}, one[] = {7};
    assert_true(sft_stats_median(odd, 3) == 5);
    assert_true(sft_stats_median(even, 4) == 2.5);
    assert_true(sft_stats_median(one, 1) == 7);
    assert_true(sft_stats_mad(odd, 3) == 4);
    assert_true(sft_stats_mad(one, 1) == 0);
    assert_true(sft_stats_mean(even, 4) == 2.5);
    assert_true(sft_stats_quantile(even, 4, 0) == 1 && sft_stats_quantile(even, 4, 1) == 4);
    /* numpy.quantile([4, 1, 3, 2], 0.95) */
    assert_true(fabs(sft_stats_quantile(even, 4, 0.95) - 3.85) < 1e-12);
    assert_true(odd[0] == 9 && odd[1] == 1);
    assert_true(isnan(sft_stats_median(odd, 0)) && isnan(sft_stats_mad(odd, 0)));
    assert_true(isnan(sft_stats_mean(odd, 0)));
    const double powers[] = {1, 100};
    assert_true(fabs(sft_stats_log_mean(powers, 2) - log(10)) < 1e-12 &&
                isnan(sft_stats_log_mean(powers, 0)));
}

/* Eight nodes of eight GPUs pass a million tokens a second: no exponent there. */
static void test_numbers_for_people(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *text;
    } cases[] = {
        {1012345.4, 6, "1012345"},
        {2.87318e6, 6, "2873180"},
        {999999.4, 6, "999999"},
        {999999.7, 6, "1000000"},
        {10240.3, 4, "10240"},
        {9999.4, 4, "9999"},
        {9999.7, 4, "10000"},
        {15522.84, 6, "15522.8"},
        {0.4521, 3, "0.452"},
        {-12345, 4, "-12345"},
        {0, 6, "0"},
        {0.000012, 6, "1.2e-05"},
        {1e15, 6, "1e+15"},
        {1e300, 6, "1e+300"},
    };
    char text[SFT_NUMBER];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(sft_number(text, cases[i].value, cases[i].digits), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_by_hand),
                                       cmocka_unit_test(test_numbers_for_people)};
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
