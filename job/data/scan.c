/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 1024 };

static int fail(struct scan *scan, const char *why)
{
    scan->why = why;
    return -1;
}

void scan_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

enum scan_type scan_type(const struct scan *scan)
{
    if (scan->at == scan->end)
        return SCAN_OTHER;
    switch (*scan->at) {
    case '"':
        return SCAN_TEXT;
    case '{':
        return SCAN_OBJECT;
    case '[':
        return SCAN_ARRAY;
    case 'n':
        return SCAN_NULL;
    default:
        return SCAN_OTHER;
    }
}

/* A line's end inside a text would hide where the next record begins. */
static int text_skip(struct scan *scan)
{
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++) {
        if (*scan->at == '\n')
            return fail(scan, "a text has no end on its line");
        scan->at += *scan->at == '\\' && scan->at + 1 < scan->end && scan->at[1] != '\n';
    }
    if (scan->at >= scan->end)
        return fail(scan, "a text has no end");
    scan->at++;
    return 0;
}

static bool word_is_number(const char *word, size_t length)
{
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        digits += word[i] >= '0' && word[i] <= '9';
        if (strchr("0123456789+-.eE", word[i]) == NULL)
            return false;
    }
    return digits > 0 && word[0] != '+';
}

/* A number or one of the names. */
static int word_skip(struct scan *scan)
{
    static const char *const names[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    const char *word = scan->at;
    size_t length = 0;
    while (word + length < scan->end && word[length] != '\0' &&
           strchr(" \t\r\n,:]}[{\"", word[length]) == NULL)
        length++;
    bool known = word_is_number(word, length);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strlen(names[i]) == length && memcmp(names[i], word, length) == 0;
    if (!known && length == 0 && word < scan->end && *word == '\0')
        return fail(scan, "a NUL byte stands here");
    if (!known)
        return fail(scan, scan->at == scan->end ? "it has no end" : "expected a value");
    scan->at += length;
    return 0;
}

/* Brackets must match; what stands between them inside of a value that nobody reads is not looked
 * at. */
static int nested_skip(struct scan *scan)
{
    char open[DEPTH];
    int depth = 0;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c == '"') {
            if (text_skip(scan) < 0)
                return -1;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == DEPTH)
                return fail(scan, "nested too deep");
            open[depth++] = c;
        } else if (c == '}' || c == ']') {
            if (open[--depth] != (c == '}' ? '{' : '['))
                return fail(scan, "brackets do not match");
        } else if (c == '\0') {
            return fail(scan, "a NUL byte stands here");
        }
        scan->at++;
        if (depth == 0)
            return 0;
    }
    return fail(scan, "it has no end");
}

int scan_value(struct scan *scan)
{
    switch (scan_type(scan)) {
    case SCAN_TEXT:
        return text_skip(scan);
    case SCAN_OBJECT:
    case SCAN_ARRAY:
        return nested_skip(scan);
    case SCAN_NULL:
    case SCAN_OTHER:
        break;
    }
    return word_skip(scan);
}

static int room_make(struct scan_text *text, size_t more)
{
    if (text->length + more < text->room)
        return 0;
    size_t room = 2 * (text->length + more) + 256;
    char *grown = realloc(text->bytes, room);
    if (grown == NULL)
        return -1;
    text->bytes = grown;
    text->room = room;
    return 0;
}

/* Once a character did not fit none does, so that what is there is the text's beginning. */
static int text_put(struct scan_text *text, const char *bytes, size_t count, size_t *most)
{
    if (text->length + count > *most) {
        *most = text->length;
        return 0;
    }
    if (room_make(text, count) < 0)
        return -1;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    return 0;
}

static int text_mend(struct scan_text *text, size_t *most)
{
    text->mended = true;
    return text_put(text, "\xef\xbf\xbd", 3, most);
}

static int code_put(struct scan_text *text, uint32_t code, size_t *most)
{
    char bytes[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (code == 0 || (code >= 0xd800 && code < 0xe000))
        return text_mend(text, most);
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(heads[count] | code);
    return text_put(text, bytes, count, most);
}

static int hex_read(const struct scan *scan, const char *at, uint32_t *code)
{
    *code = 0;
    if (scan->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF", *digit;
        if (at[i] == '\0' || (digit = strchr(digits, at[i])) == NULL)
            return -1;
        *code = *code << 4 | (uint32_t)((digit - digits) & 15);
    }
    return 0;
}

/* \uXXXX at `at`, and its other half behind it. */
static int unicode_take(struct scan *scan, struct scan_text *text, size_t *most, bool *no_memory)
{
    uint32_t code, low;
    if (hex_read(scan, scan->at + 2, &code) < 0)
        return fail(scan, "\\u wants four hexadecimal digits");
    scan->at += 6;
    if (code >= 0xd800 && code < 0xdc00 && scan->end - scan->at >= 6 && scan->at[0] == '\\' &&
        scan->at[1] == 'u' && hex_read(scan, scan->at + 2, &low) == 0 && low >= 0xdc00 &&
        low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        scan->at += 6;
    }
    *no_memory = code_put(text, code, most) < 0;
    return *no_memory ? -1 : 0;
}

static int escape_take(struct scan *scan, struct scan_text *text, size_t *most, bool *no_memory)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (scan->end - scan->at < 2)
        return fail(scan, "a text has no end");
    if (scan->at[1] == 'u')
        return unicode_take(scan, text, most, no_memory);
    const char *found = scan->at[1] == '\0' ? NULL : strchr(from, scan->at[1]);
    if (found == NULL)
        return fail(scan, "an escape that JSON does not have");
    *no_memory = text_put(text, &to[found - from], 1, most) < 0;
    scan->at += 2;
    return *no_memory ? -1 : 0;
}

