/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs are repeats of each other, which do not count and why, and what is made of those that
 * do. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/group.h"
#include "report/group_print.h"
#include "tests/unit/report/report_rows.h"

static struct rows rows;
static struct groups groups;

static int begin(void **state)
{
    (void)state;
    rows_init(&rows);
    return 0;
}

static int end(void **state)
{
    (void)state;
    groups_clear(&groups);
    rows_clear(&rows);
    return 0;
}

static void make(void)
{
    struct sft_error err = {""};
    groups_clear(&groups);
    if (groups_make(&groups, &rows, &err) < 0)
        fail_msg("%s", err.text);
}

static void three(int job, int nodes, double rate, const char *fields)
{
    test_row(&rows, job, nodes, rate, fields);
    test_row(&rows, job + 1, nodes, rate * 1.01, fields);
    test_row(&rows, job + 2, nodes, rate * 0.98, fields);
}

static void test_nothing(void **state)
{
    (void)state;
    make();
    assert_int_equal(groups.count, 0);
}

/* 1,000 samples/s on one node, 1,900 on two: 95%. */
static void test_cells_and_efficiency(void **state)
{
    (void)state;
    three(20, 2, 1900, NULL);
    three(10, 1, 1000, NULL);
    three(40, 4, 3600, NULL);
    make();
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.runs, 9);
    assert_int_equal(groups.counted, 9);
    const struct group_series *s = &groups.series[0];
    assert_string_equal(s->model, "llama-7b");
    assert_int_equal(s->ranks_per_node, 8);
    assert_int_equal(s->count, 3);
    assert_int_equal(s->base_nodes, 1);
    static const double efficiency[] = {100, 95, 90};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(s->cell[i].nodes, 1 << i);
        assert_int_equal(s->cell[i].count, 3);
        assert_int_equal(s->cell[i].marks, 0);
        assert_true(fabs(s->cell[i].efficiency - efficiency[i]) < 1e-3);
    }
    assert_int_equal(s->cell[0].run[0]->job_id, 10);
    assert_int_equal(s->cell[0].run[2]->job_id, 12);
    struct group_figure f = group_figure(&s->cell[0], "samples_s"); /* 980, 1000, 1010 */
    assert_int_equal(f.count, 3);
    assert_true(f.median == 1000 && f.min == 980 && f.max == 1010 && f.mad == 10);
    f = group_figure(&s->cell[0], "gpu_util");
    assert_int_equal(f.count, 0);
    assert_true(isnan(f.median));
}

/* Bytes on one node beside SentencePiece on eight were one series with a "scaling of 256.8%". */
static void test_other_tokens_are_no_scaling(void **state)
{
    (void)state;
    test_row(&rows, 1, 1, 389.4, "tokenizer=bytes");
    test_row(&rows, 2, 8, 8000, "tokenizer=llama.model");
    make();
    assert_int_equal(groups.count, 2);
    for (int i = 0; i < 2; i++)
        assert_true(groups.series[i].count == 1 && groups.series[i].cell[0].efficiency == 100);
    char title[256];
    group_title(&groups.series[0], title, sizeof title);
    assert_string_equal(title, "llama-7b full bf16, tokenizer bytes");
}

/* Each key of the work, the software and the way: two runs that differ in it are no repeats. */
static void test_no_key_is_averaged_over(void **state)
{
    (void)state;
    for (int i = 0; i < GROUP_KEYS; i++) {
        char one[64], other[64];
        snprintf(one, sizeof one, "%s=1", group_keys[i]); /* pinned: one of 8 ranks, all of them */
        snprintf(other, sizeof other, "%s=8", group_keys[i]);
        bool form = strcmp(group_keys[i], "form") == 0;
        for (int k = 0; k < 3; k++)
            test_row(&rows, 10 + k, 1, 1000, form ? NULL : one);
        for (int k = 0; k < 3; k++) {
            struct row *row = test_row(&rows, 20 + k, 1, 1500, form ? NULL : other);
            row->marks |= form ? ROW_MEDIAN : 0;
        }
        make();
        assert_int_equal(groups.count, 2);
        for (int k = 0; k < 2; k++) {
            char title[256];
            group_title(&groups.series[k], title, sizeof title);
            assert_int_equal(groups.series[k].cell[0].count, 3);
            if (!form || k == 1)
                assert_contains(title, group_keys[i]);
        }
        rows_clear(&rows);
    }
}

