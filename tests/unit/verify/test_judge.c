/* SPDX-License-Identifier: Apache-2.0 */
/* Healthy clusters, slow nodes and what lies between them, drawn with noise. */
#include "tests/unit/unit.h"

#include "job/tensor/random.h"
#include "tests/unit/verify/cluster.h"

/* Of each figure, which is the median of five repeats, that are so much noisier (1.2533: what the
 * median loses beside the mean, of large samples). */
#define NOISE (0.02 * 2.236 / 1.2533)
#define ALL_CHECKS (CHECK_BIT(CHECKS) - 1)

static struct cluster c;

/* "0007" of the customer's in a cluster of random size. */
static int slow_node(int nodes)
{
    return nodes >= 7 ? 7 : 1;
}

/* 2 to 64 nodes. */
static int cluster_draw_size(struct random *random)
{
    return 2 + (int)random_below(random, 63);
}

static void test_healthy_clusters(void **state)
{
    unit_takes_long();
    struct random random = {.state = 1};
    int bad = 0, warned = 0, again = 0, nodes = 0, paired = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int size = cluster_draw_size(&random);
        cluster_make(&c, size, 1, NOISE, 1000 + (uint64_t)i);
        cluster_verify(&c);
        bad += cluster_count(&c, VERDICT_BAD) > 0;
        warned += cluster_count(&c, VERDICT_GOOD) < size;
        again += c.passes;
        paired += c.paired;
        nodes += size;
    }
    print_message("%d nodes in 1000 clusters: in %d a node is bad, in %d one is not good; %.1f "
                  "checks were repeated and %.1f more pairs measured in each\n",
                  nodes, bad, warned, again / 1000.0, paired / 1000.0);
    assert_true(bad <= 2);
    assert_true(warned <= 20);
}

struct tally {
    int found, good, wrong; /* wrong: another node is bad */
};

/* 300 clusters with one node at that speed in the checks of a mask. */
static struct tally clusters_with(double speed, unsigned checks, int least, uint64_t seed)
{
    struct random random = {.state = seed};
    struct tally tally = {0, 0, 0};
    for (int i = 0; i < 300; i++) {
        /* Half of them small, where it is hardest. */
        int size = i % 2 ? least + (int)random_below(&random, 6) : cluster_draw_size(&random);
        size = size < least ? least : size;
        cluster_make(&c, size, 1 + i % 2, NOISE, seed + (uint64_t)i);
        cluster_slow(&c, slow_node(size), checks, speed);
        cluster_verify(&c);
        const struct verdict *verdict = cluster_verdict(&c, slow_node(size));
        tally.found += verdict->kind == VERDICT_BAD;
        tally.good += verdict->kind == VERDICT_GOOD;
        tally.wrong += cluster_count(&c, VERDICT_BAD) > (verdict->kind == VERDICT_BAD);
    }
    print_message("at %g: bad %d, good %d of 300; another is bad in %d\n", speed, tally.found,
                  tally.good, tally.wrong);
    return tally;
}

static void test_a_slow_node_is_found(void **state)
{
    unit_takes_long();
    static const double speeds[] = {0.5, 0.7};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tally tally =
            clusters_with(speeds[i], CHECK_BIT(CHECK_GEMM) | CHECK_BIT(CHECK_GPT2), 2, 50000);
        assert_int_equal(tally.found, 300);
        assert_int_equal(tally.wrong, 0);
        tally = clusters_with(speeds[i], CHECK_BIT(CHECK_D2H), 2, 51000);
        assert_int_equal(tally.found, 300);
    }
}

/* Between two nodes alone nobody can tell which is the slow one. */
static void test_a_slow_nic_is_found(void **state)
{
    (void)state;
    unit_takes_long();
    for (int i = 0; i < 2; i++) {
        struct tally tally = clusters_with(i ? 0.5 : 0.7, CHECK_BIT(CHECK_PAIR), 3, 52000);
        assert_int_equal(tally.found, 300);
        assert_int_equal(tally.wrong, 0);
    }
}

