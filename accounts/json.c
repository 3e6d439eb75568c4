/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/text.h"

/* A record's values are any bytes; JSON's texts are not. */
json_t *json_text(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return NULL;
    text_make_utf8(copy, strlen(copy));
    json_t *value = json_string(copy);
    free(copy);
    return value;
}

json_t *json_value(const struct sft_figure *figure, const char *text)
{
    long long whole;
    double real;
    enum sft_type type = sft_figure_read(figure, text, &whole, &real);
    return type == SFT_INTEGER ? json_integer(whole)
           : type == SFT_REAL  ? json_real(real)
                               : json_text(text);
}

static int put_record(json_t *object, const struct sft_record *record)
{
    json_t *values = json_object(), *origins = json_object(), *units = json_object();
    int rc = json_object_set_new(object, "record", values) |
             json_object_set_new(object, "origin", origins) |
             json_object_set_new(object, "unit", units);
    for (size_t i = 0; rc == 0 && i < record->count; i++) {
        const char *name = record->fields[i].key;
        const struct sft_figure *figure = sft_figure_find(name);
        rc = json_object_set_new(values, name, json_value(figure, record->fields[i].value));
        if (figure == NULL)
            continue;
        rc |= json_object_set_new(origins, name, json_string(sft_origin_name(figure->origin)));
        if (*figure->unit != '\0')
            rc |= json_object_set_new(units, name, json_string(figure->unit));
    }
    return rc;
}

static json_t *row_json(const struct row *row)
{
    struct row_field field[ROW_FIELDS];
    json_t *object = json_object();
    int rc = 0;
    row_fields(row, field);
    for (size_t i = 0; field[i].name != NULL; i++)
        rc |= json_object_set_new(object, field[i].name,
                                  field[i].text != NULL ? json_text(field[i].text)
                                                        : json_integer(field[i].number));
    rc |= json_object_set_new(object, "synthetic", json_boolean(row->marks & ROW_SYNTHETIC));
    if (rc == 0 && put_record(object, &row->record) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* One object at a time, so that the memory does not grow with the number of records. */
int json_write(const struct rows *rows, FILE *out, struct sft_error *err)
{
    fputs("[", out);
    for (size_t i = 0; i < rows->count; i++) {
        json_t *object = row_json(rows->row[i]);
        if (object == NULL)
            return sft_error_set(err, "no memory for job %lld as JSON", rows->row[i]->job_id);
        fputs(i == 0 ? "\n" : ",\n", out);
        int rc = json_dumpf(object, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
        json_decref(object);
        if (rc < 0)
            return sft_error_set(err, "job %lld cannot be written as JSON", rows->row[i]->job_id);
    }
    fputs(rows->count == 0 ? "]\n" : "\n]\n", out);
    return 0;
}
