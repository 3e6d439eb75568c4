/* SPDX-License-Identifier: Apache-2.0 */
/* Runs against goals: only those of a goal's own work decide it. Rows have 32 samples of 128 tokens
 * in a sequence on nodes of 8 GPUs (report_rows.h). */
#include "tests/unit/unit.h"

#include <math.h>

#include "report/goals.h"
#include "tests/unit/report/report_rows.h"

static struct sft_goals goals;
static struct rows rows;
static struct groups groups;
static struct goal_checks checks;

static int begin(void **state)
{
    (void)state;
    rows_init(&rows);
    return 0;
}

static int end(void **state)
{
    (void)state;
    goal_checks_clear(&checks);
    groups_clear(&groups);
    rows_clear(&rows);
    return 0;
}

/* A run of the second form that says that nothing was cut. */
static struct row *run(long long job_id, int nodes, double samples_s, const char *fields)
{
    struct row *row = test_row(&rows, job_id, nodes, samples_s, fields);
    row->record.form = 2;
    if (sft_record_get(&row->record, "cut") == NULL)
        assert_int_equal(sft_record_set(&row->record, "cut", "0", NULL), 0);
    return row;
}

static void check(const char *text)
{
    struct sft_error err = {""};
    if (sft_goals_parse(&goals, text, strlen(text), "g", &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(groups_make(&groups, &rows, NULL), 0);
    assert_int_equal(goal_checks_make(&checks, &goals, &groups, NULL), 0);
    assert_int_equal(checks.count, goals.count);
}

/* The job that decided the i-th goal; 0: none did. */
static long long job_of(size_t i)
{
    const struct goal_check *one = &checks.check[i];
    assert_int_equal(goal_is_measured(one), one->cell != NULL);
    return one->cell == NULL ? 0 : one->cell->run[0]->job_id;
}

static void test_nobody_asked(void **state)
{
    (void)state;
    run(1, 1, 1300, NULL);
    assert_int_equal(groups_make(&groups, &rows, NULL), 0);
    assert_int_equal(goal_checks_make(&checks, NULL, &groups, NULL), 0);
    assert_int_equal(checks.count, 0);
}

#define RATE "model=llama-7b,gpus=8,samples_s=1280,sample_tokens=128"

/* Faster ones that are something else: 1B, 16 GPUs, FP8's method, synthetic, failed, aside. */
static void test_the_fastest_of_its_work_decides(void **state)
{
    (void)state;
    run(1, 1, 900, NULL);
    run(2, 1, 1300, "precision=fp8");
    run(3, 1, 1400, "data=synthetic")->marks = ROW_SYNTHETIC;
    run(4, 2, 3000, NULL);
    run(5, 1, 8000, "seq=512 step_ms=32768")->state = "failed";
    run(6, 1, 7000, "model=llama-1b");
    check(RATE "\n" RATE ",precision=bf16\n" RATE
               ",method=lora\nmodel=llama-7b,nodes=2,tok_s_gpu=20000");
    assert_int_equal(job_of(0), 2);
    assert_true(goal_is_met(&checks.check[0]) && checks.check[0].value == 1300);
    assert_int_equal(checks.check[0].of, 2);
    assert_int_equal(job_of(1), 1);
    assert_false(goal_is_met(&checks.check[1]));
    assert_int_equal(job_of(2), 0);
    assert_int_equal(checks.check[2].why & GOAL_METHOD, GOAL_METHOD);
    assert_int_equal(job_of(3), 4);
    assert_true(checks.check[3].value == 3000 * 128 / 16.0 && goal_is_met(&checks.check[3]));
}

static void test_a_workload_is_met_by_its_own_runs(void **state)
{
    (void)state;
    run(1, 1, 1300, NULL);
    run(2, 1, 1500, "data=synthetic workload=alpaca-packed micro_batch=2")->marks = ROW_SYNTHETIC;
    check(RATE "\n" RATE ",workload=alpaca-packed\n" RATE ",workload=alpaca.json\n" RATE
               ",workload=other");
    static const long long jobs[] = {1, 2, 1, 0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(job_of(i), jobs[i]);
    assert_int_equal(checks.check[3].why, GOAL_WORKLOAD);
}

/* Each would be fast enough. */
static void test_what_never_meets_a_goal(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        unsigned form, why;
    } cases[] = {
        {"cut=3", 2, GOAL_CUT},
        {"cut=x", 2, GOAL_CUT},
        {NULL, 1, GOAL_OLD},
        /* 346 tokens a sample: as many tokens, fewer samples */
        {"samples_s=549 tok_s=190000 step_ms=1379.7", 2, GOAL_SAMPLES},
        {"samples_s=2200 tok_s=190000 step_ms=1379.7", 2, GOAL_SAMPLES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(NULL);
        run(1, 1, 1500, cases[i].fields)->record.form = (int)cases[i].form;
        check(RATE);
        if (job_of(0) != 0 || checks.check[0].why != cases[i].why)
            fail_msg("case %zu: job %lld, why %u", i, job_of(0), checks.check[0].why);
        assert_false(goal_is_met(&checks.check[0]));
        end(NULL);
    }
    begin(NULL);
}

/* One repeat that cut records is enough to leave the whole of them out. */
static void test_a_cell_is_as_good_as_its_worst_run(void **state)
{
    (void)state;
    run(1, 1, 1500, NULL);
    run(2, 1, 1500, "cut=1");
    check(RATE);
    assert_int_equal(job_of(0), 0);
    assert_int_equal(checks.check[0].why, GOAL_CUT);
}

/* The lowest counts: 92.3% on two nodes, 94.2% on four; of utilization 80%. */
static void test_scaling_and_utilization(void **state)
{
    (void)state;
    run(1, 1, 1300, "gpu_util=97");
    run(2, 2, 2400, "gpu_util=80");
    run(3, 4, 4900, NULL);
    check("nodes=2,scaling=95\nnodes=4,scaling=94\nscaling=90\nnodes=8,scaling=80\ngpu_util=90");
    static const struct {
        long long job;
        bool met;
    } expected[] = {{2, false}, {3, true}, {2, true}, {0, false}, {2, false}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(job_of(i), expected[i].job);
        assert_int_equal(goal_is_met(&checks.check[i]), expected[i].met);
    }
    assert_true(checks.check[0].value > 92.3 && checks.check[0].value < 92.4);
    assert_true(checks.check[4].value == 80);
}

/* Scaling and utilization are of any work, but where they name one. */
static void test_other_goals_are_of_any_work(void **state)
{
    (void)state;
    run(1, 1, 1300, "gpu_util=97 data=synthetic")->marks = ROW_SYNTHETIC;
    run(2, 2, 2590, "gpu_util=96 data=synthetic")->marks = ROW_SYNTHETIC;
    check("scaling=95\ngpu_util=90\nscaling=95,workload=alpaca-packed\n" RATE);
    static const long long jobs[] = {2, 2, 0, 0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(job_of(i), jobs[i]);
    assert_true(goal_is_met(&checks.check[0]) && goal_is_met(&checks.check[1]));
}

/* Twice two nodes are no scaling from one. */
static void test_scaling_begins_at_one_node(void **state)
{
    (void)state;
    run(1, 2, 2400, NULL);
    run(2, 4, 4790, NULL);
    check("nodes=4,scaling=95");
    assert_int_equal(job_of(0), 0);
    assert_int_equal(checks.check[0].why, GOAL_BASE);
}

/* 160 samples/s of 70B ask 1,060 of 989.5 TFLOP/s. */
static void test_beyond_the_hardware(void **state)
{
    (void)state;
    run(1, 1, 1300, NULL);
    check(RATE "\nmodel=llama-70b,gpus=8,samples_s=160,sample_tokens=128");
    assert_string_equal(checks.device, "NVIDIA H200");
    assert_false(goal_is_beyond(&checks.check[0]));
    assert_true(goal_is_beyond(&checks.check[1]));
    assert_true(checks.check[1].needs > 106 && checks.check[1].needs < 108);
    assert_int_equal(job_of(1), 0);
}

/* Of a slice the part that it may have; what is printed as 100% is not beyond. */
static void test_the_peak_of_a_slice(void **state)
{
    (void)state;
    run(1, 1, 100, "device=NVIDIA_H200_MIG_1g.18gb tflops=100 peak_tflops=141 mfu=70.9");
    assert_int_equal(
        sft_record_set(&rows.row[0]->record, "device", "NVIDIA H200 MIG 1g.18gb", NULL), 0);
    check("model=llama-7b,gpus=8,samples_s=640,sample_tokens=128");
    assert_true(fabs(checks.check[0].needs - 4 * 41) < 1); /* a whole H200: 41% */
    struct goal_check one = {.needs = 100.4};
    assert_false(goal_is_beyond(&one));
    one.needs = 100.6;
    assert_true(goal_is_beyond(&one));
    one.needs = NAN;
    assert_false(goal_is_beyond(&one));
}

/* A goal of two nodes is not beyond those with 8 GPUs because others ran with one. */
static void test_a_nodes_gpus_are_the_most(void **state)
{
    (void)state;
    run(1, 1, 100, "ranks=1 model=llama-1b global_batch=4 step_ms=1280 tok_s=12800");
    run(2, 1, 900, NULL);
    check("model=llama-7b,nodes=1,samples_s=640,sample_tokens=128");
    assert_true(fabs(checks.check[0].needs - 41) < 1);
}

static void test_digits_tell_apart(void **state)
{
    (void)state;
    static const struct {
        const char *goal;
        double value;
        int digits;
    } cases[] = {
        {"scaling=95", 94.96, 2}, {"scaling=95", 94.9996, 4}, {"scaling=95", 94.2, 1},
        {"scaling=95", 95.04, 1}, {"scaling=94.25", 97, 2},   {"scaling=95", NAN, 1},
        {RATE, 1279.7, 1},        {RATE, 1279.4, 0},          {RATE, 1280.3, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(sft_goals_parse(&goals, cases[i].goal, strlen(cases[i].goal), "g", NULL),
                         0);
        struct goal_check one = {.goal = &goals.goal[0], .value = cases[i].value};
        if (goal_digits(&one) != cases[i].digits)
            fail_msg("case %zu: %d digits", i, goal_digits(&one));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody_asked, begin, end),
        cmocka_unit_test_setup_teardown(test_the_fastest_of_its_work_decides, begin, end),
        cmocka_unit_test_setup_teardown(test_a_workload_is_met_by_its_own_runs, begin, end),
        cmocka_unit_test_setup_teardown(test_what_never_meets_a_goal, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cell_is_as_good_as_its_worst_run, begin, end),
        cmocka_unit_test_setup_teardown(test_scaling_and_utilization, begin, end),
        cmocka_unit_test_setup_teardown(test_other_goals_are_of_any_work, begin, end),
        cmocka_unit_test_setup_teardown(test_scaling_begins_at_one_node, begin, end),
        cmocka_unit_test_setup_teardown(test_beyond_the_hardware, begin, end),
        cmocka_unit_test_setup_teardown(test_the_peak_of_a_slice, begin, end),
        cmocka_unit_test_setup_teardown(test_a_nodes_gpus_are_the_most, begin, end),
        cmocka_unit_test(test_digits_tell_apart),
    };
    return cmocka_run_group_tests_name("goals", tests, NULL, NULL);
}
