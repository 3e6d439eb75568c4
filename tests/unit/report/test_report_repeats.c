/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated repeats: what is said of them is right as often as it claims to be. Fixed seeds. */
#include "tests/unit/unit.h"

#include <math.h>

#include "report/compare.h"
#include "report/repeats.h"
#include "tests/unit/report/report_rows.h"

enum { SETS = 10000 };

static uint64_t state64;

/* xorshift64* (Vigna 2016), above 0 and below 1. */
static double uniform(void)
{
    state64 ^= state64 >> 12;
    state64 ^= state64 << 25;
    state64 ^= state64 >> 27;
    return ((double)(state64 * 0x2545f4914f6cdd1dULL >> 12) + 0.5) / 0x1p52;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * acos(-1) * uniform());
}

/* 3 to 10 speeds about `mean`, give or take `noise` of it. */
static size_t repeats(double *values, double mean, double noise)
{
    size_t count = 3 + (size_t)(uniform() * 8);
    for (size_t i = 0; i < count; i++)
        values[i] = mean * exp(noise * normal());
    return count;
}

static void expect_part(const char *what, int hits, double least, double most)
{
    double part = 100.0 * hits / SETS;
    if (part < least || part > most)
        fail_msg("%s: %.2f%%, not %g to %g%%", what, part, least, most);
}

static void test_normal_noise(void **state)
{
    (void)state;
    static const double noises[] = {0.002, 0.01, 0.05};
    for (int k = 0; k < 3; k++) {
        int covered = 0, differ = 0, outliers = 0, drifts = 0, found = 0, hidden = 0;
        state64 = 42 + (uint64_t)k;
        for (int i = 0; i < SETS; i++) {
            double a[10], b[10], truth = i % 2 ? 1 + 10 * noises[k] : 1;
            size_t na = repeats(a, 15000, noises[k]), nb = repeats(b, 15000 * truth, noises[k]);
            struct compare_ratio r = compare_figures(a, na, b, nb);
            covered += r.low <= truth && truth <= r.high;
            found += truth > 1 && r.verdict == COMPARE_FASTER;
            differ += truth == 1 && r.verdict != COMPARE_NONE;
            hidden += r.verdict == COMPARE_NONE && r.hidden / 100 >= fabs(truth - 1);
            outliers += repeats_outlier(a, na);
            drifts += repeats_drift(a, na);
        }
        expect_part("the interval has the truth", covered, 93, 97);
        expect_part("equal sets differ", 2 * differ, 2, 5);
        expect_part("ten times the noise is found", 2 * found, 98, 100);
        expect_part("what is no finding hides no more than is said", hidden, 47, 50.2);
        expect_part("an outlier in plain noise", outliers, 0, 1.5);
        expect_part("a drift in plain noise", drifts, 0, 1.5);
    }
}

/* Unequal noise and unequal numbers: a pooled interval would be wrong here. */
static void test_unequal_noise(void **state)
{
    (void)state;
    int covered = 0;
    state64 = 7;
    for (int i = 0; i < SETS; i++) {
        double a[10], b[10];
        size_t na = 3, nb = 10;
        for (size_t k = 0; k < nb; k++) {
            a[k % na] = 15000 * exp(0.03 * normal());
            b[k] = 15000 * exp(0.003 * normal());
        }
        struct compare_ratio r = compare_figures(a, na, b, nb);
        covered += r.low <= 1 && 1 <= r.high;
    }
    expect_part("the interval has the truth", covered, 93, 97);
}

static void test_outliers_and_drift(void **state)
{
    (void)state;
    int outliers = 0, drifts = 0, late = 0;
    state64 = 5;
    for (int i = 0; i < SETS; i++) {
        double a[10], b[10];
        size_t n = 6 + (size_t)(uniform() * 5);
        for (size_t k = 0; k < n; k++) {
            a[k] = 15000 * exp(0.005 * normal());
            b[k] = 15000 * exp(0.005 * normal() - 0.02 * (double)k);
        }
        a[(size_t)(uniform() * (double)n)] *= 0.85;
        outliers += repeats_outlier(a, n);
        drifts += repeats_drift(b, n);
        late += repeats_outlier(b, n);
    }
    expect_part("15% less, once, at 0.5% of noise", outliers, 97, 100);
    expect_part("2% less each time", drifts, 99, 100);
    expect_part("a drift is no outlier", late, 0, 5);
}

