/* SPDX-License-Identifier: Apache-2.0 */
#include "report/jobs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/lang.h"

static int by_id(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

/* Ascending, each once; NULL without memory. */
static long long *ids_of(const struct row *const *row, size_t *count)
{
    long long *id = malloc((*count + 1) * sizeof *id);
    size_t kept = 0;
    for (size_t i = 0; id != NULL && i < *count; i++)
        id[i] = row[i]->job_id;
    if (id == NULL)
        return NULL;
    qsort(id, *count, sizeof *id, by_id);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || id[kept - 1] != id[i])
            id[kept++] = id[i];
    *count = kept;
    return id;
}

/* "14-16" or "14"; returns how many of the ids it names. */
static size_t piece(const long long *id, size_t count, char *text, size_t size)
{
    size_t length = 1;
    while (length < count && id[length] == id[length - 1] + 1)
        length++;
    if (length > 2) {
        snprintf(text, size, "%lld\xe2\x80\x93%lld", id[0], id[length - 1]);
        return length;
    }
    snprintf(text, size, "%lld", id[0]);
    return 1;
}

/* Returns how many ids stand in the text, at most `most` pieces and with so much room left. */
static size_t pieces(const long long *id, size_t count, size_t most, char *text, size_t size)
{
    size_t done = 0, used = 0;
    for (size_t n = 0; done < count && n < most; n++) {
        char next[48];
        size_t names = piece(id + done, count - done, next, sizeof next);
        if (used + strlen(next) + 3 > size)
            break;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", next);
        done += names;
    }
    return done;
}

/* In front of the ids, of which the first is none. */
static size_t outside(char *text, size_t size, bool others)
{
    int length = snprintf(text, size, "%s%s", _("outside of Slurm"), others ? ", " : "");
    return length > 0 && (size_t)length < size ? (size_t)length : strlen(text);
}

static void ids_text(const long long *id, size_t count, size_t most, char *text, size_t size)
{
    enum { TAIL = 96 }; /* bytes of what follows the first ones where not all stand */
    text[0] = '\0';
    if (count == 0 || size <= TAIL || pieces(id, count, most, text, size) == count)
        return;
    text[0] = '\0';
    pieces(id, count - 1, most > 1 ? most - 1 : 1, text, size - TAIL);
    size_t used = strlen(text);
    snprintf(text + used, size - used, ", \xe2\x80\xa6 %lld ", id[count - 1]);
    used = strlen(text);
    snprintf(text + used, size - used, _("(%zu jobs)"), count);
}

void jobs_text(const struct row *const *row, size_t count, size_t most, char *text, size_t size)
{
    text[0] = '\0';
    long long *id = ids_of(row, &count);
    bool none = id != NULL && count > 0 && id[0] == 0;
    size_t used = none ? outside(text, size, count > 1) : 0;
    if (id != NULL)
        ids_text(id + none, count - none, most, text + used, size - used);
    free(id);
}
