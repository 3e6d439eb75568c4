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

/* A name about its last digits. */
struct hosts_split {
    int head, width; /* bytes before them, and of them: 0 none */
    unsigned long number;
    const char *tail;
};

static struct hosts_split hosts_split(const char *name)
{
    const char *end = name + strlen(name), *last = end;
    while (last > name && !isdigit((unsigned char)last[-1]))
        last--;
    const char *digits = last;
    while (digits > name && isdigit((unsigned char)digits[-1]) && last - digits < 9)
        digits--;
    if (digits == last)
        return (struct hosts_split){.head = (int)(end - name), .tail = end};
    return (struct hosts_split){.head = (int)(digits - name),
                                .width = (int)(last - digits),
                                .number = strtoul(digits, NULL, 10),
                                .tail = last};
}

static bool hosts_alike(const char *a, const char *b)
{
    struct hosts_split one = hosts_split(a), other = hosts_split(b);
    return one.width > 0 && one.width == other.width && one.head == other.head &&
           strncmp(a, b, (size_t)one.head) == 0 && strcmp(one.tail, other.tail) == 0;
}

/* The numbers of `count` names that are alike, with ranges for those that follow each other. */
static void hosts_numbers(FILE *to, char *const *names, int count)
{
    for (int i = 0, last; i < count; i = last + 1) {
        struct hosts_split first = hosts_split(names[i]);
        unsigned long end = first.number;
        for (last = i; last + 1 < count && hosts_split(names[last + 1]).number == end + 1; last++)
            end++;
        fprintf(to, "%s%0*lu", i > 0 ? "," : "", first.width, first.number);
        if (end > first.number)
            fprintf(to, "-%0*lu", first.width, end);
    }
}

static void hosts_print(FILE *to, const struct words *hosts)
{
    for (int i = 0, next; i < hosts->count; i = next) {
        char *const *names = hosts->list + i;
        for (next = i + 1; next < hosts->count && hosts_alike(names[0], hosts->list[next]); next++)
            ;
        struct hosts_split split = hosts_split(names[0]);
        fprintf(to, "%s%.*s", i > 0 ? "," : "", next > i + 1 ? split.head : HOSTS_NAME, names[0]);
        if (next == i + 1)
            continue;
        fprintf(to, "[");
        hosts_numbers(to, names, next - i);
        fprintf(to, "]%s", split.tail);
    }
}

void hosts_write(const struct words *hosts, char *text, size_t size)
{
    char *all = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&all, &length);
    snprintf(text, size, "...");
    if (to == NULL)
        return;
    hosts_print(to, hosts);
    if (fclose(to) == 0 && length < size)
        memcpy(text, all, length + 1);
    else if (all != NULL && size > 4)
        snprintf(text, size, "%.*s...", (int)size - 4, all);
    free(all);
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
