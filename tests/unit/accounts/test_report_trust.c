/* SPDX-License-Identifier: Apache-2.0 */
/* What a row is worth: who published it, what was checked, and what is counted nowhere. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/group.h"
#include "accounts/load.h"
#include "report/table.h"
#include "sweep/state.h"
#include "tests/unit/report/report_rows.h"

static struct rows rows;
static struct sft_error err;

/* A job with these comments, as sacct tells of it. */
static void load(const char *admin, const char *own)
{
    struct filter filter = {.job_count = 0};
    char text[4096];
    int length =
        snprintf(text, sizeof text,
                 "{\"jobs\":[{\"job_id\":7,\"user\":\"u\",\"state\":{\"current\":\"COMPLETED\"},"
                 "\"time\":{\"submission\":1,\"start\":2,\"end\":3,\"elapsed\":1},"
                 "\"comment\":{\"administrator\":\"%s\",\"job\":\"%s\"}}]}",
                 admin, own);
    rows_init(&rows);
    if (load_json(&rows, &filter, "test", text, (size_t)length, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(rows.count, 1);
}

static const char *trust(void)
{
    static char word[32];
    struct row_field field[ROW_FIELDS];
    row_fields(rows.row[0], field);
    for (const struct row_field *f = field; f->name != NULL; f++)
        if (strcmp(f->name, "trust") == 0)
            snprintf(word, sizeof word, "%s", f->text);
    rows_clear(&rows);
    return word;
}

#define RUN "step=7.0 state=complete model=tiny tok_s=5"

static void test_trust(void **state)
{
    (void)state;
    load("sft1{" RUN " checked=program,nodes,ranks,time}", "");
    assert_true(row_is_checked(rows.row[0]));
    assert_string_equal(trust(), "checked");
    load("sft1{" RUN " checked=nodes,ranks,time}", "");
    assert_string_equal(trust(), "published");
    load("sft1{" RUN " checked=programs,nodes,ranks,time}", "");
    assert_string_equal(trust(), "published");
    load("sft1{" RUN "}", "");
    assert_string_equal(trust(), "published");
    load("sft1{" RUN " checked=program,nodes,ranks,time doubted=program%20is%20other:x}", "");
    assert_int_equal(rows.row[0]->marks, ROW_DOUBTED | ROW_MEDIAN);
    assert_string_equal(trust(), "doubted");
    load("sft1{" RUN " checked=program,nodes,ranks,time}", "sft1{step=7.0 model=tiny tok_s=6}");
    assert_string_equal(trust(), "edited");
    /* Both forms of one step, each way around: what they both have is compared. */
    load("sft2{" RUN "}", "sft1{step=7.0 model=tiny tok_s=6 cut=1}");
    assert_string_equal(trust(), "edited");
    load("sft1{" RUN " cut=1}", "sft2{step=7.0 model=tiny tok_s=5}");
    assert_string_equal(trust(), "published");
    load("sft2{" RUN "} sft3{" RUN "}", "");
    assert_int_equal(rows.broken, 1);
    assert_string_equal(trust(), "published");
    load("", "sft1{" RUN " checked=program,nodes,ranks,time}");
    assert_false(row_is_checked(rows.row[0]));
    assert_string_equal(trust(), "comment");
}

static void test_doubted_is_told(void **state)
{
    char *text;
    size_t length;
    (void)state;
    load("sft1{" RUN " doubted=nodes%20were%201,%20not%20%1B[31m}", "");
    FILE *out = open_memstream(&text, &length);
    table_write(&rows, 0, out);
    fclose(out);
    assert_contains(text, "7.0  complete  MD");
    assert_contains(text,
                    "\nD  doubted: at odds with what Slurm and root saw, and counted nowhere\n");
    assert_contains(text, "\n7.0: doubted: nodes were 1, not ?[31m\n");
    free(text);
    rows_clear(&rows);
}

/* However good its figures are. */
static void test_doubted_counts_nowhere(void **state)
{
    struct groups groups;
    struct sweep_state sweep = {0};
    (void)state;
    rows_init(&rows);
    test_row(&rows, 1, 1, 1000, NULL);
    test_row(&rows, 2, 1, 1400, NULL)->marks = ROW_DOUBTED;
    assert_int_equal(groups_make(&groups, &rows, &err), 0);
    assert_int_equal(groups.counted, 1);
    assert_int_equal(groups.series[0].cell[0].aside_why[0], GROUP_DOUBTED);
    assert_contains(group_aside_text(GROUP_DOUBTED), "Slurm and root");
    assert_true(group_figure(&groups.series[0].cell[0], "samples_s").max == 1000);
    assert_int_equal(sweep_state_rows(&sweep, &rows, &err), 0);
    assert_int_equal(sweep.count, 2);
    assert_int_equal(sweep.job[0].state, SWEEP_COMPLETE);
    assert_int_equal(sweep.job[1].state, SWEEP_BAD);
    assert_string_equal(sweep.job[1].word, "doubted");
    sweep_state_clear(&sweep);
    groups_clear(&groups);
    rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_doubted_is_told),
        cmocka_unit_test(test_doubted_counts_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
