/* SPDX-License-Identifier: Apache-2.0 */
/* Whose records these are, by their keys, when they are not Alpaca's: a table, each row with what
 * to do. A format that is read one day leaves its row. */
#ifndef SFT_JOB_DATA_DATA_KEYS_H
#define SFT_JOB_DATA_DATA_KEYS_H

struct data_keys {
    const char *name; /* "ShareGPT's records (key conversations)", behind "these are" */
    const char *advice;
    unsigned keys; /* bits of all of them */
};

/* In place of a key: `instruction` holds an object or an array, all records' at once. */
#define DATA_KEYS_COLUMNS "*columns"

/* The bit of a key that some row names; 0 of any other. */
unsigned data_keys_bit(const char *key);

/* The first row that a record fits with these keys; NULL where there is none. */
const struct data_keys *data_keys_find(unsigned bits);

#endif
