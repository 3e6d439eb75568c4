/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 64, PREFIX = 3, FAR = 1000, NUMBER = 4 };

void nearest_begin(struct nearest *nearest, const char *word)
{
    *nearest = (struct nearest){.word = word, .distance = FAR};
}

static char plain(char c)
{
    return c == '-' || c == '_' ? '_' : (char)tolower((unsigned char)c);
}

/* A figure that was written was meant. */
static int cost_drop(char a)
{
    return isdigit((unsigned char)a) ? NUMBER : 1;
}

static int cost(char a, char b)
{
    return plain(a) == plain(b) ? 0 : cost_drop(a);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Letters that are left out, added or other ones, and neighbours that changed places. */
static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    int length = (int)strlen(b);
    for (int k = 0; k <= length; k++)
        last[k] = k;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int drop = cost_drop(a[i - 1]);
        now[0] = last[0] + drop;
        for (int k = 1; k <= length; k++) {
            now[k] = least(last[k - 1] + cost(a[i - 1], b[k - 1]),
                           least(last[k] + drop, now[k - 1] + 1));
            if (i > 1 && k > 1 && cost(a[i - 1], b[k - 2]) == 0 && cost(a[i - 2], b[k - 1]) == 0)
                now[k] = least(now[k], before[k - 2] + 1);
        }
        int *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[length];
}

/* One that goes on as the word began, or the other way round: "micro", "seq_length". */
static bool begins_alike(const char *word, const char *known)
{
    size_t a = strlen(word), b = strlen(known);
    return a >= PREFIX && b >= PREFIX && strncasecmp(word, known, a < b ? a : b) == 0;
}

void nearest_offer(struct nearest *nearest, const char *known, const char *name)
{
    size_t length = strlen(nearest->word), other = strlen(known);
    if (length == 0 || length > LONGEST || other > LONGEST)
        return;
    int most = (int)(length > 8 ? 3 : (length + 1) / 3), away = distance(nearest->word, known);
    if (away > most && begins_alike(nearest->word, known))
        away = most;
    if (away > most || away >= nearest->distance)
        return;
    nearest->best = name;
    nearest->distance = away;
}

const char *nearest_ask(const struct nearest *nearest, char *text, size_t size)
{
    text[0] = '\0';
    if (nearest->best != NULL)
        snprintf(text, size, "; did you mean %s?", nearest->best);
    return text;
}
