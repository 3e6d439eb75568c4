/* SPDX-License-Identifier: Apache-2.0 */
/* A comment is the user's own text and, behind it, the records of the job's steps. */
#include "lib/record.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 256 /* records kept in one comment; older ones are left out */

struct comment {
    char *own; /* the user's text */
    size_t count;
    char *full[STEPS_MAX], *brief[STEPS_MAX];
};

static void comment_clear(struct comment *comment)
{
    free(comment->own);
    for (size_t i = 0; i < comment->count; i++) {
        free(comment->full[i]);
        free(comment->brief[i]);
    }
}

static void comment_drop_first(struct comment *comment)
{
    free(comment->full[0]);
    free(comment->brief[0]);
    comment->count--;
    memmove(comment->full, comment->full + 1, comment->count * sizeof comment->full[0]);
    memmove(comment->brief, comment->brief + 1, comment->count * sizeof comment->brief[0]);
}

static int comment_add(struct comment *comment, const struct sft_record *record,
                       struct sft_error *err)
{
    char text[SFT_RECORD_MAX];
    if (comment->count == STEPS_MAX)
        comment_drop_first(comment);
    if (sft_record_format(record, false, text, sizeof text, err) < 0)
        return -1;
    char *full = strdup(text);
    char *brief = sft_record_format(record, true, text, sizeof text, err) < 0 ? NULL : strdup(text);
    if (full == NULL || brief == NULL) {
        free(full);
        free(brief);
        return sft_error_set(err, "no memory for a comment");
    }
    comment->full[comment->count] = full;
    comment->brief[comment->count++] = brief;
    return 0;
}

static bool step_is_same(const struct sft_record *a, const struct sft_record *b)
{
    const char *one = sft_record_get(a, "step"), *other = sft_record_get(b, "step");
    return one != NULL && other != NULL && strcmp(one, other) == 0;
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
    const char *at = existing;
    struct sft_record record;
    while (*at != '\0') {
        const char *begin = strstr(at, "sft1{"), *end = NULL;
        bool found = begin != NULL && sft_record_parse(&record, begin, &end, NULL) == 0;
        size_t plain = begin == NULL ? strlen(at) : (size_t)(begin - at) + (found ? 0 : 1);
        memcpy(comment->own + used, at, plain);
        used += plain;
        at += plain;
        if (!found)
            continue;
        if (used > 0 && comment->own[used - 1] == ' ')
            used--;
        int added = step_is_same(&record, newest) ? 0 : comment_add(comment, &record, err);
        sft_record_clear(&record);
        if (added < 0)
            return -1;
        at = end;
    }
    comment->own[used] = '\0';
    return 0;
}

/* Bytes of the whole text, NUL too, when the first `brief` records are brief. */
static size_t comment_size(const struct comment *comment, size_t brief)
{
    size_t size = strlen(comment->own) + 1;
    for (size_t i = 0; i < comment->count; i++)
        size += strlen(i < brief ? comment->brief[i] : comment->full[i]) +
                (i > 0 || comment->own[0] != '\0' ? 1 : 0);
    return size;
}

static void comment_write(const struct comment *comment, size_t brief, char *text)
{
    text = stpcpy(text, comment->own);
    for (size_t i = 0; i < comment->count; i++) {
        if (i > 0 || comment->own[0] != '\0')
            *text++ = ' ';
        text = stpcpy(text, i < brief ? comment->brief[i] : comment->full[i]);
    }
}

int sft_record_merge(const char *existing, const struct sft_record *record, char *text, size_t size,
                     struct sft_error *err)
{
    struct comment comment = {0};
    existing = existing == NULL ? "" : existing;
    int result = -1;
    size_t brief = 0;
    if (comment_read(&comment, existing, record, err) < 0 || comment_add(&comment, record, err) < 0)
        goto out;
    while (comment_size(&comment, brief) > size && brief < comment.count)
        brief++;
    while (comment_size(&comment, brief) > size && comment.count > 1) {
        comment_drop_first(&comment);
        brief--;
    }
    if (comment_size(&comment, brief) <= size) {
        comment_write(&comment, brief, text);
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
