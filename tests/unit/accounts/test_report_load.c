/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/load.h"
#include "accounts/source.h"

static void load_fixture(struct rows *rows, const struct filter *filter, const char *name)
{
    const char *root = getenv("SFT_SRCDIR");
    char path[4096];
    struct sft_error err = {""};
    snprintf(path, sizeof path, "%s/tests/fixtures/%s", root == NULL ? "." : root, name);
    rows_init(rows);
    if (load_file(rows, filter, path, &err) < 0)
        fail_msg("%s", err.text);
}

static const struct row *row_find(const struct rows *rows, long long job, const char *step)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->row[i]->job_id == job && strcmp(row_step(rows->row[i]), step) == 0)
            return rows->row[i];
    fail_msg("job %lld step %s is not there", job, step);
    return NULL;
}

static void test_form_of_2205(void **state)
{
    (void)state;
    struct filter filter = {.job_count = 0};
    struct rows rows;
    load_fixture(&rows, &filter, "sacct-22.05.json");
    assert_int_equal(rows.count, 9); /* 102 quotes another job's, 107 has broken ones, 104 two */
    const struct row *row = row_find(&rows, 101, "0");
    assert_string_equal(row->job_name, "sft-llama-7b");
    assert_string_equal(row->job_state, "COMPLETED");
    assert_string_equal(row->user, "tanaka");
    assert_string_equal(row->account, "llm");
    assert_string_equal(row->cluster, "fukushima");
    assert_string_equal(row->nodelist, "fukushimadc-02-hgx-[0001-0002]");
    assert_int_equal(row->started, 1768447200);
    assert_int_equal(row->ended, 1768447295);
    assert_int_equal(row->submitted, 1768447195);
    assert_int_equal(row->elapsed, 95);
    assert_string_equal(row->state, "complete");
    assert_int_equal(row->marks, ROW_MEDIAN);
    /* the full form, of the admin comment, is the one that is taken */
    assert_string_equal(sft_record_get(&row->record, "loss_first"), "1.8807");
    rows_clear(&rows);
}

static void test_form_of_2311(void **state)
{
    (void)state;
    struct filter filter = {.job_count = 0};
    struct rows rows;
    load_fixture(&rows, &filter, "sacct-23.11.json");
    assert_int_equal(rows.count, 3);
    assert_string_equal(row_find(&rows, 2001, "0")->job_state, "COMPLETED");
    assert_int_equal(row_find(&rows, 2001, "0")->started, 1768447200); /* a number with "set" */
    assert_int_equal(row_find(&rows, 2003, "0")->array_id, 2000);
    assert_string_equal(row_find(&rows, 2004, "0")->job_state, "CANCELLED");
    assert_int_equal(row_find(&rows, 2004, "0")->marks, ROW_PARTIAL | ROW_MEDIAN);
    rows_clear(&rows);
}

static void test_marks(void **state)
{
    (void)state;
    struct filter filter = {.job_count = 0};
    struct rows rows;
    load_fixture(&rows, &filter, "sacct-22.05.json");
    assert_int_equal(row_find(&rows, 103, "0")->marks,
                     ROW_MEDIAN); /* words around the record are no edit */
    assert_int_equal(row_find(&rows, 104, "0")->marks,
                     ROW_MEDIAN); /* only the admin comment has it */
    assert_int_equal(row_find(&rows, 104, "10")->marks, ROW_SYNTHETIC | ROW_MEDIAN);
    assert_int_equal(row_find(&rows, 105, "0")->marks, ROW_EDITED | ROW_MEDIAN);
    assert_string_equal(sft_record_get(&row_find(&rows, 105, "0")->record, "tok_s"), "236120");
    assert_string_equal(sft_record_get(&row_find(&rows, 105, "0")->record, "tok_s_processed"),
                        "237732");
    assert_int_equal(row_find(&rows, 106, "0")->marks, ROW_COMMENT_ALONE | ROW_MEDIAN);
    rows_clear(&rows);
}

