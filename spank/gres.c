/* SPDX-License-Identifier: Apache-2.0 */
#include "spank/gres.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
    return end - item >= 3 && strncmp(item, "gpu", 3) == 0
        && (end - item == 3 || strchr(":=(", item[3]) != NULL);
}

int gres_gpus(const char *text)
{
    int total = 0;
    for (const char *item = text, *end; item != NULL && *item != '\0';
         item = *end != '\0' ? end + 1 : end) {
        end = gres_item_end(item);
        if (strncmp(item, "gres/", 5) == 0 || strncmp(item, "gres:", 5) == 0)
            item += 5;
        if (gres_is_gpu(item, end))
            total += gres_count(item, end);
    }
    return total > GRES_GPUS_MAX ? GRES_GPUS_MAX : total;
}

int gres_cpus(const char *text)
{
    long fewest = 0;
    while (text != NULL && *text != '\0') {
        char *end;
        long cpus = strtol(text, &end, 10);
        if (end == text || cpus <= 0 || cpus > 65535 || (*end != '(' && *end != ',' && *end != '\0'))
            return 0;
        if (fewest == 0 || cpus < fewest)
            fewest = cpus;
        text = gres_item_end(end);
        text += *text == ',';
    }
    return (int)fewest;
}
