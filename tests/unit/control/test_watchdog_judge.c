/* SPDX-License-Identifier: Apache-2.0 */
/* Who is blamed for what, on tables made by hand. */
#include "tests/unit/unit.h"

#include "job/control/watchdog_judge.h"

enum { RANKS = 4 };
#define LIMIT 60.0
#define STALE 5.0
#define NOW 1000.0

static struct watchdog_row rows[RANKS];
static const struct watchdog_table table = {rows, RANKS, LIMIT, STALE};
static char why[WATCHDOG_WHY];

/* Everybody was heard just now and computes after collective 7. */
static int fill(void **state)
{
    static const char *const hosts[RANKS] = {"alpha", "alpha", "beta", "beta"};
    (void)state;
    for (int rank = 0; rank < RANKS; rank++)
        rows[rank] = (struct watchdog_row){
            .host = hosts[rank],
            .state = WATCHDOG_LIVE,
            .heard = NOW - 0.5,
            .progress = {.entered = 7, .left = 7, .name = "all-reduce"},
        };
    return 0;
}

/* That rank has been inside collective `number` for so long. */
static void wait_in(int rank, uint64_t number, double seconds)
{
    rows[rank].progress.entered = number;
    rows[rank].progress.left = number - 1;
    rows[rank].waited = seconds - 0.5;
}

static bool judged(void)
{
    why[0] = '\0';
    return watchdog_judge(&table, NOW, why, sizeof why);
}

static void expect(const char *text)
{
    assert_true(judged());
    assert_string_equal(why, text);
}

static void test_all_is_well(void **state)
{
    (void)state;
    assert_false(judged());
    for (int rank = 0; rank < RANKS; rank++)
        wait_in(rank, 8, LIMIT - 1);
    assert_false(judged());
}

static void test_absent(void **state)
{
    (void)state;
    wait_in(0, 8, 61);
    wait_in(1, 8, 63);
    wait_in(3, 8, 62);
    expect(
        "rank 2 on beta has not come: 3 ranks wait in all-reduce (number 8) for 63 s (timeout=60)");
}

static void test_several_are_absent(void **state)
{
    (void)state;
    wait_in(1, 8, 61);
    expect("rank 0 on alpha and 2 more ranks have not come: 1 rank waits in all-reduce (number 8) "
           "for 61 s "
           "(timeout=60)");
    wait_in(0, 8, 3);
    expect("rank 2 on beta and 1 more rank have not come: 2 ranks wait in all-reduce (number 8) "
           "for 61 s "
           "(timeout=60)");
}

/* With groups, ranks that wait in a later collective wait for those of an earlier one. */
static void test_furthest_behind(void **state)
{
    (void)state;
    wait_in(0, 8, 61);
    wait_in(2, 9, 80);
    wait_in(3, 9, 80);
    expect("rank 1 on alpha has not come: 1 rank waits in all-reduce (number 8) for 61 s "
           "(timeout=60)");
    wait_in(0, 8, 59);
    expect("rank 1 on alpha has not come: 2 ranks wait in all-reduce (number 9) for 80 s "
           "(timeout=60)");
}

static void test_silent(void **state)
{
    (void)state;
    rows[3].heard = NOW - 40;
    assert_false(judged()); /* nobody waits for it yet */
    wait_in(0, 8, 59);
    assert_false(judged());
    wait_in(0, 8, 61); /* rank 1 has not come either, but may be waiting for rank 3 */
    wait_in(2, 8, 61);
    expect("rank 3 on beta has not answered for 40 s (stopped, dead or cut off): 2 ranks wait in "
           "all-reduce "
           "(number 8) for 61 s (timeout=60)");
}

/* The stopped rank is inside the collective itself; that is no waiting. */
static void test_silent_inside(void **state)
{
    (void)state;
    wait_in(2, 8, 30);
    rows[2].heard = NOW - 100;
    assert_false(judged());
    for (int rank = 0; rank < RANKS; rank++)
        if (rank != 2)
            wait_in(rank, 8, 130);
    expect("rank 2 on beta has not answered for 100 s (stopped, dead or cut off): 3 ranks wait in "
           "all-reduce "
           "(number 8) for 130 s (timeout=60)");
}

static void test_network(void **state)
{
    (void)state;
    for (int rank = 0; rank < RANKS; rank++)
        wait_in(rank, 8, 61);
    expect("rank 0 on alpha and 3 more ranks are inside and none is missing, but the network "
           "between them "
           "does not move: 4 ranks wait in all-reduce (number 8) for 61 s (timeout=60)");
    wait_in(3, 9, 5); /* it has left number 8 already */
    expect("rank 0 on alpha and 2 more ranks are inside and none is missing, but the network "
           "between them "
           "does not move: 3 ranks wait in all-reduce (number 8) for 61 s (timeout=60)");
}

