/* SPDX-License-Identifier: Apache-2.0 */
/* The records as CSV (RFC 4180: CRLF, quotes where needed). */
#ifndef ACCOUNTS_CSV_H
#define ACCOUNTS_CSV_H

#include <stdio.h>

#include "lib/error.h"
#include "accounts/rows.h"

/* A header line and a line for each row: the job's fields, every known key of the record in its
 * order (but `step`, which job_id and step_id say), then keys that only these records have. Times
 * are UTC in ISO 8601. */
int csv_write(const struct rows *rows, FILE *out, struct sft_error *err);

/* A column's heading: the name, and behind it the unit in brackets. */
void csv_heading(const char *name, const char *unit, FILE *out);

/* Write one field, in quotes if it holds a comma, a semicolon or a quote. Control characters and
 * what is no UTF-8 become '?'. In front of what a spreadsheet would take for a formula, and that is
 * no number, stands a single quote. */
void csv_field(const char *text, FILE *out);

#endif
