/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h" /* _GNU_SOURCE: memmem */
#include "lib/record.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/figures.h"
#include "lib/writer.h"

#define OPENING 5 /* bytes of "sft2{" */
#define KEY_MAX 31

void sft_record_init(struct sft_record *record)
{
    record->form = SFT_RECORD_FORM;
    record->count = 0;
}

void sft_record_clear(struct sft_record *record)
{
    if (record == NULL)
        return;
    for (size_t i = 0; i < record->count; i++) {
        free(record->fields[i].key);
        free(record->fields[i].value);
    }
    record->count = 0;
}

static bool key_is_legal(const char *key)
{
    if (key[0] < 'a' || key[0] > 'z' || strlen(key) > KEY_MAX)
        return false;
    return key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static struct sft_record_field *field_find(const struct sft_record *record, const char *key)
{
    for (size_t i = 0; i < record->count; i++)
        if (strcmp(record->fields[i].key, key) == 0)
            return (struct sft_record_field *)&record->fields[i];
    return NULL;
}

int sft_record_set(struct sft_record *record, const char *key, const char *value,
                   struct sft_error *err)
{
    if (!key_is_legal(key))
        return sft_error_set(err, "'%.40s' is no key of a record", key);
    char *copy = strdup(value);
    if (copy == NULL)
        return sft_error_set(err, "no memory for a record");
    struct sft_record_field *field = field_find(record, key);
    if (field != NULL) {
        free(field->value);
        field->value = copy;
        return 0;
    }
    char *name = strdup(key);
    if (record->count == SFT_RECORD_FIELDS || name == NULL) {
        free(copy);
        free(name);
        return sft_error_set(err, "a record holds at most %d fields", SFT_RECORD_FIELDS);
    }
    record->fields[record->count++] = (struct sft_record_field){name, copy};
    return 0;
}

void sft_record_unset(struct sft_record *record, const char *key)
{
    struct sft_record_field *field = field_find(record, key);
    if (field == NULL)
        return;
    free(field->key);
    free(field->value);
    size_t behind = record->count - (size_t)(field - record->fields) - 1;
    memmove(field, field + 1, behind * sizeof *field);
    record->count--;
}

int sft_record_set_integer(struct sft_record *record, const char *key, long long value,
                           struct sft_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", value);
    return sft_record_set(record, key, text, err);
}

int sft_record_set_real(struct sft_record *record, const char *key, double value,
                        struct sft_error *err)
{
    char text[SFT_NUMBER];
    if (!isfinite(value))
        return sft_error_set(err, "%s is %g: no figure", key, value);
    return sft_record_set(record, key, sft_number(text, value, 6), err);
}

const char *sft_record_get(const struct sft_record *record, const char *key)
{
    const struct sft_record_field *field = field_find(record, key);
    return field == NULL ? NULL : field->value;
}

double sft_record_get_real(const struct sft_record *record, const char *key, double missing)
{
    const char *value = sft_record_get(record, key);
    if (value == NULL || value[0] == '\0')
        return missing;
    char *end;
    double number = strtod(value, &end);
    return *end == '\0' && isfinite(number) ? number : missing;
}

static bool byte_is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && strchr("%{}\"'`|\\", c) == NULL;
}

static void write_field(struct writer *w, const char *key, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (w->used > OPENING)
        writer_put(w, ' ');
    writer_text(w, key);
    writer_put(w, '=');
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if (byte_is_plain(c)) {
            writer_put(w, (char)c);
            continue;
        }
        writer_put(w, '%');
        writer_put(w, hex[c >> 4]);
        writer_put(w, hex[c & 15]);
    }
}

/* Does a record have it in its text? The first form knows no details. */
static bool is_written(const struct sft_record *record, const struct sft_figure *figure)
{
    return record->form == 1 || figure->keep != SFT_DETAIL;
}

