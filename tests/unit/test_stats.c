/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/stats.h"

static void test_values_by_hand(void **state)
{
    (void)state;
    const double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };
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
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_values_by_hand) };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