/* A plan that shares otherwise on more nodes: still one series, and marked. */
static void test_ways_by_nodes(void **state)
{
    (void)state;
    three(10, 1, 1000, "zero=0 recompute=block");
    three(20, 2, 2000, "zero=1 recompute=none");
    three(30, 8, 8000, "zero=0 recompute=block");
    make();
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.series[0].cell[0].marks, 0);
    assert_int_equal(groups.series[0].cell[1].marks, GROUP_WAYS);
    assert_int_equal(groups.series[0].cell[2].marks, 0);
    rows_clear(&rows);
    three(10, 1, 1000, "zero=0");
    three(20, 2, 2000, "zero=1");
    three(30, 2, 1900, "zero=3"); /* two ways on two nodes: three series, and no scaling */
    make();
    assert_int_equal(groups.count, 3);
    for (int i = 0; i < 3; i++)
        assert_true(groups.series[i].count == 1 && groups.series[i].marks == 0);
    rows_clear(&rows);
    three(10, 1, 100, "ranks=1"); /* one rank has no collectives, and is the others' base */
    three(20, 2, 200, "ranks=2 nccl=2.28");
    three(30, 4, 400, "ranks=4 nccl=2.21");
    make();
    assert_int_equal(groups.count, 1);
    assert_true(groups.series[0].cell[1].marks == 0 && groups.series[0].cell[2].marks == 0);
    rows_clear(&rows);
    three(10, 1, 1000, "nccl=2.28");
    three(20, 2, 2000, "nccl=2.21");
    make();
    assert_int_equal(groups.series[0].cell[1].marks, GROUP_WAYS);
    rows_clear(&rows);
    three(10, 1, 1000, "pinned=8"); /* all of them: as on more nodes */
    three(20, 2, 2000, "pinned=16");
    three(30, 4, 4000, "pinned=31");
    make();
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.series[0].cell[1].marks, 0);
    assert_int_equal(groups.series[0].cell[2].marks, GROUP_WAYS);
    rows_clear(&rows);
    three(10, 1, 1000, "zero=0");
    test_row(&rows, 20, 1, 1000, "zero=1")->state = "failed"; /* decides nothing */
    make();
    assert_int_equal(groups.count, 1);
}

/* What differs in the work is another series; more of the same model stands by size. */
static void test_series_differ_by_what_was_done(void **state)
{
    (void)state;
    static const char *const other[] = {"model=llama-70b", "precision=fp8", "seq=2048 step_ms=1024",
                                        "data=synthetic",  "micro_batch=8", "device=A100",
                                        "ranks=4",         "method=lora",   "scaling=row"};
    test_row(&rows, 1, 1, 1000, NULL);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        test_row(&rows, 10 + (long long)i, 1, 1000, other[i]);
    test_row(&rows, 90, 1, 1000, "model=llama-13b");
    test_row(&rows, 91, 1, 1000, "model=unheard-of");
    test_row(&rows, 92, 2, 2000,
             "zero=1 states=bf16 recompute=block"); /* the plan's choice: the same series */
    make();
    assert_int_equal(groups.count, 12);
    assert_string_equal(groups.series[0].model, "llama-7b");
    assert_string_equal(groups.series[9].model, "llama-13b");
    assert_string_equal(groups.series[10].model, "llama-70b");
    assert_string_equal(groups.series[11].model, "unheard-of");
}

/* Of one key each: whether another number of nodes that has it otherwise is another series, the
 * same one with a mark, or just the same one where one of both has none. */
