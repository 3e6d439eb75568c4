/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/fields.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const flag_words[] = {"yes", "no", NULL};

static void *field_at(const struct sft_field *field, const void *object)
{
    return (char *)(uintptr_t)object + field->offset;
}

static const char *const *field_words(const struct sft_field *field)
{
    return field->type == SFT_FIELD_FLAG ? flag_words : field->words;
}

static bool field_is_text(const struct sft_field *field)
{
    return field->type == SFT_FIELD_TEXT || field->type == SFT_FIELD_PATH;
}

/* Of numbers, words and flags. */
static long long whole_get(const struct sft_field *field, const void *at)
{
    if (field->size == sizeof(bool))
        return *(const bool *)at;
    return field->size == sizeof(int) ? *(const int *)at : *(const long long *)at;
}

static void whole_set(const struct sft_field *field, void *at, long long value)
{
    if (field->size == sizeof(bool))
        *(bool *)at = value > 0;
    else if (field->size == sizeof(int))
        *(int *)at = (int)value;
    else
        *(long long *)at = value;
}

const struct sft_field *sft_field_find(const struct sft_field *table, const char *name)
{
    for (const struct sft_field *field = table; field->name != NULL; field++) {
        size_t i = 0;
        while (name[i] != '\0' && (name[i] == '-' ? '_' : name[i]) == field->name[i])
            i++;
        if (name[i] == '\0' && field->name[i] == '\0')
            return field;
    }
    return NULL;
}

void sft_fields_offer(const struct sft_field *table, struct nearest *nearest)
{
    for (const struct sft_field *field = table; field->name != NULL; field++)
        nearest_offer(nearest, field->name, field->name);
}

int sft_field_unknown(const struct sft_field *table, const char *name, struct sft_error *err)
{
    struct nearest nearest;
    char known[512], meant[96];
    nearest_begin(&nearest, name);
    sft_fields_offer(table, &nearest);
    return sft_error_set(err, "unknown key '%.64s'; the keys are: %s%s", name,
                         sft_field_names(table, known, sizeof known),
                         nearest_ask(&nearest, meant, sizeof meant));
}

void sft_fields_clear(const struct sft_field *table, void *object)
{
    for (const struct sft_field *field = table; field->name != NULL; field++) {
        void *at = field_at(field, object);
        if (field->type == SFT_FIELD_REAL)
            *(double *)at = -1;
        else if (field_is_text(field))
            *(char *)at = '\0';
        else if (field->type != SFT_FIELD_LIST)
            whole_set(field, at, -1);
    }
}

void sft_fields_default(const struct sft_field *table, void *object, bool tiny)
{
    sft_fields_clear(table, object);
    for (const struct sft_field *field = table; field->name != NULL; field++) {
        const char *value = tiny && field->tiny != NULL ? field->tiny : field->standard;
        if (value != NULL)
            sft_field_read(field, object, value, NULL);
    }
}

/* A whole number in decimal, nothing before or behind it; or the word for 0. */
static enum sft_fault int_read(const struct sft_field *field, void *at, const char *text)
{
    char *end;
    errno = 0;
    if (field->zero != NULL && strcmp(text, field->zero) == 0) {
        whole_set(field, at, 0);
        return SFT_FAULT_NONE;
    }
    long long value = strtoll(text, &end, 10);
    if ((text[0] != '-' && !isdigit((unsigned char)text[0])) || end == text || *end != '\0')
        return SFT_FAULT_NUMBER;
    if (errno != 0 || (double)value < field->min || (double)value > field->max)
        return SFT_FAULT_RANGE;
    whole_set(field, at, value);
    return SFT_FAULT_NONE;
}

static enum sft_fault real_read(const struct sft_field *field, double *at, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (strspn(text, "-.0123456789") == 0 || end == text || *end != '\0' ||
        strpbrk(text, "xX") != NULL || !isfinite(value))
        return SFT_FAULT_NUMBER;
    if (signbit(value) || value < field->min || value > field->max)
        return SFT_FAULT_RANGE;
    *at = value;
    return SFT_FAULT_NONE;
}

static enum sft_fault word_read(const struct sft_field *field, void *at, const char *text)
{
    const char *const *words = field_words(field);
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0) {
            whole_set(field, at, field->type == SFT_FIELD_FLAG ? i == 0 : i);
            return SFT_FAULT_NONE;
        }
    return SFT_FAULT_WORD;
}