static void test_ten_percent_are_found(void **state)
{
    (void)state;
    unit_takes_long();
    assert_true(clusters_with(0.9, CHECK_BIT(CHECK_MEMORY), 4, 53000).found >= 297);
    assert_true(clusters_with(0.9, CHECK_BIT(CHECK_PAIR), 4, 54000).found >= 297);
}

static void test_four_percent_are_never_bad(void **state)
{
    (void)state;
    unit_takes_long();
    assert_int_equal(clusters_with(0.96, ALL_CHECKS, 2, 55000).found, 0);
    assert_int_equal(clusters_with(0.96, CHECK_BIT(CHECK_LSTM), 2, 56000).found, 0);
}

/* One GPU of eight, beside the other nodes' and beside its own. */
static void test_one_gpu(void **state)
{
    (void)state;
    for (int nodes = 1; nodes <= 4; nodes++) {
        cluster_make(&c, nodes, 8, NOISE, 60 + (uint64_t)nodes);
        cluster_slow_gpu(&c, 1, 5, CHECK_BIT(CHECK_MEMORY), 0.5);
        cluster_verify(&c);
        const struct verdict *verdict = cluster_verdict(&c, 1);
        assert_int_equal(verdict->kind, VERDICT_BAD);
        assert_int_equal(cluster_count(&c, VERDICT_BAD), 1);
        assert_int_equal(verdict->findings, 1);
        assert_int_equal(verdict->finding[0].gpu, 5);
        assert_contains(verdict->finding_text, "memory copy on GPU 5");
        assert_contains(verdict->evidence, "one GPU and not its neighbours");
    }
}

/* A floor needs no other node; without one a lone node cannot be told. */
static void test_a_lone_node(void **state)
{
    (void)state;
    cluster_make(&c, 1, 1, NOISE, 70);
    cluster_verify(&c);
    assert_int_equal(cluster_verdict(&c, 1)->kind, VERDICT_GOOD);
    cluster_make(&c, 1, 1, NOISE, 71);
    cluster_slow(&c, 1, CHECK_BIT(CHECK_GEMM), 0.5);
    cluster_verify(&c);
    assert_int_equal(cluster_verdict(&c, 1)->kind, VERDICT_BAD);
    assert_contains(cluster_verdict(&c, 1)->finding_text, "the least of such a GPU 600");
    cluster_make(&c, 1, 1, NOISE, 72);
    strcpy(c.rank[0].facts.name, "an unknown device");
    cluster_verify(&c);
    assert_int_equal(cluster_verdict(&c, 1)->kind, VERDICT_UNKNOWN);
    assert_int_equal(judge_status(c.verdict, 1), 3);
}

/* Slow with each other, and nobody else to try: neither is accused, nor let off. */
static void test_a_slow_pair_of_two(void **state)
{
    (void)state;
    cluster_make(&c, 2, 1, 0, 73);
    cluster_slow(&c, 1, CHECK_BIT(CHECK_PAIR), 0.5);
    cluster_verify(&c);
    assert_int_equal(cluster_count(&c, VERDICT_UNKNOWN), 2);
    assert_int_equal(judge_status(c.verdict, 2), 3);
}

/* Two slow nodes at once, one paired with a good one and both with each other. */
static void test_two_slow_nics(void **state)
{
    (void)state;
    for (int other = 1; other <= 6; other++) {
        cluster_make(&c, 8, 1, NOISE, 80 + (uint64_t)other);
        cluster_slow(&c, 7, CHECK_BIT(CHECK_PAIR), 0.5);
        cluster_slow(&c, other, CHECK_BIT(CHECK_PAIR), 0.5);
        cluster_verify(&c);
        assert_int_equal(cluster_verdict(&c, 7)->kind, VERDICT_BAD);
        assert_int_equal(cluster_verdict(&c, other)->kind, VERDICT_BAD);
        assert_int_equal(cluster_count(&c, VERDICT_BAD), 2);
    }
}

