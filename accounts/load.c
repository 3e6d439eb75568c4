/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/load.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/figures.h"
#include "lib/roofline.h"
#include "accounts/answer.h"
#include "accounts/convert.h"
#include "accounts/facts.h"
#include "accounts/source.h"
#include "accounts/text.h"

#define STEPS_MAX 64 /* records of one job; more than a comment can hold */

/* What the jobs of one answer are read for. */
struct load {
    struct rows *rows;
    const struct filter *filter;
    struct scan *chosen; /* the runs that sacct chose; NULL: a file, in which the filter chooses */
};

/* The records of one comment. */
struct found {
    size_t count;
    struct sft_record record[STEPS_MAX];
    bool paired[STEPS_MAX]; /* the other comment has the same step */
};

/* The state to show. A record that says `running` in a job that has ended was left behind by a run
 * that was killed. */
static const char *row_state_of(const struct sft_record *record, const char *job_state)
{
    static const char *const states[] = {"complete", "partial", "failed", "running"};
    const char *state = sft_record_get(record, "state");
    for (size_t i = 0; state != NULL && i < sizeof states / sizeof *states; i++)
        if (strcmp(state, states[i]) == 0)
            return i == 3 && !facts_is_alive(job_state) ? "partial" : states[i];
    return "unknown";
}

/* Records have told where the peak is from since there were ceilings; before, peak= could be
 * anything, and a whole device's is the data sheet's or it was said. */
static bool peak_was_said(const struct sft_record *record)
{
    const char *ceiling = sft_record_get(record, "ceiling");
    if (sft_record_get(record, "mfu") == NULL)
        return false;
    if (ceiling != NULL)
        return strncmp(ceiling, "peak=", 5) == 0 || strncmp(ceiling, "file ", 5) == 0;
    double sheet = sft_record_peak(record);
    double peak = sft_record_get_real(record, "peak_tflops", sheet);
    return sheet > 0 && sft_roofline_share(sft_record_get(record, "device")) >= 1 &&
           fabs(peak / sheet - 1) > 0.01;
}

static unsigned marks_of(const struct row *row)
{
    const char *data = sft_record_get(&row->record, "data"),
               *doubted = sft_record_get(&row->record, "doubted");
    return (strcmp(row->state, "partial") == 0 ? ROW_PARTIAL : 0) |
           (doubted != NULL && *doubted != '\0' ? ROW_DOUBTED : 0) |
           (row->record.form == 1 && sft_record_get(&row->record, "tok_s") ? ROW_MEDIAN : 0) |
           (sft_record_get(&row->record, "unsteady") != NULL ? ROW_UNSTEADY : 0) |
           (peak_was_said(&row->record) ? ROW_PEAK : 0) |
           (data != NULL && strncmp(data, "synthetic", 9) == 0 &&
                    (data[9] == '\0' || data[9] == ':')
                ? ROW_SYNTHETIC
                : 0);
}

/* Make a row of the record, which is taken over (and left empty), and add it if it is wanted. */
static int add_row(const struct load *load, const json_t *job, const struct scan_job *chosen,
                   struct sft_record *record, unsigned marks, struct sft_error *err)
{
    struct row *row = row_create();
    if (row == NULL || facts_read(row, job, chosen) < 0) {
        row_destroy(row);
        return sft_error_set(err, "no memory for a record");
    }
    row->record = *record;
    sft_record_init(record);
    row->state = row_state_of(&row->record, row->job_state);
    row->marks = marks | marks_of(row);
    if (row_renew(row, err) < 0) {
        row_destroy(row);
        return -1;
    }
    if (!filter_takes(load->filter, row) ||
        (chosen == NULL && !filter_chooses(load->filter, row))) {
        row_destroy(row);
        return 0;
    }
    load->rows->nameless += chosen == NULL && load->filter->user != NULL && *row->user == '\0';
    return rows_add(load->rows, row, err);
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
    const char *end = text + strlen(text);
    size_t count = 0;
    for (; (text = sft_record_find(text, (size_t)(end - text))) != NULL; text++)
        count++;
    return count;
}

