/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_faults.h"

#include <stdio.h>
#include <string.h>

/* Empty records above this share are the sign of something else: a wrong key, a file half made. */
#define EMPTY_PERCENT 50.0

void fault_add(struct fault_list *list, int file, long record, long line, const char *why)
{
    if (list->count < FAULTS_TOLD) {
        struct fault *fault = &list->first[list->count];
        fault->file = file;
        fault->record = record;
        fault->line = line;
        snprintf(fault->why, sizeof fault->why, "%s", why);
    }
    list->count++;
}

static void list_join(struct fault_list *list, const struct fault_list *more)
{
    for (long i = 0; i < more->count && i < FAULTS_TOLD; i++)
        if (list->count + i < FAULTS_TOLD)
            list->first[list->count + i] = more->first[i];
    list->count += more->count;
}

void faults_join(struct faults *faults, const struct faults *more)
{
    list_join(&faults->bad, &more->bad);
    list_join(&faults->empty, &more->empty);
    if (faults->keys == NULL)
        faults->keys = more->keys;
}

/* As many as there is room for; returns how many. `used` bytes of the text stand already. */
static long list_tell(const struct fault_list *list, char *text, size_t size, size_t *used)
{
    long told = 0;
    for (; told < list->count && told < FAULTS_TOLD; told++) {
        char one[192], file[24] = "";
        const struct fault *fault = &list->first[told];
        if (fault->file > 0)
            snprintf(file, sizeof file, " of file %d", fault->file);
        int length = snprintf(one, sizeof one, "%srecord %ld%s (line %ld) %s",
                              *used > 0 ? "; " : "", fault->record, file, fault->line, fault->why);
        if (*used + (size_t)length >= size)
            break;
        memcpy(text + *used, one, (size_t)length + 1);
        *used += (size_t)length;
    }
    return told;
}

void faults_tell(const struct faults *faults, char *text, size_t size)
{
    size_t used = 0, room = size > 32 ? size - 32 : 0; /* for the last words */
    text[0] = '\0';
    long told = list_tell(&faults->bad, text, room, &used);
    if (told == faults->bad.count && told < FAULTS_TOLD)
        told += list_tell(&faults->empty, text, room, &used);
    long left = faults->bad.count + faults->empty.count - told;
    if (left > 0)
        snprintf(text + used, size - used, "; and %ld more", left);
}

/* A path may be longer than a message: its end tells which file it is. */
static const char *short_name(const char *name, char *text, size_t size)
{
    size_t length = strlen(name);
    if (length < size)
        return name;
    snprintf(text, size, "...%s", name + length - (size - 4));
    return text;
}

/* `limit` is what was passed; NULL: no record is left, and no other skip= would help. */
static int refuse(const struct faults *faults, const char *name, long records, long count,
                  const char *limit, struct sft_error *err)
{
    char told[FAULTS_TEXT];
    faults_tell(faults, told, sizeof told);
    return sft_error_set(err,
                         "%s: %ld of %ld record%s cannot be trained on%s: %s: mend or remove %s%s",
                         name, count, records, records == 1 ? "" : "s", limit == NULL ? "" : limit,
                         told, count == 1 ? "it" : "them", limit == NULL ? "" : ", or raise skip=");
}

int faults_judge(const struct faults *faults, const char *name, long records, double skip,
                 struct sft_error *err)
{
    char cut[200], limit[64] = "";
    long bad = faults->bad.count, empty = faults->empty.count;
    double percent = (double)records / 100, allowed = skip > EMPTY_PERCENT ? skip : EMPTY_PERCENT;
    name = short_name(name, cut, sizeof cut);
    if (faults->keys != NULL && bad > records / 2 &&
        ((double)bad > skip * percent || bad + empty == records))
        return sft_error_set(err, "%s: these are %s, which are not read (%ld of %ld record%s): %s",
                             name, faults->keys->name, bad, records, records == 1 ? "" : "s",
                             faults->keys->advice);
    if (bad + empty == records)
        return refuse(faults, name, records, bad + empty, NULL, err);
    if (skip <= 0 && bad + empty > 0)
        return refuse(faults, name, records, bad + empty, " (skip=0 allows none)", err);
    if ((double)bad > skip * percent) {
        snprintf(limit, sizeof limit, " (skip=%g percent may be bad)", skip);
        return refuse(faults, name, records, bad, limit, err);
    }
    if ((double)empty > allowed * percent)
        return refuse(faults, name, records, empty, " (most are empty)", err);
    return 0;
}
