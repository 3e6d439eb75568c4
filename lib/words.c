/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "lib/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one word more and the NULL behind it; it doubles, for lists of hosts are long. */
static bool words_grow(struct words *words)
{
    if (words->count + 2 <= words->room)
        return true;
    int room = words->room > 0 ? 2 * words->room : 16;
    char **list = realloc(words->list, (size_t)room * sizeof *list);
    if (list == NULL)
        return false;
    words->list = list;
    words->room = room;
    return true;
}

/* Take over `word`; NULL stands for no memory. */
static void words_take(struct words *words, char *word)
{
    if (word == NULL || !words_grow(words)) {
        free(word);
        words->failed = true;
        return;
    }
    words->list[words->count++] = word;
    words->list[words->count] = NULL;
}

void words_add(struct words *words, const char *format, ...)
{
    char *word = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&word, format, arguments) < 0)
        word = NULL;
    va_end(arguments);
    words_take(words, word);
}

void words_add_all(struct words *words, char *const *list, int count)
{
    for (int i = 0; i < count; i++)
        words_take(words, strdup(list[i]));
}

void words_clear(struct words *words)
{
    for (int i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    *words = (struct words){0};
}

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%"

static char *words_quote_one(char *to, const char *word)
{
    if (word[0] != '\0' && word[strspn(word, PLAIN)] == '\0')
        return stpcpy(to, word);
    *to++ = '\'';
    for (; *word != '\0'; word++)
        if (*word == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *word;
    *to++ = '\'';
    *to = '\0';
    return to;
}

char *words_quote(const struct words *words)
{
    size_t size = 1;
    for (int i = 0; i < words->count; i++)
        size += 4 * strlen(words->list[i]) + 3;
    char *line = malloc(size), *to = line;
    if (line == NULL)
        return NULL;
    *to = '\0';
    for (int i = 0; i < words->count; i++) {
        if (i > 0)
            *to++ = ' ';
        to = words_quote_one(to, words->list[i]);
    }
    return line;
}