/* A suspect that is lost while it is measured again would be waited for without an end. */
static void test_nobody_waits_for_a_rank_that_is_gone(void **state)
{
    const double slow[JUDGE_REPEATS] = {402, 400, 401, 405, 403},
                 usual[JUDGE_REPEATS] = {702, 700, 701, 705, 703};
    (void)state;
    cluster_make(&c, 2, 1, 0.02, 3);
    for (int rank = 0; rank < 2; rank++)
        series_add(&c.rank[rank].series[CHECK_GEMM], rank == 1 ? slow : usual, JUDGE_REPEATS);
    assert_int_equal(judge_again(&c.input, CHECK_BIT(CHECK_GEMM)), CHECK_BIT(CHECK_GEMM));
    c.rank[1].hung = CHECK_GEMM;
    assert_int_equal(judge_again(&c.input, CHECK_BIT(CHECK_GEMM)), 0);
    c.rank[1].hung = -1;
    snprintf(c.rank[1].failed, sizeof c.rank[1].failed, "no memory");
    assert_int_equal(judge_again(&c.input, CHECK_BIT(CHECK_GEMM)), 0);
}

/* Rounds of pairs, of which those of node `cut`, or all (-1), come late; but with `mate`. */
static int rounds_without(int cut, int mate)
{
    const double usual[JUDGE_REPEATS] = {94, 94.1, 93.9, 94, 94.2};
    struct judge_pair next[CLUSTER_NODES];
    bool usable[CLUSTER_NODES];
    int round = 0;
    memset(usable, 1, sizeof usable);
    for (int count; (count = judge_pairs_next(&c.input, round, usable, next)) > 0; round++)
        for (int i = 0; i < count; i++) {
            int a = next[i].a, b = next[i].b;
            bool has = a == cut || b == cut || cut < 0;
            if (!has || a == mate || b == mate) {
                judge_pair_add(&c.input, a, b, usual, JUDGE_REPEATS);
                continue;
            }
            judge_pair_late(&c.input, a, b);
            c.rank[a].late |= CHECK_BIT(CHECK_PAIR);
            c.rank[b].late |= CHECK_BIT(CHECK_PAIR);
            strcpy(c.rank[a].late_text, "ranks did not come");
            strcpy(c.rank[b].late_text, "ranks did not come");
        }
    return round;
}

static void others_are_measured(int nodes)
{
    cluster_make(&c, nodes, 1, NOISE, 91);
    for (int rank = 0; rank < nodes; rank++)
        series_add(&c.rank[rank].series[CHECK_GEMM], (const double[]){660, 661, 659, 660, 662},
                   JUDGE_REPEATS);
}

/* Nodes 0 and 1 do not reach each other, and both reach the third. */
static void test_a_pair_in_vain_is_not_all_that_is_tried(void **state)
{
    struct judge_pair next[2];
    bool usable[3] = {true, true, true};
    (void)state;
    others_are_measured(3);
    assert_int_equal(judge_pairs_next(&c.input, 0, usable, next), 1);
    assert_true(next[0].a == 0 && next[0].b == 1);
    judge_pair_late(&c.input, 0, 1);
    assert_int_equal(judge_pairs_next(&c.input, 1, usable, next), 1);
    assert_int_equal(next[0].b, 2);
    others_are_measured(3);
    assert_true(rounds_without(0, 2) <= 6);
    judge_nodes(&c.input, c.verdict);
    assert_int_equal(cluster_count(&c, VERDICT_GOOD), 3);
}

static void test_nodes_whose_pairs_are_all_late_are_not_good(void **state)
{
    (void)state;
    for (int nodes = 2; nodes <= 8; nodes += 3) {
        others_are_measured(nodes);
        assert_true(rounds_without(-1, -1) <= 6);
        judge_nodes(&c.input, c.verdict);
        assert_int_equal(cluster_count(&c, VERDICT_UNKNOWN), nodes);
        assert_contains(c.verdict[0].finding_text, "pairs of nodes: no figure in time with ");
        assert_contains(c.verdict[0].finding_text, ": ranks did not come");
    }
}

