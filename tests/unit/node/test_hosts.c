/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of hosts as Slurm writes them. Reading them is tried in tests/unit/spank/test_shape.c. */
#include "tests/unit/unit.h"

#include "node/hosts.h"

/* The names of `list`, written, are `want`, and read again they are the same. */
static void assert_written(const char *list, const char *want)
{
    char text[256];
    struct words hosts = {0}, again = {0}, bad = {0};
    hosts_expand(list, &hosts, &bad);
    hosts_unique(&hosts);
    hosts_write(&hosts, text, sizeof text);
    assert_string_equal(text, want);
    hosts_expand(text, &again, &bad);
    hosts_unique(&again);
    assert_int_equal(bad.count, 0);
    assert_int_equal(again.count, hosts.count);
    for (int i = 0; i < hosts.count; i++)
        assert_string_equal(again.list[i], hosts.list[i]);
    words_clear(&hosts);
    words_clear(&again);
    words_clear(&bad);
}

static void test_names_share_what_they_have_in_common(void **state)
{
    (void)state;
    assert_written("fukushimadc-02-hgx-0009,fukushimadc-02-hgx-0003",
                   "fukushimadc-02-hgx-[0003,0009]");
    assert_written("n1,n2,n3,n7", "n[1-3,7]");
    assert_written("n0007,n0008,n0009,n0010", "n[0007-0010]");
    assert_written("n1-ib,n2-ib,n4-eth", "n[1-2]-ib,n4-eth");
    assert_written("r1n1,r1n2,r2n1", "r1n[1-2],r2n1");
    assert_written("a,b", "a,b");
    assert_written("n5", "n5");
    assert_written("n9,n10,n11", "n[10-11],n9");
    assert_written("007,008", "[007-008]");
    assert_written("n1234567890123,n1234567890124", "n1234[567890123-567890124]");
    assert_written("", "");
}

static void test_what_does_not_fit_is_said_to_be_missing(void **state)
{
    char text[16];
    struct words hosts = {0};
    (void)state;
    words_add(&hosts, "alpha");
    words_add(&hosts, "beta");
    words_add(&hosts, "gamma");
    hosts_write(&hosts, text, sizeof text);
    assert_string_equal(text, "alpha,beta,g...");
    hosts_write(&hosts, text, 4);
    assert_string_equal(text, "...");
    words_clear(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_share_what_they_have_in_common),
        cmocka_unit_test(test_what_does_not_fit_is_said_to_be_missing),
    };
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
