/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the fastest algorithm against a device whose times are made up: noise, a chip that
 * slows as it warms up, bursts that deceive, algorithms that fail or compute something else. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdlib.h>

#include "job/tensor/random.h"
#include "job/tensor/cuda/matmul_search.h"

struct fake {
    struct matmul_bench bench;
    double alone[MATMUL_CANDIDATES], lasting[MATMUL_CANDIDATES]; /* ms; below 0: fails */
    bool wrong[MATMUL_CANDIDATES];
    double noise, slows; /* a part; a part of it a second of work */
    struct random random;
    double worked; /* ms */
    int judged;
};

static double fake_time(void *user, int candidate, double settling, double span)
{
    struct fake *f = user;
    double each = span > 0 ? f->lasting[candidate] : f->alone[candidate];
    if (each < 0)
        return -1;
    double least = settling + span > each ? settling + span : each;
    double warm = 1 + f->slows * (f->worked + least / 2) / 1000;
    double noise = f->noise * (2 * (double)(random_next(&f->random) >> 11) * 0x1p-53 - 1);
    f->worked += least;
    return each * warm * (1 + noise);
}

static bool fake_right(void *user, int candidate)
{
    struct fake *f = user;
    f->judged++;
    return !f->wrong[candidate];
}

static void fake_make(struct fake *f, int count, uint64_t seed)
{
    *f = (struct fake){.bench = {f, count, fake_time, fake_right}, .random = {seed}};
    for (int i = 0; i < count; i++)
        f->alone[i] = f->lasting[i] =
            2 * (1 + 0.25 * (double)(random_next(&f->random) >> 11) * 0x1p-53);
}

static double least_of(const struct fake *f)
{
    double least = INFINITY;
    for (int i = 0; i < f->bench.count; i++)
        if (f->lasting[i] >= 0 && !f->wrong[i] && f->lasting[i] < least)
            least = f->lasting[i];
    return least;
}

static int searched(struct fake *f)
{
    double ms = -1;
    f->worked = 0;
    int winner = matmul_search(&f->bench, &ms);
    if (winner >= 0)
        assert_true(ms > 0 && !f->wrong[winner] && f->lasting[winner] >= 0);
    return winner;
}

/* With 0.5% of noise on long timings and a chip that slows by 5% a second the choice is at most 1%
 * slower than the best, in 0.4 s of work. */
static void test_noise_and_warmth(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct fake f;
        fake_make(&f, 16, seed);
        f.noise = 0.005;
        f.slows = 0.05;
        int winner = searched(&f);
        if (!(f.lasting[winner] <= 1.01 * least_of(&f)))
            fail_msg("seed %d: %g, the best %g", (int)seed, f.lasting[winner], least_of(&f));
        if (!(f.worked <= 400))
            fail_msg("%g ms of work", f.worked);
    }
}

/* What is fastest alone is slower for long than what stands close behind it. */
static void test_bursts_deceive(void **state)
{
    struct fake f;
    (void)state;
    fake_make(&f, 16, 3);
    for (int i = 0; i < 16; i++)
        f.alone[i] = f.lasting[i] = 3;
    f.alone[5] = 1.8, f.lasting[5] = 2.2;
    f.alone[9] = 1.9, f.lasting[9] = 2.0;
    f.alone[11] = 2.0, f.lasting[11] = 2.1;
    assert_int_equal(searched(&f), 9);
}

/* The fastest computes something else, and so does the second; the third fails for long alone. */
static void test_wrong_ones_never_win(void **state)
{
    struct fake f;
    (void)state;
    fake_make(&f, 8, 4);
    for (int i = 0; i < 8; i++)
        f.alone[i] = f.lasting[i] = 2 + 0.1 * i;
    f.alone[6] = f.lasting[6] = 1.5;
    f.alone[7] = f.lasting[7] = 1.6;
    f.wrong[6] = f.wrong[7] = true;
    assert_int_equal(searched(&f), 0);
    assert_true(f.judged >= 2);
    f.alone[3] = 1.4; /* and now the first of all times */
    f.lasting[3] = -1;
    assert_int_equal(searched(&f), 0);
    f.alone[0] = -1;
    assert_int_equal(searched(&f), 1);
    for (int i = 0; i < 8; i++)
        f.wrong[i] = i > 0;
    assert_int_equal(searched(&f), -1);
}

static void test_none_can(void **state)
{
    struct fake f;
    (void)state;
    fake_make(&f, 5, 5);
    for (int i = 0; i < 5; i++)
        f.alone[i] = f.lasting[i] = -1;
    assert_int_equal(searched(&f), -1);
    f.bench.count = 0;
    assert_int_equal(searched(&f), -1);
    f.bench.count = 1;
    f.alone[0] = f.lasting[0] = 1;
    assert_int_equal(searched(&f), 0);
}

/* The library's order decides where times do not, whatever the noise: runs choose alike. */
static void test_equals_in_order(void **state)
{
    struct fake f;
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        fake_make(&f, 2, seed);
        f.alone[0] = f.alone[1] = f.lasting[0] = f.lasting[1] = 2;
        f.noise = 0.0009;
        assert_int_equal(searched(&f), 0);
    }
}

/* Small products are looked at once. */
static void test_small_products_are_cheap(void **state)
{
    struct fake f;
    (void)state;
    fake_make(&f, 16, 6);
    for (int i = 0; i < 16; i++)
        f.alone[i] = f.lasting[i] = 0.02 + 0.001 * ((i + 5) % 16);
    assert_int_equal(searched(&f), 11);
    assert_true(f.worked < 2);
}

/* A choice of elsewhere is taken where it is right and as fast; not an outdated one, nor one that
 * fails, nor one that computes something else, however fast. */
static void test_what_is_known_is_checked(void **state)
{
    struct fake f;
    double ms = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        fake_make(&f, 2, seed);
        f.alone[0] = f.lasting[0] = 2;
        f.noise = 0.001;
        f.slows = 0.05;
        f.alone[1] = f.lasting[1] = 1.99;
        assert_true(matmul_search_agrees(&f.bench, 1, &ms));
        assert_true(fabs(ms / 1.99 - 1) < 0.02 && f.worked < 150);
        f.alone[1] = f.lasting[1] = 2.03;
        assert_false(matmul_search_agrees(&f.bench, 1, &ms));
        f.alone[1] = 1.9; /* alone, not for long */
        assert_false(matmul_search_agrees(&f.bench, 1, &ms));
        f.alone[1] = f.lasting[1] = 1.5;
        f.wrong[1] = true;
        assert_false(matmul_search_agrees(&f.bench, 1, &ms));
        f.wrong[1] = false;
        f.lasting[1] = -1;
        assert_false(matmul_search_agrees(&f.bench, 1, &ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_and_warmth),
        cmocka_unit_test(test_bursts_deceive),
        cmocka_unit_test(test_wrong_ones_never_win),
        cmocka_unit_test(test_none_can),
        cmocka_unit_test(test_equals_in_order),
        cmocka_unit_test(test_small_products_are_cheap),
        cmocka_unit_test(test_what_is_known_is_checked),
    };
    return cmocka_run_group_tests_name("matmul_search", tests, NULL, NULL);
}
