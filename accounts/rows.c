/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: qsort_r, strverscmp */
#include "accounts/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/figures.h"

void rows_init(struct rows *rows)
{
    *rows = (struct rows){0};
}

void rows_clear(struct rows *rows)
{
    if (rows == NULL)
        return;
    for (size_t i = 0; i < rows->count; i++)
        row_destroy(rows->row[i]);
    free(rows->row);
    rows_init(rows);
}

void row_asked(const char *comment, char *asked, size_t size)
{
    size_t mark = strlen(ROW_ASKED);
    asked[0] = '\0';
    if (strncmp(comment, ROW_ASKED, mark) == 0)
        snprintf(asked, size, "%.*s", (int)strcspn(comment + mark, " \t"), comment + mark);
}

struct row *row_create(void)
{
    struct row *row = calloc(1, sizeof *row);
    if (row != NULL)
        sft_record_init(&row->record);
    return row;
}

void row_destroy(struct row *row)
{
    if (row == NULL)
        return;
    char *texts[] = {row->job_name, row->job_state, row->user,     row->account,
                     row->cluster,  row->partition, row->nodelist, row->asked};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    sft_record_clear(&row->record);
    free(row);
}

int rows_add(struct rows *rows, struct row *row, struct sft_error *err)
{
    if (rows->count == rows->room) {
        size_t room = rows->room == 0 ? 64 : rows->room * 2;
        struct row **grown = reallocarray(rows->row, room, sizeof *grown);
        if (grown == NULL) {
            row_destroy(row);
            return sft_error_set(err, "no memory for %zu records", room);
        }
        rows->row = grown;
        rows->room = room;
    }
    rows->row[rows->count++] = row;
    return 0;
}

const char *row_step(const struct row *row)
{
    const char *step = sft_record_get(&row->record, "step");
    const char *dot = step == NULL ? NULL : strrchr(step, '.');
    return dot != NULL ? dot + 1 : step != NULL ? step : "";
}

struct order {
    const char *key;
    bool down;
};

/* What a row is sorted by: a number, or words, or nothing (words is NULL, number NaN). */
struct sort_value {
    double number;
    const char *words;
};

static struct sort_value value_of(const struct row *row, const char *key)
{
    if (strcmp(key, "job") == 0)
        return (struct sort_value){(double)row->job_id, NULL};
    if (strcmp(key, "date") == 0)
        return (struct sort_value){(double)(row->started ? row->started : row->submitted), NULL};
    if (strcmp(key, "user") == 0)
        return (struct sort_value){NAN, row->user};
    if (strcmp(key, "state") == 0)
        return (struct sort_value){NAN, row->state};
    const char *text = sft_record_get(&row->record, key);
    long long whole;
    double real;
    enum sft_type type = text == NULL ? SFT_TEXT : sft_number_read(text, &whole, &real);
    return type == SFT_INTEGER ? (struct sort_value){(double)whole, NULL}
           : type == SFT_REAL  ? (struct sort_value){real, NULL}
                               : (struct sort_value){NAN, text};
}

static int class_of(struct sort_value value)
{
    return !isnan(value.number) ? 0 : value.words != NULL ? 1 : 2;
}

static int compare_ids(const struct row *a, const struct row *b)
{
    if (a->job_id != b->job_id)
        return a->job_id < b->job_id ? -1 : 1;
    return strverscmp(row_step(a), row_step(b)); /* 9 before 10, and words stay apart */
}

static int compare_rows(const void *left, const void *right, void *context)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    const struct order *order = context;
    struct sort_value x = value_of(a, order->key), y = value_of(b, order->key);
    if (class_of(x) != class_of(y))
        return class_of(x) - class_of(y);
    int way = class_of(x) == 0   ? (x.number > y.number) - (x.number < y.number)
              : class_of(x) == 1 ? strcmp(x.words, y.words)
                                 : 0;
    if (way != 0)
        return order->down ? -way : way;
    return compare_ids(a, b);
}

static bool is_sort_key(const char *key)
{
    static const char *const own[] = {"job", "date", "user", "state"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(key, own[i]) == 0)
            return true;
    return sft_figure_find(key) != NULL;
}

int rows_sort(struct rows *rows, const char *key, struct sft_error *err)
{
    struct order order = {key + (*key == '-'), *key == '-'};
    if (!is_sort_key(order.key))
        return sft_error_set(err,
                             "--sort=%.64s: no such key; use job, date, user, state or one that "
                             "`sft-report --keys` lists",
                             key);
    if (rows->count > 1)
        qsort_r(rows->row, rows->count, sizeof *rows->row, compare_rows, &order);
    return 0;
}

int row_renew(struct row *row, struct sft_error *err)
{
    struct sft_record *record = &row->record;
    const char *real = sft_record_get(record, "tok_s_real"),
               *processed = sft_record_get(record, "tok_s");
    if (record->form != 1 || real == NULL || processed == NULL || strcmp(real, processed) == 0)
        return 0;
    char kept[32];
    snprintf(kept, sizeof kept, "%s", processed);
    return sft_record_set(record, "tok_s", real, err) < 0
               ? -1
               : sft_record_set(record, "tok_s_processed", kept, err);
}

/* By run of a step; 0: the same step of the same job. */
static int compare_runs(const struct row *a, const struct row *b)
{
    int way = strcmp(a->cluster, b->cluster);
    if (way == 0)
        way = (a->job_id > b->job_id) - (a->job_id < b->job_id);
    return way != 0 ? way : strcmp(row_step(a), row_step(b));
}

