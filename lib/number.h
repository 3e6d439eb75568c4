/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people and programs both read them. */
#ifndef SFT_LIB_NUMBER_H
#define SFT_LIB_NUMBER_H

#define SFT_NUMBER 32 /* bytes that hold any of them */

/* What a value is. */
enum sft_type {
    SFT_TEXT,
    SFT_LIST, /* a text: words with commas between */
    SFT_INTEGER,
    SFT_REAL,
};

/* As %g with so many significant digits, but a large one in whole digits and not with an exponent:
 * 1012345, not 1.01234e+06. From 1e15, where doubles have no more digits, with one. Returns `text`.
 */
const char *sft_number(char text[SFT_NUMBER], double value, int digits);

/* Is the whole text one number as JSON writes it? SFT_INTEGER, SFT_REAL (*whole or *real is set
 * accordingly) or SFT_TEXT. A whole number that does not fit long long is SFT_REAL; one that is not
 * finite is SFT_TEXT. */
enum sft_type sft_number_read(const char *text, long long *whole, double *real);

#endif
