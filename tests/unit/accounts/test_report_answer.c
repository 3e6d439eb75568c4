/* SPDX-License-Identifier: Apache-2.0 */
/* sacct's JSON, mended and cut: what is wrong in one job costs that job. */
#include "tests/unit/unit.h"

#include "accounts/answer.h"
#include "accounts/load.h"

static void mended(const char *text, const char *expected)
{
    char *copy = strdup(text);
    answer_mend(copy, strlen(copy));
    assert_string_equal(copy, expected);
    free(copy);
}

static void test_numbers(void **state)
{
    (void)state;
    mended("[1, -2, 0.5, 1e-3, 9223372036854775807, true, false, null]",
           "[1, -2, 0.5, 1e-3, 9223372036854775807, true, false, null]");
    mended("[NaN,nan,-nan,Infinity,-inf]", "[0  ,0  ,0   ,0       ,0   ]");
    mended("[9223372036854775808,18446744073709551615]",
           "[0                  ,0                   ]");
    mended("[1e400,-1E999,01,.5,+1]", "[0    ,0     ,0 ,0 ,0 ]");
    mended("{\"NaN\": \"1e400\"}", "{\"NaN\": \"1e400\"}"); /* texts are not numbers */
    char *digits = malloc(2002);
    memset(digits, '9', 2000);
    strcpy(digits + 2000, ",");
    answer_mend(digits, 2001);
    assert_int_equal(strspn(digits, "0 "), 2000);
    free(digits);
}

static void test_texts(void **state)
{
    (void)state;
    mended("\"\\ud83d\\ude00 \\u00e9 \\\\ud800 \\\"\"",
           "\"\\ud83d\\ude00 \\u00e9 \\\\ud800 \\\"\"");
    mended("\"\\ud800\"", "\"\\ufffd\"");
    mended("\"\\udc00\\ud800\\ud800\\udc00\"", "\"\\ufffd\\ufffd\\ud800\\udc00\"");
    mended("\"a\\u0000b\"", "\"a\\ufffdb\"");
    mended("\"a\nb\x1b[31m\x01\"", "\"a?b?[31m?\"");
    mended("\"\xe5\xad\xa6 \xe5\xad\"", "\"\xe5\xad\xa6 ??\"");
    mended("\"\\", "\"\\");
    mended("\"\\u12", "\"\\u12");
    mended("\"\\ud800\\u", "\"\\ufffd\\u");
}

