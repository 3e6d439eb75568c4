/* SPDX-License-Identifier: Apache-2.0 */
/* What --plan says of long runs, against what can be worked out by hand. */
#include "tests/unit/unit.h"

#include <math.h>

#include "job/run/endurance.h"
#include "lib/params.h"

static struct endurance planned(const char *text, int nodes, struct forecast *f)
{
    struct forecast_question question;
    struct sft_request request;
    struct input input;
    struct sft_error err = {""};
    if (sft_request_parse(&request, text, &err) < 0 ||
        input_open(&input, &request, nodes, 8 * nodes, &err) < 0 ||
        forecast_ask(&question, &input, &request, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    forecast_make(f, &question, nodes, 8);
    if (!f->fits)
        fail_msg("%s: %s", text, f->why.text);
    struct endurance e = endurance_make(f, &question);
    input_close(&input);
    return e;
}

static void assert_close(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-6 * fabs(wanted)))
        fail_msg("%.9g, by hand %.9g", got, wanted);
}

static void test_a_checkpoint_of_7b(void **state)
{
    (void)state;
    struct forecast f;
    struct endurance e = planned("llama-7b:8,states=bf16,storage_gbs=4,interrupts=1000", 8, &f);
    double bytes = 6 * 6738415616.0;
    assert_close(e.checkpoint, bytes); /* the 40 GB */
    assert_close(e.interval, 86400 / 8.0);
    assert_close(e.stop_low, bytes / 8 / 4e9);
    assert_close(e.stop_high, bytes / 64 / 25e9);
    /* training stops for a second in 10,800: best each sqrt(2 x 1.26 x 10,800) s by Young */
    assert_true(fabs(e.every_low / sqrt(2 * e.stop_low * e.interval) - 1) < 0.02);
    /* lost: half of what lies between two checkpoints, a new start, and the checkpoints */
    double lost = (e.every_low / 2 + 300 + e.stop_low) / e.interval + e.stop_low / e.every_low;
    assert_true(fabs(1 - e.share_low - lost) < 0.002);
    assert_true(e.share_high > e.share_low && e.share_high < 1);
    e = planned("llama-7b:8,states=fp32", 8, &f);
    assert_close(e.checkpoint, 2 * bytes);
    assert_close(e.interval, 1000 * 86400 / (3.8 * 8));
}

/* No checkpoint begins before the last one is written, or within a step. */
static void test_writing_behind_takes_its_time(void **state)
{
    (void)state;
    struct forecast f;
    struct endurance e = planned("llama-70b:64,storage_gbs=0.01,interrupts=1000", 64, &f);
    double written = e.checkpoint / 64 / 0.01e9;
    assert_close(e.stop_low, written);
    assert_close(e.every_high, written);
    e = planned("llama-70b:64,storage_gbs=1000,interrupts=1e5", 64, &f);
    assert_close(e.every_high, f.step_s);
    assert_close(e.every_low, f.step_s);
}

static void test_more_nodes_keep_less(void **state)
{
    (void)state;
    struct forecast f;
    double before = 1, interval = INFINITY;
    for (int nodes = 16; nodes <= 4096; nodes *= 4) {
        struct endurance e = planned("llama-70b:2", nodes, &f);
        assert_true(e.share_low > 0.5 && e.share_low <= e.share_high && e.share_high < before);
        assert_true(e.interval < interval);
        before = e.share_high;
        interval = e.interval;
    }
    /* Llama 3's 2,048 nodes: 419 interruptions in 54 days, more than 90% of the time of use */
    struct endurance e = planned("llama-70b:2", 2048, &f);
    assert_true(fabs(54 * 86400.0 / e.interval / 419 - 1) < 0.01);
    assert_true(e.share_low > 0.9);
}

/* Published: Llama 3 8B at 8,192 tokens on nodes with 8 x 400 Gb/s keeps 99% from 8 to 64 GPUs over
 * InfiniBand, and over RoCEv2 from 8 to 64 nodes. */
static void test_published_scaling(void **state)
{
    (void)state;
    static const struct {
        int few, many;
        double published;
    } cases[] = {{1, 8, 0.99}, {8, 64, 0.99}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct forecast few, many;
        planned("llama3-8b:2,seq=8192,nic_gbs=370", cases[i].few, &few);
        planned("llama3-8b:2,seq=8192,nic_gbs=370", cases[i].many, &many);
        for (int low = 0; low < 2; low++) {
            double kept = forecast_gpu(&many, low) / forecast_gpu(&few, low);
            if (!(fabs(kept / cases[i].published - 1) < 0.1))
                fail_msg("%d to %d nodes: %.3f, published %.2f", cases[i].few, cases[i].many, kept,
                         cases[i].published);
        }
    }
}

/* The slowest of many GPUs, oversubscribed switches: in the lower end, and a step longer. */
static void test_many_nodes_and_their_switches(void **state)
{
    (void)state;
    struct forecast even, over, small;
    assert_true(forecast_slowest(1) == 1 && forecast_slowest(4) == 1);
    assert_true(fabs(forecast_slowest(64) - 1.0132) < 0.0003); /* largest of 64: 2.35, of 4: 1.03 */
    const char *plain = "llama-70b:64,nic_gbs=92,nvlink_gbs=366";
    planned(plain, 64, &even);
    planned("llama-70b:64,nic_gbs=92,nvlink_gbs=366,oversubscription=4", 64, &over);
    assert_close(over.tok_s_high, even.tok_s_high);
    assert_true(over.tok_s_low < 0.9 * even.tok_s_low);
    planned("llama-70b:64,nic_gbs=92,nvlink_gbs=366,oversubscription=4,leaf_nodes=64", 64, &small);
    assert_close(small.tok_s_low, even.tok_s_low);
    double slowest = even.step_s / even.fit.time.step;
    assert_true(slowest > 1.01 && slowest <= forecast_slowest(512));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_checkpoint_of_7b),
        cmocka_unit_test(test_writing_behind_takes_its_time),
        cmocka_unit_test(test_more_nodes_keep_less),
        cmocka_unit_test(test_published_scaling),
        cmocka_unit_test(test_many_nodes_and_their_switches),
    };
    return cmocka_run_group_tests_name("endurance", tests, NULL, NULL);
}
