/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message may quote outside text; it must stay one line on a terminal and in a log. */
static void error_clean(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

int sft_error_set(struct sft_error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    error_clean(err->text);
    return -1;
}

int sft_error_prefix(struct sft_error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    struct sft_error was = *err;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    size_t length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length, ": %s", was.text);
    error_clean(err->text);
    return -1;
}

int sft_error_suffix(struct sft_error *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    size_t length = strlen(err->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->text + length, sizeof err->text - length, format, arguments);
    va_end(arguments);
    error_clean(err->text);
    return -1;
}
