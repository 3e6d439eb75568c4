/* SPDX-License-Identifier: Apache-2.0 */
#include "node/affinity_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_CPUS 65536 /* no machine has so many */

void affinity_append(char *buffer, size_t size, const char *format, ...)
{
    size_t length = strlen(buffer);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer + length, size - length, format, arguments);
    va_end(arguments);
}

/* The number at *text, which moves behind it; -1 when there is none. */
static long text_number(const char **text)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return -1;
    long number = strtol(*text, &end, 10);
    *text = end;
    return number < TEXT_CPUS ? number : -1;
}

hwloc_bitmap_t affinity_cpus_parse(const char *text, struct sft_error *err)
{
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    if (cpus == NULL) {
        sft_error_set(err, "CPUs: out of memory");
        return NULL;
    }
    for (const char *at = text;; at++) {
        long first = text_number(&at), last = first;
        if (*at == '-') {
            at++;
            last = text_number(&at);
        }
        if (first < 0 || last < first || (*at != ',' && *at != '\0'))
            break;
        hwloc_bitmap_set_range(cpus, (unsigned)first, (int)last);
        if (*at == '\0')
            return cpus;
    }
    sft_error_set(err, "CPUs '%.200s': not of the form 0-11,96-107", text);
    hwloc_bitmap_free(cpus);
    return NULL;
}
