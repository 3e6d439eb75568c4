/* SPDX-License-Identifier: Apache-2.0 */
#include "report/load.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/request.h"
#include "report/source.h"
#include "report/text.h"

#define LOAD_BATCH 512 /* jobs of one question; FILTER_JOBS_MAX at most */
#define STEPS_MAX 64 /* records of one job; more than a comment can hold */

/* The records of one comment. */
struct found {
    size_t count;
    struct sft_record record[STEPS_MAX];
    bool paired[STEPS_MAX]; /* the other comment has the same step */
};

/* A number as Slurm writes it: plain, or since 23.02 {"set": , "infinite": , "number": }. */
static long long json_number_of(const json_t *value)
{
    if (json_is_object(value)) {
        if (json_is_false(json_object_get(value, "set")))
            return 0;
        value = json_object_get(value, "number");
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        return real > 0 && real < 9e15 ? (long long)real : 0;
    }
    return json_is_integer(value) ? json_integer_value(value) : 0;
}

static const char *json_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* `state.current` is a word in 22.05 and a list of words (the state, then its flags) since 23.02. */
static const char *job_state_of(const json_t *job)
{
    const json_t *state = json_object_get(json_object_get(job, "state"), "current");
    if (json_is_array(state))
        state = json_array_get(state, 0);
    return json_is_string(state) ? json_string_value(state) : "UNKNOWN";
}

static bool job_is_alive(const char *state)
{
    static const char *const alive[] = { "RUNNING",  "COMPLETING", "PENDING", "SUSPENDED",
                                         "RESIZING", "CONFIGURING", "STOPPED", "SIGNALING",
                                         "REQUEUED", "STAGE_OUT" };
    for (size_t i = 0; i < sizeof alive / sizeof *alive; i++)
        if (strcmp(state, alive[i]) == 0)
            return true;
    return false;
}

/* The state to show. A record that says `running` in a job that has ended was left behind by a run
 * that was killed. */
static const char *row_state_of(const struct sft_record *record, const char *job_state)
{
    static const char *const states[] = { "complete", "partial", "failed", "running" };
    const char *state = sft_record_get(record, "state");
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i]) == 0)
            return i == 3 && !job_is_alive(job_state) ? "partial" : states[i];
    return "unknown";
}

static unsigned marks_of(const struct row *row)
{
    const char *data = sft_record_get(&row->record, "data"), *doubted = sft_record_get(&row->record, "doubted");
    return (strcmp(row->state, "partial") == 0 ? ROW_PARTIAL : 0)
           | (doubted != NULL && *doubted != '\0' ? ROW_DOUBTED : 0)
           | (data != NULL && strncmp(data, "synthetic", 9) == 0
                      && (data[9] == '\0' || data[9] == ':') ? ROW_SYNTHETIC : 0);
}