static int compare_last(const void *left, const void *right)
{
    const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
    int way = compare_runs(a, b);
    /* The last run first. Of one run, what Slurm's administrator wrote. */
    if (way == 0)
        way = (a->submitted < b->submitted) - (a->submitted > b->submitted);
    return way != 0 ? way
                    : (int)(a->marks & ROW_COMMENT_ALONE) - (int)(b->marks & ROW_COMMENT_ALONE);
}

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool same_record(const struct sft_record *a, const struct sft_record *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_text(a->fields[i].value, sft_record_get(b, a->fields[i].key));
    return same;
}

/* Of two rows of one name. A file names no cluster: two runs of one name are one, or another
 * cluster's; and outside of Slurm no run has a name, so that one is the other's copy where they
 * say the same of all. */
static bool is_again(const struct row *a, const struct row *b)
{
    bool files = (a->marks & b->marks & ROW_FILE) != 0;
    if (files && a->started != b->started)
        return false;
    return *row_step(a) != '\0' || (files && same_record(&a->record, &b->record));
}

/* The rows before it of the same name are beside each other. */
static bool is_kept(const struct rows *rows, size_t kept, const struct row *row)
{
    for (size_t i = kept; i > 0 && compare_runs(rows->row[i - 1], row) == 0; i--)
        if (is_again(rows->row[i - 1], row))
            return true;
    return false;
}

/* Is the file of a step that Slurm tells of, too? What Slurm tells goes first. */
static bool is_told(const struct rows *rows, const struct row *file)
{
    const char *start = sft_record_get(&file->record, "start");
    if (!(file->marks & ROW_FILE) || *row_step(file) == '\0')
        return false;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = rows->row[i];
        if (row != NULL && !(row->marks & ROW_FILE) && row->job_id == file->job_id &&
            same_text(row_step(row), row_step(file)) &&
            same_text(sft_record_get(&row->record, "start"), start))
            return true;
    }
    return false;
}

static void files_drop(struct rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (is_told(rows, rows->row[i])) {
            row_destroy(rows->row[i]);
            rows->row[i] = NULL;
        }
    for (size_t i = 0; i < rows->count; i++)
        if (rows->row[i] != NULL)
            rows->row[kept++] = rows->row[i];
    rows->count = kept;
}

size_t rows_trained(struct rows *rows)
{
    size_t kept = 0, count = rows->count;
    for (size_t i = 0; i < count; i++) {
        if (sft_record_get(&rows->row[i]->record, "task") != NULL)
            row_destroy(rows->row[i]);
        else
            rows->row[kept++] = rows->row[i];
    }
    rows->count = kept;
    return count - kept;
}

int rows_verified(struct rows *rows, struct rows *verifies, struct sft_error *err)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (sft_record_get(&rows->row[i]->record, "task") == NULL)
            rows->row[kept++] = rows->row[i];
        else if (rows_add(verifies, rows->row[i], err) < 0)
            rc = -1;
    }
    rows->count = kept;
    return rc;
}

void rows_last(struct rows *rows)
{
    size_t kept = 0;
    files_drop(rows);
    if (rows->count > 1)
        qsort(rows->row, rows->count, sizeof *rows->row, compare_last);
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = rows->row[i];
        if (is_kept(rows, kept, row))
            row_destroy(row);
        else
            rows->row[kept++] = row;
    }
    rows->count = kept;
}

const char *row_job(const struct row *row, char text[ROW_JOB])
{
    snprintf(text, ROW_JOB, "%lld", row->job_id);
    return row->job_id == 0 ? strcpy(text, "-") : text;
}

bool row_is_checked(const struct row *row)
{
    static const char *const wanted[] = {"program", "nodes", "ranks", "time"};
    const char *checked = sft_record_get(&row->record, "checked");
    char text[256], word[16];
    if ((row->marks & (ROW_COMMENT_ALONE | ROW_DOUBTED | ROW_FILE)) || checked == NULL)
        return false;
    snprintf(text, sizeof text, ",%.200s,", checked);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(word, sizeof word, ",%s,", wanted[i]);
        if (strstr(text, word) == NULL)
            return false;
    }
    return true;
}

/* Who stands for the record: the worst that is known of it. */
static const char *trust_text(const struct row *row)
{
    return row->marks & ROW_COMMENT_ALONE ? "comment"
           : row->marks & ROW_DOUBTED     ? "doubted"
           : row->marks & ROW_EDITED      ? "edited"
           : row->marks & ROW_FILE        ? "file"
           : row_is_checked(row)          ? "checked"
                                          : "published";
}

void row_fields(const struct row *row, struct row_field field[ROW_FIELDS])
{
    const struct row_field all[ROW_FIELDS] = {
        {"job_id", NULL, row->job_id, false},
        {"step_id", row_step(row), 0, false},
        {"run_state", row->state, 0, false},
        {"trust", trust_text(row), 0, false},
        {"job_name", row->job_name, 0, false},
        {"job_state", row->job_state, 0, false},
        {"user", row->user, 0, false},
        {"account", row->account, 0, false},
        {"cluster", row->cluster, 0, false},
        {"partition", row->partition, 0, false},
        {"nodelist", row->nodelist, 0, false},
        {"submitted", NULL, row->submitted, true},
        {"started", NULL, row->started, true},
        {"ended", NULL, row->ended, true},
        {"elapsed_s", NULL, row->elapsed, false},
        {NULL, NULL, 0, false},
    };
    memcpy(field, all, sizeof all);
}
