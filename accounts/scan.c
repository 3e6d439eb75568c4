/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: getentropy */
#include "accounts/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounts/text.h"
#include "lib/record.h"

enum { FIELD_ID, FIELD_SUBMITTED, FIELD_UID, FIELD_ADMIN, FIELD_COMMENT, FIELD_LAST };

/* The job at hand. Comments have line breaks, so it goes on over lines. */
struct reader {
    struct scan *scan;
    const char *mark;
    int field;
    struct scan_job job;
    bool odd; /* a field is not what it should be */
};

/* The first byte stands in no number, so where the mark begins is never in doubt. */
int scan_mark_make(char mark[SCAN_MARK], struct sft_error *err)
{
    uint64_t random;
    if (getentropy(&random, sizeof random) < 0)
        return sft_error_set(err, "no random number: %s", strerror(errno));
    snprintf(mark, SCAN_MARK, "\x1f%016" PRIx64 "\x1f", random);
    return 0;
}

static int job_add(struct scan *scan, const struct scan_job *job, struct sft_error *err)
{
    if (scan->count == scan->room) {
        size_t room = scan->room == 0 ? 1024 : 2 * scan->room;
        struct scan_job *grown = realloc(scan->job, room * sizeof *grown);
        if (grown == NULL)
            return sft_error_set(err, "no memory for %zu jobs", room);
        scan->job = grown;
        scan->room = room;
    }
    scan->job[scan->count++] = *job;
    return 0;
}

static void reader_begin(struct reader *reader)
{
    reader->field = FIELD_ID;
    reader->job = (struct scan_job){0};
    reader->odd = false;
}

static int number_read(const char *text, long long least, long long *value)
{
    return text_digits(text, value) == 0 && *value >= least ? 0 : -1;
}

/* One field, or a line of it. */
static void reader_field(struct reader *reader, const char *text)
{
    struct scan_job *job = &reader->job;
    long long again;
    switch (reader->field) {
    case FIELD_ID:
        reader->odd |= number_read(text, 1, &job->id) < 0;
        break;
    case FIELD_SUBMITTED:
        reader->odd |= strcmp(text, "Unknown") != 0 && number_read(text, 0, &job->submitted) < 0;
        break;
    case FIELD_UID:
        reader->odd |= number_read(text, 0, &job->uid) < 0;
        break;
    case FIELD_LAST:
        reader->odd |= number_read(text, 1, &again) < 0 || again != job->id;
        break;
    default:
        job->begun |= sft_record_find(text, strlen(text)) != NULL;
    }
}

static int reader_line(struct reader *reader, char *line, struct sft_error *err)
{
    size_t length = strlen(reader->mark);
    char *mark;
    int rc = 0;
    line[strcspn(line, "\n")] = '\0';
    while (reader->field < FIELD_LAST && (mark = strstr(line, reader->mark)) != NULL) {
        *mark = '\0';
        reader_field(reader, line);
        reader->field++;
        line = mark + length;
    }
    /* A line that ends in a comment goes on; one that ends anywhere else is the job's end, or is
     * none of sacct's. */
    bool inside = reader->field == FIELD_ADMIN || reader->field == FIELD_COMMENT;
    reader_field(reader, line);
    if (inside)
        return 0;
    if (reader->field == FIELD_LAST && !reader->odd)
        rc = job_add(reader->scan, &reader->job, err);
    reader_begin(reader);
    return rc;
}

int scan_read(struct scan *scan, FILE *in, const char *mark, struct sft_error *err)
{
    struct reader reader = {.scan = scan, .mark = mark};
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    while (rc == 0 && getline(&line, &size, in) >= 0)
        rc = reader_line(&reader, line, err);
    if (rc == 0 && ferror(in))
        rc = sft_error_set(err, "sacct: %s", strerror(errno));
    free(line);
    return rc;
}

static int job_compare(const void *left, const void *right)
{
    const struct scan_job *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->submitted > b->submitted) - (a->submitted < b->submitted);
}

static void runs_join(struct scan *scan)
{
    for (size_t i = 0; i + 1 < scan->count; i++) {
        struct scan_job *job = &scan->job[i];
        if (job[1].id == job->id)
            job->next = job[1].uid == job->uid ? SCAN_ITS_NEXT : SCAN_ANOTHERS;
    }
}

/* Keep those with a record, or else the first of equals. */
static void scan_keep(struct scan *scan, bool begun)
{
    size_t kept = 0;
    for (size_t i = 0; i < scan->count; i++)
        if (begun ? scan->job[i].begun
                  : kept == 0 || job_compare(&scan->job[kept - 1], &scan->job[i]) != 0)
            scan->job[kept++] = scan->job[i];
    scan->count = kept;
}

void scan_finish(struct scan *scan)
{
    if (scan->count == 0)
        return;
    qsort(scan->job, scan->count, sizeof *scan->job, job_compare);
    scan_keep(scan, false);
    runs_join(scan);
    scan_keep(scan, true);
}

struct scan_job *scan_find(const struct scan *scan, long long id, long long submitted)
{
    struct scan_job wanted = {.id = id, .submitted = submitted};
    return scan->count == 0
               ? NULL
               : bsearch(&wanted, scan->job, scan->count, sizeof *scan->job, job_compare);
}

void scan_clear(struct scan *scan)
{
    free(scan->job);
    *scan = (struct scan){0};
}
