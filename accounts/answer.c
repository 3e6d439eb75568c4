/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: strncasecmp, reallocarray */
#include "accounts/answer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "accounts/text.h"
#include "lib/number.h"

#define NUMBER 400 /* letters of a number that is looked at; a double has fewer */

/* The value of four hexadecimal digits, or -1. */
static long hex_value(const char *text, size_t length)
{
    char digits[5] = "";
    if (length < 4)
        return -1;
    memcpy(digits, text, 4);
    for (int i = 0; i < 4; i++)
        if (!isxdigit((unsigned char)digits[i]))
            return -1;
    return strtol(digits, NULL, 16);
}

static bool is_half(long value, long first)
{
    return value >= first && value < first + 0x400;
}

/* The escape that begins at the text; returns its bytes. A pair of surrogates is one. */
static size_t mend_escape(char *text, size_t length)
{
    if (length < 2 || text[1] != 'u')
        return 2;
    long value = hex_value(text + 2, length - 2);
    if (value < 0)
        return 2;
    if (is_half(value, 0xd800) && length >= 12 && text[6] == '\\' && text[7] == 'u' &&
        is_half(hex_value(text + 8, length - 8), 0xdc00))
        return 12;
    if (value == 0 || is_half(value, 0xd800) || is_half(value, 0xdc00))
        memcpy(text + 2, "fffd", 4);
    return 6;
}

/* A text from its first quote on; returns its bytes with both. */
static size_t mend_text(char *text, size_t length)
{
    size_t at = 1;
    while (at < length && text[at] != '"') {
        if (text[at] == '\\') {
            at += mend_escape(text + at, length - at);
            continue;
        }
        if ((unsigned char)text[at] < 0x20)
            text[at] = '?';
        at++;
    }
    return at < length ? at + 1 : length;
}

static bool is_number_like(const char *word)
{
    size_t sign = *word == '-' || *word == '+';
    return isdigit((unsigned char)word[sign]) || word[sign] == '.' ||
           strncasecmp(word + sign, "nan", 3) == 0 || strncasecmp(word + sign, "inf", 3) == 0;
}

static bool is_number(const char *word)
{
    long long whole;
    double real;
    enum sft_type type = sft_number_read(word, &whole, &real);
    /* A whole number that does not fit is refused for a real one, too. */
    return type == SFT_INTEGER || (type == SFT_REAL && strpbrk(word, ".eE") != NULL);
}

/* A word outside of texts; returns its bytes, 0 where none begins. */
static size_t mend_word(char *text, size_t length)
{
    char word[NUMBER] = "";
    size_t bytes = 0;
    while (bytes < length &&
           (isalnum((unsigned char)text[bytes]) || strchr("+-.", text[bytes]) != NULL))
        bytes++;
    if (bytes == 0)
        return 0;
    memcpy(word, text, bytes < sizeof word ? bytes : sizeof word - 1);
    if (is_number_like(word) && (bytes >= sizeof word || !is_number(word))) {
        memset(text, ' ', bytes);
        text[0] = '0';
    }
    return bytes;
}

void answer_mend(char *text, size_t length)
{
    size_t at = 0;
    text_make_utf8(text, length);
    while (at < length) {
        size_t bytes =
            text[at] == '"' ? mend_text(text + at, length - at) : mend_word(text + at, length - at);
        at += bytes == 0 ? 1 : bytes;
    }
}

struct cutter {
    const char *text;
    size_t length, at;
};

static char cutter_next(struct cutter *cutter)
{
    while (cutter->at < cutter->length && strchr(" \t\r\n", cutter->text[cutter->at]) != NULL)
        cutter->at++;
    return cutter->at < cutter->length ? cutter->text[cutter->at] : '\0';
}

/* Step over the letter if it is the next. */
static bool cutter_takes(struct cutter *cutter, char letter)
{
    bool is = cutter_next(cutter) == letter;
    cutter->at += is;
    return is;
}

static bool cut_text(struct cutter *cutter)
{
    for (cutter->at++; cutter->at < cutter->length; cutter->at++) {
        if (cutter->text[cutter->at] == '"') {
            cutter->at++;
            return true;
        }
        cutter->at += cutter->text[cutter->at] == '\\';
    }
    return false;
}

