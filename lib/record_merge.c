/* SPDX-License-Identifier: Apache-2.0 */
/* A comment is the user's own text and, behind it, the records of the job's steps; where there is
 * no room for all, keys leave. */
#include "lib/record.h"

#include <stdlib.h>
#include <string.h>

#include "lib/figures.h"

#define STEPS_MAX 256 /* records kept in one comment; older ones are left out */

/* The next key to leave; NULL where all are brief. */
static const char *least_key(const struct sft_record *record)
{
    const char *least = NULL;
    int last = 0;
    for (size_t i = 0; i < record->count; i++) {
        const char *key = record->fields[i].key;
        const struct sft_figure *figure = sft_figure_find(key);
        int rows = SFT_RECORD_FIELDS, row = figure == NULL ? (int)i : (int)(figure - sft_figures());
        int order = (figure == NULL ? SFT_DETAIL + 1 : (int)figure->keep) * rows + row;
        if ((figure == NULL || figure->keep != SFT_BRIEF) && order >= last) {
            last = order;
            least = key;
        }
    }
    return least;
}

int sft_record_fit(struct sft_record *record, size_t size, struct sft_error *err)
{
    char text[SFT_RECORD_MAX];
    size = size < sizeof text ? size : sizeof text;
    while (sft_record_format(record, false, text, size, NULL) < 0) {
        const char *key = least_key(record);
        if (key == NULL)
            return sft_record_format(record, false, text, size, err);
        sft_record_unset(record, key);
    }
    return 0;
}

struct comment {
    char *own; /* the user's text */
    size_t count;
    char *text[STEPS_MAX]; /* each record's, oldest first */
    bool stays; /* the newest goes where its step's record stands, not behind the others */
    bool there; /* it stands there */
};

static void comment_clear(struct comment *comment)
{
    free(comment->own);
    for (size_t i = 0; i < comment->count; i++)
        free(comment->text[i]);
}

static void comment_drop_first(struct comment *comment)
{
    free(comment->text[0]);
    comment->count--;
    memmove(comment->text, comment->text + 1, comment->count * sizeof comment->text[0]);
}

static int comment_add(struct comment *comment, const struct sft_record *record,
                       struct sft_error *err)
{
    char text[SFT_RECORD_MAX];
    if (comment->count == STEPS_MAX)
        comment_drop_first(comment);
    if (sft_record_format(record, false, text, sizeof text, err) < 0)
        return -1;
    comment->text[comment->count] = strdup(text);
    if (comment->text[comment->count] == NULL)
        return sft_error_set(err, "no memory for a comment");
    comment->count++;
    return 0;
}

/* Make a record so many bytes shorter, or as short as it can be. */
static int comment_shrink(char *text, size_t excess, struct sft_error *err)
{
    struct sft_record record;
    size_t length = strlen(text);
    if (sft_record_parse(&record, text, NULL, err) < 0)
        return -1;
    sft_record_fit(&record, length > excess ? length - excess + 1 : 1, NULL);
    int rc = sft_record_format(&record, false, text, length + 1, err);
    sft_record_clear(&record);
    return rc;
}

static bool step_is_same(const struct sft_record *a, const struct sft_record *b)
{
    const char *one = sft_record_get(a, "step"), *other = sft_record_get(b, "step");
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* A record of the newest's step is the older one, and leaves. */
static int comment_keep(struct comment *comment, const struct sft_record *record,
                        const struct sft_record *newest, struct sft_error *err)
{
    if (!step_is_same(record, newest))
        return comment_add(comment, record, err);
    bool puts = comment->stays && !comment->there;
    comment->there = true;
    return puts ? comment_add(comment, newest, err) : 0;
}

/* Take the records out of `existing`; what is left is the user's. The one space that we put before
 * a record goes with it. */
static int comment_read(struct comment *comment, const char *existing,
                        const struct sft_record *newest, struct sft_error *err)
{
    size_t used = 0;
    comment->own = malloc(strlen(existing) + 1);
    if (comment->own == NULL)
        return sft_error_set(err, "no memory for a comment");
    const char *at = existing, *last = at + strlen(at);
    struct sft_record record;
    while (at < last) {
        const char *begin = sft_record_find(at, (size_t)(last - at)), *end = NULL;
        bool found = begin != NULL && sft_record_parse(&record, begin, &end, NULL) == 0;
        size_t plain = begin == NULL ? (size_t)(last - at) : (size_t)(begin - at) + (found ? 0 : 1);
        memcpy(comment->own + used, at, plain);
        used += plain;
        at += plain;
        if (!found)
            continue;
        if (used > 0 && comment->own[used - 1] == ' ')
            used--;
        int added = comment_keep(comment, &record, newest, err);
        sft_record_clear(&record);
        if (added < 0)
            return -1;
        at = end;
    }
    comment->own[used] = '\0';
    return 0;
}

/* Bytes of the whole text, NUL too. */
static size_t comment_size(const struct comment *comment)
{
    size_t size = strlen(comment->own) + 1;
    for (size_t i = 0; i < comment->count; i++)
        size += strlen(comment->text[i]) + (i > 0 || comment->own[0] != '\0' ? 1 : 0);
    return size;
}

static void comment_write(const struct comment *comment, char *text)
{
    text = stpcpy(text, comment->own);
    for (size_t i = 0; i < comment->count; i++) {
        if (i > 0 || comment->own[0] != '\0')
            *text++ = ' ';
        text = stpcpy(text, comment->text[i]);
    }
}

static int comment_fit(struct comment *comment, size_t size, struct sft_error *err)
{
    for (size_t i = 0; i < comment->count && comment_size(comment) > size; i++)
        if (comment_shrink(comment->text[i], comment_size(comment) - size, err) < 0)
            return -1;
    while (comment_size(comment) > size && comment->count > 1)
        comment_drop_first(comment);
    return 0;
}

/* Does it stand there already, as it can stand there? Where two steps end at once each looks after
 * its own record, and would move it behind the other's again and again. */
static bool record_stands(const char *existing, const struct sft_record *record, size_t size)
{
    struct comment comment = {.stays = true};
    char *text = malloc(size);
    bool stands = text != NULL && comment_read(&comment, existing, record, NULL) == 0 &&
                  comment.there && comment_fit(&comment, size, NULL) == 0 &&
                  comment_size(&comment) <= size;
    if (stands) {
        comment_write(&comment, text);
        stands = strcmp(text, existing) == 0;
    }
    comment_clear(&comment);
    free(text);
    return stands;
}

int sft_record_merge(const char *existing, const struct sft_record *record, char *text, size_t size,
                     struct sft_error *err)
{
    struct comment comment = {0};
    existing = existing == NULL ? "" : existing;
    int result = -1;
    if (record_stands(existing, record, size)) {
        strcpy(text, existing);
        return 0;
    }
    if (comment_read(&comment, existing, record, err) < 0 ||
        comment_add(&comment, record, err) < 0 || comment_fit(&comment, size, err) < 0)
        goto out;
    if (comment_size(&comment) <= size) {
        comment_write(&comment, text);
        result = 0;
    } else if (strlen(existing) < size) {
        strcpy(text, existing);
        result = 1;
    } else {
        sft_error_set(err, "the comment that is there is longer than %zu bytes", size - 1);
    }
out:
    comment_clear(&comment);
    return result;
}
