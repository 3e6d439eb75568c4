/* SPDX-License-Identifier: Apache-2.0 */
#include "node/gres.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GRES_GPUS_MAX 1024 /* more on one node is no number of GPUs */

/* The end of the item that begins at text: the next comma outside of parentheses. */
static const char *gres_item_end(const char *text)
{
    int depth = 0;
    for (; *text != '\0' && (depth > 0 || *text != ','); text++) {
        depth += *text == '(';
        depth -= *text == ')' && depth > 0;
    }
    return text;
}

/* The number behind the last ':' or '=' before any parenthesis; without one, 1. */
static int gres_count(const char *item, const char *end)
{
    const char *paren = memchr(item, '(', (size_t)(end - item));
    const char *number = end = paren != NULL ? paren : end;
    while (number > item && isdigit((unsigned char)number[-1]))
        number--;
    if (number == end || number == item || (number[-1] != ':' && number[-1] != '='))
        return 1;
    long count = strtol(number, NULL, 10);
    return count > GRES_GPUS_MAX ? GRES_GPUS_MAX : (int)count;
}

static bool gres_is_gpu(const char *item, const char *end)
{
    return end - item >= 3 && strncmp(item, "gpu", 3) == 0 &&
           (end - item == 3 || strchr(":=(", item[3]) != NULL);
}

/* The word between `gpu:` and the count; digits alone are the count and no type. */
static void gres_type(char type[GRES_TYPE], const char *item, const char *end)
{
    size_t length = 0;
    type[0] = '\0';
    if (item + 3 >= end || item[3] == '(')
        return;
    const char *word = item + 4;
    while (word + length < end && strchr(":=(", word[length]) == NULL)
        length++;
    if (length < GRES_TYPE && strspn(word, "0123456789") < length) {
        memcpy(type, word, length);
        type[length] = '\0';
    }
}

/* As NVML and gres.conf name them: a count of compute slices, and mostly a size; or `mig`. */
bool gres_is_slice(const char *type)
{
    if (strncasecmp(type, "mig", 3) == 0 && !isalpha((unsigned char)type[3]))
        return true;
    for (const char *at = type; *at != '\0'; at++) {
        bool begins = at == type || strchr("_-.:", at[-1]) != NULL;
        size_t digits = strspn(at, "0123456789");
        if (begins && digits > 0 && digits < 3 && at[digits] == 'g' &&
            !isalpha((unsigned char)at[digits + 1]))
            return true;
        if (begins && strncasecmp(at, "mig-", 4) == 0)
            return true;
    }
    return false;
}

static int gres_capped(long count)
{
    return count > GRES_GPUS_MAX ? GRES_GPUS_MAX : (int)count;
}

static int gres_add(struct gres_gpus list[GRES_TYPES], int types, const char *type, int count)
{
    int i = 0;
    while (i < types && strcmp(list[i].type, type) != 0)
        i++;
    if (i == GRES_TYPES)
        i = GRES_TYPES - 1;
    if (i == types) {
        memset(&list[i], 0, sizeof list[i]);
        snprintf(list[i].type, sizeof list[i].type, "%s", type);
        list[i].slice = gres_is_slice(type);
        types++;
    }
    list[i].count = gres_capped((long)list[i].count + count);
    return types;
}

/* Walk over the items; with `list` NULL only say whether one is of GPUs. */
static int gres_walk(const char *text, struct gres_gpus *list)
{
    int types = 0;
    for (const char *item = text, *end; item != NULL && *item != '\0';
         item = *end != '\0' ? end + 1 : end) {
        char type[GRES_TYPE];
        end = gres_item_end(item);
        if (strncmp(item, "gres/", 5) == 0 || strncmp(item, "gres:", 5) == 0)
            item += 5;
        if (!gres_is_gpu(item, end))
            continue;
        if (list == NULL)
            return 1;
        gres_type(type, item, end);
        types = gres_add(list, types, type, gres_count(item, end));
    }
    return types;
}

int gres_list(const char *text, struct gres_gpus list[GRES_TYPES])
{
    return gres_walk(text, list);
}

bool gres_names_gpus(const char *text)
{
    return gres_walk(text, NULL) > 0;
}

int gres_gpus(const char *text)
{
    struct gres_gpus list[GRES_TYPES];
    int types = gres_list(text, list), total = 0;
    for (int i = 0; i < types; i++)
        total += list[i].slice ? 0 : list[i].count;
    return gres_capped(total);
}

int gres_cpus(const char *text)
{
    long fewest = 0;
    while (text != NULL && *text != '\0') {
        char *end;
        long cpus = strtol(text, &end, 10);
        if (end == text || cpus <= 0 || cpus > 65535 ||
            (*end != '(' && *end != ',' && *end != '\0'))
            return 0;
        if (fewest == 0 || cpus < fewest)
            fewest = cpus;
        text = gres_item_end(end);
        text += *text == ',';
    }
    return (int)fewest;
}
