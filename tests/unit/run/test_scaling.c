/* SPDX-License-Identifier: Apache-2.0 */
/* --plan's figures over presets, nodes, lengths and micro-batches: they agree with each other. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "job/run/scaling.h"

struct scene {
    struct sft_request request;
    struct input input;
    struct scaling scaling;
};

static struct scaling *scene_open(struct scene *s, const char *text, int gpus)
{
    struct sft_error err = {""};
    if (sft_request_parse(&s->request, text, &err) < 0 ||
        input_open(&s->input, &s->request, s->request.nodes, s->request.nodes * gpus, &err) < 0 ||
        scaling_make(&s->scaling, &s->input, &s->request, 8, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return &s->scaling;
}

static void scene_close(struct scene *s)
{
    input_close(&s->input);
}

static int above, rows;

static void check_row(const struct scaling *s, int row, const char *text)
{
    const struct forecast *f = &s->rows[row], *base = &s->rows[s->base];
    char cause[SCALING_CAUSE];
    double percent = scaling_percent(s, row, false), low = scaling_percent(s, row, true);
    /* the columns' own ratio, at both ends */
    assert_true(fabs(percent - 100 * (f->tok_s / f->plan.ranks) /
                                   (base->tok_s / base->plan.ranks)) < 1e-9 * percent);
    assert_true(fabs(low - 100 * (f->tok_s_low / f->plan.ranks) /
                               (base->tok_s_low / base->plan.ranks)) < 1e-9 * low);
    assert_true(row != s->base || fabs(percent - 100) < 1e-9);
    assert_true(f->tok_s_low <= (1 - FORECAST_BELOW) * f->tok_s * (1 + 1e-9) && f->tok_s_low > 0);
    assert_true(f->tok_s_high == (1 + FORECAST_ABOVE) * f->tok_s);
    scaling_cause(s, row, cause);
    if ((percent >= 100.05 || low >= 100.05) != (cause[0] != '\0'))
        fail_msg("%s on %d nodes: %.2f%% because '%s'", text, f->plan.nodes, percent, cause);
    above += cause[0] != '\0';
    /* what it takes leaves 3%; a step's work is the plan's */
    assert_true(ldexp(f->fit.total, -30) <= 0.97 * 139);
    assert_int_equal(f->plan.micro_batch, f->fit.micro_batch);
    assert_int_equal(f->plan.accumulation, f->fit.accumulation);
    assert_int_equal(f->plan.micro_batch * f->plan.accumulation * f->plan.ranks,
                     f->plan.global_batch);
    double tokens = (double)f->plan.global_batch * f->plan.seq;
    assert_true(fabs(f->tok_s * f->step_s / tokens - 1) <
                0.2); /* synthetic packs are nearly full */
    assert_true(f->tok_s * f->step_s <= tokens * (1 + 1e-9));
    assert_true(fabs(f->seconds - f->step_s * forecast_steps(&f->plan, f->step_s)) < 1e-9);
    rows++;
}

static void check_table(const char *text, int nodes)
{
    static struct scene s;
    const struct scaling *t = scene_open(&s, text, 8);
    assert_int_equal(t->rows[t->asked].plan.nodes, nodes); /* the row that was asked for */
    for (int row = 0; row < t->count; row++) {
        assert_true(row == 0 || t->rows[row].plan.nodes > t->rows[row - 1].plan.nodes);
        if (t->rows[row].fits)
            check_row(t, row, text);
        else
            assert_true(isnan(scaling_percent(t, row, false)) && t->rows[row].why.text[0] != '\0');
    }
    scene_close(&s);
}

