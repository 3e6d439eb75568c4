/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are not sacct's: result.json, folders of them, slurmctld's memory; and the CSV of
 * what came. */
#include "config.h" /* _GNU_SOURCE: open_memstream */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/csv.h"
#include "accounts/folder.h"
#include "accounts/load.h"

#define RESULT                                                                                     \
    "{\"step\": \"%s\", \"state\": \"complete\", \"model\": \"tiny\", \"nodes\": 2, \"ranks\": "   \
    "16,"                                                                                          \
    " \"tok_s\": 1234.5, \"steps_s\": 60.25, \"start\": \"%s\", \"seconds\": 61.4,"                \
    " \"hosts\": \"a,b\", \"losses\": [1, 2], \"BAD KEY\": 3, \"parameters\": 6738415616}"

static char folder[] = "/tmp/sft-saved-XXXXXX";

static const char *file_make(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *file_make(const char *name, const char *format, ...)
{
    static char path[256];
    va_list arguments;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
    return path;
}

static int folder_begin(void **state)
{
    (void)state;
    char path[256];
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/b", folder);
    return mkdir(path, 0700);
}

static int folder_end(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void test_result(void **state)
{
    (void)state;
    struct rows rows;
    struct sft_error err = {""};
    rows_init(&rows);
    const char *path = file_make("result.json", RESULT, "12.3", "2026-01-15T03:20:00Z");
    if (load_file(&rows, &(struct filter){.user = "nobody-else"}, path, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(rows.count, 1);
    const struct row *row = rows.row[0];
    assert_int_equal(row->job_id, 12);
    assert_string_equal(row_step(row), "3");
    assert_string_equal(row->state, "complete");
    assert_string_equal(row->nodelist, "a,b");
    assert_int_equal(row->started, 1768447200);
    assert_int_equal(row->ended, 1768447261);
    assert_int_equal(row->elapsed, 61);
    assert_true(row->marks & ROW_FILE);
    assert_false(row_is_checked(row)); /* whatever it says */
    assert_string_equal(sft_record_get(&row->record, "tok_s"), "1234.5");
    assert_string_equal(sft_record_get(&row->record, "parameters"), "6738415616");
    assert_null(sft_record_get(&row->record, "losses"));
    assert_int_equal(row->record.form, SFT_RECORD_FORM);
    rows_clear(&rows);
}

/* What anybody may have written there; none of it is read past, and none stops the report. */
static void test_hostile_results(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"model\": \"x\", \"state\": \"complete\", \"step\": \"99999999999999999999999.1\"}",
        "{\"model\": \"x\", \"state\": \"running\", \"seconds\": 1e308, \"start\": \"soon\"}",
        "{\"model\": \"x\", \"state\": \"failed\", \"seconds\": -4, \"step\": \"-5.0\"}",
        "{\"model\": \"\\u0000\\ud800<b>\", \"state\": \"complete\", \"tok_s\": NaN}",
        "{\"model\": \"x\", \"state\": \"complete\", \"tok_s\": 1e999, \"hosts\": [\"a\"]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct rows rows;
        struct sft_error err = {""};
        char *copy = strdup(texts[i]);
        rows_init(&rows);
        if (load_json(&rows, &(struct filter){0}, "x", copy, strlen(copy), &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
        assert_int_equal(rows.count, 1);
        assert_true(rows.row[0]->job_id >= 0 && rows.row[0]->elapsed >= 0);
        rows_clear(&rows);
        free(copy);
    }
}

static void test_folder(void **state)
{
    (void)state;
    struct rows rows;
    struct sft_error err = {""};
    rows_init(&rows);
    assert_int_equal(folder_load(&rows, &(struct filter){0}, folder, &err), -1);
    assert_contains(err.text, "no file *.json");
    file_make("a.json", RESULT, "9.0", "2026-01-15T03:20:00Z");
    file_make("b/result.json", RESULT, "10.0", "2026-01-15T03:20:00Z");
    /* the same run once more; and of another cluster a job of the same number */
    file_make("b/copy.json", RESULT, "9.0", "2026-01-15T03:20:00Z");
    file_make("b/other.json", RESULT, "9.0", "2026-01-16T03:20:00Z");
    file_make("b/sacct.json",
              "{\"jobs\": [{\"job_id\": 11, \"comment\": {\"administrator\": \"sft1{step=11.0 "
              "model=tiny state=complete}\"}}]}");
    file_make("b/none.json", "[1]");
    file_make("b/notes.txt", RESULT, "13.0", "");
    assert_int_equal(folder_load(&rows, &(struct filter){0}, folder, &err), 0);
    assert_int_equal(rows.count, 4);
    assert_int_equal(rows.broken, 1);
    rows_clear(&rows);
    assert_int_equal(
        folder_load(&rows, &(struct filter){.jobs = {10}, .job_count = 1}, folder, &err), 0);
    assert_int_equal(rows.count, 1);
    rows_clear(&rows);
}

/* A run outside of Slurm has no name: copies of its file are one run, others are others. */
static void test_copies(void **state)
{
    (void)state;
    static const char result[] =
        "{\"state\": \"complete\", \"model\": \"tiny\", \"tok_s\": %d, \"steps_s\": 60, \"start\": "
        "\"2026-01-15T03:20:00Z\"}";
    struct rows rows;
    struct sft_error err = {""};
    rows_init(&rows);
    file_make("a.json", result, 1);
    file_make("b.json", result, 2);
    file_make("b/a.json", result, 1);
    file_make("b/b.json", result, 2);
    assert_int_equal(folder_load(&rows, &(struct filter){0}, folder, &err), 0);
    assert_int_equal(rows.count, 2);
    rows_clear(&rows);
    /* of a step that sacct tells of the file is no second run; another start is another run */
    file_make("b/x.json", RESULT, "9.0", "2026-01-15T03:20:00Z");
    file_make("b/y.json", RESULT, "9.0", "2026-01-16T03:20:00Z");
    file_make("b/sacct.json",
              "{\"jobs\": [{\"job_id\": 9, \"cluster\": \"c\", \"comment\": {\"administrator\": "
              "\"sft2{step=9.0 model=tiny state=complete start=2026-01-15T03:20:00Z}\"}}]}");
    assert_int_equal(
        folder_load(&rows, &(struct filter){.jobs = {9}, .job_count = 1}, folder, &err), 0);
    assert_int_equal(rows.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true((rows.row[i]->marks & ROW_FILE) == 0 || rows.row[i]->started == 1768533600);
    rows_clear(&rows);
}

/* Whose peak the MFU is of. */
static void test_peaks(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool said;
    } cases[] = {
        {"\"ceiling\": \"data sheet\", \"peak_tflops\": 989.5", false},
        {"\"ceiling\": \"data sheet; peak=2000 is above it, not used\"", false},
        {"\"ceiling\": \"peak=, the data sheet says 989.5\", \"peak_tflops\": 500", true},
        {"\"ceiling\": \"file of ceilings=\"", true},
        {"\"peak_tflops\": 500", true},
        {"\"peak_tflops\": 989.5", false},
        {"\"seed\": 1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rows rows;
        struct sft_error err = {""};
        rows_init(&rows);
        file_make("peak.json",
                  "{\"state\": \"complete\", \"model\": \"tiny\", \"device\": \"NVIDIA H200\", "
                  "\"mfu\": 50, %s}",
                  cases[i].fields);
        assert_int_equal(folder_load(&rows, &(struct filter){0}, folder, &err), 0);
        if (((rows.row[0]->marks & ROW_PEAK) != 0) != cases[i].said)
            fail_msg("case %zu", i);
        rows_clear(&rows);
    }
}

#define QUEUED                                                                                     \
    "{\"jobs\": [{\"job_id\": 21, \"array_job_id\": 20, \"name\": \"a AdminComment=x\","           \
    " \"job_state\": \"COMPLETED\", \"user_name\": \"root\", \"cluster\": \"c\", \"nodes\": "      \
    "\"n1\","                                                                                      \
    " \"submit_time\": 100, \"start_time\": 200, \"end_time\": 290,"                               \
    " \"admin_comment\": \"sft1{step=21.0 state=complete model=tiny tok_s=5}\","                   \
    " \"comment\": \"sft1{step=21.0 state=complete model=tiny tok_s=9}\"},"                        \
    " {\"job_id\": {\"set\": true, \"number\": 22}, \"job_state\": [\"RUNNING\"],"                 \
    " \"start_time\": {\"set\": true, \"number\": 300}, \"end_time\": 9000,"                       \
    " \"comment\": \"sft1{step=22.0 state=running model=tiny}\"},"                                 \
    " {\"job_id\": 23, \"job_state\": {}, \"comment\": 4}, {\"job_state\": \"X\"}]}"

static void test_without_accounting(void **state)
{
    (void)state;
    struct rows rows;
    struct sft_error err = {""};
    rows_init(&rows);
    setenv("SFT_SACCT",
           file_make("sacct", "#!/bin/sh\necho 'sacct: error: Slurm accounting storage is "
                              "disabled' >&2\nexit 1\n"),
           1);
    chmod(getenv("SFT_SACCT"), 0700);
    setenv("SFT_SQUEUE", file_make("squeue", "#!/bin/sh\ncat <<'EOF'\n" QUEUED "\nEOF\n"), 1);
    chmod(getenv("SFT_SQUEUE"), 0700);
    if (load_sacct(&rows, &(struct filter){.all_users = true}, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(rows.queued);
    assert_int_equal(rows.count, 2);
    rows_sort(&rows, "job", NULL);
    const struct row *row = rows.row[0];
    assert_int_equal(row->job_id, 21);
    assert_int_equal(row->array_id, 20);
    assert_string_equal(row->job_name, "a AdminComment=x");
    assert_string_equal(sft_record_get(&row->record, "tok_s"), "5");
    assert_int_equal(row->marks, ROW_EDITED | ROW_MEDIAN);
    assert_int_equal(row->elapsed, 90);
    assert_string_equal(rows.row[1]->state, "running");
    assert_int_equal(rows.row[1]->ended, 0); /* its time limit's is no end */
    rows_clear(&rows);
    /* another failure of sacct's stays one */
    file_make("sacct", "#!/bin/sh\necho 'sacct: error: no connection' >&2\nexit 1\n");
    assert_int_equal(load_sacct(&rows, &(struct filter){0}, &err), -1);
    assert_contains(err.text, "no connection");
    rows_clear(&rows);
    unsetenv("SFT_SACCT");
    unsetenv("SFT_SQUEUE");
}

static void test_csv(void **state)
{
    (void)state;
    struct rows rows;
    char *text = NULL;
    size_t size;
    rows_init(&rows);
    const char *path = file_make("result.json", RESULT, "12.3", "2026-01-15T03:20:00Z");
    assert_int_equal(load_file(&rows, &(struct filter){0}, path, NULL), 0);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(csv_write(&rows, out, NULL), 0);
    fclose(out);
    assert_int_equal(strncmp(text, "job_id,step_id,run_state,trust,", 31), 0);
    assert_contains(text, ",tok_s [tokens/s],");
    assert_contains(text, ",step_ms [ms],");
    assert_null(strstr(text, ",step,")); /* job_id and step_id say it */
    assert_contains(text, "\r\n12,3,complete,file,");
    assert_contains(text, ",2026-01-15T03:20:00Z,2026-01-15T03:20:00Z,2026-01-15T03:21:01Z,61,");
    assert_int_equal(strchr(strchr(text, '\n') + 1, '\n')[1], '\0'); /* one heading, one line */
    free(text);
    rows_clear(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_result, folder_begin, folder_end),
        cmocka_unit_test(test_hostile_results),
        cmocka_unit_test_setup_teardown(test_folder, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_copies, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_peaks, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_without_accounting, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_csv, folder_begin, folder_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
