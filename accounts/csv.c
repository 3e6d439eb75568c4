/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accounts/text.h"
#include "lib/figures.h"

/* The names of the record's columns. */
struct names {
    size_t count, room;
    const char **name;
};

static int names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0)
            return 0;
    if (strcmp(name, "step") == 0)
        return 0; /* "12.0" would only say job_id and step_id once more */
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 128 : names->room * 2;
        const char **grown = realloc(names->name, room * sizeof *grown);
        if (grown == NULL)
            return -1;
        names->name = grown;
        names->room = room;
    }
    names->name[names->count++] = name;
    return 0;
}

/* All known keys, then those that a newer or another version wrote. */
static int names_collect(struct names *names, const struct rows *rows)
{
    for (const struct sft_figure *figure = sft_figures(); figure->name != NULL; figure++)
        if (names_add(names, figure->name) < 0)
            return -1;
    for (size_t i = 0; i < rows->count; i++)
        for (size_t j = 0; j < rows->row[i]->record.count; j++)
            if (names_add(names, rows->row[i]->record.fields[j].key) < 0)
                return -1;
    return 0;
}

/* Where a spreadsheet takes a cell for a formula: these letters, and those of the same meaning in a
 * Japanese one. */
static bool begins_formula(const char *text)
{
    static const char *const wide[] = {"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d",
                                       "\xef\xbc\xa0"};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return true;
    return *text != '\0' && strchr("=+-@", *text) != NULL;
}

/* A quote in front makes a text of a formula. Where a comma is for decimals, ';' parts the cells.
 */
static void put_words(const char *text, FILE *out)
{
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && begins_formula(text))
            putc('\'', out);
        begins = *text == ';' || (begins && *text == ' ');
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
}

static bool is_number(const char *text)
{
    long long whole;
    double real;
    return sft_number_read(text, &whole, &real) != SFT_TEXT;
}

void csv_field(const char *text, FILE *out)
{
    char *plain = strdup(text);
    if (plain == NULL)
        return;
    text_make_plain(plain);
    const char *quote = strpbrk(plain, ",;\"") != NULL ? "\"" : "";
    fputs(quote, out);
    if (is_number(plain))
        fputs(plain, out);
    else
        put_words(plain, out);
    fputs(quote, out);
    free(plain);
}

void csv_heading(const char *name, const char *unit, FILE *out)
{
    char text[128];
    snprintf(text, sizeof text, "%.60s%s%.60s%s", name, *unit != '\0' ? " [" : "", unit,
             *unit != '\0' ? "]" : "");
    csv_field(text, out);
}

/* UTC, ISO 8601; nothing where it is not known. */
static void write_time(long long at, FILE *out)
{
    time_t time = (time_t)at;
    struct tm tm;
    char text[40];
    if (at > 0 && gmtime_r(&time, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        fputs(text, out);
}

static void write_header(const struct names *names, FILE *out)
{
    const struct row empty = {0};
    struct row_field field[ROW_FIELDS];
    row_fields(&empty, field);
    for (size_t i = 0; field[i].name != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : ",", field[i].name);
    for (size_t i = 0; i < names->count; i++) {
        const struct sft_figure *figure = sft_figure_find(names->name[i]);
        putc(',', out);
        csv_heading(names->name[i], figure != NULL ? figure->unit : "", out);
    }
    fputs("\r\n", out);
}

static void write_row(const struct row *row, const struct names *names, FILE *out)
{
    struct row_field field[ROW_FIELDS];
    row_fields(row, field);
    for (size_t i = 0; field[i].name != NULL; i++) {
        if (i > 0)
            putc(',', out);
        if (field[i].text != NULL)
            csv_field(field[i].text, out);
        else if (field[i].time)
            write_time(field[i].number, out);
        else
            fprintf(out, "%lld", field[i].number);
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *value = sft_record_get(&row->record, names->name[i]);
        putc(',', out);
        csv_field(value == NULL ? "" : value, out);
    }
    fputs("\r\n", out);
}

int csv_write(const struct rows *rows, FILE *out, struct sft_error *err)
{
    struct names names = {0};
    if (names_collect(&names, rows) < 0) {
        free(names.name);
        return sft_error_set(err, "no memory for the columns");
    }
    write_header(&names, out);
    for (size_t i = 0; i < rows->count; i++)
        write_row(rows->row[i], &names, out);
    free(names.name);
    return 0;
}