/* Each table has 1, 2, 4, ... 64 nodes, and 24 where those were asked for. */
static void test_columns_agree(void **state)
{
    (void)state;
    unit_takes_long();
    static const char *const sizes[] = {"auto", "1", "8"};
    int turn = 0;
    for (const struct sft_preset *p = sft_preset_all(); p->name != NULL; p++)
        for (int seq = 512; seq <= 32768; seq *= 2)
            for (size_t m = 0; m < 3; m++) {
                char text[128];
                int nodes = turn++ % 5 == 0 ? 24 : 64;
                if (sft_preset_positions(p) > 0 && seq > sft_preset_positions(p))
                    continue;
                snprintf(text, sizeof text, "%s:%d,seq=%d,micro_batch=%s,data=synthetic", p->name,
                         nodes, seq, sizes[m]);
                check_table(text, nodes);
            }
    assert_true(rows > 900 && above > 20);
}

/* By hand: 13B of 8 sequences on nodes of 2 GPUs recomputes norms or blocks on one node, less on
 * more, and so passes 100%. */
static void test_above_100_has_its_cause(void **state)
{
    (void)state;
    static struct scene s;
    char cause[SCALING_CAUSE];
    const struct scaling *t =
        scene_open(&s, "llama-13b:8,gpus=2,states=fp32,micro_batch=4,data=synthetic:4096", 2);
    int last = t->count - 1;
    assert_true(t->base >= 0 && t->rows[last].fits);
    assert_true(t->rows[last].fit.recompute < t->rows[t->base].fit.recompute);
    assert_true(scaling_percent(t, last, false) > 105);
    assert_contains(scaling_cause(t, last, cause), "less is computed again");
    scene_close(&s);
}

/* The fabric that the request says is not open: what is left is what the prediction itself is off.
 */
static void test_what_is_said_is_no_range(void **state)
{
    (void)state;
    static struct scene s;
    const struct scaling *t = scene_open(&s, "llama-7b:4,seq=512,data=synthetic", 8);
    const double below = 1 - FORECAST_BELOW;
    struct forecast f = t->rows[t->asked];
    assert_true(f.tok_s_low < 0.95 * below * f.tok_s);
    scene_close(&s);
    t = scene_open(&s, "llama-7b:4,seq=512,data=synthetic,nvlink_gbs=366,nic_gbs=92", 8);
    assert_true(fabs(t->rows[t->asked].tok_s_low / (below * f.tok_s) - 1) < 1e-9);
    assert_true(fabs(t->rows[t->asked].tok_s / f.tok_s - 1) < 1e-9);
    assert_true(fabs(scaling_percent(t, 2, true) - scaling_percent(t, 2, false)) < 1e-9);
    scene_close(&s);
}

/* Cards without NVLink share over PCIe, which the plan knows by their data sheet; 26 of the 366
 * GB/s that NCCL has inside of 8 x H200. */
static void test_links_are_the_gpus_own(void **state)
{
    static const struct {
        const char *model;
        double gbs;
    } gpus[] = {{"H200", 366},        {"H100", 366},
                {"H20", 366},         {"B200", 732},
                {"A100", 244},        {"L40S", 366 * 64 / 900.0},
                {"H100 PCIe", 52.05}, {"A100 80GB PCIe", 26.03}};
    struct sft_error err = {""};
    (void)state;
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        struct sft_fabric fabric = sft_fabric_default();
        struct sft_gpu gpu;
        assert_int_equal(sft_gpu_find(&gpu, gpus[i].model, &err), 0);
        sft_fabric_of(&fabric, gpu.name);
        assert_true(fabs(fabric.nvlink_gbs / gpus[i].gbs - 1) < 1e-3);
        assert_true(fabric.nvlink_assumed && fabric.nic_gbs == sft_fabric_default().nic_gbs);
    }
    static struct scene s;
    const struct scaling *t = scene_open(
        &s, "llama-7b:1,seq=1024,micro_batch=1,global_batch=8,zero=3,gpu_model=L40S,data=synthetic",
        8);
    double slow = t->rows[0].tok_s;
    assert_true(t->rows[0].fits && strcmp(t->rows[0].fit.time.bound, "compute") != 0);
    scene_close(&s);
    t = scene_open(&s,
                   "llama-7b:1,seq=1024,micro_batch=1,global_batch=8,zero=3,gpu_model=L40S,data="
                   "synthetic,nvlink_gbs=366",
                   8);
    assert_true(t->rows[0].tok_s > 1.5 * slow); /* what is said goes before */
    scene_close(&s);
}

