/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside (job names, comments) made safe for JSON and for terminals; digits in it. */
#ifndef ACCOUNTS_TEXT_H
#define ACCOUNTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define TEXT_CURRENCY 8 /* bytes of a currency's name, and more */

/* Every byte that is no part of well-formed UTF-8 (or is NUL) becomes '?', in place. */
void text_make_utf8(char *text, size_t length);

/* In well-formed UTF-8 every control character, C1's too, and what breaks a line or turns the order
 * of writing around becomes '?', in place; whatever the locale. */
void text_make_plain(char *text);

/* Every control or unprintable character of the locale becomes '?', in place, so that a comment
 * cannot send escape sequences to the reader's terminal. */
void text_make_printable(char *text);

/* Columns that the text takes on a terminal, by the locale. */
int text_width(const char *text);

/* Read a whole number of digits alone, from 0 to LLONG_MAX. Returns 0 or -1. */
int text_digits(const char *text, long long *value);

/* Read the price of a GPU for an hour: "4.10" (USD) or "600:JPY". Fails with a line on what is
 * none. */
int text_price(const char *text, double *price, char currency[TEXT_CURRENCY],
               struct sft_error *err);

#endif