static void test_states(void **state)
{
    (void)state;
    struct filter filter = {.job_count = 0};
    struct rows rows;
    load_fixture(&rows, &filter, "sacct-22.05.json");
    /* "running" in a job that ended was left behind; in one that runs it is true */
    assert_string_equal(row_find(&rows, 108, "0")->state, "partial");
    assert_int_equal(row_find(&rows, 108, "0")->marks, ROW_PARTIAL | ROW_MEDIAN);
    assert_string_equal(row_find(&rows, 110, "0")->state, "running");
    assert_string_equal(row_find(&rows, 109, "0")->state, "failed");
    rows_clear(&rows);
}

static size_t count_with(const struct filter *filter, const char *name)
{
    struct rows rows;
    load_fixture(&rows, filter, name);
    size_t count = rows.count;
    rows_clear(&rows);
    return count;
}

static void test_filters(void **state)
{
    (void)state;
    const char *old = "sacct-22.05.json";
    assert_int_equal(count_with(&(struct filter){.model = "tiny"}, old), 5);
    assert_int_equal(count_with(&(struct filter){.model = "tin"}, old), 0);
    assert_int_equal(count_with(&(struct filter){.state = "failed"}, old), 1);
    assert_int_equal(count_with(&(struct filter){.user = "sato"}, old), 1);
    assert_int_equal(count_with(&(struct filter){.user = "sato", .all_users = true}, old), 9);
    assert_int_equal(count_with(&(struct filter){.since = 1768447200 + 1}, old), 8);
    assert_int_equal(count_with(&(struct filter){.until = 1768447200}, old), 1);
    assert_int_equal(count_with(&(struct filter){.jobs = {104, 101}, .job_count = 2}, old), 3);
    assert_int_equal(
        count_with(&(struct filter){.jobs = {2000}, .job_count = 1}, "sacct-23.11.json"), 1);
}

static void test_sort(void **state)
{
    (void)state;
    struct filter filter = {.job_count = 0};
    struct sft_error err = {""};
    struct rows rows;
    load_fixture(&rows, &filter, "sacct-22.05.json");
    assert_int_equal(rows_sort(&rows, "job", &err), 0);
    assert_int_equal(rows.row[0]->job_id, 101);
    assert_int_equal(rows.row[8]->job_id, 110);
    assert_string_equal(row_step(rows.row[2]), "0"); /* 104.0 before 104.10 */
    assert_int_equal(rows_sort(&rows, "-tok_s", &err), 0);
    assert_int_equal(rows.row[0]->job_id, 101);
    assert_int_equal(rows.row[8]->job_id, 109); /* has no speed: last in both directions */
    assert_int_equal(rows_sort(&rows, "tok_s", &err), 0);
    assert_int_equal(rows.row[8]->job_id, 109);
    assert_int_equal(rows_sort(&rows, "user", &err), 0);
    assert_int_equal(rows.row[0]->job_id, 103);
    assert_int_equal(rows_sort(&rows, "speed", &err), -1);
    assert_non_null(strstr(err.text, "--sort=speed"));
    rows_clear(&rows);
}

/* Load a text; returns the message of the failure, "" when it was read. */
static const char *load_text(const char *text, size_t *count)
{
    static struct sft_error err;
    struct filter filter = {.job_count = 0};
    struct rows rows;
    char *copy = strdup(text);
    err.text[0] = '\0';
    rows_init(&rows);
    int rc = load_json(&rows, &filter, "x.json", copy, strlen(copy), &err);
    assert_int_equal(rc, err.text[0] == '\0' ? 0 : -1);
    *count = rows.count;
    rows_clear(&rows);
    free(copy);
    return err.text;
}

static void test_bad_text(void **state)
{
    (void)state;
    size_t count;
    assert_non_null(strstr(load_text("", &count), "x.json: empty"));
    assert_non_null(strstr(load_text(" \n", &count), "x.json: empty"));
    assert_non_null(strstr(load_text("{\n\"jobs\": [", &count), "x.json:2:"));
    assert_non_null(strstr(load_text("[]", &count), "no list `jobs`"));
    assert_non_null(strstr(load_text("{\"jobs\": {}}", &count), "no list `jobs`"));
    assert_string_equal(
        load_text("{\"jobs\": [], \"errors\": [{\"description\": \"no dbd\"}]}", &count),
        "x.json: no dbd");
    assert_string_equal(load_text("{\"jobs\": [], \"errors\": []}", &count), "");
    assert_string_equal(load_text("{\"jobs\": [], \"errors\": [{\"description\": \"Nothing "
                                  "found\", \"error_number\": 9003}]}",
                                  &count),
                        "");
    assert_int_equal(count, 0);
}

