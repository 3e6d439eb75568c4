/* SPDX-License-Identifier: Apache-2.0 */
/* Ratios and their intervals against figures worked out apart (R: t.test(log(b), log(a)), qt), and
 * what makes a verdict. */
#include "tests/unit/unit.h"

#include <math.h>

#include "report/compare.h"
#include "report/repeats.h"
#include "tests/unit/report/report_rows.h"

static void assert_near(double value, double expected, double part)
{
    if (!(fabs(value - expected) <= part * fabs(expected)))
        fail_msg("%.9g is not %.9g", value, expected);
}

/* Tables of Student's t: 0.975 at 1, 2, 4, 10, 30 and very many degrees of freedom. */
static void test_quantiles(void **state)
{
    (void)state;
    static const double table[][2] = {{1, 12.7062},  {2, 4.30265},  {4, 2.77645},
                                      {10, 2.22814}, {30, 2.04227}, {1e6, 1.95996}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_near(repeats_t(0.975, table[i][0]), table[i][1], 1e-5);
}

/* a = 100 each, give or take 1%: logs -0.01, 0, 0.01 about log 100; b the same about log 110. The
 * difference of means is log 1.1; each variance of a mean is 1e-4 / 3; with equal variances Welch's
 * degrees of freedom are 4, and t of 0.978 is 2.90267: half = 2.90267 * sqrt(2e-4 / 3) = 0.0237002.
 */
static void test_an_interval_by_hand(void **state)
{
    (void)state;
    double a[3], b[3];
    for (int i = 0; i < 3; i++) {
        a[i] = 100 * exp(0.01 * (i - 1));
        b[i] = 110 * exp(0.01 * (i - 1));
    }
    struct compare_ratio r = compare_figures(a, 3, b, 3);
    assert_near(r.ratio, 1.1, 1e-12);
    assert_near(r.low, 1.1 * exp(-0.0237002), 1e-6);
    assert_near(r.high, 1.1 * exp(0.0237002), 1e-6);
    assert_int_equal(r.verdict, COMPARE_FASTER);
    r = compare_figures(b, 3, a, 3);
    assert_int_equal(r.verdict, COMPARE_SLOWER);
    r = compare_figures(a, 3, a, 3);
    assert_int_equal(r.verdict, COMPARE_NONE);
    assert_near(r.a, 100, 1e-12);
}

/* Unequal spreads: variances of the means 1e-4/3 and 16e-4/3, so (17e-4/3)^2 / ((1e-4/3)^2/2 +
 * (16e-4/3)^2/2) = 289 / 128.5 = 2.24903 degrees of freedom, between the table's 2 and 4: t of
 * 0.978 is less than 4.60847 and more than 2.90267. */
static void test_unequal_spreads(void **state)
{
    (void)state;
    double a[3], b[3], half;
    for (int i = 0; i < 3; i++) {
        a[i] = 100 * exp(0.01 * (i - 1));
        b[i] = 105 * exp(0.04 * (i - 1));
    }
    struct compare_ratio r = compare_figures(a, 3, b, 3);
    half = log(r.high / r.ratio) / sqrt(17e-4 / 3);
    assert_near(half, repeats_t(COMPARE_QUANTILE, 289 / 128.5), 1e-9);
    assert_true(half < 4.60847 && half > 2.90267);
    assert_int_equal(r.verdict, COMPARE_NONE); /* 5% more, and no difference beyond the spread */
}

/* Medians would say 100 beside 100, and the ratio of the means 0.79: the columns are what it is of.
 */
static void test_the_ratio_is_the_columns(void **state)
{
    (void)state;
    static const double a[] = {100, 100, 100}, b[] = {100, 50, 100};
    struct compare_ratio r = compare_figures(a, 3, b, 3);
    assert_near(r.a, 100, 1e-9);
    assert_near(r.ratio, r.b / r.a, 1e-12);
    assert_near(r.b, 100 * pow(0.5, 1.0 / 3), 1e-9);
}

static void test_too_few(void **state)
{
    (void)state;
    static const double a[] = {100, 101}, b[] = {200, 201, 202};
    struct compare_ratio r = compare_figures(a, 1, b, 3);
    assert_true(isnan(r.low) && isnan(r.high));
    assert_near(r.ratio, exp((log(200) + log(201) + log(202)) / 3) / 100, 1e-12);
    assert_int_equal(r.verdict, COMPARE_TOO_FEW);
    r = compare_figures(a, 2, b, 3);
    assert_true(isnan(r.low) && isnan(r.high)); /* of two runs nobody knows the spread */
    assert_int_equal(r.verdict, COMPARE_TOO_FEW);
}

static void test_repeats_that_are_the_same(void **state)
{
    (void)state;
    static const double a[] = {100, 100, 100}, b[] = {101, 101, 101};
    struct compare_ratio r = compare_figures(a, 3, b, 3);
    assert_near(r.low, 1.01 * exp(-0.00237002), 1e-8); /* their spread counts as 0.1% */
    assert_int_equal(r.verdict, COMPARE_FASTER);
}

/* Runs that stand aside do not count, and another device does not keep two sets apart. */
static void test_two_sets(void **state)
{
    (void)state;
    struct rows rows[2];
    struct groups groups[2];
    char *text = NULL;
    size_t size;
    for (int k = 0; k < 2; k++) {
        rows_init(&rows[k]);
        for (int i = 0; i < 3; i++)
            test_row(&rows[k], 10 * k + i, 1, (k == 0 ? 1000 : 1200) + i,
                     k == 0 ? NULL : "device=GH200");
        test_row(&rows[k], 10 * k + 5, 1, 9000, NULL)->state = "partial";
        test_row(&rows[k], 10 * k + 6, k == 0 ? 2 : 4, 3000, NULL);
        assert_int_equal(groups_make(&groups[k], &rows[k], NULL), 0);
    }
    FILE *out = open_memstream(&text, &size);
    struct compare compare;
    assert_int_equal(compare_make(&compare, &groups[0], &groups[1], 0, NULL), 0);
    assert_int_equal(compare_print(&compare, OPTIONS_TABLE, out, NULL), 0);
    compare_clear(&compare);
    fclose(out);
    assert_contains(text, "1.1998");
    assert_contains(text, "B is faster");
    assert_contains(text, "only in A: llama-7b full bf16 on 2 nodes\n");
    assert_contains(text, "only in B: llama-7b full bf16, NVIDIA H200 on 4 nodes\n");
    free(text);
    for (int k = 0; k < 2; k++) {
        groups_clear(&groups[k]);
        rows_clear(&rows[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),       cmocka_unit_test(test_an_interval_by_hand),
        cmocka_unit_test(test_unequal_spreads), cmocka_unit_test(test_the_ratio_is_the_columns),
        cmocka_unit_test(test_too_few),         cmocka_unit_test(test_repeats_that_are_the_same),
        cmocka_unit_test(test_two_sets),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
