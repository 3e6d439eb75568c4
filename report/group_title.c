/* SPDX-License-Identifier: Apache-2.0 */
/* What a series is called: as much of it as tells it from others of the same model. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accounts/text.h"
#include "report/group_internal.h"
#include "report/group_print.h"

/* What a title may name, bits of series->differs; behind them a bit for each of group_keys. */
enum { DATA = 1, DEVICE = 2, SEQ = 4, BATCH = 8, RANKS = 16, KEY = 32 };

static bool is_sibling(const struct group_series *a, const struct group_series *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->method, b->method) == 0 &&
           strcmp(a->precision, b->precision) == 0;
}

static unsigned differs(const struct group_series *a, const struct group_series *b)
{
    unsigned bits =
        (strcmp(a->data, b->data) != 0 ? DATA : 0) |
        (strcmp(a->device, b->device) != 0 ? DEVICE : 0) | (a->seq != b->seq ? SEQ : 0) |
        (a->micro_batch != b->micro_batch || a->accumulation != b->accumulation ? BATCH : 0) |
        (a->ranks_per_node != b->ranks_per_node ? RANKS : 0);
    for (int k = 0; k < GROUP_KEYS; k++)
        bits |= strcmp(a->key[k], b->key[k]) != 0 ? (unsigned)KEY << k : 0;
    return bits;
}

void group_titles(struct groups *groups)
{
    for (size_t begin = 0, end; begin < groups->count; begin = end) {
        struct group_series *first = &groups->series[begin];
        unsigned bits = 0;
        /* What none has otherwise than the first, none has otherwise than another. */
        for (end = begin; end < groups->count && is_sibling(first, &groups->series[end]); end++)
            bits |= differs(first, &groups->series[end]);
        for (size_t i = begin; i < end; i++)
            groups->series[i].differs = bits;
    }
}

static void title_add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void title_add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

void group_title(const struct group_series *series, char *text, size_t size)
{
    unsigned bits = series->differs;
    snprintf(text, size, "%.60s %.20s %.20s", series->model, series->method, series->precision);
    if (bits & SEQ)
        title_add(text, size, ", %d tokens", series->seq);
    if (bits & BATCH)
        title_add(text, size, ", micro-batch %d x %d", series->micro_batch, series->accumulation);
    if (bits & RANKS)
        title_add(text, size, ", %d ranks a node", series->ranks_per_node);
    if (bits & DATA)
        title_add(text, size, ", %.60s", series->data);
    if (bits & DEVICE)
        title_add(text, size, ", %.60s", series->device);
    /* Where the way is each cell's own it names none; a checksum is for nobody's eyes if the name
     * differs. */
    int last = series->marks & GROUP_WAYS ? GROUP_SOFTWARE_KEYS : GROUP_KEYS;
    for (int k = 0; k < last; k++)
        if ((bits & (unsigned)KEY << k) && series->key[k][0] != '\0' &&
            !((bits & DATA) && strcmp(group_keys[k], "data_sum") == 0))
            title_add(text, size, ", %s %.60s", group_keys[k], series->key[k]);
    text_make_printable(text);
}
