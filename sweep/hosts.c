/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/spawn.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

bool hosts_have(const struct words *hosts, const char *name)
{
    for (int i = 0; i < hosts->count; i++)
        if (strcmp(hosts->list[i], name) == 0)
            return true;
    return false;
}

void hosts_add(struct words *hosts, const char *name)
{
    if (!hosts_have(hosts, name))
        words_add(hosts, "%s", name);
}

void hosts_add_all(struct words *hosts, const char *names)
{
    for (;;) {
        char name[256];
        names += strspn(names, ", \n");
        size_t length = strcspn(names, ", \n");
        if (length == 0)
            return;
        /* A record's list is a job's word, and becomes one of sbatch's. */
        if (length < sizeof name && strspn(names, LETTERS) >= length && names[0] != '-') {
            snprintf(name, sizeof name, "%.*s", (int)length, names);
            hosts_add(hosts, name);
        }
        names += length;
    }
}

char *hosts_join(const struct words *hosts)
{
    size_t size = 1, used = 0;
    for (int i = 0; i < hosts->count; i++)
        size += strlen(hosts->list[i]) + 1;
    char *text = hosts->count > 0 && !hosts->failed ? malloc(size) : NULL;
    for (int i = 0; text != NULL && i < hosts->count; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "", hosts->list[i]);
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

void hosts_read(struct words *there, struct words *away, const char *text)
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
        hosts_add_all(state_is_away(state) ? away : there, one);
    }
}

int hosts_ask(struct words *there, struct words *away, const char *partition, struct sft_error *err)
{
    char *text;
    size_t length;
    const char *argv[] = {
        spawn_program("SFT_SINFO", "sinfo"), "-N", "-h", "-p", partition, "-o", "%N|%T", NULL};
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    hosts_read(there, away, text);
    free(text);
    return there->failed || away->failed ? sft_error_set(err, "no memory for nodes' names") : 0;
}

int hosts_expand(struct words *hosts, const char *list, struct sft_error *err)
{
    char *text;
    size_t length;
    const char *argv[] = {spawn_program("SFT_SCONTROL", "scontrol"), "show", "hostnames", list,
                          NULL};
    if (strchr(list, '[') == NULL) {
        hosts_add_all(hosts, list);
        return 0;
    }
    if (spawn_read(argv, NULL, &text, &length, err) < 0)
        return -1;
    hosts_add_all(hosts, text);
    free(text);
    return 0;
}