size_t scan_utf8(const char *at, const char *end, bool *valid)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t length = c[0] >= 0xc2 && c[0] < 0xe0   ? 2
                    : (c[0] & 0xf0) == 0xe0       ? 3
                    : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                  : 1;
    unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    *valid = length > 1 || (c[0] < 0x80 && c[0] != 0);
    for (size_t i = 1; i < length; i++) {
        if (at + i >= end || c[i] < low || c[i] > high) {
            *valid = false;
            return i;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

static int plain_take(struct scan *scan, struct scan_text *text, size_t *most, bool *no_memory)
{
    bool valid;
    size_t length = scan_utf8(scan->at, scan->end, &valid);
    int failed = valid ? text_put(text, scan->at, length, most) : text_mend(text, most);
    scan->at += length;
    *no_memory = failed < 0;
    return failed;
}

int scan_take(struct scan *scan, struct scan_text *text, size_t most, bool *no_memory)
{
    text->length = 0;
    text->mended = false;
    *no_memory = false;
    if (scan_type(scan) != SCAN_TEXT)
        return fail(scan, "expected a text");
    for (scan->at++; scan->at < scan->end && *scan->at != '"';) {
        if (*scan->at == '\n')
            return fail(scan, "a text has no end on its line");
        if ((*scan->at == '\\' ? escape_take(scan, text, &most, no_memory)
                               : plain_take(scan, text, &most, no_memory)) < 0)
            return -1;
    }
    if (scan->at >= scan->end)
        return fail(scan, "a text has no end");
    scan->at++;
    *no_memory = room_make(text, 1) < 0;
    if (*no_memory)
        return -1;
    text->bytes[text->length] = '\0';
    return 0;
}

/* Most keys hold no backslash; those that do are compared as what they mean. */
static int key_take(struct scan *scan, char *key, size_t size)
{
    struct scan begin = *scan;
    struct scan_text text = {0};
    bool no_memory;
    if (text_skip(scan) < 0)
        return -1;
    size_t length = (size_t)(scan->at - begin.at) - 2;
    key[0] = '\0';
    if (memchr(begin.at, '\\', length + 2) == NULL) {
        if (length < size) {
            memcpy(key, begin.at + 1, length);
            key[length] = '\0';
        }
        return 0;
    }
    if (scan_take(&begin, &text, size, &no_memory) == 0 && text.length < size)
        memcpy(key, text.bytes, text.length + 1);
    free(text.bytes);
    return no_memory ? fail(scan, "no memory for a key") : 0;
}

int scan_member(struct scan *scan, bool first, char *key, size_t size)
{
    if (first)
        scan->at++; /* { */
    scan_space(scan);
    if (scan->at < scan->end && *scan->at == '}') {
        scan->at++;
        return 0;
    }
    if (!first) {
        if (scan->at < scan->end && *scan->at != ',')
            return fail(scan, "expected , or }");
        scan->at += scan->at < scan->end;
        scan_space(scan);
    }
    if (scan->at == scan->end)
        return fail(scan, "it has no end");
    if (*scan->at != '"')
        return fail(scan, "expected a key in double quotes");
    if (key_take(scan, key, size) < 0)
        return -1;
    scan_space(scan);
    if (scan->at == scan->end || *scan->at != ':')
        return fail(scan, "expected : behind a key");
    scan->at++;
    scan_space(scan);
    return 1;
}

int scan_element(struct scan *scan, bool first)
{
    scan->at += first; /* [ */
    scan_space(scan);
    if (scan->at < scan->end && *scan->at == ']') {
        scan->at++;
        return 0;
    }
    if (!first) {
        if (scan->at < scan->end && *scan->at != ',')
            return fail(scan, "expected , or ]");
        scan->at += scan->at < scan->end;
        scan_space(scan);
    }
    return scan->at == scan->end ? fail(scan, "it has no end") : 1;
}