static void test_odd_jobs(void **state)
{
    (void)state;
    size_t count;
    /* jobs that are no objects, fields of other types, a name in Latin-1: none stops the rest */
    assert_string_equal(load_text("{\"jobs\": [3, null, [], {}, {\"comment\": \"sft1{step=1.0}\"},"
                                  " {\"comment\": {\"administrator\": 7, \"job\": []}},"
                                  " {\"job_id\": 9, \"name\": \"caf\xe9\", \"state\": 3,"
                                  "  \"comment\": {\"administrator\": \"sft1{model=x}\"}}]}",
                                  &count),
                        "");
    assert_int_equal(count, 1);
}

static void asked_is(const char *comment, const char *expected)
{
    struct filter filter = {.job_count = 0};
    struct rows rows;
    char text[512];
    snprintf(text, sizeof text,
             "{\"jobs\": [{\"job_id\": 5, \"comment\": {\"administrator\": "
             "\"sft1{step=5.0 model=tiny}\", \"job\": \"%s\"}}]}",
             comment);
    rows_init(&rows);
    assert_int_equal(load_json(&rows, &filter, "here", text, strlen(text), NULL), 0);
    assert_int_equal(rows.count, 1);
    assert_string_equal(rows.row[0]->asked, expected);
    rows_clear(&rows);
}

/* What sft-sweep asked for stands at the beginning of the job's comment. */
static void test_what_was_asked(void **state)
{
    (void)state;
    asked_is("sft-sweep:tiny:2,seq=512 sft1{step=5.0 model=tiny}", "tiny:2,seq=512");
    asked_is("sft-sweep:tiny:2", "tiny:2");
    asked_is("mine sft-sweep:tiny:2", "");
    asked_is("sft-sweep: tiny", "");
    asked_is("", "");
}

/* A stand-in for sacct: a shell script. */
static void write_sacct(char *dir, const char *body)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sacct", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", body);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("SFT_SACCT", path, 1);
}

/* Answers a scan with jobs 7 and 9 of uid 0, and what was asked as JSON with both, twice, and
 * job 8. */
#define SACCT_SCAN                                                                                 \
    "line() { printf '%s' \"$1$m$2${m}0${m}sft1{$m$m$1\"; echo; }\n"                               \
    "job() { echo \"{\\\"job_id\\\": $1, \\\"user\\\": $3, \\\"time\\\": {\\\"submission\\\": "    \
    "$2},"                                                                                         \
    " \\\"comment\\\": {\\\"administrator\\\": \\\"sft1{step=$1.0 state=complete "                 \
    "model=x}\\\"}}\"; }\n"                                                                        \
    "[ \"$1\" = -nP ] && m=$3 && line 9 100 && line 7 100 && exit\n"

static int load_asked(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    rows_clear(rows);
    err->text[0] = '\0';
    return load_sacct(rows, filter, err);
}

