/* SPDX-License-Identifier: Apache-2.0 */
#include "job/data/data_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/data/data_keys.h"

static const char *const names[RECORD_FIELDS] = {"instruction", "input",      "output",
                                                 "prompt",      "completion", "system"};

const char *const record_format_names[] = {"nothing known", "Alpaca's fields (instruction, output)",
                                           "turns (messages, conversations)",
                                           "a prompt and a completion"};

void record_clear(struct record *record)
{
    for (int i = 0; i < RECORD_FIELDS; i++)
        free(record->values[i].text.bytes);
    chat_clear(&record->chat);
    memset(record, 0, sizeof *record);
}

static void record_begin(struct record *record)
{
    record->keys = 0;
    record->turns = false;
    record->wrong[0] = '\0';
    chat_begin(&record->chat);
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

/* ShareGPT calls them conversations. */
static bool is_turns(const struct record *record, const char *key, const struct scan *scan)
{
    return !record->turns && (strcmp(key, "messages") == 0 || strcmp(key, "conversations") == 0) &&
           scan_type(scan) == SCAN_ARRAY;
}

static int member_read(struct record *record, const char *key, struct scan *scan, size_t most,
                       bool *no_memory)
{
    int field = field_of(key);
    record->keys |= data_keys_bit(key);
    if (field < RECORD_FIELDS)
        return value_read(record, field, scan, most, no_memory);
    if (!is_turns(record, key, scan))
        return scan_value(scan);
    record->turns = true;
    return chat_read(&record->chat, scan, most, no_memory, record->wrong, sizeof record->wrong);
}

int record_read(struct record *record, struct scan *scan, size_t most, bool *no_memory)
{
    char key[32];
    int member;
    *no_memory = false;
    record_begin(record);
    for (bool first = true; (member = scan_member(scan, first, key, sizeof key)) == 1;
         first = false) {
        if (member_read(record, key, scan, most, no_memory) < 0)
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

static bool has(const struct record *record, enum record_field field)
{
    return record->values[field].seen;
}

enum record_format record_format(const struct record *record)
{
    if (has(record, RECORD_INSTRUCTION) && has(record, RECORD_OUTPUT))
        return RECORD_ALPACA;
    if (record->turns)
        return RECORD_TURNS;
    return has(record, RECORD_PROMPT) && has(record, RECORD_COMPLETION) ? RECORD_PAIR : RECORD_NONE;
}

static bool turns_have_fault(const struct record *record, bool *empty, char *why, size_t size)
{
    bool said = false;
    for (size_t i = 0; i < record->chat.count; i++)
        said |=
            record->chat.turns[i].role == CHAT_ASSISTANT && record->chat.turns[i].text.length > 0;
    *empty = record->wrong[0] == '\0' && !said;
    if (record->wrong[0] != '\0')
        snprintf(why, size, "%s", record->wrong);
    else if (!said)
        snprintf(why, size, "has no text of the assistant");
    return record->wrong[0] != '\0' || !said;
}

static bool pair_has_fault(const struct record *record, bool *empty, char *why, size_t size)
{
    if (field_has_fault(record, RECORD_PROMPT, why, size) ||
        field_has_fault(record, RECORD_COMPLETION, why, size))
        return true;
    *empty = record_text(record, RECORD_COMPLETION)[0] == '\0';
    if (*empty)
        snprintf(why, size, "has an empty completion");
    return *empty;
}

bool record_has_fault(const struct record *record, bool *empty, char *why, size_t size)
{
    *empty = false;
    if (record_format(record) == RECORD_TURNS)
        return turns_have_fault(record, empty, why, size);
    if (record_format(record) == RECORD_PAIR)
        return pair_has_fault(record, empty, why, size);
    for (int field = 0; field <= RECORD_OUTPUT; field++)
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
    bool whole = record_format(record) != RECORD_NONE;
    return whole && !(record->keys & data_keys_bit(DATA_KEYS_COLUMNS)) ? 0 : record->keys;
}

bool record_is_mended(const struct record *record)
{
    bool mended = false;
    for (int i = 0; i < RECORD_FIELDS; i++)
        mended |= record->values[i].seen && record->values[i].text.mended;
    for (size_t i = 0; i < record->chat.count; i++)
        mended |= record->chat.turns[i].text.mended;
    return mended;
}
