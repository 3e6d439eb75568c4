/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hosts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOSTS_NAME 256

static int hosts_element(const char *head, const char *text, struct words *hosts);

/* One number of a range, as wide as it was written, and what stands behind the brackets. */
static int hosts_number(const char *head, unsigned long number, int width, const char *tail,
                        struct words *hosts)
{
    char name[HOSTS_NAME];
    if (snprintf(name, sizeof name, "%s%0*lu", head, width, number) >= (int)sizeof name)
        return -1;
    return hosts_element(name, tail, hosts);
}

/* `5`, or `5-7`, from *at on, which is moved behind it. */
static int hosts_range(const char *head, const char **at, const char *tail, struct words *hosts)
{
    const char *text = *at;
    int width = (int)strspn(text, "0123456789");
    unsigned long first = strtoul(text, NULL, 10), last = first;
    if (width == 0 || width > 9)
        return -1;
    text += width;
    if (*text == '-') {
        size_t digits = strspn(++text, "0123456789");
        if (digits == 0 || digits > 9)
            return -1;
        last = strtoul(text, NULL, 10);
        text += digits;
    }
    *at = text;
    if (last < first || last - first >= HOSTS_MAX)
        return -1;
    for (unsigned long number = first; number <= last; number++)
        if (hosts_number(head, number, width, tail, hosts) < 0)
            return -1;
    return 0;
}

/* The name is `head` and what `text` expands to. */
static int hosts_element(const char *head, const char *text, struct words *hosts)
{
    char name[HOSTS_NAME];
    size_t plain = strcspn(text, "[]");
    if (snprintf(name, sizeof name, "%s%.*s", head, (int)plain, text) >= (int)sizeof name ||
        text[plain] == ']' || hosts->count >= HOSTS_MAX || hosts->failed)
        return -1;
    if (text[plain] == '\0') {
        words_add(hosts, "%s", name);
        return 0;
    }
    const char *at = text + plain + 1, *close = strchr(at, ']');
    if (close == NULL)
        return -1;
    while (hosts_range(name, &at, close + 1, hosts) == 0) {
        if (at == close)
            return 0;
        if (*at++ != ',')
            return -1;
    }
    return -1;
}

static const char *hosts_end(const char *text)
{
    int depth = 0;
    for (; *text != '\0' && (depth > 0 || (*text != ',' && !isspace((unsigned char)*text))); text++)
        depth += (*text == '[') - (*text == ']');
    return text;
}

static void hosts_cut(struct words *hosts, int count)
{
    while (hosts->count > count)
        free(hosts->list[--hosts->count]);
    if (hosts->list != NULL)
        hosts->list[count] = NULL;
}

void hosts_expand(const char *list, struct words *hosts, struct words *bad)
{
    while (*list != '\0') {
        const char *end = hosts_end(list);
        char element[HOSTS_NAME];
        int before = hosts->count;
        size_t length = (size_t)(end - list);
        snprintf(element, sizeof element, "%.*s", (int)length, list);
        if (length > 0 && (length >= sizeof element || hosts_element("", element, hosts) < 0)) {
            hosts_cut(hosts, before);
            words_add(bad, "%s", element);
        }
        list = *end != '\0' ? end + 1 : end;
    }
}

static int hosts_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void hosts_unique(struct words *hosts)
{
    int kept = 0;
    if (hosts->count == 0 || hosts->failed)
        return;
    qsort(hosts->list, (size_t)hosts->count, sizeof *hosts->list, hosts_compare);
    for (int i = 0; i < hosts->count; i++)
        if (kept > 0 && strcmp(hosts->list[kept - 1], hosts->list[i]) == 0)
            free(hosts->list[i]);
        else
            hosts->list[kept++] = hosts->list[i];
    hosts->count = kept;
    hosts->list[kept] = NULL;
}

bool hosts_has(const struct words *hosts, const char *node)
{
    for (int i = 0; i < hosts->count; i++)
        if (strcmp(hosts->list[i], node) == 0)
            return true;
    return false;
}

bool hosts_mean(const char *written, const char *node)
{
    if (strcasecmp(written, node) == 0)
        return true;
    size_t host = strcspn(written, "."), name = strcspn(node, ".");
    bool both = written[host] == '.' && node[name] == '.'; /* two domains: two hosts */
    return !both && host > 0 && host == name && strncasecmp(written, node, host) == 0;
}
