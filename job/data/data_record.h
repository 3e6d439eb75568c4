/* SPDX-License-Identifier: Apache-2.0 */
/* One record as its file has it: Alpaca's fields, a prompt and its completion, or turns, taken out
 * of an object. */
#ifndef SFT_JOB_DATA_DATA_RECORD_H
#define SFT_JOB_DATA_DATA_RECORD_H

#include <stdbool.h>

#include "job/data/chat.h"

enum record_field {
    RECORD_INSTRUCTION,
    RECORD_INPUT,
    RECORD_OUTPUT,
    RECORD_PROMPT,
    RECORD_COMPLETION,
    RECORD_SYSTEM,
    RECORD_FIELDS
};

/* By the fields that it has; the first of these that it can be. */
enum record_format { RECORD_NONE, RECORD_ALPACA, RECORD_TURNS, RECORD_PAIR };
extern const char *const record_format_names[]; /* "Alpaca's fields", ... */

struct record_value {
    bool seen, twice;
    enum scan_type type;
    struct scan_text text; /* of SCAN_TEXT */
};

/* Read one after the other into the same record, which keeps its memory. */
struct record {
    struct record_value values[RECORD_FIELDS];
    struct chat chat;
    bool turns;     /* has an array of them */
    char wrong[80]; /* with its turns; "": nothing */
    unsigned keys;  /* data_keys_bit of each */
};

void record_clear(struct record *record); /* frees the texts */

/* The object at scan->at, which is a {. Of each text the first `most` bytes are taken. -1 and
 * scan->why when it is no JSON, or *no_memory. */
int record_read(struct record *record, struct scan *scan, size_t most, bool *no_memory);

enum record_format record_format(const struct record *record);

/* Why it cannot be trained on, into why[size], as "has no field output"; false: it can. *empty: it
 * holds nothing, as opposed to the wrong thing. null is empty. */
bool record_has_fault(const struct record *record, bool *empty, char *why, size_t size);

/* The keys of a record that is not Alpaca's: it lacks a field, or holds all records' at once. 0 of
 * one that is. */
unsigned record_keys(const struct record *record);

/* Something in its texts became U+FFFD. */
bool record_is_mended(const struct record *record);

/* The field's text, "" where it has none. */
const char *record_text(const struct record *record, enum record_field field);

#endif
