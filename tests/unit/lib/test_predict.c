/* SPDX-License-Identifier: Apache-2.0 */
/* The forecast's parts against what they must be proportional to, and its sum against the roofline.
 */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/params.h"
#include "lib/predict.h"
#include "lib/roofline.h"

/* Ceilings that nobody measured: round numbers, so that parts can be told from one another. */
static const struct sft_ceiling plain = {.device = "plain",
                                         .matmul_tflops = 500,
                                         .memory_gbs = 1000,
                                         .lengths = {100, 1000, 10000},
                                         .forward = {50, 200, 400},
                                         .backward = {30, 100, 300}};

static const struct sft_ceiling *h200(void)
{
    const struct sft_ceiling *ceiling = sft_ceiling_find("NVIDIA H200");
    assert_non_null(ceiling);
    return ceiling;
}

/* That preset or the next one behind it that has attention. */
static const struct sft_preset *attending(const struct sft_preset *preset)
{
    while (preset->architecture == SFT_LSTM)
        preset++;
    return preset;
}

/* A micro-batch full of documents of that length. */
static struct sft_work work_of(double tokens, double length)
{
    return (struct sft_work){.tokens = tokens,
                             .squared_lengths = tokens * length,
                             .documents = tokens / length,
                             .accumulation = 4,
                             .states = SFT_STATES_FP32,
                             .recompute = SFT_RECOMPUTE_NONE};
}

