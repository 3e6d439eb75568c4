/* SPDX-License-Identifier: Apache-2.0 */
/* What many nodes cost, the formulas against simulations with random numbers from a seed: the
 * slowest of many, interruptions and checkpoints, rings and trees passed rank by rank. */
#include "tests/unit/unit.h"

#include <math.h>
#include <string.h>

#include "job/tensor/random.h"
#include "lib/goodput.h"
#include "lib/nccl_time.h"
#include "lib/stats.h"

static struct random draws = {.state = 42};

/* Above 0, below 1. */
static double uniform(void)
{
    return ((double)(random_next(&draws) >> 11) + 0.5) * 0x1p-53;
}

static double exponential(double mean)
{
    return -mean * log(uniform());
}

static void assert_within(const char *what, double got, double wanted, double share)
{
    if (!(fabs(got - wanted) <= share * fabs(wanted)))
        fail_msg("%s: %.6g, simulated %.6g", what, got, wanted);
}

static void test_slowest_of_many(void **unused)
{
    static const int counts[] = {2, 4, 8, 64, 512, 4096};
    (void)unused;
    assert_true(fabs(sft_stats_largest(1)) < 1e-9);
    assert_within("of two: 1 / sqrt(pi)", sft_stats_largest(2), 0.5641895835, 1e-6);
    assert_within("of three", sft_stats_largest(3), 0.8462843753, 1e-6);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int rounds = 4000000 / counts[i] < 100000 ? 4000000 / counts[i] : 100000;
        double sum = 0;
        for (int round = 0; round < rounds; round++) {
            double most = random_normal(&draws);
            for (int k = 1; k < counts[i]; k++)
                most = fmax(most, random_normal(&draws));
            sum += most;
        }
        assert_within("largest", sft_stats_largest(counts[i]), sum / rounds, 0.02);
    }
}

/* Seconds until so many segments are done. */
static double run_with_outages(const struct sft_outages *o, double every, int segments)
{
    double clock = 0;
    for (int done = 0; done < segments;) {
        double failure = exponential(o->interval), need = every + o->checkpoint;
        if (failure >= need) {
            clock += need;
            done++;
            continue;
        }
        clock += failure;
        while ((failure = exponential(o->interval)) < o->restart)
            clock += failure;
        clock += o->restart;
    }
    return clock;
}

static void test_goodput_is_what_a_simulated_run_has(void **unused)
{
    static const struct sft_outages cases[] = {
        {36000, 300, 60}, {5400, 600, 120}, {5400, 0, 30}, {1200, 300, 60}};
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sft_outages *o = &cases[i];
        double best = sft_goodput_best(o);
        for (double every = best / 2; every < 3 * best; every *= 2) {
            enum { SEGMENTS = 200000 };
            double clock = run_with_outages(o, every, SEGMENTS);
            assert_within("goodput", sft_goodput(o, every), every * SEGMENTS / clock, 0.02);
        }
    }
}

static void test_best_interval_is_the_best(void **unused)
{
    (void)unused;
    for (double interval = 100; interval < 1e7; interval *= 3)
        for (double checkpoint = 0.5; checkpoint < interval; checkpoint *= 4) {
            struct sft_outages o = {interval, 300, checkpoint};
            double best = sft_goodput_best(&o), most = sft_goodput(&o, best);
            assert_true(best > 0 && most < 1);
            for (double factor = 0.25; factor < 4; factor *= 1.1)
                assert_true(sft_goodput(&o, factor * best) <= most * (1 + 1e-9));
            if (checkpoint < interval / 100) /* Young, 1974 */
                assert_within("Young's", best, sqrt(2 * checkpoint * interval), 0.05);
        }
    /* Llama 3's cluster: 3.8 a day in 1,000 nodes, so 6.2 hours on 1,024 */
    assert_within("interval", sft_outages_interval(3.8, 1024) / 3600, 6.17, 0.01);
}

/* A piece of the array goes round the ring from rank to rank, and each link has one piece at a
 * time: ranks - 1 pieces pass each of them, the first of them late by what the way takes. */
static double ring_simulated(int nodes, int gpus, double transfer, double base, double inside,
                             double between, double share)
{
    int ranks = nodes * gpus;
    double piece = transfer / share / (ranks - 1), at = base * 1e-6;
    for (int step = 0; step < ranks - 1; step++) {
        bool crosses = step < nodes - 1; /* as many of the steps as there are between nodes */
        at += piece + (crosses ? between : inside) * 1e-6;
    }
    return at;
}

static void test_ring_is_passed_rank_by_rank(void **unused)
{
    (void)unused;
    for (int nodes = 1; nodes <= 4096; nodes *= 8)
        for (double transfer = 1e-5; transfer < 1; transfer *= 10) {
            double simple = ring_simulated(nodes, 8, transfer, 8.4, 3.4, 14, 1);
            double ll128 = ring_simulated(nodes, 8, transfer, 14, 1.9, 4, 0.9375);
            assert_within("ring", transfer + sft_nccl_more(SFT_ALL_GATHER, nodes, 8, transfer),
                          fmin(simple, ll128), 1e-9);
        }
    /* by hand: 8 GPUs of one node, 1 ms: 8.4 + 7 x 3.4 us */
    assert_within("node", sft_nccl_more(SFT_ALL_GATHER, 1, 8, 1e-3), 32.2e-6, 1e-9);
    /* one GPU of each of 64 nodes, 10 ms: 8.4 + 63 x 14 us; of 1 ms LL128's 14 + 63 x 8.5, and a
     * fifteenth of the bytes more */
    assert_within("rail", sft_nccl_more(SFT_ALL_GATHER, 64, 1, 10e-3), 890.4e-6, 1e-9);
    assert_within("rail", sft_nccl_more(SFT_ALL_GATHER, 64, 1, 1e-3), 549.5e-6 + 1e-3 / 15, 1e-9);
    assert_true(sft_nccl_more(SFT_ALL_GATHER, 1, 1, 1) == 0);
}

/* A ring passes thousands, a tree some dozen: NCCL changes to it, and what more nodes cost is then
 * a step each time that they double. */
static void test_all_reduce_takes_a_tree_among_many(void **unused)
{
    double before = 0;
    (void)unused;
    for (int nodes = 2; nodes <= 4096; nodes *= 2) {
        double transfer = 10e-3 * (8 * nodes - 1) / (8 * nodes); /* of one array */
        double whole = transfer + sft_nccl_more(SFT_ALL_REDUCE, nodes, 8, transfer);
        double ring = ring_simulated(nodes, 8, transfer, 8.4, 2 * 3.4, 2 * 14, 1);
        assert_true(whole > before && whole <= ring * (1 + 1e-9));
        if (nodes >= 256)
            assert_within("a step of the tree", whole - before, 2 * 14e-6, 0.01);
        before = whole;
    }
    assert_within("the tree", before, 10e-3 / 0.92 + (8.4 + 2 * (7 * 4 + 12 * 14)) * 1e-6, 1e-9);
    assert_true(before < sft_nccl_more(SFT_ALL_GATHER, 4096, 8, 10e-3) / 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slowest_of_many),
        cmocka_unit_test(test_goodput_is_what_a_simulated_run_has),
        cmocka_unit_test(test_best_interval_is_the_best),
        cmocka_unit_test(test_ring_is_passed_rank_by_rank),
        cmocka_unit_test(test_all_reduce_takes_a_tree_among_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