/* 128,000 and 128,001 tokens/s, three times each, are the same. */
static void test_equal_repeats_are_no_finding(void **state)
{
    (void)state;
    static const double a[] = {128000, 128000, 128000}, b[] = {128001, 128001, 128001},
                        c[] = {130000, 130000, 130000};
    struct compare_ratio r = compare_figures(a, 3, b, 3);
    assert_int_equal(r.verdict, COMPARE_NONE);
    assert_true(r.hidden > 0.2 && r.hidden < 0.3);
    assert_int_equal(compare_figures(a, 3, c, 3).verdict, COMPARE_FASTER);
    assert_true(isnan(compare_figures(a, 3, c, 3).hidden));
    assert_false(repeats_outlier(a, 3));
    static const double nearly[] = {128000, 128000, 128000, 128000, 128001},
                        rising[] = {128000, 128001, 128002, 128003, 128004};
    assert_false(repeats_outlier(nearly, 5));
    assert_false(repeats_drift(rising, 5));
}

/* Sets of mixed work, through the groups: each of its own, whatever the speeds. */
static void test_mixed_work_is_no_group(void **state)
{
    (void)state;
    state64 = 11;
    for (int i = 0; i < 300; i++) {
        struct rows rows = {0};
        struct groups groups;
        struct sft_error err;
        int key = (int)(uniform() * GROUP_KEYS), count[2] = {0, 0};
        int runs = 3 + (int)(uniform() * 8);
        for (int k = 0; k < runs; k++) {
            char words[64];
            int which = k < 2 ? k : uniform() < 0.5;
            bool form = strcmp(group_keys[key], "form") == 0;
            snprintf(words, sizeof words, "%s=%c", form ? "version" : group_keys[key],
                     form ? 'x' : "18"[which]); /* of pinned: some of 8 ranks, all of them */
            struct row *row = test_row(&rows, 1 + k, 1, 1000 * exp(0.01 * normal()), words);
            row->marks |= form && which ? ROW_MEDIAN : 0;
            count[which]++;
        }
        assert_int_equal(groups_make(&groups, &rows, &err), 0);
        assert_int_equal(groups.count, 2);
        for (int k = 0; k < 2; k++) {
            size_t counted = groups.series[k].cell[0].count;
            assert_true(counted == (size_t)count[0] || counted == (size_t)count[1]);
            assert_int_equal(groups.series[k].count, 1);
        }
        groups_clear(&groups);
        rows_clear(&rows);
    }
}

/* Marked in the groups, too, in the order of jobs. */
static void test_groups_are_marked(void **state)
{
    (void)state;
    struct rows rows = {0};
    struct groups groups;
    struct sft_error err;
    static const double noise[] = {1, -1, 0.5, -0.5, 0, 0.8};
    for (int i = 0; i < 6; i++) {
        test_row(&rows, 10 + i, 1, 1000 + noise[i] - 20 * (i == 3), NULL);
        test_row(&rows, 20 + i, 2, 2000 + noise[i] - 10 * i, NULL);
        test_row(&rows, 30 + i, 4, 4000 + noise[i], NULL);
    }
    assert_int_equal(groups_make(&groups, &rows, &err), 0);
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.series[0].cell[0].marks, GROUP_OUTLIER);
    assert_int_equal(groups.series[0].cell[1].marks, GROUP_DRIFT);
    assert_int_equal(groups.series[0].cell[2].marks, 0);
    groups_clear(&groups);
    rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal_noise),
        cmocka_unit_test(test_unequal_noise),
        cmocka_unit_test(test_outliers_and_drift),
        cmocka_unit_test(test_equal_repeats_are_no_finding),
        cmocka_unit_test(test_mixed_work_is_no_group),
        cmocka_unit_test(test_groups_are_marked),
    };
    return cmocka_run_group_tests_name("repeats", tests, NULL, NULL);
}