int sft_record_format(const struct sft_record *record, bool brief, char *text, size_t size,
                      struct sft_error *err)
{
    struct writer w;
    writer_begin(&w, text, size < SFT_RECORD_MAX ? size : SFT_RECORD_MAX);
    writer_text(&w, record->form == 1 ? "sft1{" : "sft2{");
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++) {
        const char *value = sft_record_get(record, figure->name);
        if (value != NULL && is_written(record, figure) && (figure->keep == SFT_BRIEF || !brief))
            write_field(&w, figure->name, value);
    }
    for (size_t i = 0; i < record->count && !brief; i++)
        if (sft_figure_find(record->fields[i].key) == NULL)
            write_field(&w, record->fields[i].key, record->fields[i].value);
    writer_put(&w, '}');
    if (w.cut)
        return sft_error_set(err, "the record is longer than %zu bytes", w.size - 1);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode in place; a NUL cannot stand in a value. */
static int value_decode(char *value)
{
    char *to = value;
    for (const char *from = value; *from != '\0'; from++) {
        if (*from == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || high * 16 + low == 0)
                return -1;
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else if (byte_is_plain((unsigned char)*from)) {
            *to++ = *from;
        } else {
            return -1;
        }
    }
    *to = '\0';
    return 0;
}

static int field_parse(struct sft_record *record, char *field, struct sft_error *err)
{
    char *equals = strchr(field, '=');
    if (equals == NULL)
        return sft_error_set(err, "record: '%.40s' has no value", field);
    *equals = '\0';
    if (!key_is_legal(field))
        return sft_error_set(err, "record: '%.40s' is no key", field);
    if (field_find(record, field) != NULL)
        return sft_error_set(err, "record: %s= stands twice", field);
    if (value_decode(equals + 1) < 0)
        return sft_error_set(err, "record: %s= has a bad value", field);
    return sft_record_set(record, field, equals + 1, err);
}

const char *sft_record_find(const char *text, size_t length)
{
    const char *end = text + length;
    while ((text = memmem(text, (size_t)(end - text), "sft", 3)) != NULL) {
        const char *at = text + 3;
        while (at < end && isdigit((unsigned char)*at))
            at++;
        if (at > text + 3 && at < end && *at == '{')
            return text;
        text += 3;
    }
    return NULL;
}

/* The version of the record that begins here; 0: none. */
static int form_read(const char *text, struct sft_error *err)
{
    int form = strncmp(text, "sft1{", OPENING) == 0   ? 1
               : strncmp(text, "sft2{", OPENING) == 0 ? 2
                                                      : 0;
    if (form == 0 && strncmp(text, "sft", 3) == 0 && isdigit((unsigned char)text[3]))
        sft_error_set(err,
                      "record: version '%.8s' is not known here; this release reads sft1 and sft2",
                      text);
    else if (form == 0)
        sft_error_set(err, "record: does not begin with sft2{");
    return form;
}

int sft_record_parse(struct sft_record *record, const char *text, const char **end,
                     struct sft_error *err)
{
    sft_record_init(record);
    int form = form_read(text, err);
    if (form == 0)
        return -1;
    size_t length = strcspn(text + OPENING, "}");
    if (text[OPENING + length] != '}')
        return sft_error_set(err, "record: has no end");
    if (OPENING + length + 2 > SFT_RECORD_MAX)
        return sft_error_set(err, "record: longer than %d bytes", SFT_RECORD_MAX - 1);
    char copy[SFT_RECORD_MAX];
    memcpy(copy, text + OPENING, length);
    copy[length] = '\0';
    record->form = form;
    char *rest = copy, *field;
    while (length > 0 && (field = strsep(&rest, " ")) != NULL) {
        if (field_parse(record, field, err) < 0) {
            sft_record_clear(record);
            return -1;
        }
    }
    if (end != NULL)
        *end = text + OPENING + length + 1;
    return 0;
}

int sft_record_next(struct sft_record *record, const char **cursor)
{
    const char *at = *cursor, *end = at + strlen(at);
    while ((at = sft_record_find(at, (size_t)(end - at))) != NULL) {
        if (sft_record_parse(record, at, cursor, NULL) == 0)
            return 1;
        at++;
    }
    sft_record_init(record);
    *cursor = end;
    return 0;
}
