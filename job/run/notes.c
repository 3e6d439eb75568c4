/* SPDX-License-Identifier: Apache-2.0 */
#include "job/run/notes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS 4 /* that are named */
#define HOST 256

struct note {
    int weight, hosts;
    char host[HOSTS][HOST], last[HOST];
    char text[NOTES_TEXT];
};

struct notes {
    int count, room;
    struct note *note;
};

struct notes *notes_create(void)
{
    return calloc(1, sizeof(struct notes));
}

void notes_destroy(struct notes *notes)
{
    if (notes == NULL)
        return;
    free(notes->note);
    free(notes);
}

static struct note *notes_find(const struct notes *notes, const char *host, const char *text)
{
    for (int i = 0; i < notes->count; i++)
        if (strcmp(notes->note[i].text, text) == 0 &&
            (notes->note[i].hosts > 0) == (host[0] != '\0'))
            return &notes->note[i];
    return NULL;
}

/* Behind those that matter as much. */
static struct note *notes_insert(struct notes *notes, int weight, const char *text)
{
    int at = notes->count;
    if (notes->count == notes->room) {
        int room = notes->room * 2 + 16;
        struct note *more = realloc(notes->note, (size_t)room * sizeof *more);
        if (more == NULL)
            return NULL;
        notes->note = more;
        notes->room = room;
    }
    while (at > 0 && notes->note[at - 1].weight > weight)
        at--;
    memmove(&notes->note[at + 1], &notes->note[at],
            (size_t)(notes->count++ - at) * sizeof *notes->note);
    struct note *note = &notes->note[at];
    memset(note, 0, sizeof *note);
    note->weight = weight;
    snprintf(note->text, sizeof note->text, "%s", text);
    return note;
}

/* Hosts come in order of their ranks, so one that says it again is the last one or stands among the
 * first. */
static void note_host(struct note *note, const char *host)
{
    bool known = strcmp(note->last, host) == 0;
    for (int i = 0; i < note->hosts && i < HOSTS && !known; i++)
        known = strcmp(note->host[i], host) == 0;
    if (known)
        return;
    if (note->hosts < HOSTS)
        snprintf(note->host[note->hosts], HOST, "%s", host);
    snprintf(note->last, HOST, "%s", host);
    note->hosts++;
}

void notes_add(struct notes *notes, int weight, const char *host, const char *format, ...)
{
    char text[NOTES_TEXT];
    va_list arguments;
    if (notes == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct note *note = notes_find(notes, host, text);
    if (note == NULL)
        note = notes_insert(notes, weight, text);
    if (note != NULL && host[0] != '\0')
        note_host(note, host);
}

static void note_print(const struct note *note, FILE *out, const char *prefix)
{
    fprintf(out, "%swarning: ", prefix);
    if (note->hosts == 1)
        fprintf(out, "%s: ", note->host[0]);
    for (int i = 0; note->hosts > 1 && i < note->hosts && i < HOSTS; i++)
        i == 0 ? fprintf(out, "%d nodes (%s", note->hosts, note->host[0])
               : fprintf(out, ", %s", note->host[i]);
    fprintf(out, "%s%s\n",
            note->hosts <= 1      ? ""
            : note->hosts > HOSTS ? ", ...): "
                                  : "): ",
            note->text);
}

int notes_print(const struct notes *notes, FILE *out, const char *prefix, int limit)
{
    int count = notes != NULL ? notes->count : 0;
    for (int i = 0; i < count && (limit == 0 || i < limit); i++)
        note_print(&notes->note[i], out, prefix);
    return count;
}
