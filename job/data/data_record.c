/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_keys.h"

static const char *const names[RECORD_FIELDS] = {"instruction", "input", "output"};

void record_clear(struct record *record)
{
    for (int i = 0; i < RECORD_FIELDS; i++)
        free(record->values[i].text.bytes);
    memset(record, 0, sizeof *record);
}

static void record_begin(struct record *record)
{
    record->keys = 0;
    for (int i = 0; i < RECORD_FIELDS; i++) {
        struct record_value *value = &record->values[i];
        value->seen = value->twice = value->text.mended = false;
        value->text.length = 0;
    }
}

static int field_of(const char *key)
{
    int i = 0;
    while (i < RECORD_FIELDS && strcmp(names[i], key) != 0)
        i++;
    return i;
}

static int value_read(struct record *record, int field, struct scan *scan, size_t most,
                      bool *no_memory)
{
    struct record_value *value = &record->values[field];
    value->twice = value->seen;
    value->seen = true;
    value->type = scan_type(scan);
    if (value->type == SCAN_TEXT)
        return scan_take(scan, &value->text, most, no_memory);
    if (field == RECORD_INSTRUCTION && (value->type == SCAN_OBJECT || value->type == SCAN_ARRAY))
        record->keys |= data_keys_bit(DATA_KEYS_COLUMNS);
    return scan_value(scan);
}

int record_read(struct record *record, struct scan *scan, size_t most, bool *no_memory)
{
    char key[32];
    int member;
    *no_memory = false;
    record_begin(record);
    for (bool first = true; (member = scan_member(scan, first, key, sizeof key)) == 1;
         first = false) {
        int field = field_of(key);
        record->keys |= data_keys_bit(key);
        if ((field < RECORD_FIELDS ? value_read(record, field, scan, most, no_memory)
                                   : scan_value(scan)) < 0)
            return -1;
        scan_space(scan);
    }
    return member;
}

const char *record_text(const struct record *record, enum record_field field)
{
    const struct record_value *value = &record->values[field];
    return value->seen && value->type == SCAN_TEXT ? value->text.bytes : "";
}

/* Missing, twice, or something else than a text. */
static bool field_has_fault(const struct record *record, enum record_field field, char *why,
                            size_t size)
{
    const struct record_value *value = &record->values[field];
    if (!value->seen && field != RECORD_INPUT)
        snprintf(why, size, "has no field %s", names[field]);
    else if (value->twice)
        snprintf(why, size, "has the field %s twice", names[field]);
    else if (value->seen && value->type != SCAN_TEXT && value->type != SCAN_NULL)
        snprintf(why, size, "has no text in field %s", names[field]);
    else
        return false;
    return true;
}

bool record_has_fault(const struct record *record, bool *empty, char *why, size_t size)
{
    *empty = false;
    for (int field = 0; field < RECORD_FIELDS; field++)
        if (field_has_fault(record, (enum record_field)field, why, size))
            return true;
    *empty = true;
    if (record_text(record, RECORD_OUTPUT)[0] == '\0')
        snprintf(why, size, "has an empty output");
    else if (record_text(record, RECORD_INSTRUCTION)[0] == '\0' &&
             record_text(record, RECORD_INPUT)[0] == '\0')
        snprintf(why, size, "has an empty instruction");
    else
        *empty = false;
    return *empty;
}

unsigned record_keys(const struct record *record)
{
    bool whole = record->values[RECORD_INSTRUCTION].seen && record->values[RECORD_OUTPUT].seen;
    return whole && !(record->keys & data_keys_bit(DATA_KEYS_COLUMNS)) ? 0 : record->keys;
}

bool record_is_mended(const struct record *record)
{
    bool mended = false;
    for (int i = 0; i < RECORD_FIELDS; i++)
        mended |= record->values[i].seen && record->values[i].text.mended;
    return mended;
}