static void test_what_a_key_parts(void **state)
{
    (void)state;
    static const char *const part[] = {"lora_targets", "lora_dropout", "version", "cuda", "blas"};
    static const char *const mark[] = {"states", "zero", "recompute"};
    char fields[64];
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        three(10, 1, 1000, NULL);
        snprintf(fields, sizeof fields, "%s=other", part[i]);
        three(20, 2, 2000, fields);
        make();
        assert_int_equal(groups.count, 2);
        rows_clear(&rows);
    }
    for (size_t i = 0; i < 2 * (sizeof mark / sizeof mark[0]); i++) {
        snprintf(fields, sizeof fields, "%s=%s", mark[i / 2], "one");
        three(10, 1, 1000, fields);
        snprintf(fields, sizeof fields, "%s=%s", mark[i / 2], i % 2 ? "other" : "");
        three(20, 2, 2000, fields);
        make();
        assert_int_equal(groups.count, 1);
        assert_int_equal(groups.series[0].cell[1].marks, GROUP_WAYS);
        rows_clear(&rows);
    }
}

static void test_what_stands_aside(void **state)
{
    (void)state;
    struct row *row;
    three(10, 1, 1000, NULL);
    row = test_row(&rows, 20, 1, 1000, NULL);
    row->state = "partial";
    row = test_row(&rows, 21, 1, 1000, NULL);
    row->marks = ROW_COMMENT_ALONE;
    test_row(&rows, 22, 1, 1000, "tflops=1200 mfu=121.3");
    test_row(&rows, 23, 1, 1000, "tok_s=190000"); /* half more than step_ms says */
    test_row(&rows, 24, 1, 1000, "mfu=60");       /* tflops says 50 */
    test_row(&rows, 25, 1, 1000, "samples_s=-5");
    test_row(&rows, 26, 1, 1000, "step_ms=fast");
    make();
    const struct group_cell *c = &groups.series[0].cell[0];
    assert_int_equal(groups.series[0].count, 1);
    assert_int_equal(c->count, 3);
    assert_int_equal(c->aside, 7);
    assert_int_equal(groups.counted, 3);
    static const unsigned why[] = {GROUP_NOT_COMPLETE, GROUP_COMMENT_ALONE, GROUP_IMPOSSIBLE,
                                   GROUP_INCONSISTENT, GROUP_INCONSISTENT,  GROUP_IMPOSSIBLE,
                                   GROUP_IMPOSSIBLE};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(c->aside_run[i]->job_id, 20 + i);
        assert_int_equal(c->aside_why[i], why[i]);
        assert_true(group_aside_text(why[i])[0] != '\0');
    }
    assert_true(group_figure(c, "samples_s").max == 1010);
    assert_int_equal(c->marks, GROUP_ASIDE);
}

/* 1,000 samples a second of 128 tokens for a minute stray by 5 + 2% from the data's mean, of five
 * samples by any; a sample is no longer than a sequence, and a token at least. */
static void test_samples_are_the_datas(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool counts;
    } cases[] = {
        {"sample_tokens=128 steps_s=60", true},
        {"sample_tokens=121 steps_s=60", true},
        {"sample_tokens=118 steps_s=60", false},
        {"sample_tokens=346 steps_s=60", false},
        {"sample_tokens=50 steps_s=60", false},
        {"sample_tokens=200 steps_s=0.005", true},
        {"sample_tokens=nan steps_s=60", true},
        {"samples_s=30", false},
        {"samples_s=32", true},
        {"samples_s=128000", true},
        {"samples_s=130000", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_row(&rows, 1, 1, 1000, cases[i].fields);
        make();
        const struct group_cell *c = &groups.series[0].cell[0];
        if ((c->count == 1) != cases[i].counts)
            fail_msg("case %zu: %zu counted", i, c->count);
        if (c->aside > 0)
            assert_int_equal(c->aside_why[0], GROUP_INCONSISTENT);
        rows_clear(&rows);
    }
}