static void test_gone(void **state)
{
    (void)state;
    rows[2].state = WATCHDOG_GONE;
    rows[2].gone = NOW - WATCHDOG_GRACE / 2;
    assert_false(judged());
    rows[2].gone = NOW - WATCHDOG_GRACE - 1;
    expect("rank 2 on beta is gone (its connection closed)");
    rows[3].state = WATCHDOG_GONE;
    rows[3].gone = NOW;
    expect("rank 2 on beta and 1 more rank are gone (their connections closed)");
}

static void test_ended_and_unknown(void **state)
{
    (void)state;
    rows[1].state = WATCHDOG_ENDED;
    rows[1].heard = NOW - 500;
    rows[3].state = WATCHDOG_UNKNOWN;
    rows[3].heard = 0;
    rows[3].progress.entered = rows[3].progress.left = 0;
    assert_false(judged());
    wait_in(0, 8, 61);
    wait_in(2, 8, 61);
    expect("rank 1 on alpha has ended before it: 2 ranks wait in all-reduce (number 8) for 61 s "
           "(timeout=60)");
    rows[1].progress.entered = rows[1].progress.left = 8;
    expect("rank 3 on beta has never reached rank 0's watchdog: 2 ranks wait in all-reduce (number "
           "8) for "
           "61 s (timeout=60)");
}

static bool root_judged(int rank)
{
    why[0] = '\0';
    rows[1].heard = NOW;
    return watchdog_judge_root(&rows[0], &rows[1], rank, LIMIT, NOW, why, sizeof why);
}

static void test_root(void **state)
{
    (void)state;
    assert_false(root_judged(1));
    rows[0].heard = NOW - 70;
    assert_false(root_judged(1)); /* silent, but nobody waits */
    wait_in(1, 8, 68);
    assert_true(root_judged(1));
    assert_string_equal(
        why, "rank 0 on alpha has not answered for 70 s (stopped, dead or cut off), and rank 1 "
             "on alpha waits in all-reduce (number 8) for 68 s (timeout=60)");
    assert_false(root_judged(9)); /* a little later */
    rows[0].heard = NOW - 1;      /* rank 0 judges itself */
    assert_false(root_judged(1));
}

static void test_root_is_gone(void **state)
{
    (void)state;
    rows[0].state = WATCHDOG_GONE;
    rows[0].gone = NOW - 1;
    assert_false(root_judged(1));
    rows[0].gone = NOW - WATCHDOG_GRACE - 1;
    assert_true(root_judged(1));
    assert_string_equal(why, "rank 0 on alpha is gone (its connection closed)");
    assert_false(root_judged(5));
    rows[0].state = WATCHDOG_ENDED;
    rows[0].heard = 0;
    wait_in(1, 8, 500);
    assert_false(root_judged(1));
}

/* Names as long as can be are cut, not written beyond the text. */
static void test_long_names(void **state)
{
    static char host[256];
    (void)state;
    memset(host, 'h', sizeof host - 1);
    for (int rank = 0; rank < RANKS; rank++)
        rows[rank].host = host;
    rows[3].heard = NOW - 86400;
    wait_in(0, UINT64_MAX, 86400);
    memset(rows[0].progress.name, 'n', WATCHDOG_NAME - 1);
    assert_true(judged());
    assert_contains(why, "(timeout=60)");
    rows[0].heard = 0;
    rows[1] = rows[0];
    wait_in(1, UINT64_MAX, 86400);
    assert_true(root_judged(1));
    assert_contains(why, "(timeout=60)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_is_well, fill),
        cmocka_unit_test_setup(test_absent, fill),
        cmocka_unit_test_setup(test_several_are_absent, fill),
        cmocka_unit_test_setup(test_furthest_behind, fill),
        cmocka_unit_test_setup(test_silent, fill),
        cmocka_unit_test_setup(test_silent_inside, fill),
        cmocka_unit_test_setup(test_network, fill),
        cmocka_unit_test_setup(test_gone, fill),
        cmocka_unit_test_setup(test_ended_and_unknown, fill),
        cmocka_unit_test_setup(test_root, fill),
        cmocka_unit_test_setup(test_root_is_gone, fill),
        cmocka_unit_test_setup(test_long_names, fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
