/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: wcwidth */
#include "accounts/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* Bytes of the well-formed UTF-8 character that stands first, or 0. Overlong forms, surrogates and
 * what lies above U+10FFFF are not well-formed: jansson refuses them too. */
static size_t utf8_length(const unsigned char *text, size_t length)
{
    static const struct {
        unsigned char first, last; /* range of the first byte */
        unsigned char low, high;   /* range of the second */
        size_t bytes;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t form = 0, count = sizeof forms / sizeof *forms;
    while (form < count && (text[0] < forms[form].first || text[0] > forms[form].last))
        form++;
    if (form == count || forms[form].bytes > length)
        return 0;
    if (forms[form].bytes > 1 && (text[1] < forms[form].low || text[1] > forms[form].high))
        return 0;
    for (size_t i = 2; i < forms[form].bytes; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return forms[form].bytes;
}

void text_make_utf8(char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        size_t bytes = utf8_length((const unsigned char *)text + at, length - at);
        if (bytes == 0)
            text[at] = '?';
        at += bytes == 0 ? 1 : bytes;
    }
}

/* Controls, separators of lines and paragraphs, and what overrides the direction of writing: a name
 * with these shows another text than it is. */
static bool is_control(unsigned long c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static unsigned long utf8_value(const unsigned char *text, size_t bytes)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned long value = text[0] & first[bytes];
    for (size_t i = 1; i < bytes; i++)
        value = value << 6 | (text[i] & 0x3f);
    return value;
}

void text_make_plain(char *text)
{
    size_t length = strlen(text), at = 0, to = 0;
    while (at < length) {
        size_t bytes = utf8_length((const unsigned char *)text + at, length - at);
        if (bytes == 0 || is_control(utf8_value((const unsigned char *)text + at, bytes))) {
            text[to++] = '?';
        } else {
            memmove(text + to, text + at, bytes);
            to += bytes;
        }
        at += bytes == 0 ? 1 : bytes;
    }
    text[to] = '\0';
}

/* The next character of the locale: its bytes, at least 1. *c is L'\0' where it is broken. */
static size_t text_next(const char *text, wchar_t *c)
{
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t bytes = mbrtowc(c, text, strlen(text), &state);
    if (bytes != (size_t)-1 && bytes != (size_t)-2 && bytes != 0)
        return bytes;
    *c = L'\0';
    return 1;
}

void text_make_printable(char *text)
{
    char *to = text;
    while (*text != '\0') {
        wchar_t c;
        size_t bytes = text_next(text, &c);
        if (c != L'\0' && !is_control((unsigned long)c) && iswprint((wint_t)c) && wcwidth(c) >= 0) {
            memmove(to, text, bytes);
            to += bytes;
        } else {
            *to++ = '?';
        }
        text += bytes;
    }
    *to = '\0';
}

int text_width(const char *text)
{
    int width = 0;
    while (*text != '\0') {
        wchar_t c;
        text += text_next(text, &c);
        int columns = c == L'\0' ? 1 : wcwidth(c);
        width += columns < 0 ? 1 : columns;
    }
    return width;
}

int text_digits(const char *text, long long *value)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return -1;
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno == 0 ? 0 : -1;
}

int text_price(const char *text, double *price, char currency[TEXT_CURRENCY], struct sft_error *err)
{
    char *end;
    *price = strtod(text, &end);
    strcpy(currency, "USD");
    if (*end == ':' && strspn(end + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 && end[4] == '\0')
        strcpy(currency, end + 1);
    else if (*end != '\0' || end == text)
        return sft_error_set(err, "'%.40s' is not of the form 4.10 or 600:JPY", text);
    return isfinite(*price) && *price > 0 && *price <= 1e9
               ? 0
               : sft_error_set(err, "'%.40s' is no price", text);
}