/* A site's file: its GPU is taken for the word, its rates decide, and busbw that was measured
 * inside a node and across nodes is no range. A GPU that it lacks is an estimate. */
static void test_a_plan_by_the_sites_ceilings(void **state)
{
    (void)state;
    static struct scene s;
    struct sft_error err = {""};
    char path[] = "/tmp/test_scaling.XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "device = NVIDIA H100 80GB HBM3\nmatmul_tflops = 347.5\nmemory_gbs = 1985\n"
                  "launch_us = 3.3\nattention = 128 66.5 26.5\nattention = 4096 269.5 182\n"
                  "busbw = 1 1e8 366\nbusbw = 2 1e8 92\n");
    fclose(file);
    const struct scaling *t =
        scene_open(&s, "llama-7b:2,micro_batch=1,gpu_model=H200,data=synthetic:4096", 2);
    double h200 = t->rows[0].tok_s / 2;
    scene_close(&s);
    t = scene_open(&s, "llama-7b:2,micro_batch=1,gpu_model=B200,data=synthetic:4096", 2);
    assert_true(t->question.gpu.ceiling.estimated);
    assert_true(t->rows[1].tok_s_low < 0.91 * t->rows[1].tok_s);
    scene_close(&s);
    assert_int_equal(sft_ceilings_load(path, &err), 0);
    unlink(path);
    t = scene_open(&s, "llama-7b:2,micro_batch=1,gpu_model=H100,data=synthetic:4096", 2);
    assert_string_equal(t->question.gpu.name, "NVIDIA H100 80GB HBM3");
    assert_true(!t->question.gpu.ceiling.estimated);
    assert_true(fabs(t->rows[0].tok_s / 2 / h200 - 0.5) < 0.02); /* all rates halved */
    assert_true(fabs(t->rows[1].tok_s_low / t->rows[1].tok_s - (1 - FORECAST_BELOW)) < 1e-9);
    scene_close(&s);
    assert_int_equal(sft_ceilings_load("", &err), 0);
}

/* 13B in fp32 on nodes of one GPU: 16 bytes a parameter are 194 GiB, one H200 has 134.8; two share
 * the states. What is named fits, and one node fewer does not. */
static void test_the_gpus_that_would_do(void **state)
{
    (void)state;
    static const char *const cases[] = {"llama-13b:1,gpus=1,states=fp32,data=synthetic",
                                        "llama-70b:1,gpus=1,data=synthetic",
                                        "llama3-70b:1,gpus=4,states=fp32,data=synthetic"};
    for (size_t i = 0; i < 3; i++) {
        static struct scene s;
        static struct forecast f;
        const struct scaling *t = scene_open(&s, cases[i], i == 2 ? 4 : 1);
        int gpus = i == 2 ? 4 : 1;
        const struct forecast *asked = &t->rows[t->asked];
        assert_true(!asked->fits);
        int needs = forecast_needs(asked, &t->question, gpus);
        assert_true(needs > gpus && needs % gpus == 0);
        forecast_make(&f, &t->question, needs / gpus, gpus);
        assert_true(f.fits);
        forecast_make(&f, &t->question, needs / gpus - 1, gpus);
        assert_true(!f.fits);
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_agree),
        cmocka_unit_test(test_above_100_has_its_cause),
        cmocka_unit_test(test_what_is_said_is_no_range),
        cmocka_unit_test(test_links_are_the_gpus_own),
        cmocka_unit_test(test_a_plan_by_the_sites_ceilings),
        cmocka_unit_test(test_the_gpus_that_would_do),
    };
    return cmocka_run_group_tests_name("scaling", tests, NULL, NULL);
}