static enum sft_fault text_read(const struct sft_field *field, char *at, const char *text)
{
    size_t length = strlen(text);
    if (field->type == SFT_FIELD_PATH && text[0] != '/')
        return SFT_FAULT_RELATIVE;
    if (length >= field->size)
        return SFT_FAULT_LONG;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return SFT_FAULT_CONTROL;
    memcpy(at, text, length + 1);
    return SFT_FAULT_NONE;
}

enum sft_fault sft_field_read(const struct sft_field *field, void *object, const char *value,
                              struct sft_error *err)
{
    void *at = field_at(field, object);
    if (value[0] == '\0')
        return SFT_FAULT_EMPTY;
    if (field->check != NULL && field->check(object, value, err) < 0)
        return SFT_FAULT_CHECK;
    switch (field->type) {
    case SFT_FIELD_INT:
        return int_read(field, at, value);
    case SFT_FIELD_REAL:
        return real_read(field, at, value);
    case SFT_FIELD_WORD:
    case SFT_FIELD_FLAG:
        return word_read(field, at, value);
    case SFT_FIELD_TEXT:
    case SFT_FIELD_PATH:
        return text_read(field, at, value);
    case SFT_FIELD_LIST:
        break;
    }
    return SFT_FAULT_NONE;
}

bool sft_field_said(const struct sft_field *field, const void *object)
{
    const void *at = field_at(field, object);
    if (field_is_text(field))
        return *(const char *)at != '\0';
    return field->type == SFT_FIELD_REAL ? *(const double *)at >= 0 : whole_get(field, at) >= 0;
}

bool sft_field_same(const struct sft_field *field, const void *a, const void *b)
{
    const void *x = field_at(field, a), *y = field_at(field, b);
    if (field_is_text(field))
        return strcmp(x, y) == 0;
    return field->type == SFT_FIELD_REAL ? *(const double *)x == *(const double *)y
                                         : whole_get(field, x) == whole_get(field, y);
}

void sft_field_write(const struct sft_field *field, const void *object, char *text, size_t size)
{
    const void *at = field_at(field, object);
    const char *const *words = field_words(field);
    if (field_is_text(field))
        snprintf(text, size, "%s", (const char *)at);
    else if (field->type == SFT_FIELD_REAL)
        snprintf(text, size, "%.*g", DBL_DECIMAL_DIG, *(const double *)at);
    else if (words != NULL)
        snprintf(
            text, size, "%s",
            words[field->type == SFT_FIELD_FLAG ? !whole_get(field, at) : whole_get(field, at)]);
    else if (field->zero != NULL && whole_get(field, at) == 0)
        snprintf(text, size, "%s", field->zero);
    else
        snprintf(text, size, "%lld", whole_get(field, at));
}

/* Behind what stands in the text. */
static void text_add(char *text, size_t size, const char *between, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used == 0 ? "" : between, word);
}

const char *sft_field_words(const struct sft_field *field, const char *between, char *text,
                            size_t size)
{
    text[0] = '\0';
    for (const char *const *word = field_words(field); word != NULL && *word != NULL; word++)
        text_add(text, size, between, *word);
    return text;
}

const char *sft_field_argument(const struct sft_field *field, char *text, size_t size)
{
    if (field_words(field) != NULL)
        return sft_field_words(field, "|", text, size);
    snprintf(text, size, "%s", field->argument);
    return text;
}

const char *sft_field_default(const struct sft_field *field, char *text, size_t size)
{
    const char *per = field->per == NULL ? "" : field->per;
    if (field->otherwise != NULL || field->standard == NULL)
        snprintf(text, size, "%s", field->otherwise == NULL ? "" : field->otherwise);
    else if (field->tiny != NULL)
        snprintf(text, size, "%s%s for tiny, else %s", field->tiny, per, field->standard);
    else
        snprintf(text, size, "%s%s", field->standard, per);
    return text;
}

const char *sft_field_names(const struct sft_field *table, char *text, size_t size)
{
    text[0] = '\0';
    for (const struct sft_field *field = table; field->name != NULL; field++)
        if (field->scope != SFT_SCOPE_ARGUMENT)
            text_add(text, size, ", ", field->name);
    return text;
}
