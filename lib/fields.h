/* SPDX-License-Identifier: Apache-2.0 */
/* A key that a user or a site may set, declared once: its row makes parser, writer, --help, the
 * manual's list and the completion. A table of rows ends with one whose name is NULL; the values
 * stand in a struct that the rows point into. */
#ifndef SFT_LIB_FIELDS_H
#define SFT_LIB_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/nearest.h"

enum sft_field_type {
    SFT_FIELD_INT,  /* int or long long, as the size says; -1: not said */
    SFT_FIELD_REAL, /* double; -1: not said */
    SFT_FIELD_WORD, /* int, the word's place in the row's list; -1: not said */
    SFT_FIELD_FLAG, /* bool, yes or no; never "not said" */
    SFT_FIELD_TEXT, /* char[size]; "": not said */
    SFT_FIELD_PATH, /* the same, absolute */
    SFT_FIELD_LIST  /* one value of several; the row's check stores it */
};

enum sft_field_scope {
    SFT_SCOPE_OWN,          /* the request's alone, or the site's, as the table is */
    SFT_SCOPE_SITE_TOO,     /* the request's; where the user says nothing the site may */
    SFT_SCOPE_ARGUMENT_TOO, /* the site's, and an argument in plugstack.conf */
    SFT_SCOPE_ARGUMENT      /* an argument in plugstack.conf alone */
};

struct sft_field {
    const char *name; /* as in key=value; the job's option is the same with '_' as '-' */
    enum sft_field_type type;
    size_t offset, size;      /* of the value in its struct */
    double min, max;          /* of numbers, both allowed */
    const char *const *words; /* of SFT_FIELD_WORD, ended by NULL */
    const char *zero; /* of a whole number, whose min is above 0: the word that stands for 0 */
    enum sft_field_scope scope;
    const char *argument;  /* the value's name, where it is no word: N, FILE, ... */
    const char *standard;  /* default, as one would write it; NULL: none */
    const char *tiny;      /* the test model's default, where it is another */
    const char *per;       /* what the default counts, where the key counts something else */
    const char *otherwise; /* for help: what the default is, where that is no value */
    const char *example;   /* for the site's file, where the default is none */
    const char *help;      /* one line, with the unit, no full stop */
    /* Look at a value that its type alone does not judge, before it is stored. */
    int (*check)(void *object, const char *value, struct sft_error *err);
};

/* The row of that name ('-' is taken for '_'), NULL: none. */
const struct sft_field *sft_field_find(const struct sft_field *table, const char *name);

/* All names, for a word that is none. */
void sft_fields_offer(const struct sft_field *table, struct nearest *nearest);

/* Refuses a name that the table has not: -1, with those that it has and the one that may be meant.
 */
int sft_field_unknown(const struct sft_field *table, const char *name, struct sft_error *err);

/* Nothing said yet, in none of the table's fields. */
void sft_fields_clear(const struct sft_field *table, void *object);

/* The same with the defaults, the test model's where `tiny`. */
void sft_fields_default(const struct sft_field *table, void *object, bool tiny);

/* What may be wrong with a value; who asked for it puts it into words. */
enum sft_fault {
    SFT_FAULT_NONE,
    SFT_FAULT_EMPTY,
    SFT_FAULT_NUMBER,   /* no number, or no whole one */
    SFT_FAULT_RANGE,    /* a number out of its range */
    SFT_FAULT_WORD,     /* none of the words */
    SFT_FAULT_LONG,     /* size bytes or more */
    SFT_FAULT_CONTROL,  /* a control character */
    SFT_FAULT_RELATIVE, /* no absolute path */
    SFT_FAULT_CHECK     /* the row's check has said it in *err */
};

enum sft_fault sft_field_read(const struct sft_field *field, void *object, const char *value,
                              struct sft_error *err);

bool sft_field_said(const struct sft_field *field, const void *object);
bool sft_field_same(const struct sft_field *field, const void *a, const void *b);

/* The value as sft_field_read takes it, in size bytes at most; not of SFT_FIELD_LIST. */
void sft_field_write(const struct sft_field *field, const void *object, char *text, size_t size);

/* The words with this between; "": it has none. Returns text. */
const char *sft_field_words(const struct sft_field *field, const char *between, char *text,
                            size_t size);

/* "N", or of words "auto|cpu|cuda". Returns text. */
const char *sft_field_argument(const struct sft_field *field, char *text, size_t size);

/* "20", "1024 for tiny, else 4096", "the node's GPUs"; "": none. Returns text. */
const char *sft_field_default(const struct sft_field *field, char *text, size_t size);

/* "a, b, c" of the names. Returns text. */
const char *sft_field_names(const struct sft_field *table, char *text, size_t size);

#endif