static void test_sacct_runs(void **state)
{
    (void)state;
    char dir[] = "/tmp/sft-report-XXXXXX", path[256];
    struct filter filter = {.jobs = {7, 9}, .job_count = 2, .user = "x; false"};
    struct sft_error err = {""};
    struct rows rows;
    assert_non_null(mkdtemp(dir));
    rows_init(&rows);

    write_sacct(dir,
                "[ \"$1 $2 $4 $5 $6 $7\" = '-nP --delimiter -o "
                "JobIDRaw,Submit,UID,AdminComment,Comment,JobIDRaw -X -D' ]"
                " && shift 7 && [ \"$*\" = '-j 7,9 -u x; false' ] && [ $SLURM_TIME_FORMAT = %s ]");
    assert_int_equal(load_asked(&rows, &filter, &err),
                     0); /* nothing there: sacct is asked no more */
    write_sacct(dir, SACCT_SCAN "[ \"$*\" = '--json -X -D -j 7,9' ] && [ $SLURM_TIME_FORMAT = "
                                "standard ] && echo '{\"jobs\": []}'");
    assert_int_equal(load_asked(&rows, &filter, &err), 0);
    write_sacct(dir, SACCT_SCAN "echo '{\"jobs\": []}'; exit 3");
    assert_int_equal(load_asked(&rows, &filter, &err), -1);
    assert_contains(err.text, "exit status 3");
    /* its words stand in the one line, without what begins each of them */
    write_sacct(dir,
                "echo 'sacct: error: Problem talking to the database: Connection refused' >&2\n"
                "printf 'and\\033[31m more\\n\\n' >&2; exit 1");
    assert_int_equal(load_asked(&rows, &filter, &err), -1);
    assert_contains(
        err.text,
        "/sacct failed with exit status 1: Problem talking to the database: Connection refused; "
        "and?[31m more");
    write_sacct(dir, "kill -9 $$");
    assert_int_equal(load_asked(&rows, &filter, &err), -1);
    assert_contains(err.text, "signal 9");
    write_sacct(dir, SACCT_SCAN "exit 0");
    assert_int_equal(load_asked(&rows, &filter, &err), -1);
    assert_contains(err.text, "sacct: empty");
    setenv("SFT_SACCT", "/nowhere/sacct", 1);
    assert_int_equal(load_asked(&rows, &filter, &err), -1);
    assert_contains(err.text, "cannot run /nowhere/sacct");

    rows_clear(&rows);
    snprintf(path, sizeof path, "%s/sacct", dir);
    unlink(path);
    rmdir(dir);
}

/* sacct's text chooses; what its JSON has besides is left: other jobs, other runs of an id, a job
 * once more. The name in the JSON is not asked again, and where it has none the uid's stands. */
static void test_sacct_chooses(void **state)
{
    (void)state;
    char dir[] = "/tmp/sft-report-XXXXXX", path[256];
    struct filter filter = {.user = "Tanaka.T"};
    struct sft_error err = {""};
    struct rows rows;
    assert_non_null(mkdtemp(dir));
    rows_init(&rows);
    write_sacct(
        dir, SACCT_SCAN
        "echo '{\"jobs\": ['; job 7 100 '\"tanaka.t\"'; echo ,; job 8 100 '\"Tanaka.T\"'; echo ,\n"
        "job 9 50 '\"Tanaka.T\"'; echo ,; job 9 100 null; echo ,; job 9 100 null; echo ']}'");
    assert_int_equal(load_asked(&rows, &filter, &err), 0);
    assert_int_equal(rows.count, 2);
    assert_string_equal(row_find(&rows, 7, "0")->user, "tanaka.t");
    assert_string_equal(row_find(&rows, 9, "0")->user, "root");
    assert_int_equal(row_find(&rows, 9, "0")->submitted, 100);
    rows_clear(&rows);
    /* a job that waits for its next run, which has no record yet; and an old job whose id is used
     * again */
    write_sacct(
        dir,
        "line() { echo \"$1$m$2$m$3$m$4$m$m$1\"; }\n"
        "job() { echo \"{\\\"job_id\\\": $1, \\\"time\\\": {\\\"submission\\\": $2}, \\\"state\\\":"
        " {\\\"current\\\": \\\"$3\\\"}, \\\"comment\\\": {\\\"administrator\\\":"
        " \\\"sft1{step=$1.0 state=running model=x}\\\"}}\"; }\n"
        "[ \"$1\" = -nP ] && m=$3 && line 7 1 0 sft1{ && line 7 2 0 && line 8 1 0 sft1{ && line 8 "
        "2 0 &&\n"
        "line 9 1 0 sft1{ && line 9 2 5 && exit\n"
        "echo '{\"jobs\": ['; job 7 1 REQUEUED; echo ,; job 8 1 COMPLETED; echo ,; job 9 1 "
        "REQUEUED; echo ']}'");
    assert_int_equal(load_asked(&rows, &filter, &err), 0);
    assert_int_equal(rows.count, 1);
    assert_string_equal(row_find(&rows, 7, "0")->state, "partial");
    rows_clear(&rows);
    snprintf(path, sizeof path, "%s/sacct", dir);
    unlink(path);
    rmdir(dir);
}