static int row_read_job(struct row *row, const json_t *job)
{
    char asked[SFT_REQUEST_MAX];
    row_asked(json_text_of(json_object_get(job, "comment"), "job"), asked, sizeof asked);
    const struct {
        char **field;
        const char *text;
    } texts[] = {
        { &row->job_name, json_text_of(job, "name") },
        { &row->job_state, job_state_of(job) },
        { &row->user, json_text_of(job, "user") },
        { &row->account, json_text_of(job, "account") },
        { &row->cluster, json_text_of(job, "cluster") },
        { &row->partition, json_text_of(job, "partition") },
        { &row->nodelist, json_text_of(job, "nodes") },
        { &row->asked, asked },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if ((*texts[i].field = strdup(texts[i].text)) == NULL)
            return -1;
    const json_t *time = json_object_get(job, "time");
    row->job_id = json_number_of(json_object_get(job, "job_id"));
    row->array_id = json_number_of(json_object_get(json_object_get(job, "array"), "job_id"));
    row->submitted = json_number_of(json_object_get(time, "submission"));
    row->started = json_number_of(json_object_get(time, "start"));
    row->ended = json_number_of(json_object_get(time, "end"));
    row->elapsed = json_number_of(json_object_get(time, "elapsed"));
    return 0;
}

/* Make a row of the record, which is taken over (and left empty), and add it if it is wanted. */
static int add_row(struct rows *rows, const struct filter *filter, const json_t *job,
                   struct sft_record *record, unsigned marks, struct sft_error *err)
{
    struct row *row = row_create();
    if (row == NULL || row_read_job(row, job) < 0) {
        row_destroy(row);
        return sft_error_set(err, "no memory for a record");
    }
    row->record = *record;
    sft_record_init(record);
    row->state = row_state_of(&row->record, row->job_state);
    row->marks = marks | marks_of(row);
    if (filter_takes(filter, row))
        return rows_add(rows, row, err);
    row_destroy(row);
    return 0;
}

/* A record's place among those found: a step that was there is replaced, so the last one counts. */
static size_t found_place(struct found *found, const struct sft_record *record)
{
    const char *step = sft_record_get(record, "step");
    for (size_t i = 0; i < found->count; i++) {
        const char *other = sft_record_get(&found->record[i], "step");
        if (step != NULL && other != NULL && strcmp(step, other) == 0) {
            sft_record_clear(&found->record[i]);
            return i;
        }
    }
    return found->count++;
}

/* A user may write anything of a record's form: one that says neither what was run nor how it went
 * is no result. */
static bool record_tells(const struct sft_record *record)
{
    return sft_record_get(record, "model") != NULL || sft_record_get(record, "state") != NULL;
}

/* Beginnings of records in the text. */
static size_t found_begun(const char *text)
{
    size_t count = 0;
    for (; (text = strstr(text, "sft1{")) != NULL; text++)
        count++;
    return count;
}

static void found_read(struct found *found, const json_t *job, const char *which, size_t *broken)
{
    const char *cursor = json_text_of(json_object_get(job, "comment"), which);
    size_t begun = found_begun(cursor), whole = 0;
    struct sft_record record;
    sft_record_init(&record);
    found->count = 0;
    while (found->count < STEPS_MAX && sft_record_next(&record, &cursor) == 1) {
        whole++;
        if (!record_tells(&record)) {
            sft_record_clear(&record);
            continue;
        }
        size_t place = found_place(found, &record);
        found->record[place] = record;
        found->paired[place] = false;
        sft_record_init(&record);
    }
    if (found->count < STEPS_MAX && begun > whole)
        *broken += begun - whole;
}

static void found_clear(struct found *found)
{
    for (size_t i = 0; i < found->count; i++)
        sft_record_clear(&found->record[i]);
    found->count = 0;
}

/* Do two records of one step say different things in a brief key that both have? */
static bool records_differ(const struct sft_record *a, const struct sft_record *b)
{
    for (const struct sft_record_key *key = sft_record_keys(); key->name != NULL; key++) {
        const char *x = sft_record_get(a, key->name), *y = sft_record_get(b, key->name);
        if (key->brief && x != NULL && y != NULL && strcmp(x, y) != 0)
            return true;
    }
    return false;
}

/* Look the step of an admin comment's record up in the comment. */
static unsigned compare_with(struct found *comment, const struct sft_record *record)
{
    const char *step = sft_record_get(record, "step");
    for (size_t i = 0; step != NULL && i < comment->count; i++) {
        const char *other = sft_record_get(&comment->record[i], "step");
        if (other == NULL || strcmp(step, other) != 0)
            continue;
        comment->paired[i] = true;
        return records_differ(record, &comment->record[i]) ? ROW_EDITED : 0;
    }
    return 0;
}

/* Does the record name another job? Then a comment only quotes it. */
static bool record_is_quoted(const struct sft_record *record, long long job_id)
{
    const char *step = sft_record_get(record, "step");
    char own[32];
    int length = snprintf(own, sizeof own, "%lld.", job_id);
    return step != NULL && strchr(step, '.') != NULL && strncmp(step, own, (size_t)length) != 0;
}

static int load_job(struct rows *rows, const struct filter *filter, const json_t *job,
                    struct found *admin, struct found *comment, struct sft_error *err)
{
    int rc = 0;
    found_read(admin, job, "administrator", &rows->broken);
    found_read(comment, job, "job", &rows->broken);
    for (size_t i = 0; rc == 0 && i < admin->count; i++) {
        unsigned marks = compare_with(comment, &admin->record[i]);
        rc = add_row(rows, filter, job, &admin->record[i], marks, err);
    }
    long long id = json_number_of(json_object_get(job, "job_id"));
    for (size_t i = 0; rc == 0 && i < comment->count; i++)
        if (!comment->paired[i] && !record_is_quoted(&comment->record[i], id))
            rc = add_row(rows, filter, job, &comment->record[i], ROW_UNCONFIRMED, err);
    found_clear(admin);
    found_clear(comment);
    return rc;
}

static int load_jobs(struct rows *rows, const struct filter *filter, const json_t *jobs,
                     struct sft_error *err)
{
    struct found *found = malloc(2 * sizeof *found);
    if (found == NULL)
        return sft_error_set(err, "no memory");
    int rc = 0;
    size_t i;
    const json_t *job;
    json_array_foreach (jobs, i, job)
        if (rc == 0)
            rc = load_job(rows, filter, job, &found[0], &found[1], err);
    free(found);
    return rc;
}

#define NOTHING_FOUND 9003 /* ESLURM_REST_EMPTY_RESULT */

/* sacct can print its failure as JSON and still exit with 0. That no job is as was asked is no failure. */
static int check_errors(const json_t *root, const char *what, struct sft_error *err)
{
    const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
    const json_t *jobs = json_object_get(root, "jobs");
    if (first == NULL || json_array_size(jobs) > 0
        || json_number_of(json_object_get(first, "error_number")) == NOTHING_FOUND)
        return json_is_array(jobs)
                   ? 0
                   : sft_error_set(err, "%s: no list `jobs`: is this the output of sacct --json?", what);
    const char *text = json_text_of(first, "description");
    if (*text == '\0')
        text = json_text_of(first, "error");
    return sft_error_set(err, "%s: %s", what, *text == '\0' ? "sacct says it failed" : text);
}

int load_json(struct rows *rows, const struct filter *filter, const char *what, char *text,
              size_t length, struct sft_error *err)
{
    json_error_t problem;
    text_make_utf8(text, length);
    if (strspn(text, " \t\r\n") == length)
        return sft_error_set(err, "%s: empty, expected the output of sacct --json", what);
    json_t *root = json_loadb(text, length, JSON_ALLOW_NUL, &problem);
    if (root == NULL)
        return sft_error_set(err, "%s:%d:%d: not JSON: %s", what, problem.line, problem.column,
                             problem.text);
    int rc = check_errors(root, what, err);
    if (rc == 0)
        rc = load_jobs(rows, filter, json_object_get(root, "jobs"), err);
    json_decref(root);
    return rc;
}

static int load_read(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    char *text;
    size_t length;
    if (source_read_sacct(filter, &text, &length, err) < 0)
        return -1;
    int rc = load_json(rows, filter, "sacct", text, length, err);
    free(text);
    return rc;
}

/* sacct's JSON of a job is some kilobytes, and a cluster's month is hundreds of thousands of jobs. So ask for the
 * ids of those with a record first, then for these. */
static int load_scanned(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    struct source_ids ids;
    struct filter *part = malloc(sizeof *part);
    int rc = part == NULL ? sft_error_set(err, "no memory") : source_scan_sacct(filter, &ids, err);
    for (size_t begin = 0; rc == 0 && begin < ids.count; begin += part->job_count) {
        *part = *filter;
        part->job_count = ids.count - begin < LOAD_BATCH ? ids.count - begin : LOAD_BATCH;
        memcpy(part->jobs, ids.id + begin, part->job_count * sizeof *part->jobs);
        rc = load_read(rows, part, err);
    }
    if (part != NULL)
        free(ids.id);
    free(part);
    return rc;
}

int load_sacct(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    return filter->job_count > 0 || filter->sweep != NULL ? load_read(rows, filter, err)
                                                          : load_scanned(rows, filter, err);
}

int load_file(struct rows *rows, const struct filter *filter, const char *path,
              struct sft_error *err)
{
    char *text;
    size_t length;
    if (source_read_file(path, &text, &length, err) < 0)
        return -1;
    int rc = load_json(rows, filter, strcmp(path, "-") == 0 ? "standard input" : path, text, length,
                       err);
    free(text);
    return rc;
}