/* The answer of a text; checks that it is cut into as many jobs. */
static void cut_into(const char *text, size_t count)
{
    struct answer answer;
    struct sft_error err = {""};
    if (answer_cut(&answer, "x", text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(answer.count, count);
    answer_clear(&answer);
}

static void cut_fails(const char *text, const char *message)
{
    struct answer answer;
    struct sft_error err = {""};
    assert_int_equal(answer_cut(&answer, "x", text, strlen(text), &err), -1);
    assert_contains(err.text, message);
}

static void test_cut(void **state)
{
    (void)state;
    cut_into("{}", 0);
    cut_into("[]", 0);
    cut_into("words", 0);
    cut_into("{\"jobs\": []}", 0);
    cut_into(" {\"meta\" : {\"a\": [1, \"}]\"]} ,\n \"jobs\" : [ {\"a\": \"]},{\\\"\"} , {} ] } \n",
             2);
    cut_into("{\"jobs\": [1, \"two\", null, [3, [4]], {\"five\": {}}], \"errors\": []}", 5);
    cut_into("{\"jobs\": [{a: NaN, nonsense}, {}]}", 2); /* whatever is inside */
    cut_fails("{", "x:1:2: not the JSON of sacct: it ends too early");
    cut_fails("{\"jobs\": [", "ends too early");
    cut_fails("{\"jobs\":\n [{\"a\": \"b}]}", "x:2:14: not the JSON of sacct: it ends too early");
    cut_fails("{\"jobs\": [{}}", "x:1:13: not the JSON of sacct: no bracket");
    cut_fails("{\"jobs\" []}", "x:1:9:");
    cut_fails("{\"jobs\": []} {", "x:1:14:");
    cut_fails("{\"jobs\": [{},]}", "x:1:14:");
    cut_fails("{\"a\": \"\\", "ends too early");
}

#define JOB(id, more)                                                                              \
    "{\"job_id\": " id ", \"cluster\": \"c\", \"user\": \"u\", " more                              \
    " \"comment\": {\"administrator\": \"sft1{step=1.0 state=complete model=tiny}\", \"job\": "    \
    "\"\"}}"

/* Rows of an answer with these jobs between two good ones; their number is checked. */
static void costs(const char *job, size_t rows_expected, size_t broken)
{
    struct rows rows;
    struct filter filter = {.job_count = 0};
    struct sft_error err = {""};
    char text[4096];
    snprintf(text, sizeof text, "{\"meta\": {}, \"jobs\": [%s, %s, %s], \"errors\": []}",
             JOB("100", ""), job, JOB("200", ""));
    rows_init(&rows);
    if (load_json(&rows, &filter, "here", text, strlen(text), &err) < 0)
        fail_msg("%s: %s", job, err.text);
    if (rows.count != 2 + rows_expected || rows.broken != broken)
        fail_msg("%s: %zu rows, %zu broken", job, rows.count, rows.broken);
    rows_clear(&rows);
}

static void test_a_bad_job_costs_itself(void **state)
{
    (void)state;
    costs(JOB("150", ""), 1, 0);
    /* numbers that nobody reads cost nothing, and one that is read costs itself */
    costs(JOB("150", "\"priority\": NaN, \"x\": [-Infinity, 1e400, 18446744073709551616],"), 1, 0);
    costs(JOB("150", "\"time\": {\"start\": 1e999, \"submission\": {\"set\": true, \"number\": "
                     "9223372036854775808}},"),
          1, 0);
    costs(JOB("150", "\"name\": \"half \\ud800 \\u0000 \xff\xe5\","), 1, 0);
    costs(JOB("150", "\"name\": \"a\", \"name\": \"b\","), 1, 0); /* a key twice */
    /* without the job's id its record is nobody's */
    costs(JOB("NaN", ""), 0, 1);
    costs(JOB("9223372036854775808", ""), 0, 1);
    costs(JOB("-5", ""), 0, 1);
    costs(JOB("\"x\"", ""), 0, 1);
    /* what is no JSON at all */
    costs(JOB("150", "\"name\": nonsense,"), 0, 1);
    costs(JOB("150", "\"name\": \"\\x41\","), 0, 1);
    costs(JOB("150", "name,"), 0, 1);
    costs("{\"job_id\": 150, nonsense}", 0, 0); /* no record in it, none lost */
    costs("null", 0, 0);
    costs("\"sft1{\"", 0, 1);
}

static const struct row *only_row(struct rows *rows, char *text)
{
    struct filter filter = {.job_count = 0};
    struct sft_error err = {""};
    rows_init(rows);
    if (load_json(rows, &filter, "here", text, strlen(text), &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(rows->count, 1);
    return rows->row[0];
}

#define RUN(submitted, state, record)                                                              \
    "{\"job_id\": 15, \"cluster\": \"c\", \"state\": {\"current\": " state                         \
    "}, \"time\": {\"submission\": " submitted                                                     \
    ", \"start\": 4294967294}, \"comment\": {\"administrator\": \"sft1{step=15.0 " record "}\"}}"

/* 22.05's JSON has every run of a requeued job, 24.11's with -D: the last one counts, wherever it
 * stands. */
static void test_the_last_run_counts(void **state)
{
    (void)state;
    struct rows rows;
    char last[] =
        "{\"jobs\": [" RUN("10", "[\"PENDING\", \"REQUEUED\"]", "state=running tok_s=1") "," RUN(
            "20", "[\"COMPLETED\"]", "state=complete tok_s=2") "]}";
    char first[] = "{\"jobs\": [" RUN("20", "\"COMPLETED\"", "state=complete tok_s=2") "," RUN(
        "10", "\"REQUEUED\"", "state=running tok_s=1") "]}";
    char twice[] = "{\"jobs\": [" RUN("20", "\"COMPLETED\"", "state=complete tok_s=2") "," RUN(
        "20", "\"COMPLETED\"", "state=complete tok_s=2") "]}";
    char *texts[] = {last, first, twice};
    for (size_t i = 0; i < 3; i++) {
        const struct row *row = only_row(&rows, texts[i]);
        assert_string_equal(row->state, "complete");
        assert_string_equal(sft_record_get(&row->record, "tok_s"), "2");
        assert_int_equal(row->started, 0); /* Slurm's word for none */
        rows_clear(&rows);
    }
    /* a run that was requeued has ended, though its job waits: its record is a partial one */
    char flag[] = "{\"jobs\": [" RUN("10", "[\"PENDING\", \"REQUEUED\"]", "state=running") "]}";
    assert_string_equal(only_row(&rows, flag)->state, "partial");
    assert_string_equal(rows.row[0]->job_state, "REQUEUED");
    rows_clear(&rows);
    char word[] = "{\"jobs\": [" RUN("10", "\"REQUEUED\"", "state=running") "]}";
    assert_string_equal(only_row(&rows, word)->state, "partial");
    rows_clear(&rows);
    char runs[] = "{\"jobs\": [" RUN("10", "[\"RUNNING\"]", "state=running") "]}";
    assert_string_equal(only_row(&rows, runs)->state, "running");
    rows_clear(&rows);
}

#define TIMES(times)                                                                               \
    "{\"jobs\": [{\"job_id\": 15, \"cluster\": \"c\", \"state\": {\"current\": \"COMPLETED\"}, "   \
    "\"time\": "                                                                                   \
    "{\"submission\": 90, " times                                                                  \
    "}, \"comment\": {\"administrator\": \"sft1{step=15.0 state=complete}\"}}]}"

static void started_at(const char *text, long long at)
{
    struct rows rows;
    char *copy = strdup(text);
    assert_int_equal(only_row(&rows, copy)->started, at);
    rows_clear(&rows);
    free(copy);
}

/* 21.08's `start` is when the job became eligible. */
static void test_when_it_started(void **state)
{
    (void)state;
    const char *eligible = TIMES(
        "\"eligible\": 100, \"start\": 100, \"end\": 250, \"elapsed\": 40, \"suspended\": 10");
    started_at(eligible, 200);
    started_at(
        TIMES("\"eligible\": 100, \"start\": 200, \"end\": 250, \"elapsed\": 40, \"suspended\": 0"),
        200);
    started_at(TIMES("\"eligible\": 100, \"start\": 100, \"end\": 250, \"elapsed\": 150"), 100);
    started_at(TIMES("\"eligible\": 100, \"start\": 100, \"end\": 0, \"elapsed\": 50"), 100);
    started_at(TIMES("\"eligible\": 100, \"start\": 0, \"end\": 250, \"elapsed\": 0"), 0);
}

/* Other jobs, clusters and steps are not the same. */
static void test_what_differs_stays(void **state)
{
    (void)state;
    costs("{\"job_id\": 100, \"cluster\": \"d\", \"comment\": {\"administrator\": \"sft1{step=1.0 "
          "model=tiny}\"}}",
          1, 0);
    costs("{\"job_id\": 100, \"cluster\": \"c\", \"comment\": {\"administrator\": \"sft1{step=1.1 "
          "model=tiny}\"}}",
          1, 0);
    costs("{\"job_id\": 100, \"cluster\": \"c\", \"comment\": {\"administrator\": \"sft1{step=1.0 "
          "model=tiny}\"}}",
          0, 0);
    costs("{\"job_id\": 101, \"cluster\": \"c\", \"comment\": {\"administrator\": "
          "\"sft1{model=tiny}\"}}",
          1, 0);
}

/* Real answers of 24.11, where they are at hand. */
static void test_real_answers(void **state)
{
    (void)state;
    const char *shared = getenv("SFT_SHARED");
    char path[4096];
    struct filter filter = {.job_count = 0};
    struct sft_error err = {""};
    static const char *const names[] = {"sacct-24.11.json", "sacct-24.11-duplicates.json"};
    for (size_t i = 0; i < 2; i++) {
        struct rows rows;
        snprintf(path, sizeof path, "%s/fixtures/%s", shared != NULL ? shared : "../shared",
                 names[i]);
        FILE *there = fopen(path, "r");
        if (there == NULL)
            skip();
        fclose(there);
        rows_init(&rows);
        if (load_file(&rows, &filter, path, &err) < 0)
            fail_msg("%s", err.text);
        size_t complete = 0, partial = 0;
        for (size_t k = 0; k < rows.count; k++) {
            complete += rows.row[k]->job_id == 18 && strcmp(rows.row[k]->state, "complete") == 0;
            partial += rows.row[k]->job_id == 15 && strcmp(rows.row[k]->state, "partial") == 0;
            assert_true(k == 0 || rows.row[k]->job_id != rows.row[k - 1]->job_id);
        }
        assert_int_equal(complete, 1);
        assert_int_equal(partial, 1);
        rows_clear(&rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_a_bad_job_costs_itself),
        cmocka_unit_test(test_the_last_run_counts),
        cmocka_unit_test(test_when_it_started),
        cmocka_unit_test(test_what_differs_stays),
        cmocka_unit_test(test_real_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