/* FP8 may be above bf16's roofline, and not above its own. */
static void test_the_roofline_is_the_precisions(void **state)
{
    (void)state;
    test_row(&rows, 1, 1, 1000, "precision=fp8 tflops=1200 peak_tflops=1979 mfu=60.64");
    test_row(&rows, 2, 1, 1000, "precision=fp8 tflops=2100 peak_tflops=0 mfu=0");
    make();
    assert_int_equal(groups.series[0].cell[0].count, 1);
    assert_int_equal(groups.series[0].cell[0].aside_run[0]->job_id, 2);
}

/* tok_s needs FLOPs, whatever tflops says: 6 x 6.6e9 parameters x 3,000 tokens/s of each of 8 GPUs
 * are 119 TFLOP/s, an H20 has 148; for 5,000 it would need 198. */
static void test_tokens_have_a_roofline(void **state)
{
    (void)state;
    test_row(&rows, 1, 1, 187.5, "device=H20 peak_tflops=148 tflops=74");
    test_row(&rows, 2, 1, 312.5, "device=H20 peak_tflops=148 tflops=74");
    test_row(&rows, 3, 1, 312.5, "device=unheard-of peak_tflops=148 tflops=74");
    make();
    const struct group_cell *c = &groups.series[0].cell[0];
    assert_int_equal(groups.counted, 2);
    assert_int_equal(c->aside, 1);
    assert_int_equal(c->aside_run[0]->job_id, 2);
    assert_int_equal(c->aside_why[0], GROUP_IMPOSSIBLE);
}

static void test_marks(void **state)
{
    (void)state;
    test_row(&rows, 1, 1, 1000, NULL);
    test_row(&rows, 2, 1, 1060, NULL)->marks = ROW_EDITED;
    test_row(&rows, 3, 2, 2000, NULL);
    test_row(&rows, 4, 2, 2000, NULL);
    test_row(&rows, 5, 2, 2000, "seed=43");
    three(10, 1, 1000, "data=synthetic");
    for (size_t i = 0; i < rows.count; i++)
        if (rows.row[i]->job_id >= 10)
            rows.row[i]->marks = ROW_SYNTHETIC;
    make();
    assert_int_equal(groups.series[0].cell[0].marks, GROUP_FEW | GROUP_SPREAD | GROUP_EDITED);
    assert_int_equal(groups.series[0].cell[1].marks, GROUP_OTHERS);
    assert_int_equal(groups.series[0].marks,
                     GROUP_FEW | GROUP_SPREAD | GROUP_EDITED | GROUP_OTHERS);
    assert_int_equal(groups.series[1].cell[0].marks, GROUP_SYNTHETIC);
    for (unsigned bit = 1; bit <= GROUP_LAST; bit <<= 1)
        assert_true(group_mark_text(bit)[0] != '\0');
    assert_string_equal(group_mark_text(GROUP_LAST << 1), "");
}

/* What a reader must know of a run stands at the figure that it is in. */
static void test_marks_of_runs(void **state)
{
    (void)state;
    static const struct {
        unsigned of_row, of_cell;
        char letter;
    } cases[] = {{ROW_UNSTEADY, GROUP_UNSTEADY, 'U'},
                 {ROW_MEDIAN, GROUP_OLD, 'M'},
                 {ROW_FILE, GROUP_FILES, 'R'},
                 {ROW_PEAK, GROUP_PEAK, 'K'}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        three(10, 1, 1000, NULL);
        for (size_t k = i == 1 ? 0 : 2; k < rows.count; k++) /* a form is all of a cell's */
            rows.row[k]->marks |= cases[i].of_row;
        make();
        assert_int_equal(groups.series[0].cell[0].marks, cases[i].of_cell);
        assert_int_equal(group_mark_letter(cases[i].of_cell), cases[i].letter);
        rows_clear(&rows);
    }
}

