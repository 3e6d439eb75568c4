/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that collectives send from node to node, by hand: what the RDMA ports' counters are held
 * against. */
#include "tests/unit/unit.h"

#include "job/collective/collective.h"

static int runs;

static int run(struct collective *c, struct device *device, const struct collective_call *call,
               struct sft_error *err)
{
    (void)c, (void)device, (void)call, (void)err;
    runs++;
    return 0;
}

/* Of one rank. */
static double across(int nodes, int ranks, enum collective_group group, enum collective_kind kind,
                     size_t count)
{
    struct sft_error err;
    struct collective c = {.nodes = nodes, .run = run};
    c.group_size[COLLECTIVE_WORLD] = c.group_size[COLLECTIVE_COMPUTE] = ranks;
    c.group_size[COLLECTIVE_NODE] = ranks / nodes;
    c.group_size[COLLECTIVE_ACROSS] = nodes;
    struct collective_call call = {
        .kind = kind, .group = group, .type = COLLECTIVE_BF16, .count = count};
    int before = runs;
    collective_run(&c, NULL, &call, &err);
    assert_int_equal(runs, before + 1);
    return c.across;
}

static void test_bytes_between_nodes(void **state)
{
    (void)state;
    /* 2 nodes of 8, 160 elements of 2 bytes: 15 of 16 parts leave each node, 300 bytes, of which
     * each of its ranks has sent an eighth */
    assert_true(across(2, 16, COLLECTIVE_WORLD, COLLECTIVE_ALL_GATHER, 10) == 300 / 8.0);
    assert_true(across(2, 16, COLLECTIVE_WORLD, COLLECTIVE_REDUCE_SCATTER, 10) == 300 / 8.0);
    assert_true(across(2, 16, COLLECTIVE_WORLD, COLLECTIVE_ALL_REDUCE, 160) == 600 / 8.0);
    /* one rank of each of 4 nodes: 3 of 4 parts, all its own */
    assert_true(across(4, 32, COLLECTIVE_ACROSS, COLLECTIVE_ALL_GATHER, 40) == 240);
    /* inside of a node, or on one, nothing leaves */
    assert_true(across(4, 32, COLLECTIVE_NODE, COLLECTIVE_ALL_GATHER, 40) == 0);
    assert_true(across(1, 8, COLLECTIVE_WORLD, COLLECTIVE_ALL_REDUCE, 40) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_between_nodes),
    };
    return cmocka_run_group_tests_name("across", tests, NULL, NULL);
}