static bool close_to(double a, double b)
{
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* What the GPU works, without waiting for launches. */
static double device_time(const struct sft_prediction *p)
{
    return p->matmul + p->gradients + p->attention + p->elementwise + p->quantize + p->recompute +
           p->optimizer;
}

/* Predicted, and what holds for every prediction. */
static struct sft_prediction predicted(const struct sft_preset *shape, struct sft_work work,
                                       const struct sft_ceiling *ceiling)
{
    struct sft_prediction p = sft_predict(shape, &work, ceiling);
    assert_true(p.matmul > 0 && p.elementwise > 0 && p.optimizer > 0);
    assert_true(p.attention >= 0 && p.recompute >= 0 && isfinite(p.step));
    assert_true(p.launch >= 0);
    assert_true(close_to(p.step, p.launch > device_time(&p) ? p.launch : device_time(&p)));
    assert_true(close_to(p.tok_s, work.accumulation * work.tokens / p.step));
    return p;
}

static const enum sft_recompute levels[] = {SFT_RECOMPUTE_NONE, SFT_RECOMPUTE_NORMS,
                                            SFT_RECOMPUTE_BLOCK};

static void test_accumulation_doubles_all_but_the_optimizer(void **state)
{
    (void)state;
    for (const struct sft_preset *s = attending(sft_preset_all()); s->name != NULL;
         s = attending(s + 1))
        for (int level = 0; level < 3; level++) {
            struct sft_work work = work_of(8192, 512);
            work.recompute = levels[level];
            struct sft_prediction one = predicted(s, work, h200());
            work.accumulation *= 2;
            struct sft_prediction two = predicted(s, work, h200());
            assert_true(close_to(two.matmul, 2 * one.matmul));
            assert_true(close_to(two.attention, 2 * one.attention));
            assert_true(close_to(two.elementwise, 2 * one.elementwise));
            assert_true(two.recompute == 0 ? level == 0
                                           : close_to(two.recompute, 2 * one.recompute));
            assert_true(two.optimizer == one.optimizer && close_to(two.launch, 2 * one.launch));
            /* a gradient of bf16 is written, and each time after the first read, too */
            double weights = (double)sft_params_multiplied(s) / (h200()->memory_gbs * 1e9);
            assert_true(close_to(two.gradients, (4 * work.accumulation - 2) * weights));
            assert_true(close_to(two.gradients - one.gradients, 2 * work.accumulation * weights));
            /* and so do micro-batches of twice as many of the same documents, but for gradients */
            work = work_of(16384, 512);
            work.recompute = levels[level];
            struct sft_prediction wide = predicted(s, work, h200());
            assert_true(
                close_to(device_time(&wide) - wide.gradients, device_time(&two) - two.gradients) &&
                close_to(wide.attention, two.attention));
        }
}

static void test_recomputation_costs_by_level(void **state)
{
    (void)state;
    for (const struct sft_preset *s = attending(sft_preset_all()); s->name != NULL;
         s = attending(s + 1)) {
        struct sft_prediction p[3];
        for (int level = 0; level < 3; level++) {
            struct sft_work work = work_of(8192, 512);
            work.recompute = levels[level];
            p[level] = predicted(s, work, h200());
            assert_true(p[level].matmul == p[0].matmul && p[level].attention == p[0].attention);
            assert_true(p[level].elementwise == p[0].elementwise);
            assert_true(p[level].optimizer == p[0].optimizer);
        }
        assert_true(p[0].recompute == 0);
        assert_true(device_time(&p[0]) < device_time(&p[1]) &&
                    device_time(&p[1]) < device_time(&p[2]));
        /* norms cost no product, so less than all elementwise work; a block costs its forward pass
         * without the last product, whose output nobody reads again: less than a third of all
         * products, because the head's is not among them */
        assert_true(p[1].recompute < p[0].elementwise);
        assert_true(p[2].recompute < p[0].matmul / 3 + p[0].attention / 2 + p[0].elementwise);
        assert_true(p[2].recompute > p[0].attention / 5);
        double linear = (double)(sft_params_multiplied(s) - sft_params_head(s));
        double again = 2 * 8192.0 * work_of(8192, 512).accumulation *
                       (linear - (double)s->layers * s->hidden * s->ffn) / 695e12;
        assert_true(p[2].recompute > again + p[0].attention / 3.5);
        assert_true(p[2].recompute < again + p[0].attention / 3 + p[0].elementwise / 2);
    }
}

/* FP8 gains what its products gain, less what making it costs, which is more the fewer copies of
 * the weights stay, and more by rows. */
static void test_fp8(void **state)
{
    (void)state;
    for (const struct sft_preset *s = attending(sft_preset_all()); s->name != NULL;
         s = attending(s + 1)) {
        struct sft_work work = work_of(16384, 512);
        struct sft_prediction bf16 = predicted(s, work, h200()), last = {.quantize = 0};
        double head = (double)sft_params_head(s) / (double)sft_params_multiplied(s);
        double rate = sft_ceiling_fp8(h200()) / h200()->matmul_tflops;
        assert_true(bf16.quantize == 0);
        work.precision = SFT_PRECISION_FP8;
        for (work.copies = 2; work.copies >= 0; work.copies--) {
            struct sft_prediction p = predicted(s, work, h200());
            assert_true(close_to(p.matmul, bf16.matmul * ((1 - head) / rate + head)));
            assert_true(p.quantize > last.quantize && p.attention == bf16.attention);
            last = p;
        }
        work.by_row = true;
        work.copies = 0;
        assert_true(predicted(s, work, h200()).quantize > last.quantize);
        /* what comes in FP8 is quantized once, by all together, and turned for each backward pass
         */
        double linear = (double)(sft_params_multiplied(s) - sft_params_head(s));
        double gbs = h200()->memory_gbs * 1e9, last_of = last.quantize * gbs;
        work.by_row = false;
        for (work.quantizers = 1; work.quantizers <= 8; work.quantizers *= 2) {
            double saved =
                2 + 2 * 3 * work.accumulation - 5.0 / work.quantizers - 2 * work.accumulation;
            assert_true(
                close_to(predicted(s, work, h200()).quantize * gbs, last_of - saved * linear));
        }
    }
}

/* Measured, estimated by what was measured, or none. */
static void test_fp8_ceilings(void **state)
{
    struct sft_gpu gpu;
    (void)state;
    assert_true(sft_ceiling_fp8(h200()) == 1250);
    const struct sft_ceiling *h100 = sft_ceiling_find("NVIDIA H100 80GB HBM3");
    assert_true(close_to(sft_ceiling_fp8(h100), h100->matmul_tflops * 1250 / 695));
    assert_int_equal(sft_gpu_find(&gpu, "A100", NULL), 0);
    assert_true(sft_ceiling_fp8(&gpu.ceiling) == 0);
    assert_int_equal(sft_gpu_find(&gpu, "B200", NULL), 0);
    assert_true(close_to(sft_ceiling_fp8(&gpu.ceiling), 4500.0 * 1250 / 1979));
}

static void test_longer_documents_cost_attention(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("llama-7b");
    for (int level = 0; level < 3; level++) {
        struct sft_prediction before = {.attention = 0};
        for (double length = 16; length <= 65536; length *= 1.1) { /* between the ceilings, too */
            struct sft_work work = work_of(65536, length);
            work.recompute = levels[level];
            struct sft_prediction p = predicted(s, work, h200());
            if (length > 16) {
                assert_true(p.attention > before.attention && p.step > before.step);
                assert_true(p.attention < before.attention * 1.25); /* no jumps */
                assert_true(p.matmul == before.matmul && p.elementwise == before.elementwise);
                assert_true(p.optimizer == before.optimizer);
                if (levels[level] != SFT_RECOMPUTE_BLOCK) /* which runs attention once more */
                    assert_true(p.recompute == before.recompute);
                else
                    assert_true(p.recompute > before.recompute);
            }
            before = p;
        }
    }
}

/* Products are 6 a parameter and token, attention is what sft_params_flops adds for the documents.
 */
static void test_products_and_attention_are_the_presets(void **state)
{
    (void)state;
    struct sft_ceiling even = plain; /* the same rate for all lengths, forward and backward */
    for (int i = 0; i < 3; i++)
        even.forward[i] = even.backward[i] = 100;
    for (const struct sft_preset *s = attending(sft_preset_all()); s->name != NULL;
         s = attending(s + 1)) {
        struct sft_work work = work_of(5000, 250);
        struct sft_prediction p = predicted(s, work, &even);
        double products = sft_params_flops(s, 4 * 5000, 0);
        double both = sft_params_flops(s, 4 * 5000, 4 * 5000 * 250.0);
        assert_true(close_to(p.matmul * 500e12, products));
        double longer = p.attention / SFT_PREDICT_IN_PLACE * 100e12 / (both - products);
        assert_true(s->head_dim >= 128 ? fabs(longer - 1) < 1e-6 : longer > 1.1 && longer < 1.5);
    }
}

/* A block computed again runs each of its products once but the last, whose output nobody reads
 * again, and the head's not. */
static void test_a_block_again_is_its_products(void **state)
{
    (void)state;
    struct sft_ceiling idle = plain; /* all but products cost next to nothing */
    idle.memory_gbs = 1e15;
    for (int i = 0; i < 3; i++)
        idle.forward[i] = idle.backward[i] = 1e15;
    for (const struct sft_preset *s = attending(sft_preset_all()); s->name != NULL;
         s = attending(s + 1)) {
        struct sft_work work = work_of(5000, 250);
        work.recompute = SFT_RECOMPUTE_BLOCK;
        struct sft_preset headless = *s;
        headless.vocab = headless.classes = 0;
        double last = 2.0 * s->layers * s->hidden * s->ffn * 4 * 5000;
        double want = (sft_params_flops(&headless, 4 * 5000, 0) / 3 - last) / 500e12;
        assert_true(fabs(predicted(s, work, &idle).recompute - want) < 1e-6 * want);
    }
}

/* At the lengths that were measured the rate is the measured one: forward once, backward twice. */
static void test_rates_are_the_measured_ones(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("llama-7b");
    static const double lengths[] = {10, 100, 1000, 10000, 50000}; /* beyond the ends as at them */
    static const int entry[] = {0, 0, 1, 2, 2};
    for (int i = 0; i < 5; i++) {
        struct sft_prediction p = predicted(s, work_of(1e5, lengths[i]), &plain);
        double third =
            (sft_params_flops(s, 4e5, 4e5 * lengths[i]) - sft_params_flops(s, 4e5, 0)) / 3;
        double want = third / (plain.forward[entry[i]] * 1e12) +
                      2 * third / (plain.backward[entry[i]] * 1e12);
        want *= SFT_PREDICT_IN_PLACE;
        assert_true(fabs(p.attention - want) < 1e-6 * want);
    }
    /* half way between two, half way between their rates */
    struct sft_prediction p = predicted(s, work_of(1e5, 5500), &plain);
    double third = (sft_params_flops(s, 4e5, 4e5 * 5500) - sft_params_flops(s, 4e5, 0)) / 3;
    double want = third / 300e12 + 2 * third / 200e12;
    want *= SFT_PREDICT_IN_PLACE;
    assert_true(fabs(p.attention - want) < 1e-6 * want);
}

static void test_each_ceiling_bounds_its_part(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("llama3-8b");
    struct sft_work work = work_of(8192, 512);
    struct sft_prediction p = predicted(s, work, &plain), q;
    struct sft_ceiling ceiling = plain;
    ceiling.matmul_tflops *= 2;
    q = predicted(s, work, &ceiling);
    assert_true(close_to(q.matmul, p.matmul / 2) && q.attention == p.attention);
    assert_true(q.elementwise == p.elementwise && q.optimizer == p.optimizer);
    ceiling = plain;
    ceiling.memory_gbs *= 2;
    q = predicted(s, work, &ceiling);
    assert_true(q.matmul == p.matmul && q.attention == p.attention);
    assert_true(close_to(q.elementwise, p.elementwise / 2));
    assert_true(close_to(q.optimizer, p.optimizer / 2));
    work.states = SFT_STATES_BF16; /* half of the bytes or less */
    q = predicted(s, work, &plain);
    assert_true(q.optimizer < 0.6 * p.optimizer && q.optimizer > 0.3 * p.optimizer);
    assert_true(close_to(p.step - q.step, p.optimizer - q.optimizer));
    /* weights, gradient and two moments are read, three of them written, and the gradient once
     * before for the norm: 16 bytes a parameter at the least */
    assert_true(q.optimizer > 15.99 * (double)sft_params_count(s) / 1000e9);
}

/* An LSTM's products at the ceiling are the least, its micro-batches add up, a block again is a
 * forward pass, and of few sequences launching is all. */
static void test_an_lstm(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("lstm");
    struct sft_work work = work_of(32768, 32);
    work.accumulation = 1;
    struct sft_prediction one = predicted(s, work, h200());
    double products = sft_params_flops(s, 32768, 0) / (h200()->matmul_tflops * 1e12);
    assert_true(one.matmul > products && one.matmul < 1.5 * products);
    assert_true(one.attention == 0 && one.quantize == 0 && one.launch < one.step);
    work.accumulation = 2;
    struct sft_prediction two = predicted(s, work, h200());
    assert_true(close_to(two.matmul, 2 * one.matmul) && two.optimizer == one.optimizer);
    assert_true(close_to(two.elementwise, 2 * one.elementwise));
    work.recompute = SFT_RECOMPUTE_BLOCK;
    struct sft_prediction again = predicted(s, work, h200());
    assert_true(again.recompute > again.matmul / 3 && again.matmul == two.matmul);
    assert_true(again.recompute < again.matmul / 2 + again.elementwise);
    work = work_of(32 * 8, 32);
    work.accumulation = 1;
    assert_true(predicted(s, work, h200()).step == predicted(s, work, h200()).launch);
}

static void test_a_micro_batch_of_padding(void **state)
{
    (void)state;
    struct sft_work work = work_of(4096, 512);
    work.documents = work.squared_lengths = 0;
    struct sft_prediction p = predicted(sft_preset_find("tiny"), work, h200());
    assert_true(p.attention == 0 && p.tok_s > 0);
}

static void test_known_devices(void **state)
{
    (void)state;
    assert_non_null(sft_ceiling_find("NVIDIA H200"));
    assert_null(sft_ceiling_find("NVIDIA GeForce RTX 4090"));
    assert_null(sft_ceiling_find("NVIDIA H200 NVL"));
    assert_non_null(sft_ceiling_find("NVIDIA H100 80GB HBM3"));
    assert_null(sft_ceiling_find("NVIDIA H100 NVL"));
    assert_null(sft_ceiling_find("CPU"));
    assert_null(sft_ceiling_find(""));
}

/* What was measured cannot be above the data sheet. */
static void test_ceilings_lie_below_the_roofline(void **state)
{
    (void)state;
    const struct sft_ceiling *c = h200();
    const struct sft_roofline *roof = sft_roofline_find("NVIDIA H200");
    assert_non_null(roof);
    assert_true(c->matmul_tflops > 0 && c->matmul_tflops <= roof->bf16_tflops);
    assert_true(c->memory_gbs > 0 && c->memory_gbs <= roof->memory_gbs);
    const int entries = sizeof c->lengths / sizeof c->lengths[0];
    assert_true(c->lengths[0] > 0 && c->lengths[entries - 1] == 0);
    for (int i = 0; c->lengths[i] != 0; i++) {
        assert_true(i == 0 || c->lengths[i] > c->lengths[i - 1]);
        assert_true(c->forward[i] > 0 && c->forward[i] <= roof->bf16_tflops);
        assert_true(c->backward[i] > 0 && c->backward[i] <= roof->bf16_tflops);
    }
}

static void test_a_forecast_lies_below_the_roofline(void **state)
{
    (void)state;
    const struct sft_preset *s = sft_preset_find("llama-7b");
    double peak = sft_roofline_find("NVIDIA H200")->bf16_tflops;
    static const double lengths[] = {128, 4096};
    for (int i = 0; i < 2; i++)
        for (int level = 0; level < 3; level++) {
            struct sft_error err = {""};
            struct sft_work work = work_of(4 * 4096, lengths[i]);
            work.recompute = levels[level];
            struct sft_prediction p = predicted(s, work, h200());
            double flops = sft_params_flops(s, 4 * work.tokens, 4 * work.squared_lengths);
            double tflops = flops / p.step / 1e12;
            if (sft_roofline_check(tflops, peak, "the forecast", &err) < 0)
                fail_msg("%s", err.text);
            print_message("documents of %g, level %d: %.0f TFLOP/s\n", lengths[i], level, tflops);
            assert_true(tflops > peak / 3);
            /* the same by the rate */
            assert_true(close_to(flops / (4 * work.tokens) * p.tok_s, tflops * 1e12));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accumulation_doubles_all_but_the_optimizer),
        cmocka_unit_test(test_recomputation_costs_by_level),
        cmocka_unit_test(test_fp8),
        cmocka_unit_test(test_fp8_ceilings),
        cmocka_unit_test(test_longer_documents_cost_attention),
        cmocka_unit_test(test_products_and_attention_are_the_presets),
        cmocka_unit_test(test_a_block_again_is_its_products),
        cmocka_unit_test(test_rates_are_the_measured_ones),
        cmocka_unit_test(test_each_ceiling_bounds_its_part),
        cmocka_unit_test(test_an_lstm),
        cmocka_unit_test(test_a_micro_batch_of_padding),
        cmocka_unit_test(test_known_devices),
        cmocka_unit_test(test_ceilings_lie_below_the_roofline),
        cmocka_unit_test(test_a_forecast_lies_below_the_roofline),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