/* One that reaches nobody, among those that reach each other. */
static void test_a_node_that_reaches_nobody_is_not_good(void **state)
{
    (void)state;
    others_are_measured(8);
    assert_true(rounds_without(5, -1) <= 6);
    judge_nodes(&c.input, c.verdict);
    assert_int_equal(c.verdict[5].kind, VERDICT_UNKNOWN);
    assert_contains(c.verdict[5].finding_text, "with 4 partners, 4 of which reach others");
    assert_int_equal(cluster_count(&c, VERDICT_GOOD), 7);
    assert_int_equal(judge_status(c.verdict, 8), 3);
}

static void test_late_within_the_node_is_not_good(void **state)
{
    (void)state;
    others_are_measured(4);
    c.rank[2].late = CHECK_BIT(CHECK_NODE);
    judge_nodes(&c.input, c.verdict);
    assert_int_equal(c.verdict[2].kind, VERDICT_UNKNOWN);
    assert_contains(c.verdict[2].finding_text, "all-reduce in the node: no figure in time");
    series_add(&c.rank[2].series[CHECK_NODE], (const double[]){470}, 1); /* another pass had one */
    judge_nodes(&c.input, c.verdict);
    assert_int_equal(c.verdict[2].kind, VERDICT_GOOD);
}

static void test_a_hung_rank(void **state)
{
    (void)state;
    cluster_make(&c, 4, 2, NOISE, 90);
    c.rank[5].hung = CHECK_MEMORY;
    c.rank[5].series[CHECK_MEMORY].count = 0;
    cluster_verify(&c);
    assert_int_equal(cluster_verdict(&c, 3)->kind, VERDICT_BAD);
    assert_string_equal(cluster_verdict(&c, 3)->cause, "hung");
    assert_contains(cluster_verdict(&c, 3)->finding_text, "rank 5 (number 1 of the node) did not "
                                                          "come back from memory copy");
    assert_int_equal(cluster_count(&c, VERDICT_BAD), 1);
    assert_int_equal(judge_status(c.verdict, 4), 2);
}

static void test_status(void **state)
{
    struct verdict verdicts[3] = {{.kind = VERDICT_GOOD}, {.kind = VERDICT_GOOD}};
    (void)state;
    assert_int_equal(judge_status(verdicts, 2), 0);
    verdicts[2].kind = VERDICT_WARNING;
    assert_int_equal(judge_status(verdicts, 3), 1);
    verdicts[1].kind = VERDICT_UNKNOWN;
    assert_int_equal(judge_status(verdicts, 3), 3);
    verdicts[0].kind = VERDICT_BAD;
    assert_int_equal(judge_status(verdicts, 3), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy_clusters),
        cmocka_unit_test(test_a_slow_node_is_found),
        cmocka_unit_test(test_a_slow_nic_is_found),
        cmocka_unit_test(test_ten_percent_are_found),
        cmocka_unit_test(test_four_percent_are_never_bad),
        cmocka_unit_test(test_one_gpu),
        cmocka_unit_test(test_a_lone_node),
        cmocka_unit_test(test_a_slow_pair_of_two),
        cmocka_unit_test(test_two_slow_nics),
        cmocka_unit_test(test_a_hung_rank),
        cmocka_unit_test(test_nobody_waits_for_a_rank_that_is_gone),
        cmocka_unit_test(test_a_pair_in_vain_is_not_all_that_is_tried),
        cmocka_unit_test(test_nodes_whose_pairs_are_all_late_are_not_good),
        cmocka_unit_test(test_a_node_that_reaches_nobody_is_not_good),
        cmocka_unit_test(test_late_within_the_node_is_not_good),
        cmocka_unit_test(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
