/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/spawn.h"
#include "node/hosts.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

void names_add(struct words *names, const char *name)
{
    if (!hosts_has(names, name))
        words_add(names, "%s", name);
}

void names_split(struct words *names, const char *list)
{
    for (;;) {
        char name[256];
        list += strspn(list, ", \n");
        size_t length = strcspn(list, ", \n");
        if (length == 0)
            return;
        /* A record's list is a job's word, and becomes one of sbatch's. */
        if (length < sizeof name && strspn(list, LETTERS) >= length && list[0] != '-') {
            snprintf(name, sizeof name, "%.*s", (int)length, list);
            names_add(names, name);
        }
        list += length;
    }
}

char *names_join(const struct words *names)
{
    size_t size = 1, used = 0;
    for (int i = 0; i < names->count; i++)
        size += strlen(names->list[i]) + 1;
    char *text = names->count > 0 && !names->failed ? malloc(size) : NULL;
    for (int i = 0; text != NULL && i < names->count; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "", names->list[i]);
    return text;
}

/* By the beginning of the state: "draining", "drained*"; a star: it does not answer. What is
 * reserved or in maintenance may be so for this benchmark. */
static bool state_is_away(const char *state)
{
    static const char *const away[] = {"down",  "drain",  "fail",    "error",   "unknown",
                                       "inval", "future", "no_resp", "perfctrs"};
    for (size_t i = 0; i < sizeof away / sizeof *away; i++)
        if (strncmp(state, away[i], strlen(away[i])) == 0)
            return true;
    return strchr(state, '*') != NULL;
}

void names_read(struct words *there, struct words *away, const char *text)
{
    while (*text != '\0') {
        char line[512], one[512];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        char *state = strchr(line, '|');
        if (state == NULL)
            continue;
        *state++ = '\0';
        snprintf(one, sizeof one, "%.*s", (int)strcspn(line, ", "), line);
        names_split(state_is_away(state) ? away : there, one);
    }
}

int names_ask(struct words *there, struct words *away, const char *partition, struct sft_error *err)
{
    char *text;
    size_t length;
    const char *argv[] = {
        spawn_program("SFT_SINFO", "sinfo"), "-N", "-h", "-p", partition, "-o", "%N|%T", NULL};
    words_clear(there);
    words_clear(away);
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    names_read(there, away, text);
    free(text);
    return there->failed || away->failed ? sft_error_set(err, "no memory for nodes' names") : 0;
}