/* Left out of the key by choice, and told: among others the network, and another cluster. */
static void test_other_networks_are_told(void **state)
{
    (void)state;
    static const char *const fields[] = {"nic_gbps=400", "peak_tflops=500 mfu=98.95", NULL};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct row *row;
        three(10, 1, 1000, "nic_gbps=800");
        row = test_row(&rows, 20, 1, 1000, fields[i] != NULL ? fields[i] : "nic_gbps=800");
        if (fields[i] == NULL) {
            free(row->cluster);
            row->cluster = strdup("other");
        }
        make();
        assert_int_equal(groups.counted, 4);
        assert_int_equal(groups.series[0].cell[0].marks, GROUP_OTHERS);
        rows_clear(&rows);
    }
}

/* 16,000 and 15,200 tokens/s of a GPU are 95%, however many samples these are. */
static void test_scaling_is_of_tokens(void **state)
{
    (void)state;
    three(10, 1, 1000, NULL);
    three(20, 2, 1900, NULL);
    for (size_t i = 3; i < 6; i++)
        assert_int_equal(sft_record_set_real(&rows.row[i]->record, "samples_s", 1850, NULL), 0);
    make();
    assert_true(fabs(groups.series[0].cell[1].efficiency - 95) < 1e-3);
}

/* The base of the efficiency is the smallest number of nodes that has counted runs. */
/* Steps of one job as they ran, 9 before 10: 2% faster in each, which only their order tells. */
static void test_repeats_stand_in_the_order_of_their_steps(void **state)
{
    (void)state;
    for (int i = 12; i > 0; i--) {
        char step[32];
        snprintf(step, sizeof step, "step=7.%d", i);
        test_row(&rows, 7, 1, 1000 * pow(1.02, i), step);
    }
    make();
    const struct group_cell *cell = &groups.series[0].cell[0];
    assert_int_equal(cell->count, 12);
    for (size_t i = 0; i < 12; i++)
        assert_int_equal(atoi(row_step(cell->run[i])), i + 1);
    assert_true(cell->marks & GROUP_DRIFT);
}

static void test_a_base_without_runs_is_none(void **state)
{
    (void)state;
    test_row(&rows, 1, 1, 1000, NULL)->state = "failed";
    test_row(&rows, 2, 2, 1800, NULL);
    test_row(&rows, 3, 8, 6480, NULL);
    make();
    const struct group_series *s = &groups.series[0];
    assert_int_equal(s->base_nodes, 2);
    assert_true(isnan(s->cell[0].efficiency));
    assert_true(fabs(s->cell[1].efficiency - 100) < 1e-9);
    assert_true(fabs(s->cell[2].efficiency - 90) < 1e-3);
    rows_clear(&rows);
    test_row(&rows, 4, 4, 1000, NULL)->state = "failed";
    make();
    assert_int_equal(groups.series[0].base_nodes, 0);
    assert_int_equal(groups.counted, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_cells_and_efficiency, begin, end),
        cmocka_unit_test_setup_teardown(test_series_differ_by_what_was_done, begin, end),
        cmocka_unit_test_setup_teardown(test_what_a_key_parts, begin, end),
        cmocka_unit_test_setup_teardown(test_other_tokens_are_no_scaling, begin, end),
        cmocka_unit_test_setup_teardown(test_no_key_is_averaged_over, begin, end),
        cmocka_unit_test_setup_teardown(test_ways_by_nodes, begin, end),
        cmocka_unit_test_setup_teardown(test_what_stands_aside, begin, end),
        cmocka_unit_test_setup_teardown(test_samples_are_the_datas, begin, end),
        cmocka_unit_test_setup_teardown(test_the_roofline_is_the_precisions, begin, end),
        cmocka_unit_test_setup_teardown(test_tokens_have_a_roofline, begin, end),
        cmocka_unit_test_setup_teardown(test_marks, begin, end),
        cmocka_unit_test_setup_teardown(test_marks_of_runs, begin, end),
        cmocka_unit_test_setup_teardown(test_other_networks_are_told, begin, end),
        cmocka_unit_test_setup_teardown(test_scaling_is_of_tokens, begin, end),
        cmocka_unit_test_setup_teardown(test_repeats_stand_in_the_order_of_their_steps, begin, end),
        cmocka_unit_test_setup_teardown(test_a_base_without_runs_is_none, begin, end),
    };
    return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