/* Step over a value: a text, a word, or all from a bracket to that which closes it. */
static bool cut_value(struct cutter *cutter, struct answer_part *part)
{
    char first = cutter_next(cutter);
    size_t begin = cutter->at, depth = 0;
    do {
        char letter = cutter_next(cutter);
        if (letter == '\0')
            return false;
        if (letter == '"') {
            if (!cut_text(cutter))
                return false;
            continue;
        }
        if (depth == 0 && strchr(",:]}", letter) != NULL)
            break;
        depth += letter == '{' || letter == '[';
        depth -= letter == '}' || letter == ']';
        cutter->at++;
    } while (depth > 0 || strchr("{[\"", first) == NULL);
    *part = (struct answer_part){cutter->text + begin, cutter->at - begin};
    return cutter->at > begin;
}

static int answer_add(struct answer *answer, const struct answer_part *part, struct sft_error *err)
{
    if (answer->count == answer->room) {
        size_t room = answer->room == 0 ? 64 : 2 * answer->room;
        struct answer_part *grown = reallocarray(answer->job, room, sizeof *grown);
        if (grown == NULL)
            return sft_error_set(err, "no memory for %zu jobs", room);
        answer->job = grown;
        answer->room = room;
    }
    answer->job[answer->count++] = *part;
    return 0;
}

static int cut_fail(const struct cutter *cutter, const char *what, struct sft_error *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < cutter->at && i < cutter->length; i++) {
        column = cutter->text[i] == '\n' ? 1 : column + 1;
        line += cutter->text[i] == '\n';
    }
    return sft_error_set(err, "%s:%zu:%zu: not the JSON of sacct: %s", what, line, column,
                         cutter->at < cutter->length
                             ? "no bracket, comma or colon where one should be"
                             : "it ends too early");
}

static int cut_jobs(struct answer *answer, const char *what, struct cutter *cutter,
                    struct sft_error *err)
{
    struct answer_part part;
    answer->listed = cutter_takes(cutter, '[');
    if (!answer->listed)
        return cut_value(cutter, &part) ? 0 : cut_fail(cutter, what, err);
    if (cutter_takes(cutter, ']'))
        return 0;
    do {
        if (!cut_value(cutter, &part))
            return cut_fail(cutter, what, err);
        if (answer_add(answer, &part, err) < 0)
            return -1;
    } while (cutter_takes(cutter, ','));
    return cutter_takes(cutter, ']') ? 0 : cut_fail(cutter, what, err);
}

static bool part_is(const struct answer_part *part, const char *text)
{
    return part->length == strlen(text) && strncmp(part->text, text, part->length) == 0;
}

static int cut_member(struct answer *answer, const char *what, struct cutter *cutter,
                      struct sft_error *err)
{
    struct answer_part key, value;
    if (cutter_next(cutter) != '"' || !cut_value(cutter, &key) || !cutter_takes(cutter, ':'))
        return cut_fail(cutter, what, err);
    if (part_is(&key, "\"jobs\""))
        return cut_jobs(answer, what, cutter, err);
    if (!cut_value(cutter, &value))
        return cut_fail(cutter, what, err);
    if (part_is(&key, "\"errors\""))
        answer->errors = value;
    return 0;
}

int answer_cut(struct answer *answer, const char *what, const char *text, size_t length,
               struct sft_error *err)
{
    struct cutter cutter = {text, length, 0};
    *answer = (struct answer){.listed = false};
    if (!cutter_takes(&cutter, '{') || cutter_takes(&cutter, '}'))
        return 0; /* another program's, without jobs */
    do {
        if (cut_member(answer, what, &cutter, err) < 0)
            goto failed;
    } while (cutter_takes(&cutter, ','));
    if (cutter_takes(&cutter, '}') && cutter_next(&cutter) == '\0' && cutter.at == length)
        return 0;
    cut_fail(&cutter, what, err);
failed:
    answer_clear(answer);
    return -1;
}

void answer_clear(struct answer *answer)
{
    free(answer->job);
    *answer = (struct answer){.listed = false};
}