static void found_read(struct found *found, const json_t *job, const char *which, size_t *broken)
{
    const char *cursor = facts_text(json_object_get(job, "comment"), which);
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
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        const char *x = sft_record_get(a, figure->name), *y = sft_record_get(b, figure->name);
        if (figure->keep == SFT_BRIEF && x != NULL && y != NULL && strcmp(x, y) != 0)
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

static int load_records(const struct load *load, const json_t *job, const struct scan_job *chosen,
                        struct found found[2], struct sft_error *err)
{
    struct found *admin = &found[0], *comment = &found[1];
    int rc = 0;
    found_read(admin, job, "administrator", &load->rows->broken);
    found_read(comment, job, "job", &load->rows->broken);
    for (size_t i = 0; rc == 0 && i < admin->count; i++) {
        unsigned marks = compare_with(comment, &admin->record[i]);
        rc = add_row(load, job, chosen, &admin->record[i], marks, err);
    }
    long long id = facts_number(json_object_get(job, "job_id"));
    for (size_t i = 0; rc == 0 && i < comment->count; i++)
        if (!comment->paired[i] && !record_is_quoted(&comment->record[i], id))
            rc = add_row(load, job, chosen, &comment->record[i], ROW_COMMENT_ALONE, err);
    found_clear(admin);
    found_clear(comment);
    return rc;
}

/* A run before the last one is the same job's where Slurm started that once more; else an old
 * job's, of an id that was used again. */
static bool run_counts(const struct scan_job *chosen, const json_t *job)
{
    static const char *const again[] = {"REQUEUED", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL"};
    const char *state = facts_state(job);
    for (size_t i = 0; chosen->next == SCAN_ITS_NEXT && i < sizeof again / sizeof *again; i++)
        if (strcmp(state, again[i]) == 0)
            return true;
    return chosen->next == SCAN_LAST;
}

/* The job as it stands in the answer. One that cannot be read, or whose id cannot, costs its
 * records. */
static int load_job(const struct load *load, const struct answer_part *part, struct found found[2],
                    struct sft_error *err)
{
    json_t *said = json_loadb(part->text, part->length, 0, NULL), *job = convert_queued(said);
    long long id = facts_number(json_object_get(job, "job_id"));
    struct scan_job *chosen = NULL;
    int rc = 0;
    if (id <= 0)
        load->rows->broken += sft_record_find(part->text, part->length) != NULL;
    else if (load->chosen == NULL)
        rc = load_records(load, job, NULL, found, err);
    else if ((chosen = scan_find(load->chosen, id,
                                 facts_time(json_object_get(job, "time"), "submission"))) != NULL &&
             !chosen->taken && run_counts(chosen, job)) {
        chosen->taken = true;
        rc = load_records(load, job, chosen, found, err);
    }
    json_decref(job);
    json_decref(said);
    return rc;
}

static int load_jobs(const struct load *load, const struct answer *answer, struct sft_error *err)
{
    struct found *found = malloc(2 * sizeof *found);
    if (found == NULL)
        return sft_error_set(err, "no memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < answer->count; i++)
        rc = load_job(load, &answer->job[i], found, err);
    free(found);
    return rc;
}

#define NOTHING_FOUND 9003 /* ESLURM_REST_EMPTY_RESULT */

/* sacct can print its failure as JSON and still exit with 0. That no job is as was asked is no
 * failure. */
static int check_errors(const struct answer *answer, const char *what, struct sft_error *err)
{
    json_t *errors = answer->errors.text == NULL || answer->count > 0
                         ? NULL
                         : json_loadb(answer->errors.text, answer->errors.length, 0, NULL);
    const json_t *first = json_array_get(errors, 0);
    int rc = 0;
    if (first != NULL && facts_number(json_object_get(first, "error_number")) != NOTHING_FOUND) {
        const char *text = facts_text(first, "description");
        if (*text == '\0')
            text = facts_text(first, "error");
        rc = sft_error_set(err, "%s: %s", what, *text == '\0' ? "sacct says it failed" : text);
    } else if (!answer->listed) {
        rc = sft_error_set(
            err, "%s: no list `jobs`: is this the output of sacct --json, or a result.json?", what);
    }
    json_decref(errors);
    return rc;
}

/* 1: the text is no result.json. */
static int load_result(const struct load *load, const char *text, size_t length,
                       struct sft_error *err)
{
    json_t *root = json_loadb(text, length, 0, NULL), *job = NULL;
    struct sft_record record;
    int rc = 1;
    sft_record_init(&record);
    if (convert_is_result(root)) {
        job = convert_result(root, &record, err);
        rc = job == NULL ? -1 : add_row(load, job, NULL, &record, ROW_FILE, err);
    }
    sft_record_clear(&record);
    json_decref(job);
    json_decref(root);
    return rc;
}

static int load_text(const struct load *load, const char *what, char *text, size_t length,
                     struct sft_error *err)
{
    struct answer answer;
    if (strspn(text, " \t\r\n") == length)
        return sft_error_set(err, "%s: empty, expected the output of sacct --json or a result.json",
                             what);
    answer_mend(text, length);
    if (answer_cut(&answer, what, text, length, err) < 0)
        return -1;
    int rc = answer.listed || load->chosen != NULL ? 1 : load_result(load, text, length, err);
    bool jobs = rc > 0;
    if (jobs)
        rc = check_errors(&answer, what, err);
    if (jobs && rc == 0)
        rc = load_jobs(load, &answer, err);
    answer_clear(&answer);
    return rc;
}

int load_json(struct rows *rows, const struct filter *filter, const char *what, char *text,
              size_t length, struct sft_error *err)
{
    const struct load load = {rows, filter, NULL};
    int rc = load_text(&load, what, text, length, err);
    rows_last(rows);
    return rc;
}

static int load_batch(const struct load *load, const struct scan_job *job, size_t count,
                      struct sft_error *err)
{
    char *text;
    size_t length;
    if (source_read_sacct(job, count, &text, &length, err) < 0)
        return -1;
    int rc = load_text(load, "sacct", text, length, err);
    free(text);
    return rc;
}

/* As sacct does: one's own, and root sees all. */
static int load_queue(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    struct filter *own = malloc(sizeof *own);
    char *text = NULL, uid[24];
    size_t length;
    int rc = own == NULL ? sft_error_set(err, "no memory") : source_read_queue(&text, &length, err);
    if (rc == 0) {
        *own = *filter;
        snprintf(uid, sizeof uid, "%lld", (long long)geteuid());
        if (own->user == NULL && own->job_count == 0 && geteuid() != 0)
            own->user = uid;
        rows->queued = true;
        rc = load_json(rows, own, "squeue", text, length, err);
    }
    free(text);
    free(own);
    return rc < 0 ? sft_error_prefix(err, "no accounting (slurmdbd), and of slurmctld") : 0;
}

/* sacct's JSON of a job is some kilobytes, and a cluster's month is hundreds of thousands of jobs.
 * So ask for the ids of those with a record first, then for these. It is also sacct's text that
 * knows which jobs are meant: the JSON of 22.05 has everyone's, and those of an id that was used
 * before. */
static int load_accounting(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    struct scan chosen;
    const struct load load = {rows, filter, &chosen};
    int rc = source_scan_sacct(filter, &chosen, err);
    for (size_t begin = 0; rc == 0 && begin < chosen.count; begin += SOURCE_BATCH) {
        size_t left = chosen.count - begin;
        rc = load_batch(&load, chosen.job + begin, left < SOURCE_BATCH ? left : SOURCE_BATCH, err);
    }
    scan_clear(&chosen);
    rows_last(rows);
    return rc;
}

int load_sacct(struct rows *rows, const struct filter *filter, struct sft_error *err)
{
    struct sft_error why = {""};
    if (load_accounting(rows, filter, &why) == 0)
        return 0;
    return source_has_no_accounting(&why) ? load_queue(rows, filter, err)
                                          : sft_error_set(err, "%s", why.text);
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