static void test_sacct_times(void **state)
{
    (void)state;
    struct filter filter = {.since = 1768447200, .until = 1768447260, .all_users = true};
    struct source_command *command = calloc(1, sizeof *command);
    setenv("TZ", "Asia/Tokyo", 1);
    source_command_scan(command, &filter, "|");
    assert_string_equal(command->argument[8], "-S");
    assert_string_equal(command->argument[9], "2026-01-15T12:20:00");
    assert_string_equal(command->argument[10], "-E");
    assert_string_equal(command->argument[11], "2026-01-15T12:21:00");
    assert_string_equal(command->argument[12], "-a");
    assert_null(command->argument[13]);
    free(command);
}

/* An id that has several runs is asked for once, and a batch fits. */
static void test_sacct_batches(void **state)
{
    (void)state;
    struct source_command *command = calloc(1, sizeof *command);
    struct scan_job job[SOURCE_BATCH + 1];
    const struct scan_job runs[] = {
        {.id = 5, .submitted = 1}, {.id = 5, .submitted = 2}, {.id = 6}};
    source_command_jobs(command, runs, 3);
    assert_string_equal(command->argument[5], "5,6");
    assert_null(command->argument[6]);
    for (int i = 0; i <= SOURCE_BATCH; i++)
        job[i] = (struct scan_job){.id = 4294967295LL - SOURCE_BATCH + i};
    source_command_jobs(command, job, SOURCE_BATCH);
    assert_int_equal(strlen(command->jobs), 11 * SOURCE_BATCH - 1);
    free(command);
}

/* For a file nobody asked sacct, so -u is compared here: as sacct does, without case, several
 * names, uids. */
static void test_users_of_a_file(void **state)
{
    (void)state;
    const char *old = "sacct-22.05.json";
    assert_int_equal(count_with(&(struct filter){.user = "SATO"}, old), 1);
    assert_int_equal(count_with(&(struct filter){.user = "nobody-here,Sato"}, old), 1);
    assert_int_equal(count_with(&(struct filter){.user = "sato,tanaka"}, old),
                     count_with(&(struct filter){.user = "sato"}, old) +
                         count_with(&(struct filter){.user = "tanaka"}, old));
    assert_int_equal(count_with(&(struct filter){.user = "sat"}, old), 0);
    assert_int_equal(count_with(&(struct filter){.user = ","}, old), 0);
    /* a job without an association has no user in the JSON of Slurm before 24.11: it may be
     * anyone's */
    char nobodys[] = "{\"jobs\": [{\"job_id\": 5, \"user\": null, \"comment\": {\"administrator\": "
                     "\"sft1{step=5.0 model=tiny}\"}}]}";
    struct rows rows;
    rows_init(&rows);
    assert_int_equal(
        load_json(&rows, &(struct filter){.user = "tanaka"}, "x", nobodys, strlen(nobodys), NULL),
        0);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.nameless, 1);
    rows_clear(&rows);
    struct row row = {.user = "ROOT"};
    assert_true(filter_chooses(&(struct filter){.user = "7,0"}, &row));
    assert_false(filter_chooses(&(struct filter){.user = "00x,4294967296"}, &row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_of_2205),   cmocka_unit_test(test_form_of_2311),
        cmocka_unit_test(test_marks),          cmocka_unit_test(test_states),
        cmocka_unit_test(test_filters),        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_bad_text),       cmocka_unit_test(test_odd_jobs),
        cmocka_unit_test(test_what_was_asked), cmocka_unit_test(test_sacct_runs),
        cmocka_unit_test(test_sacct_times),    cmocka_unit_test(test_sacct_chooses),
        cmocka_unit_test(test_sacct_batches),  cmocka_unit_test(test_users_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
