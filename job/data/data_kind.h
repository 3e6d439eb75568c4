/* SPDX-License-Identifier: Apache-2.0 */
/* What a file is that was named as data or tokenizer and cannot be read as that: a table of
 * contents, each row with what to do. A format that is read one day leaves its row. */
#ifndef SFT_JOB_DATA_DATA_KIND_H
#define SFT_JOB_DATA_DATA_KIND_H

#include <stdbool.h>
#include <stddef.h>

struct data_kind {
    const char *name;                   /* "a gzip file", behind "this is" */
    const char *as_data, *as_tokenizer; /* what to do with it; NULL: it is what is wanted there */
    size_t offset, length;              /* of magic; length 0: none */
    const char *magic;
    bool (*test)(const char *text, size_t size); /* NULL: the magic is enough */
};

#define DATA_KIND_BYTES 65536 /* of a file are looked at */

/* The kind that a file begins like; NULL where it is none of them. */
const struct data_kind *data_kind_find(const char *text, size_t size);

/* What reads it as a tokenizer; NULL is read by none. */
enum data_reader { READER_NONE, READER_SENTENCEPIECE, READER_TIKTOKEN, READER_TOKENIZER_JSON };
enum data_reader data_kind_reader(const struct data_kind *kind);

#endif
